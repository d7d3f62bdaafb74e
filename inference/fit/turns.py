# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations of many joints in many frames, frames last: (3, 3, J, T) where `kinematics` has (T, J, 3, 3).

Every step of an operation then runs over a long row of numbers, which is several times quicker
than a small matrix at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import axis_angle_from_matrix

Array = NDArray[np.float64]

_HALF_TURN = 1e-6  # how near to -1 the cosine may come before the axis is found another way
_SMALL = 1e-8


def frames_last(values: Array) -> Array:
    """(T, J, ...) as (..., J, T)."""
    count = values.ndim
    return np.ascontiguousarray(values.transpose(*range(2, count), 1, 0))


def frames_first(values: Array) -> Array:
    """(..., J, T) as (T, J, ...)."""
    count = values.ndim
    return np.ascontiguousarray(values.transpose(count - 1, count - 2, *range(count - 2)))


def product(a: Array, b: Array) -> Array:
    """a @ b of matrices (I, J, ...) and (J, K, ...)."""
    return np.asarray(np.einsum("ij...,jk...->ik...", a, b))


def product_after(a: Array, b: Array) -> Array:
    """transpose(a) @ b of matrices (J, I, ...) and (J, K, ...)."""
    return np.asarray(np.einsum("ji...,jk...->ik...", a, b))


def turned(a: Array, v: Array) -> Array:
    """a @ v of matrices (I, J, ...) and vectors (J, ...)."""
    return np.asarray(np.einsum("ij...,j...->i...", a, v))


def turned_back(a: Array, v: Array) -> Array:
    """transpose(a) @ v of matrices (J, I, ...) and vectors (J, ...)."""
    return np.asarray(np.einsum("ji...,j...->i...", a, v))


def cross(a: Array, b: Array) -> Array:
    """Cross products (3, ...)."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def cross_columns(a: Array, m: Array) -> Array:
    """skew(a) @ m of vectors (3, ...) and matrices (3, K, ...)."""
    return np.stack([a[1] * m[2] - a[2] * m[1], a[2] * m[0] - a[0] * m[2], a[0] * m[1] - a[1] * m[0]])


def rotation(turn: Array) -> Array:
    """Matrices (3, 3, ...) of axis-angle (3, ...): Rodrigues."""
    x, y, z = turn
    angle = np.sqrt(x * x + y * y + z * z)
    safe = np.maximum(angle, _SMALL)
    sine, half = np.sin(safe) / safe, np.sin(0.5 * safe) / safe
    cosine = 2.0 * half * half
    out = np.empty((3, *turn.shape))
    out[0, 0], out[1, 1], out[2, 2] = (1.0 - cosine * (p * p + q * q) for p, q in ((y, z), (x, z), (x, y)))
    for i, j, own in ((0, 1, z), (2, 0, y), (1, 2, x)):
        both, own = cosine * turn[i] * turn[j], sine * own
        out[i, j], out[j, i] = both - own, both + own
    return out


def axis_angle(matrix: Array) -> Array:
    """Axis-angle (3, ...), 0 to pi, of matrices (3, 3, ...)."""
    out: Array = np.stack(
        [matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]
    )
    sine = np.sqrt((out * out).sum(axis=0))
    cosine = matrix[0, 0] + matrix[1, 1] + matrix[2, 2] - 1.0  # both are doubled
    out *= np.where(sine > _SMALL, np.arctan2(sine, cosine) / np.maximum(sine, _SMALL), 0.5)
    half_turn = cosine < 2.0 * (_HALF_TURN - 1.0)
    if half_turn.any():
        out[:, half_turn] = axis_angle_from_matrix(np.moveaxis(matrix[:, :, half_turn], -1, 0)).T
    return out


def _curve(turn: Array) -> tuple[Array, Array]:
    """Squared angle, and the factor of skew(turn)^2 in the inverse of the right Jacobian."""
    square = (turn * turn).sum(axis=0)
    safe = np.clip(np.sqrt(square), 1e-4, np.pi - 1e-3)
    return square, 1.0 / safe**2 - (1.0 + np.cos(safe)) / (2.0 * safe * np.sin(safe))


def right_jacobian_inverse(turn: Array) -> Array:
    """J (3, 3, ...) with log(exp(v) exp(d)) = v + J d for small d. Sola et al., 2018, eq. 144."""
    square, factor = _curve(turn)
    out: Array = factor * turn[:, None] * turn[None]
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[i, i] += 1.0 - factor * square
        out[j, k] -= 0.5 * turn[i]
        out[k, j] += 0.5 * turn[i]
    return out


def right_jacobian_square(turn: Array) -> Array:
    """transpose(J) @ J (3, 3, ...) of that J, which is the same for the turn backwards."""
    square, factor = _curve(turn)
    factor = 2.0 * factor - 0.25 - factor * factor * square
    out: Array = factor * turn[:, None] * turn[None]
    for i in range(3):
        out[i, i] += 1.0 - factor * square
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit quaternions `wxyz` at Blender's door, vectorised over leading axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def from_axis_angle(vectors: NDArray[np.floating[Any]]) -> Array:
    """Quaternions (..., 4) of axis-angle vectors (..., 3) in radians."""
    vectors = np.asarray(vectors, dtype=np.float64)
    half = 0.5 * np.linalg.norm(vectors, axis=-1, keepdims=True)
    # np.sinc(x) is sin(pi x)/(pi x): finite at no rotation at all.
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vectors], axis=-1)


def from_matrix(matrices: NDArray[np.floating[Any]]) -> Array:
    """Quaternions (..., 4) of rotation matrices (..., 3, 3), by the largest component (never 0/0)."""
    m = np.asarray(matrices, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # Four times the square of w, x, y, z.
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], axis=-1)
    wx, wy, wz = (m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1])
    xy, xz, yz = (m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1])
    w2, x2, y2, z2 = np.moveaxis(squares, -1, 0)
    rows = np.stack(
        [
            np.stack([w2, wx, wy, wz], axis=-1),
            np.stack([wx, x2, xy, xz], axis=-1),
            np.stack([wy, xy, y2, yz], axis=-1),
            np.stack([wz, xz, yz, z2], axis=-1),
        ],
        axis=-2,
    )
    best = np.argmax(squares, axis=-1)[..., None, None]
    quaternion = np.take_along_axis(rows, best, axis=-2)[..., 0, :]
    return np.asarray(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True))


def to_matrix(quaternions: NDArray[np.floating[Any]]) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def continuous(quaternions: NDArray[np.floating[Any]]) -> Array:
    """The same rotations over time (T, ..., 4) without jumps of sign, so that curves can be edited."""
    quaternions = np.array(quaternions, dtype=np.float64)
    if len(quaternions) > 1:
        dots = np.sum(quaternions[1:] * quaternions[:-1], axis=-1)
        signs = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
        quaternions[1:] *= signs[..., None]
    return quaternions


def slerp(first: Array, second: Array, weight: NDArray[np.floating[Any]]) -> Array:
    """Between unit quaternions (..., 4) along the shorter arc; weight (...) 0 is first, 1 is second."""
    dots = np.sum(first * second, axis=-1, keepdims=True)
    second = np.where(dots < 0.0, -second, second)
    angle = np.arccos(np.clip(np.abs(dots), 0.0, 1.0))
    t = np.asarray(weight, dtype=np.float64)[..., None]
    near = angle < 1e-6
    sine = np.where(near, 1.0, np.sin(angle))
    a = np.where(near, 1.0 - t, np.sin((1.0 - t) * angle) / sine)
    b = np.where(near, t, np.sin(t * angle) / sine)
    blended = a * first + b * second
    return np.asarray(blended / np.linalg.norm(blended, axis=-1, keepdims=True))

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
    m = np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3)
    diagonal = (m[:, 0, 0], m[:, 1, 1], m[:, 2, 2])
    out = np.empty((len(m), 4))
    # Turns below 120 degrees: w is large enough to divide by.
    trace = diagonal[0] + diagonal[1] + diagonal[2]
    w = 0.5 * np.sqrt(np.maximum(1.0 + trace, 1e-30))
    out[:, 0] = w
    for axis in range(3):
        p, q = (axis + 1) % 3, (axis + 2) % 3
        out[:, axis + 1] = (m[:, q, p] - m[:, p, q]) / (4.0 * w)
    wide = np.flatnonzero(trace <= 0.0)
    if len(wide):
        largest = np.argmax(np.stack(diagonal, axis=-1)[wide], axis=-1)
        for axis in range(3):
            rows = wide[largest == axis]
            p, q = (axis + 1) % 3, (axis + 2) % 3
            n = m[rows]
            size = 0.5 * np.sqrt(1.0 + n[:, axis, axis] - n[:, p, p] - n[:, q, q])
            out[rows, axis + 1] = size
            out[rows, 0] = (n[:, q, p] - n[:, p, q]) / (4.0 * size)
            out[rows, p + 1] = (n[:, p, axis] + n[:, axis, p]) / (4.0 * size)
            out[rows, q + 1] = (n[:, q, axis] + n[:, axis, q]) / (4.0 * size)
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    return out.reshape(*np.shape(matrices)[:-2], 4)


def to_matrix(quaternions: NDArray[np.floating[Any]]) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, dtype=np.float64), -1, 0)
    out = np.empty((*w.shape, 3, 3))
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 2] = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
    )
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2] = (
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
    )
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2] = (
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return out


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

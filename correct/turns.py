# SPDX-License-Identifier: GPL-3.0-or-later
"""Axis-angle vectors over time as unit quaternions that do not jump, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle

Array = NDArray[np.float64]


def quaternions(poses: NDArray[np.floating[Any]]) -> Array:
    """Unit quaternions (T, ..., 4), wxyz, of poses (T, ..., 3), without jumps of sign over time."""
    poses = np.asarray(poses, dtype=np.float64)
    half = 0.5 * np.linalg.norm(poses, axis=-1, keepdims=True)
    out = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * poses], axis=-1)
    if len(out) > 1:
        dots = np.sum(out[1:] * out[:-1], axis=-1)
        out[1:] *= np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)[..., None]
    return np.asarray(out)


def axis_angles(unit: Array) -> Array:
    """Axis-angle vectors (..., 3), angle up to pi, of quaternions (..., 4), which need not be of length 1."""
    unit = np.where(unit[..., :1] < 0.0, -unit, unit)
    sine = np.linalg.norm(unit[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, unit[..., :1])
    size = np.linalg.norm(unit, axis=-1, keepdims=True)
    scale = np.where(sine > 1e-9 * size, angle / np.maximum(sine, 1e-300), 2.0 / size)
    return np.asarray(unit[..., 1:] * scale)


def blended(first: Array, second: Array, share: Array) -> Array:
    """Poses (..., 3) between two, along the shorter arc; share broadcast to (..., 1): 0 first, 1 second."""
    before = matrix_from_axis_angle(first)
    turn = axis_angle_from_matrix(np.swapaxes(before, -1, -2) @ matrix_from_axis_angle(second))
    return axis_angle_from_matrix(before @ matrix_from_axis_angle(share * turn))

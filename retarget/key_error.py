# SPDX-License-Identifier: GPL-3.0-or-later
"""How far keyed channels are off: as the angle between whole rotations, or as a distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .reduce import Measure

Floats = NDArray[np.float64]


def rotation_error(mode: str) -> Measure:
    """Degrees between the rotations of channels (M, C) in Blender's rotation `mode`."""

    def degrees(fitted: Floats, dense: Floats) -> Floats:
        ours, theirs = as_quaternions(mode, fitted), as_quaternions(mode, dense)
        dot = np.einsum("mc,mc->m", ours, theirs)
        # Not by the arc cosine alone, which is deaf to small angles; `ours` need not be of unit length.
        sine = np.sqrt(np.maximum(np.einsum("mc,mc->m", ours, ours) - dot * dot, 0.0))
        return np.asarray(np.degrees(2.0 * np.arctan2(sine, np.abs(dot))))

    return degrees


def distance(unit_mm: float) -> Measure:
    """Millimetres between places (M, 3) whose unit is `unit_mm` millimetres long."""

    def millimetres(fitted: Floats, dense: Floats) -> Floats:
        off = fitted - dense
        return np.asarray(unit_mm * np.sqrt(np.einsum("mc,mc->m", off, off)))

    return millimetres


def as_quaternions(mode: str, values: Floats) -> Floats:
    """Channels (M, C) as quaternions wxyz (M, 4) that show the same rotation.

    mode: QUATERNION (of any length, as they come off a curve), AXIS_ANGLE (angle, x, y, z), or the
    order of Euler angles: XYZ turns about x first.
    """
    if mode == "QUATERNION":
        return values
    if mode == "AXIS_ANGLE":
        length = np.linalg.norm(values[:, 1:], axis=1, keepdims=True)
        axis = values[:, 1:] / np.where(length > 0.0, length, 1.0)
        half = 0.5 * values[:, :1]
        return np.concatenate([np.cos(half), np.sin(half) * axis], axis=1)
    turns = []
    for letter in mode:
        axis = "XYZ".index(letter)
        turn = np.zeros((len(values), 4))
        turn[:, 0] = np.cos(0.5 * values[:, axis])
        turn[:, 1 + axis] = np.sin(0.5 * values[:, axis])
        turns.append(turn)
    first, second, third = turns
    return multiply(third, multiply(second, first))


def multiply(left: Floats, right: Floats) -> Floats:
    """Products (..., 4) of quaternions: `right` turns first."""
    a, b, c, d = np.moveaxis(left, -1, 0)
    e, f, g, h = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        axis=-1,
    )

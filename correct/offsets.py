# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator's edits of one channel as keys of an offset: there at its frame, gone a falloff away.

Between two keys the value runs along a cubic with flat ends, which is a raised cosine to
within one percent. Edits whose falloffs meet go straight from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Edited:
    """What one channel is offset by at a frame."""

    frame: float
    falloff: float  # frames to either side in which it fades
    value: Array  # (C,)


@dataclass(frozen=True, eq=False)
class OffsetKeys:
    """Keys of the offset: flat at each."""

    frames: Array  # (K,) increasing
    values: Array  # (K, C)
    edited: NDArray[np.bool_]  # (K,) the edits themselves; the others are where nothing is offset


def offset_keys(edits: Sequence[Edited], neutral: Array) -> OffsetKeys:
    """Keys that pass through every edit exactly. neutral (C,): no offset. ValueError for no edits."""
    if not edits:
        raise ValueError("edits: expected at least one")
    ordered = sorted(edits, key=lambda edit: edit.frame)
    rows: list[tuple[float, Array, bool]] = [(ordered[0].frame - ordered[0].falloff, neutral, False)]
    for edit, after in zip(ordered, [*ordered[1:], None], strict=True):
        rows.append((edit.frame, edit.value, True))
        if after is None:
            rows.append((edit.frame + edit.falloff, neutral, False))
        elif edit.frame + edit.falloff < after.frame - after.falloff:
            rows.append((edit.frame + edit.falloff, neutral, False))
            rows.append((after.frame - after.falloff, neutral, False))
    values = np.array([value for _, value, _ in rows], dtype=np.float64)
    return OffsetKeys(
        np.array([frame for frame, _, _ in rows], dtype=np.float64),
        values,
        np.array([own for _, _, own in rows]),
    )


def shorter_arc(quaternions: Array) -> Array:
    """The same rotations (K, 4) with signs such that each is nearer to the one before than its negative."""
    out = np.array(quaternions, dtype=np.float64)
    if len(out):
        out[0] *= -1.0 if out[0, 0] < 0.0 else 1.0
        signs = np.where((out[1:] * out[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
        out[1:] *= np.cumprod(signs)[:, None]
    return out


def difference(kind: str, below: Array, posed: Array) -> Array:
    """What a layer that combines has to hold (C,) so that `below` (C,) becomes `posed`, as Blender combines.

    kind: rotation_quaternion multiplies on the right, scale multiplies, all else adds, number by number.
    """
    if kind == "rotation_quaternion":
        w, *xyz = below / np.linalg.norm(below)
        v, (pw, *pxyz) = -np.array(xyz), posed / np.linalg.norm(posed)
        p = np.array(pxyz)
        out = np.array([w * pw - v @ p, *(w * p + pw * v + np.cross(v, p))])
        return np.asarray(-out if out[0] < 0.0 else out)
    if kind == "scale":
        return np.asarray(np.where(np.abs(below) > 1e-9, posed / np.where(below == 0.0, 1.0, below), 1.0))
    apart = posed - below
    if kind == "rotation_euler":  # whole turns are no edit
        return np.asarray((apart + np.pi) % (2.0 * np.pi) - np.pi)
    return np.asarray(apart + neutral(kind))


def neutral(kind: str) -> Array:
    """What a layer that combines holds (C,) where it changes nothing."""
    return np.array(
        {
            "rotation_quaternion": (1.0, 0.0, 0.0, 0.0),
            "rotation_axis_angle": (0.0, 0.0, 0.0, 0.0),
            "scale": (1.0, 1.0, 1.0),
        }.get(kind, (0.0, 0.0, 0.0))
    )


def apart(kind: str, first: Array, second: Array) -> float:
    """How far two values (C,) of a channel are from each other: radians, metres or shares."""
    if kind == "rotation_quaternion":
        turn = difference(kind, first, second)
        return float(2.0 * np.arctan2(np.linalg.norm(turn[1:]), abs(turn[0])))
    return float(np.abs(difference(kind, first, second) - neutral(kind)).max())

# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of an Action are as we wrote them: a checksum of each curve, kept with the Action.

Reading a long curve takes Blender longer than all else that a dragged contact needs. So the keys behind
the last checksums are remembered; a checksum that the Action still carries says that they are meant.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from .blender_versions import curves_of

_SUMS = "rotocap_keys"  # custom property of an Action: a checksum of each of its curves as we wrote it
_REMEMBERED = 160  # curves: legs and hips of one character as they were after the last few changes
_STRAIGHT = 1  # the highest number of Keyframe.interpolation at which handles mean nothing


@dataclass(frozen=True, eq=False)
class Written:
    """A curve without handles as we wrote it."""

    frames: NDArray[np.float32]  # (N,) of its keys
    values: NDArray[np.float32]  # (N,)
    shape: int  # checksum of all but the values: what it animates, frames, interpolation

    def total(self) -> int:
        """Its checksum."""
        return _total(self.values, self.shape)


_memory: OrderedDict[int, Written] = OrderedDict()


def stamp(action: bpy.types.Action) -> None:
    """Say that an Action has the keys that we gave it."""
    action[_SUMS] = _checksums(action)


def untouched(action: bpy.types.Action) -> bool:
    """Whether an Action of ours still has the keys that we gave it."""
    return _SUMS in action and list(action[_SUMS]) == _checksums(action)


def written(action: bpy.types.Action, place: int, curve: bpy.types.FCurve) -> Written | None:
    """The keys that we gave the curve at this place in `curves_of`; None if it has handles, or is known to
    have been changed since. A change may show only in the keys themselves: see `as_written`."""
    sums = action.get(_SUMS)
    if sums is None or place >= len(sums):
        return None
    total = sums[place]
    found = _memory.get(total)
    if found is None:
        found, kinds = _read(curve)
        if kinds.max(initial=0) > _STRAIGHT or found.total() != total:
            return None
    _remember(total, found)
    return found


def as_written(curve: bpy.types.FCurve, known: Written, rows: slice) -> bool:
    """Whether a curve has as many keys as were written, and these ones where and as they were."""
    points = curve.keyframe_points
    if len(points) != len(known.values):
        return False
    there = np.array([point.co[:] for point in points[rows]], np.float32).reshape(-1, 2)
    return np.array_equal(there[:, 0], known.frames[rows]) and np.array_equal(there[:, 1], known.values[rows])


def rewrite(
    action: bpy.types.Action,
    changes: Mapping[int, tuple[bpy.types.FCurve, Written, slice, NDArray[np.float32]]],
) -> None:
    """Give some rows of curves, by their places in `curves_of`, other values, as ours."""
    sums = list(action[_SUMS])
    for place, (curve, known, rows, values) in changes.items():
        points, old = curve.keyframe_points[rows], known.values[rows]
        for k in np.flatnonzero(values != old).tolist():
            points[k].co[1] = values[k]
        all_values = known.values.copy()
        all_values[rows] = values
        new = replace(known, values=all_values)
        sums[place] = new.total()
        _remember(sums[place], new)
    action[_SUMS] = sums


def forget() -> None:
    """Let go of what is remembered."""
    _memory.clear()


def _remember(total: int, curve: Written) -> None:
    _memory[total] = curve
    _memory.move_to_end(total)
    while len(_memory) > _REMEMBERED:
        _memory.popitem(last=False)


def _read(curve: bpy.types.FCurve) -> tuple[Written, NDArray[np.int32]]:
    """A curve as it is, and its keys' interpolations (N,)."""
    points = curve.keyframe_points
    pairs, kinds = np.empty((len(points), 2), np.float32), np.empty(len(points), np.int32)
    points.foreach_get("co", pairs.ravel())
    points.foreach_get("interpolation", kinds)
    frames, values = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    shape = zlib.crc32(f"{curve.data_path}[{curve.array_index}]{curve.mute}".encode())
    return Written(frames, values, zlib.crc32(kinds, zlib.crc32(frames, shape))), kinds


def _checksums(action: bpy.types.Action) -> list[int]:
    """One number a curve: of its keys' places, values, interpolation and handles, and of what it animates."""
    return [_checksum(curve) for curve in curves_of(action)]


def _checksum(curve: bpy.types.FCurve) -> int:
    found, kinds = _read(curve)
    shape = found.shape
    handles = np.empty(2 * len(kinds), np.float32)
    for side in ("handle_left", "handle_right") if kinds.max(initial=0) > _STRAIGHT else ():
        curve.keyframe_points.foreach_get(side, handles)
        shape = zlib.crc32(handles, shape)
    return _total(found.values, shape)


def _total(values: NDArray[np.float32], shape: int) -> int:
    return zlib.crc32(values, shape) & 0x7FFFFFFF  # a custom property's integers have a sign

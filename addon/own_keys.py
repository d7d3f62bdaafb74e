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

    head: bytes  # what it animates, and whether it is muted
    pairs: NDArray[np.float32]  # (N, 2) frames and values of its keys
    kinds: NDArray[np.int32]  # (N,) interpolations

    def total(self) -> int:
        """Its checksum."""
        return _masked(self.crc())

    def crc(self) -> int:
        return zlib.crc32(self.kinds, zlib.crc32(self.pairs, zlib.crc32(self.head)))


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
        found = _read(curve)
        if found.kinds.max(initial=0) > _STRAIGHT or found.total() != total:
            return None
    _remember(total, found)
    return found


def as_written(curve: bpy.types.FCurve, known: Written, rows: range) -> bool:
    """Whether a curve has as many keys as were written, and these ones at those places."""
    points = curve.keyframe_points
    return len(points) == len(known.pairs) and known.pairs[rows.start : rows.stop].tolist() == [
        list(points[row].co) for row in rows
    ]


def rewrite(
    action: bpy.types.Action,
    changes: Mapping[int, tuple[bpy.types.FCurve, Written, NDArray[np.float32]]],
    rows: range,
) -> None:
    """Give some rows of curves, by their places in `curves_of`, other values (len(rows),), as ours."""
    sums = list(action[_SUMS])
    for place, (curve, known, values) in changes.items():
        points, old = curve.keyframe_points, known.pairs[rows.start : rows.stop, 1]
        for k in np.flatnonzero(values != old).tolist():
            points[rows.start + k].co[1] = values[k]
        pairs = known.pairs.copy()
        pairs[rows.start : rows.stop, 1] = values
        new = replace(known, pairs=pairs)
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


def _read(curve: bpy.types.FCurve) -> Written:
    points = curve.keyframe_points
    pairs, kinds = np.empty((len(points), 2), np.float32), np.empty(len(points), np.int32)
    points.foreach_get("co", pairs.ravel())
    points.foreach_get("interpolation", kinds)
    return Written(f"{curve.data_path}[{curve.array_index}]{curve.mute}".encode(), pairs, kinds)


def _checksums(action: bpy.types.Action) -> list[int]:
    """One number a curve: of its keys' places, values, interpolation and handles, and of what it animates."""
    return [_checksum(curve) for curve in curves_of(action)]


def _checksum(curve: bpy.types.FCurve) -> int:
    found = _read(curve)
    total = found.crc()
    handles = np.empty(2 * len(found.kinds), np.float32)
    for side in ("handle_left", "handle_right") if found.kinds.max(initial=0) > _STRAIGHT else ():
        curve.keyframe_points.foreach_get(side, handles)
        total = zlib.crc32(handles, total)
    return _masked(total)


def _masked(total: int) -> int:
    return total & 0x7FFFFFFF  # a custom property's integers have a sign

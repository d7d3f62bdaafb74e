# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes in bulk on a new Action, in well under a second for a long take.

Where the person is out of the picture there are no keys, and nothing is invented: the
last key before such a gap holds (constant interpolation) until the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..retarget.keyed import Keyed
from .blender_versions import Channels

_CONSTANT, _LINEAR, _BEZIER = 0, 1, 2  # the numbers of Blender's enum Keyframe.interpolation
_KEYFRAME, _BREAKDOWN = 0, 2  # of Keyframe.type, which is their colour in the dope sheet
_ALIGNED = 3  # and of Keyframe.handle_left_type: an animator who moves a handle keeps the curve smooth

Numbers = NDArray[np.number[Any]]
Spans = tuple[tuple[int, int], ...]


def interpolation(count: int, spans: Spans) -> NDArray[np.int32]:
    """Linear between the keys of a span, constant at the end of each. (N,)"""
    kinds = np.full(count, _LINEAR, np.int32)
    kinds[[last for _, last in spans]] = _CONSTANT
    return kinds


def stepped(count: int) -> NDArray[np.int32]:
    """Constant everywhere: for switches such as visibility."""
    return np.full(count, _CONSTANT, np.int32)


def write(
    channels: Channels, path: str, values: Numbers, *, frames: Numbers, kinds: NDArray[np.int32],
    group: str = "",
) -> None:  # fmt: skip
    """Keys of one property: values (N,) or (N, C), one F-curve a column, at scene frames (N,)."""
    values = values.reshape(len(values), -1)
    for index in range(values.shape[1]):
        _curve(channels, path, index, group, frames, values[:, index], kinds)


def write_bones(channels: Channels, keyed: Iterable[Keyed], *, frames: Numbers, spans: Spans) -> int:
    """Keys of an armature's bones, a group for each bone. Returns how many.

    frames (N,): the motion's, that the keys' rows count. Keys with slopes become Bezier
    curves with aligned handles; the others are joined by straight lines.
    """
    last = np.zeros(len(frames), bool)
    last[[end for _, end in spans]] = True
    straight = interpolation(len(frames), spans)
    written = 0
    for part in keyed:
        path = f'pose.bones["{bpy.utils.escape_identifier(part.bone)}"].{part.property}'
        times = np.asarray(frames[part.rows], dtype=np.float64)
        kinds = straight[part.rows]
        step = None
        if part.slopes is not None:
            kinds = np.where(last[part.rows], _CONSTANT, _BEZIER).astype(np.int32)
            step = _steps(times, last[part.rows])
        for column, index in enumerate(part.indices):
            curve = _curve(channels, path, index, part.bone, times, part.values[:, column], kinds)
            if part.slopes is not None and step is not None:
                _handles(curve, times, part.values[:, column], part.slopes[:, column], step)
                curve.update()
            written += len(times)
    return written


def write_flat(
    channels: Channels, path: str, values: Numbers, *, frames: Numbers, marked: NDArray[np.bool_],
    group: str = "",
) -> None:  # fmt: skip
    """Keys of one property, values (K, C) at frames (K,), that are flat at each key and smooth in between.

    marked (K,): keys that mean something; the others are drawn as breakdowns.
    """
    times = np.asarray(frames, dtype=np.float64)
    kinds = np.full(len(times), _BEZIER, np.int32)
    colours = np.where(marked, _KEYFRAME, _BREAKDOWN).astype(np.int32)
    step = _steps(times, np.zeros(len(times), bool))
    for index in range(values.shape[1]):
        curve = _curve(channels, path, index, group, times, values[:, index], kinds)
        _handles(curve, times, values[:, index], np.zeros(len(times)), step)
        curve.keyframe_points.foreach_set("type", colours)
        curve.update()


def _curve(
    channels: Channels, path: str, index: int, group: str, frames: Numbers, values: Numbers,
    kinds: NDArray[np.int32],
) -> bpy.types.FCurve:  # fmt: skip
    curve = channels.new(path, index, group)
    points = curve.keyframe_points
    points.add(len(frames))
    co = np.empty((len(frames), 2), np.float32)
    co[:, 0], co[:, 1] = frames, values
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", kinds)
    curve.update()
    return curve


def _steps(times: NDArray[np.float64], last: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """(K,) to the key before and (K,) to the key after; across a gap, or without one, the other one's."""
    after = np.diff(times, append=times[-1:])
    after[last] = 0.0
    before = np.concatenate([[0.0], after[:-1]])
    one = np.where(before + after > 0.0, before + after, 1.0)
    return np.where(before > 0.0, before, one), np.where(after > 0.0, after, one)


def _handles(
    curve: bpy.types.FCurve, times: Numbers, values: Numbers, slopes: Numbers, step: tuple[Numbers, Numbers]
) -> None:
    points = curve.keyframe_points
    types = np.full(len(times), _ALIGNED, np.int32)
    handle = np.empty((len(times), 2), np.float32)
    for side, sign, length in (("left", -1.0, step[0]), ("right", 1.0, step[1])):
        points.foreach_set(f"handle_{side}_type", types)
        handle[:, 0] = times + sign * length / 3.0
        handle[:, 1] = values + sign * slopes * length / 3.0
        points.foreach_set(f"handle_{side}", handle.ravel())

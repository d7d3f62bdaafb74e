# SPDX-License-Identifier: GPL-3.0-or-later
"""Keyframes in bulk: a new Action, its slot and an NLA track, in well under a second.

Where the person is out of the picture there are no keys, and nothing is invented: the
last key before such a gap holds (constant interpolation) until the next one.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .blender_versions import Channels, active_slot, set_slot_of_strip, set_strip_slot

_CONSTANT, _LINEAR = 0, 1  # the numbers of Blender's enum Keyframe.interpolation


def interpolation(count: int, spans: tuple[tuple[int, int], ...]) -> NDArray[np.int32]:
    """Linear between the keys of a span, constant at the end of each. (N,)"""
    kinds = np.full(count, _LINEAR, np.int32)
    kinds[[last for _, last in spans]] = _CONSTANT
    return kinds


def stepped(count: int) -> NDArray[np.int32]:
    """Constant everywhere: for switches such as visibility."""
    return np.full(count, _CONSTANT, np.int32)


def write(
    channels: Channels,
    path: str,
    values: NDArray[np.floating],
    *,
    frames: NDArray[np.integer],
    kinds: NDArray[np.int32],
    group: str = "",
) -> None:
    """Keys of one property: values (N,) or (N, C), one F-curve a column, at scene frames (N,)."""
    values = values.reshape(len(values), -1)
    co = np.empty((len(frames), 2), np.float32)
    co[:, 0] = frames
    for index in range(values.shape[1]):
        curve = channels.new(path, index, group)
        points = curve.keyframe_points
        points.add(len(frames))
        co[:, 1] = values[:, index]
        points.foreach_set("co", co.ravel())
        points.foreach_set("interpolation", kinds)
        curve.update()


def play(owner: bpy.types.ID, channels: Channels, *, first_frame: int, track: str) -> None:
    """Put the Action on a new NLA track of `owner`, on top.

    An Action that was active there is pushed down to a track of its own first, as Blender's
    own button does, so that the new one is seen and the animator's keys stay.
    """
    animation = owner.animation_data or owner.animation_data_create()
    had_tracks = len(animation.nla_tracks) > 0
    if animation.action is not None:
        action, slot = animation.action, active_slot(animation)
        below = animation.nla_tracks.new()
        below.name = action.name
        strip = below.strips.new(action.name, int(action.frame_range[0]), action)
        set_slot_of_strip(strip, slot)
        strip.blend_type, strip.extrapolation = animation.action_blend_type, animation.action_extrapolation
        # A strip begins on a whole frame unless it is told; the animator's keys may not.
        begins_late = action.frame_range[0] - strip.frame_start
        if begins_late:
            strip.frame_end += begins_late
            strip.frame_start += begins_late
        animation.action = None
        had_tracks = True
    top = animation.nla_tracks.new()
    top.name = track
    strip = top.strips.new(track, first_frame, channels.action)
    set_strip_slot(strip, channels)
    # Over someone's own animation, outside the take that animation shows; alone, the ends hold.
    strip.extrapolation = "NOTHING" if had_tracks else "HOLD"

# SPDX-License-Identifier: GPL-3.0-or-later
"""Our Actions on NLA tracks: new ones on top, a later result in the place of an earlier one.

An Action of ours carries what it was made from and a checksum of its keys. Applying the
same take again swaps the Action in its strip, so that the animator's order of tracks, influence and
blending stay; one whose keys the animator has changed is kept, muted, and never written.
"""

from __future__ import annotations

import bpy

from ..inference.errors import RigError
from . import own_keys
from .blender_versions import SLOTS, Channels, active_slot, set_strip_slot

_SOURCE = "rotocap_source"  # custom property of an Action: what it was made from
_EDITS = "rotocap_edits"  # custom property of the Action that holds the animator's edits


def play(owner: bpy.types.ID, channels: Channels, *, track: str, source: str = "") -> list[str]:
    """Let `owner` play a new Action. Returns what the animator should know.

    source: what it was made from; an earlier result from the same source is replaced. Otherwise it
    comes on a new NLA track on top. An Action that was active there is pushed down to a
    track of its own first, as Blender's own button does, so that the new one is seen and the
    animator's keys stay.
    """
    animation = owner.animation_data or owner.animation_data_create()
    if source:
        channels.action[_SOURCE] = source
        own_keys.stamp(channels.action)
    notes, below = [], None
    earlier = _earlier(animation, source)
    if earlier is not None:
        below, strip = earlier
        if own_keys.untouched(strip.action):
            _swap(strip, channels)
            return notes
        below.mute = True
        notes.append(
            f"{owner.name}: you have edited the keys of {strip.action.name}, so its track is kept, muted; "
            "the new motion is on a track above it"
        )
    if animation.action is not None:
        _push_down(animation, source)
    had_tracks = len(animation.nla_tracks) > (edits_track(animation) is not None)
    top = animation.nla_tracks.new(prev=below) if below is not None else animation.nla_tracks.new()
    top.name = track
    strip = _new_strip(top, track, channels.action)
    set_strip_slot(strip, channels.slot)
    # Over someone's own animation, outside the take that animation shows; alone, the ends hold.
    strip.extrapolation = "NOTHING" if had_tracks else "HOLD"
    _raise_edits(animation)
    return notes


def play_edits(owner: bpy.types.ID, channels: Channels) -> None:
    """Let `owner` play offsets above all its tracks, in the place of those it has."""
    channels.action[_EDITS] = True
    animation = owner.animation_data
    found = edits_track(animation)
    if found is not None:
        _swap(found[1], channels)
        _raise_edits(animation)
        return
    track = animation.nla_tracks.new()
    track.name = channels.action.name
    strip = _new_strip(track, track.name, channels.action)
    set_strip_slot(strip, channels.slot)
    strip.blend_type, strip.extrapolation = "COMBINE", "NOTHING"


def edits_track(animation: bpy.types.AnimData) -> tuple[bpy.types.NlaTrack, bpy.types.NlaStrip] | None:
    """The topmost track that holds the animator's edits, and its strip."""
    for track in reversed(animation.nla_tracks):
        for strip in track.strips:
            if strip.action is not None and strip.action.get(_EDITS):
                return track, strip
    return None


def remove_edits(animation: bpy.types.AnimData) -> None:
    """Take the edits' track away, if there is one."""
    found = edits_track(animation)
    if found is None:
        return
    track, strip = found
    action = strip.action
    animation.nla_tracks.remove(track)
    if action.users == 0:
        bpy.data.actions.remove(action)


def _raise_edits(animation: bpy.types.AnimData) -> None:
    """The edits' track on top again: Blender's tracks cannot be moved, so it is made anew there."""
    found = edits_track(animation)
    if found is None or found[0] == animation.nla_tracks[-1]:
        return
    old_track, old = found
    top = animation.nla_tracks.new()
    strip = _new_strip(top, old.name, old.action)
    if SLOTS:
        set_strip_slot(strip, old.action_slot)
    strip.action_frame_start, strip.action_frame_end = old.action_frame_start, old.action_frame_end
    strip.scale, strip.repeat = old.scale, old.repeat
    strip.frame_start_raw, strip.frame_end_raw = old.frame_start, old.frame_end
    strip.blend_type, strip.extrapolation, strip.influence = old.blend_type, old.extrapolation, old.influence
    strip.mute, top.mute, name = old.mute, old_track.mute, old_track.name
    animation.nla_tracks.remove(old_track)
    top.name = name


def take_off(owner: bpy.types.ID, source: str) -> None:
    """Take away what plays a result of ours from this source; keys that the animator changed stay."""
    animation = owner.animation_data
    earlier = _earlier(animation, source) if animation is not None else None
    if earlier is None or not own_keys.untouched(earlier[1].action):
        return
    track, strip = earlier
    action = strip.action
    track.strips.remove(strip)
    if not track.strips:
        animation.nla_tracks.remove(track)
    if action.users == 0:
        bpy.data.actions.remove(action)


def why_not(owner: bpy.types.ID, source: str) -> str | None:
    """Why an earlier result cannot be replaced, with what to do; None if it can, or there is none."""
    animation = owner.animation_data
    earlier = _earlier(animation, source) if animation is not None else None
    if earlier is not None and earlier[0].lock:
        return (
            f"{owner.name}: the NLA track {earlier[0].name} that holds this take is locked: "
            "unlock it in the NLA editor, or delete it"
        )
    return None


def require_replaceable(owner: bpy.types.ID, source: str) -> None:
    """RigError if an earlier result from the same source is locked."""
    problem = why_not(owner, source)
    if problem is not None:
        raise RigError(problem)


def strip_of(animation: bpy.types.AnimData | None, source: str) -> bpy.types.NlaStrip | None:
    """The strip that plays a result of ours from this source."""
    earlier = _earlier(animation, source) if animation is not None else None
    return earlier[1] if earlier is not None else None


def _earlier(
    animation: bpy.types.AnimData, source: str
) -> tuple[bpy.types.NlaTrack, bpy.types.NlaStrip] | None:
    """The topmost track and strip that play a result of ours from this source, unless it is muted."""
    if not source:
        return None
    for track in reversed(animation.nla_tracks):
        if track.mute:
            continue
        for strip in track.strips:
            if strip.action is not None and strip.action.get(_SOURCE) == source:
                return track, strip
    return None


def _swap(strip: bpy.types.NlaStrip, channels: Channels) -> None:
    """Another Action in a strip, which stays where it is in time, as long as its own speed makes it."""
    old = strip.action
    moved = strip.frame_start - strip.action_frame_start
    scale, repeat = strip.scale, strip.repeat
    strip.action = channels.action
    set_strip_slot(strip, channels.slot)
    first, last = channels.action.frame_range
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.scale, strip.repeat = scale, repeat
    strip.frame_start_raw = first + moved
    strip.frame_end_raw = first + moved + (last - first) * scale * repeat
    if old.users == 0 and old.library is None:
        bpy.data.actions.remove(old)


def _push_down(animation: bpy.types.AnimData, source: str) -> None:
    """The active Action onto a track of its own; an earlier result of ours, as it was, goes instead."""
    action, slot = animation.action, active_slot(animation)
    if source and action.get(_SOURCE) == source and own_keys.untouched(action):
        animation.action = None
        if action.users == 0:
            bpy.data.actions.remove(action)
        return
    below = animation.nla_tracks.new()
    below.name = action.name
    strip = _new_strip(below, action.name, action)
    if slot is not None:
        set_strip_slot(strip, slot)
    strip.blend_type, strip.extrapolation = animation.action_blend_type, animation.action_extrapolation
    animation.action = None


def _new_strip(track: bpy.types.NlaTrack, name: str, action: bpy.types.Action) -> bpy.types.NlaStrip:
    strip = track.strips.new(name, int(action.frame_range[0]), action)
    # A strip begins on a whole frame unless it is told; keys may not.
    late = action.frame_range[0] - strip.frame_start
    if late:
        strip.frame_end += late
        strip.frame_start += late
    return strip

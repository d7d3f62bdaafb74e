# SPDX-License-Identifier: GPL-3.0-or-later
"""The few frames that a contact changes which was dragged, added or deleted, and nothing beside them.

They are solved with so much around them that the result is what the whole motion, made anew, would be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..correct.lanes import (
    FOOT_LANES,
    HAND_LANES,
    Lanes,
    Span,
    changed,
    has_feet,
    reach,
    spans,
    widened,
)
from ..inference.sequence import SmplxSequence
from ..retarget.bone_map import FINGERS, SIDES, BoneMap
from ..retarget.channels import Channel
from ..retarget.contacts import ContactOptions
from ..retarget.grounding import ground
from ..retarget.motion import Motion
from ..retarget.rig import EULER_ORDERS, Rig
from ..retarget.root import path
from ..retarget.solve import Solved, fit, wanted
from ..retarget.timeline import Timeline
from . import (
    contact_lanes,
    correct_apply,
    corrections,
    motion,
    own_keys,
    performance_motion,
    retarget,
    tracks,
)
from .blender_versions import curves_of
from .correct_target import plan_of
from .performance_properties import RotocapPerformance
from .performances import is_ours
from .scene_from_take import scene_fps

Array = NDArray[np.float64]

# How far what is done about a contact reaches: eased within 0.25 s, sunk within 0.4, calmed within 0.2.
_EASE_S = 0.9
_SEAM = 1e-3  # radians or metres by which the frames beside a window may differ from what they were
_SAME = 1e-6  # less is rounding


@dataclass(frozen=True)
class _Window:
    """Scene frames, ends included."""

    written: Span  # whose keys may change
    solved: Span  # that have to be known for that


def follow_lanes(scene: bpy.types.Scene, entry: RotocapPerformance) -> bool:
    """Solve the frames again that the lanes say otherwise than the keys do. Returns whether there were any.

    Only these frames' keys change, unless the keys are not one a frame: then all are made anew.
    """
    after = contact_lanes.read(entry.armature) if entry.corrections.contacts_on else None
    text = contact_lanes.as_text(after)
    if entry.corrections.solved_lanes == text:
        return False
    before, now = contact_lanes.from_text(entry.corrections.solved_lanes), after or {}
    # Without lanes for feet they are held as captured, or not at all: that is another motion throughout.
    if has_feet(before) != has_feet(now) or not _rewritten(scene, entry, before, now):
        correct_apply.refresh(scene, entry)
    entry.corrections.solved_lanes = text
    return True


def _rewritten(scene: bpy.types.Scene, entry: RotocapPerformance, before: Lanes, lanes: Lanes) -> bool:
    """Rewrite keys in a window in place. False if that cannot be: another number of keys, an own key."""
    own = is_ours(entry)
    settings = scene.rotocap.retarget
    made_from = performance_motion.MOTION if own else entry.source
    strip = tracks.strip_of(entry.armature.animation_data, made_from)
    if strip is None or (not own and (settings.reduce or settings.limbs == "ik" or settings.subframes)):
        return False
    otherwise = _otherwise(scene, own)
    if otherwise.hands:
        return False  # hands that are looked at may rest anywhere
    fps = scene_fps(scene)
    sequence = corrections.cleaned(scene, entry)
    timeline = corrections.timeline(scene, sequence)
    standing = lanes
    if otherwise.feet and not has_feet(lanes):
        standing = {**lanes, **_captured(sequence, timeline, fps)}
    limbs = changed(before, lanes)
    if not limbs:
        return True  # a lane without a contact came or went
    window = _window(limbs, before, standing, _EASE_S * fps)
    rows, written = _rows(timeline, window.solved), _rows(timeline, window.written)
    if not len(written):
        return True  # the change lies where the person is not
    part, cut = _part(sequence, timeline, rows)
    moved = Motion.from_sequence(part, cut, fps=fps)
    moved, options = motion.as_said(moved, lanes, otherwise)
    ready = plan_of(scene, entry, sequence)
    turns = wanted(ready, moved, without=_apart(ready.rig, ready.bone_map))
    transferred = fit(ready, turns, path(ready.rig, ready.body, moved, ready.options.root_motion))
    end = ground(transferred, moved, options).solved
    # The fit hands arrays of bones that it did not touch on as they were. A hand that is let go is as
    # transferred, and no more as its keys have it.
    arms = _arms(ready.bone_map, limbs)
    touched = {
        name
        for name in end.bones
        if end.rotations.get(name) is not transferred.rotations.get(name)
        or end.locations.get(name) is not transferred.locations.get(name)
        or name in arms
    }
    return _write(strip.action, end, touched, timeline, rows, written)


def _otherwise(scene: bpy.types.Scene, own: bool) -> ContactOptions:
    """How feet are held for which there are no lanes."""
    return (None if own else retarget.settings_of(scene).contacts) or motion.NOTHING_HELD


def _captured(sequence: SmplxSequence, timeline: Timeline, fps: float) -> Lanes:
    """When the capture has the feet stand, or nearly so: where they may be held without lanes."""
    usual = ContactOptions()
    contact = timeline.sample(sequence.contact) >= 0.5 * usual.off
    join = usual.join_s * fps  # what is that near counts as one contact
    return {
        lane: [(start - join, end + join) for start, end in spans(timeline.frames, contact[:, k])]
        for k, lane in enumerate(FOOT_LANES)
    }


def _window(limbs: dict[str, Span], before: Lanes, lanes: Lanes, ease: float) -> _Window:
    """What changes when these limbs' contacts do, and what that depends on."""
    low = min(start for start, _ in limbs.values()) - ease
    high = max(end for _, end in limbs.values()) + ease
    if any(limb.endswith("leg") for limb in limbs):
        # Feet take the hips along, and so the arms: a hand in contact meanwhile is held elsewhere.
        hands = [found for lane in HAND_LANES for found in (before.get(lane, ()), lanes.get(lane, ()))]
        wider = widened((low, high), hands)
        low, high = min(low, wider[0] - ease), max(high, wider[1] + ease)
    return _Window((low, high), reach((low - ease, high + ease), lanes))


def _arms(bone_map: BoneMap, limbs: Iterable[str]) -> set[str]:
    """The bones of those limbs that are arms."""
    sides = [limb.removesuffix("_arm") for limb in limbs if limb.endswith("_arm")]
    parts = ("upper_arm", "upper_arm_twist", "forearm", "forearm_twist", "hand")
    return {name for side in sides for part in parts for name in bone_map[f"{side}_{part}"]}


def _apart(rig: Rig, bone_map: BoneMap) -> frozenset[str]:
    """Bones that no held foot or hand turns: fingers on a hand, the head and what is on it."""
    limbs = [
        rig.index(name)
        for side in SIDES
        for part in ("upper_arm", "forearm", "hand", "thigh", "shank", "foot", "toes")
        for name in bone_map[f"{side}_{part}"]
    ]
    hands = [rig.index(name) for side in SIDES for name in bone_map[f"{side}_hand"]]
    fingers = {f"{side}_{finger}" for side in SIDES for finger in FINGERS}
    out = set()
    for role, name in bone_map.pairs():
        bone = rig.index(name)
        carried = any(rig.is_below(bone, limb) for limb in limbs)
        carries = any(rig.is_below(limb, bone) for limb in limbs)
        on_hand = role in fingers and any(rig.is_below(bone, hand) for hand in hands)
        if not carries and (
            on_hand or (role in ("neck", "head", "jaw", "left_eye", "right_eye") and not carried)
        ):
            out.add(name)
    return frozenset(out)


def _rows(timeline: Timeline, window: Span) -> range:
    """Positions in the timeline whose frames lie in a window."""
    frames = np.asarray(timeline.frames, dtype=np.float64)
    return range(
        int(np.searchsorted(frames, window[0])), int(np.searchsorted(frames, window[1], side="right"))
    )


def _part(sequence: SmplxSequence, timeline: Timeline, rows: range) -> tuple[SmplxSequence, Timeline]:
    """The captured rows that these positions of the timeline need, and the timeline of them alone."""
    first, last = rows[0], rows[-1]
    low, high = int(timeline.before[first]), int(timeline.after[last]) + 1
    here, captured = slice(first, last + 1), slice(low, high)
    per_row = ("poses", "trans", "expression", "frame", "time_s", "joints_camera", "sigma", "contact",
               "keypoints", "arkit")  # fmt: skip
    cut = {name: getattr(sequence, name)[captured] for name in per_row}
    if sequence.world_from_camera.ndim == 3:
        cut["world_from_camera"] = sequence.world_from_camera[captured]
    spans_there = tuple(
        (max(a, first) - first, min(b, last) - first) for a, b in timeline.spans if a <= last and b >= first
    )
    part = Timeline(
        timeline.frames[here], timeline.before[here] - low, timeline.after[here] - low, timeline.weight[here],
        spans_there,
    )  # fmt: skip
    return replace(sequence, **cut), part


def _write(
    action: bpy.types.Action,
    end: Solved,
    touched: set[str],
    timeline: Timeline,
    rows: range,
    written: range,
) -> bool:
    """The values of the bones `touched` into the keys at positions `written` of the timeline."""
    curves = {(c.data_path, c.array_index): (place, c) for place, c in enumerate(curves_of(action))}
    frames = np.asarray(timeline.frames, np.float32)
    changes = {}
    for channel in end.channels():
        if channel.bone not in touched:
            continue
        name = f'pose.bones["{bpy.utils.escape_identifier(channel.bone)}"].{channel.property}'
        own = [curves[name, index] for index in channel.indices if (name, index) in curves]
        if len(own) < len(channel.indices):
            return False
        known = [own_keys.written(action, place, curve) for place, curve in own]
        if any(k is None or not np.array_equal(k.frames, frames) for k in known):
            return False
        old = np.stack([k.values[rows.start : rows.stop] for k in known], axis=-1)
        new = _aligned(channel, end.plan.rig, old)
        here = slice(written.start - rows.start, written.stop - rows.start)
        if _seam(new[here], old[here], timeline, written) > _SEAM:
            return False
        differs = np.flatnonzero(np.abs(new[here] - old[here]).max(axis=1) > _SAME)
        if not len(differs):
            continue
        part = slice(int(differs[0]) + written.start, int(differs[-1]) + 1 + written.start)
        if not all(own_keys.as_written(c, k, part) for (_, c), k in zip(own, known, strict=True)):
            return False
        values = new[part.start - rows.start : part.stop - rows.start].astype(np.float32)
        changes |= {
            place: (c, k, part, values[:, n])
            for n, ((place, c), k) in enumerate(zip(own, known, strict=True))
        }
    own_keys.rewrite(action, changes)
    return True


def _aligned(channel: Channel, rig: Rig, old: NDArray[np.float32]) -> Array:
    """A channel's values (n, C) with the signs and whole turns that the keys (n, C) have already."""
    values = channel.values
    if channel.property == "rotation_quaternion" and len(channel.indices) == 4:
        return np.where((values * old).sum(axis=1, keepdims=True) < 0.0, -values, values)
    if rig.bones[rig.index(channel.bone)].rotation_mode in EULER_ORDERS and channel.property != "location":
        turn = 2.0 * np.pi
        return np.asarray(values - turn * np.round((values - old) / turn))
    return values


def _seam(new: Array, old: NDArray[np.float32], timeline: Timeline, written: range) -> float:
    """How far the frames at the ends of a window are from what they were, unless the take ends there."""
    ends = [k for k, edge in ((0, written.start), (-1, written.stop)) if 0 < edge < len(timeline)]
    return float(np.abs(new[ends] - old[ends]).max()) if ends else 0.0

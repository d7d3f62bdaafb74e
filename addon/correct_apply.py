# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers onto the armature: the whole motion anew, or the few frames that a dragged contact changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..correct.lanes import Span, changed, reach, sampled
from ..inference.errors import RigError
from ..inference.sequence import SmplxSequence
from ..retarget.bone_map import BoneMap
from ..retarget.channels import Channel
from ..retarget.contacts import ContactOptions
from ..retarget.grounding import Grounded, ground
from ..retarget.motion import Motion
from ..retarget.rig import EULER_ORDERS, Rig
from ..retarget.solve import RetargetOptions, Solved, solve
from ..retarget.timeline import Timeline
from . import contact_lanes, corrections, motion, performance_motion, retarget, rig_map, rig_ready, tracks
from .blender_versions import curves_of
from .performance_properties import RotocapPerformance
from .performances import is_ours
from .rig_follow import with_followed
from .rig_reader import read_rig
from .scene_from_take import Person, scene_fps

Array = NDArray[np.float64]
Lanes = contact_lanes.Lanes

_EASE_S = 0.8  # how far from a contact its correction reaches: eased, calmed and sunk within it
_CONTEXT_S = 0.5  # solved on both sides of that, so that filters have something to lean on
_SEAM = 1e-3  # radians or metres by which the frames beside a window may differ from what they were


@dataclass(frozen=True)
class _Target:
    """What a performance is put on, and how."""

    rig: Rig
    bone_map: BoneMap
    options: RetargetOptions
    hands: bool
    own: bool  # the body that was made for it, not a character of the animator's


def refresh(scene: bpy.types.Scene, entry: RotocapPerformance) -> list[str]:
    """Put the performance on its armature anew, with all its layers. Returns notes for the animator.

    What can fail is done before anything is written. RotocapError.
    """
    armature = rig_ready.require(entry.armature)
    sequence = corrections.cleaned(scene, entry)
    timeline = corrections.timeline(scene, sequence)
    lanes = contact_lanes.read(armature)
    held = lanes if entry.corrections.contacts_on else None
    notes: list[str] = []
    if is_ours(entry):
        tracks.require_replaceable(armature, performance_motion.MOTION)
        notes += performance_motion.write(armature, sequence, timeline, name=entry.name, lanes=held)
    else:
        done = retarget.retarget(
            scene, armature, sequence, name=entry.name, source=_source(entry),
            settings=_with_contacts(entry, retarget.settings_of(scene)),
        )  # fmt: skip
        notes += done.warnings
    entry.corrections.stale = False
    entry.corrections.solved_lanes = contact_lanes.as_text(held)
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    return notes


def prepared(
    scene: bpy.types.Scene,
    armature: bpy.types.Object | None,
    person: Person,
    settings: retarget.RetargetSettings,
) -> tuple[SmplxSequence, retarget.RetargetSettings]:
    """A person's motion and settings with what the animator has put right of them on this armature."""
    entry = corrections.entry_of(scene, armature) if person.take is not None else None
    if entry is None or (entry.take, entry.person) != (str(person.take), person.number):
        return person.sequence, settings
    kept = entry.corrections
    kept.solved_lanes = contact_lanes.as_text(contact_lanes.read(armature) if kept.contacts_on else None)
    kept.stale = False
    return corrections.cleaned(scene, entry), _with_contacts(entry, settings)


def _with_contacts(
    entry: RotocapPerformance, settings: retarget.RetargetSettings
) -> retarget.RetargetSettings:
    """The settings with the contacts that the animator has put right."""
    if not entry.corrections.contacts_on:
        return replace(settings, contacts=None)
    lanes = contact_lanes.read(entry.armature)
    if lanes is None:
        return settings
    hands = settings.contacts.hands if settings.contacts is not None else False
    return replace(settings, lanes=lanes, contacts=replace(motion.AS_SAID, hands=hands))


def _source(entry: RotocapPerformance) -> str:
    """What the track that plays this performance on a character was made from."""
    if not entry.source:
        raise RigError(f"{entry.name}: is not applied to {entry.armature.name} any more; apply it again")
    return str(entry.source)


def make_lanes(scene: bpy.types.Scene, entry: RotocapPerformance) -> int:
    """Lanes from the contacts of the capture, as this armature holds them. Returns how many contacts."""
    armature = rig_ready.require(entry.armature)
    contact_lanes.require_editable(armature)
    sequence = corrections.cleaned(scene, entry)
    timeline = corrections.timeline(scene, sequence)
    target = _target(scene, entry, armature)
    moved = Motion.from_sequence(sequence, timeline, fps=scene_fps(scene))
    grounded = ground(solve(moved, target.rig, target.bone_map, target.options), moved, ContactOptions())
    lanes = contact_lanes.of_holds(grounded.holds, moved.frames)
    contact_lanes.write(armature, lanes, before=float(moved.frames[0]) - 1.0)
    entry.corrections.contacts_on = True
    refresh(scene, entry)
    return sum(len(found) for found in lanes.values())


def follow_lanes(scene: bpy.types.Scene, entry: RotocapPerformance) -> bool:
    """Solve the frames again that the lanes say otherwise than the keys do. Returns whether there were any.

    Only these frames' keys change, unless the keys are not one a frame: then all are made anew.
    """
    armature = entry.armature
    before = contact_lanes.from_text(entry.corrections.solved_lanes)
    after = contact_lanes.read(armature) if entry.corrections.contacts_on else None
    if contact_lanes.as_text(before) == contact_lanes.as_text(after):
        return False
    window = changed(before or {}, after or {}) if before is not None and after is not None else None
    if before is None or after is None or window is None or not _rewritten(scene, entry, after, window):
        refresh(scene, entry)
    entry.corrections.solved_lanes = contact_lanes.as_text(after)
    return True


def _rewritten(scene: bpy.types.Scene, entry: RotocapPerformance, lanes: Lanes, window: Span) -> bool:
    """Rewrite keys in a window in place. False if that cannot be: another number of keys, an own key."""
    armature = entry.armature
    settings = scene.rotocap.retarget
    own = is_ours(entry)
    made_from = performance_motion.MOTION if own else _source(entry)
    strip = tracks.strip_of(armature.animation_data, made_from)
    if strip is None or (not own and (settings.reduce or settings.limbs == "ik" or settings.subframes)):
        return False
    sequence = corrections.cleaned(scene, entry)
    timeline = corrections.timeline(scene, sequence)
    fps = scene_fps(scene)
    ease, context = _EASE_S * fps, _CONTEXT_S * fps
    inner = (window[0] - ease, window[1] + ease)
    outer = reach(inner, lanes)
    rows = _rows(timeline, (min(outer[0], inner[0]) - context, max(outer[1], inner[1]) + context))
    written = _rows(timeline, inner)
    if not len(written):
        return True  # the change lies where the person is not
    part, cut = _part(sequence, timeline, rows)
    target = _target(scene, entry, armature)
    moved = Motion.from_sequence(part, cut, fps=fps)
    moved = replace(moved, contact=sampled(lanes, moved.frames))
    transferred = solve(moved, target.rig, target.bone_map, target.options)
    grounded = ground(transferred, moved, replace(motion.AS_SAID, hands=target.hands))
    return _write(strip.action, transferred, grounded, timeline, rows, written)


def _target(scene: bpy.types.Scene, entry: RotocapPerformance, armature: bpy.types.Object) -> _Target:
    rig = read_rig(armature)
    if is_ours(entry):
        return _Target(rig, motion.joint_map(rig), RetargetOptions(), hands=False, own=True)
    bone_map = rig_map.read(armature) or rig_map.find(rig).bone_map
    settings = retarget.settings_of(scene)
    hands = settings.contacts.hands if settings.contacts is not None else False
    return _Target(with_followed(armature, rig, bone_map), bone_map, settings.transfer, hands, own=False)


def _rows(timeline: Timeline, window: Span) -> NDArray[np.intp]:
    """Positions in the timeline whose frames lie in a window."""
    frames = np.asarray(timeline.frames, dtype=np.float64)
    return np.flatnonzero((frames >= window[0]) & (frames <= window[1]))


def _part(
    sequence: SmplxSequence, timeline: Timeline, rows: NDArray[np.intp]
) -> tuple[SmplxSequence, Timeline]:
    """The captured rows that these positions of the timeline need, and the timeline of them alone."""
    first, last = int(rows[0]), int(rows[-1])
    low, high = int(timeline.before[first]), int(timeline.after[last]) + 1
    here, captured = slice(first, last + 1), slice(low, high)
    per_row = ("poses", "trans", "expression", "frame", "time_s", "joints_camera", "sigma", "contact",
               "keypoints", "arkit")  # fmt: skip
    cut = {name: getattr(sequence, name)[captured] for name in per_row}
    if sequence.world_from_camera.ndim == 3:
        cut["world_from_camera"] = sequence.world_from_camera[captured]
    spans = tuple(
        (max(a, first) - first, min(b, last) - first) for a, b in timeline.spans if a <= last and b >= first
    )
    part = Timeline(
        timeline.frames[here], timeline.before[here] - low, timeline.after[here] - low, timeline.weight[here],
        spans,
    )  # fmt: skip
    return replace(sequence, **cut), part


def _write(
    action: bpy.types.Action,
    transferred: Solved,
    grounded: Grounded,
    timeline: Timeline,
    rows: NDArray[np.intp],
    written: NDArray[np.intp],
) -> bool:
    """The grounded bones' values into the keys at positions `written` of the timeline."""
    end = grounded.solved
    # The fit hands arrays of bones that it did not touch on as they were.
    touched = {
        name
        for name in end.bones
        if end.rotations.get(name) is not transferred.rotations.get(name)
        or end.locations.get(name) is not transferred.locations.get(name)
    }
    curves = {(c.data_path, c.array_index): (place, c) for place, c in enumerate(curves_of(action))}
    count = len(timeline)
    offset = int(rows[0])
    inside = written - offset
    jobs: list[tuple[int, bpy.types.FCurve, NDArray[np.float32]]] = []
    for channel in end.channels():
        if channel.bone not in touched:
            continue
        path = f'pose.bones["{bpy.utils.escape_identifier(channel.bone)}"].{channel.property}'
        own = [curves[path, index] for index in channel.indices if (path, index) in curves]
        if len(own) < len(channel.indices):
            return False
        if any(len(curve.keyframe_points) != count for _, curve in own):
            return False
        pairs = np.stack([tracks.places_and_values(curve) for _, curve in own])
        totals = [tracks.checksum(curve, pairs[k]) for k, (_, curve) in enumerate(own)]
        if not all(tracks.is_ours(action, own[k][0], total) for k, total in enumerate(totals)):
            return False
        if not np.array_equal(pairs[0, :, 0], np.asarray(timeline.frames, np.float32)):
            return False
        new = _aligned(channel, end.plan.rig, pairs[:, rows, 1].T)
        if _seam(new, pairs[:, rows, 1].T, inside) > _SEAM:
            return False
        pairs[:, written, 1] = new[inside].T
        jobs += [(place, curve, pairs[k]) for k, (place, curve) in enumerate(own)]
    for _, curve, values in jobs:
        points = curve.keyframe_points
        for position in written.tolist():  # few of many: all at once would take longer on a long take
            points[position].co[1] = values[position, 1]
    tracks.restamp(action, {place: tracks.checksum(curve, values) for place, curve, values in jobs})
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


def _seam(new: Array, old: NDArray[np.float32], inside: NDArray[np.intp]) -> float:
    """How far the frames at the ends of a window are from what they were."""
    ends = [k for k in (inside[0], inside[-1]) if 0 < k < len(new) - 1]
    return float(np.abs(new[ends] - old[ends]).max()) if ends else 0.0

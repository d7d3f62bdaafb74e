# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an animator should look: the next frame in doubt, the next foot that slides.

Doubt is read off the take, with what was captured again or exchanged in it. A slide is measured on the
armature as it plays, with every correction and edit, on the animator's own character as well: between
the frames in which the take, or the contacts that the animator has set, say that a foot stands.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..correct.lanes import FOOT_LANES, has_feet
from ..inference.errors import RigError, TakeError
from . import captured, contact_lanes, corrections, doubt
from .captured import Captured
from .performance_properties import RotocapPerformance
from .performances import rig_of
from .scene_from_take import FIRST_FRAME, scene_fps

_STANDS = 0.5  # contact from which on a foot point counts as standing
_SHORT_S = 0.1  # a foot that stands for less has no time to slide
_SAMPLES = 6  # frames of a contact that are looked at
_PATIENCE_S = 2.0  # the search ends then, and goes on with the next press

# The foot points of a take's contacts, in the order of FOOT_LANES; the SMPL-X bone and the role of a bone
# map that carries each.
_POINTS = (
    ("left heel", "left_ankle", "left_foot"),
    ("left toes", "left_foot", "left_toes"),
    ("right heel", "right_ankle", "right_foot"),
    ("right toes", "right_foot", "right_toes"),
)


@dataclass(frozen=True)
class Place:
    """A frame to go to, and why."""

    frame: int
    text: str


def of_doubt(scene: bpy.types.Scene, entry: RotocapPerformance, *, forward: bool) -> Place | None:
    """The worst frame of the next stretch in doubt, or of the one before; None if there is none.

    RotocapError if the take cannot be read.
    """
    sequence = corrections.cleaned(scene, entry)
    limbs = doubt.by_limb(sequence.sigma)
    rows = doubt.worst_rows(doubt.of_frame(limbs), sequence.frame, limit=scene.rotocap.see.doubtful)
    frames = np.round(sequence.time_s[rows] * scene_fps(scene) + FIRST_FRAME).astype(int)
    there = np.flatnonzero(frames > scene.frame_current if forward else frames < scene.frame_current)
    if not len(there):
        return None
    chosen = int(there[0] if forward else there[-1])
    limb, metres = doubt.worst_limb(limbs, int(rows[chosen]))
    text = f"{entry.name}: the {limb} may be off by {100.0 * metres:.0f} cm"
    return Place(int(frames[chosen]), text)


def of_slide(
    scene: bpy.types.Scene, entry: RotocapPerformance, *, forward: bool
) -> tuple[Place | None, int | None]:
    """The next foot that slides, or the one before, and the frame up to which was looked if time ran out.

    TakeError if the take cannot be read, RigError if the armature has no feet to look at. The scene's
    frame is as it was afterwards.
    """
    armature, before = rig_of(entry), scene.frame_current
    if armature is None:
        raise RigError(f"{entry.name}: its armature is gone; apply the take again")
    contacts = _contacts(scene, entry, armature)
    contacts = [c for c in contacts if (c[0] > before if forward else c[1] < before)]
    contacts.sort(key=lambda c: c[0] if forward else -c[1])
    until = time.monotonic() + _PATIENCE_S
    try:
        for start, end, name, bone in contacts:
            place = _slide(scene, armature, bone, start, end, name=f"{entry.name}: {name}")
            if place is not None and (place.frame > before if forward else place.frame < before):
                return place, None
            if time.monotonic() > until:
                return None, (end if forward else start)
    finally:
        scene.frame_set(before)
    return None, None


def _data(entry: RotocapPerformance) -> Captured:
    data = captured.of(entry, wait=True)
    if data is None:
        raise TakeError(captured.problem(entry))
    return data


def _contacts(
    scene: bpy.types.Scene, entry: RotocapPerformance, armature: bpy.types.Object
) -> list[tuple[int, int, str, str]]:
    """First and last scene frame of every contact, the foot point's name and its bone."""
    bones = _foot_bones(armature)
    if not bones:
        raise RigError(
            f"{armature.name}: no bones are known as its feet; press Find Bones under Character, Bones"
        )
    data, fps = _data(entry), scene_fps(scene)
    lanes = contact_lanes.read(armature) if entry.corrections.contacts_on else None
    if lanes is not None and has_feet(lanes):
        return [
            (math.ceil(max(start, entry.first)), math.ceil(min(end, entry.last + 1)) - 1, name, bones[name])
            for lane, (name, _, _) in zip(FOOT_LANES, _POINTS, strict=True)
            for start, end in lanes.get(lane, ())
            if name in bones and end - start >= _SHORT_S * fps
        ]
    frames = data.scene_frames(fps)
    out = []
    for column, (name, _, _) in enumerate(_POINTS):
        if name not in bones:
            continue
        for first, last in doubt.spans(data.contact[:, column] > _STANDS, data.frame):
            if data.time_s[last] - data.time_s[first] >= _SHORT_S:
                out.append((math.ceil(frames[first]), math.floor(frames[last]), name, bones[name]))
    return out


def _foot_bones(armature: bpy.types.Object) -> dict[str, str]:
    mapped = {row.role: row.bone for row in armature.rotocap.rows if row.bone}
    found = {}
    for name, smplx, role in _POINTS:
        bone = mapped.get(role, smplx)
        if bone in armature.pose.bones:
            found[name] = bone
    return found


def _slide(
    scene: bpy.types.Scene, armature: bpy.types.Object, bone: str, start: int, end: int, *, name: str
) -> Place | None:
    """Where the head of a bone moves most along the ground although it should stand, if it slides."""
    low, high, moved = _fastest(scene, armature, bone, start, end)
    if moved <= scene.rotocap.see.slide:
        return None
    while high - low > 2:
        low, high, _ = _fastest(scene, armature, bone, low, high)
    return Place(high, f"{name} slides by {100.0 * moved:.0f} cm in frames {start} to {end}")


def _fastest(
    scene: bpy.types.Scene, armature: bpy.types.Object, bone: str, start: int, end: int
) -> tuple[int, int, float]:
    """The two frames, of a few in a range, between which a bone's head moves most along the ground.

    And how far it comes at most from where it was at the start.
    """
    frames = np.unique(np.linspace(start, end, _SAMPLES).round().astype(int))
    places = np.array([_head(scene, armature, bone, int(frame)) for frame in frames])[:, :2]
    away = np.linalg.norm(places - places[0], axis=1)
    step = int(np.argmax(np.linalg.norm(np.diff(places, axis=0), axis=1)))
    return int(frames[step]), int(frames[step + 1]), float(away.max())


def _head(scene: bpy.types.Scene, armature: bpy.types.Object, bone: str, frame: int) -> NDArray[np.float64]:
    scene.frame_set(frame)
    return np.array(armature.matrix_world @ armature.pose.bones[bone].head)

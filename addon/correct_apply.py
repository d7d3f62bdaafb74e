# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers of the corrections onto the armature, the whole motion anew."""

from __future__ import annotations

from dataclasses import replace

import bpy

from ..inference.errors import RigError
from ..inference.sequence import SmplxSequence
from ..retarget.contacts import ContactOptions
from ..retarget.grounding import ground
from ..retarget.motion import Motion
from ..retarget.root import path
from ..retarget.solve import fit, wanted
from . import contact_lanes, corrections, performance_motion, retarget, rig_ready, tracks
from .correct_target import plan_of
from .performance_properties import RotocapPerformance
from .performances import is_ours
from .scene_from_take import Person, scene_fps


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
    return replace(settings, lanes=contact_lanes.read(entry.armature))


def _source(entry: RotocapPerformance) -> str:
    """What the track that plays this performance on a character was made from."""
    if not entry.source:
        raise RigError(f"{entry.name}: is not applied to {entry.armature.name} any more; apply it again")
    return str(entry.source)


def make_lanes(scene: bpy.types.Scene, entry: RotocapPerformance) -> int:
    """Lanes of the feet from the capture's contacts, as this armature holds them. Returns how many."""
    armature = rig_ready.require(entry.armature)
    contact_lanes.require_editable(armature)
    sequence = corrections.cleaned(scene, entry)
    timeline = corrections.timeline(scene, sequence)
    ready = plan_of(scene, entry, sequence)
    moved = Motion.from_sequence(sequence, timeline, fps=scene_fps(scene))
    along = path(ready.rig, ready.body, moved, ready.options.root_motion)
    grounded = ground(fit(ready, wanted(ready, moved), along), moved, ContactOptions())
    lanes = contact_lanes.of_holds(grounded.holds, moved.frames)
    contact_lanes.write(armature, lanes, before=float(moved.frames[0]) - 1.0)
    entry.corrections.contacts_on = True
    refresh(scene, entry)
    return sum(len(found) for found in lanes.values())

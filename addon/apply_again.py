# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture that has ended into the scene, where an earlier run of it may have left its people.

Who moves an armature of ours already gets the new motion there, with everything that the animator has
put right and under the animator's own edits; only who is new gets a new armature.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from ..inference.errors import RotocapError
from ..inference.take import Take
from ..retarget.axes import to_blender
from . import camera, performance_edits, performances, scene_from_take
from .apply_take import apply_new, footage_of
from .performance_properties import RotocapPerformance
from .scene_from_take import ApplyReport, Person

_LOOKS = 6  # frames in which people are compared
_NEAR = 1.0  # metres from which on somebody is somebody else
_SAME = 0.3  # metres that who has the same number may be further away than somebody else


def apply_captured(scene: bpy.types.Scene, take: Take, people: list[Person]) -> ApplyReport:
    """The people of a take onto the armatures that play them, or onto new ones. RotocapError."""
    entries = _entries(scene, take)
    if not entries:
        return apply_new(scene, take, people)
    report = ApplyReport()
    now = _found_again(scene, entries, people)
    for name in sorted(entry.name for entry in entries):  # entries move in memory when the list gets longer
        entry = scene.rotocap.performances[name]
        person = now.get(entry.person)
        if person is None:
            report.warnings.append(
                f"{name}: is not in the new capture, so its armature keeps the motion that it has; delete it "
                "if you do not need it"
            )
            # No number is theirs any more: somebody else may have got it.
            entry.person = 0
            continue
        entry.person = person.number
        try:
            report.warnings += performance_edits.play(scene, entry, take, person.number)
        except RotocapError as error:
            report.warnings.append(f"{name} keeps the motion that it has: {error}")
        report.armatures.append(entry.armature.name)
        if entry.name != person.name:
            _keep_name(scene, entry, report)
    _update_camera(scene, take, people, report)
    timelines = [scene_from_take.timeline_of(scene, person.sequence) for person in people]
    scene_from_take.set_frame_range(scene, timelines, report, grow=True)
    known = {entry.person for entry in _entries(scene, take)}
    fresh = [person for person in people if person.number not in known]
    if fresh:
        added = scene_from_take.add_people(scene, fresh, None, title=take.path.stem)
        report.armatures += added.armatures
        report.bodies += added.bodies
        report.keys += added.keys
    report.warnings.extend(take.warnings)
    return report


def _found_again(
    scene: bpy.types.Scene, entries: list[RotocapPerformance], people: list[Person]
) -> dict[int, Person]:
    """Who the people of the list are in a new capture, by the numbers that they have in the list.

    A capture numbers people by how long and large they are seen, so that numbers change: who is where
    somebody was is that person.
    """
    frame = scene.frame_current
    pairs: list[tuple[float, int, int]] = []
    for number in {entry.person for entry in entries}:
        was = _path(scene, next(entry for entry in entries if entry.person == number))
        for index, person in enumerate(people):
            away, same = _apart(scene, was, person), person.number == number
            if same or away < _NEAR:
                pairs.append((away - (_SAME if same else 0.0), number, index))
    scene.frame_set(frame)
    out: dict[int, Person] = {}
    taken: set[int] = set()
    for _, number, index in sorted(pairs):
        if number not in out and index not in taken:
            out[number] = people[index]
            taken.add(index)
    return out


def _path(scene: bpy.types.Scene, entry: RotocapPerformance) -> dict[int, Vector]:
    """Where an armature's hips are in a few frames."""
    out = {}
    for frame in {round(f) for f in np.linspace(entry.first, entry.last, _LOOKS)}:
        scene.frame_set(frame)
        out[frame] = entry.armature.pose.bones[0].head.copy()
    return out


def _apart(scene: bpy.types.Scene, was: dict[int, Vector], person: Person) -> float:
    """How far a person's hips are from such places in the mean, metres; far if they share no frame."""
    sequence = person.sequence
    timeline = scene_from_take.timeline_of(scene, sequence)
    hips = to_blender(timeline.sample(np.asarray(sequence.rest_joints[0] + sequence.trans)))
    there = dict(zip((int(f) for f in timeline.frames), hips, strict=True))
    found = [float(np.linalg.norm(there[f] - np.array(place))) for f, place in was.items() if f in there]
    return float(np.mean(found)) if found else _NEAR


def _entries(scene: bpy.types.Scene, take: Take) -> list[RotocapPerformance]:
    """The performances of a take whose armature we made and that is still in the scene."""
    return [
        entry
        for entry in scene.rotocap.performances
        if performances.folder_of(entry) == take.path
        and performances.is_ours(entry)
        and performances.rig_of(entry) is not None
    ]


def _keep_name(scene: bpy.types.Scene, entry: RotocapPerformance, report: ApplyReport) -> None:
    """The take calls a person again as the animator does."""
    try:
        performance_edits.rename_in_take(scene, entry)
    except RotocapError as error:
        report.warnings.append(f"{entry.name}: the take does not know that name: {error}")


def _update_camera(scene: bpy.types.Scene, take: Take, people: list[Person], report: ApplyReport) -> None:
    """The take's camera where this capture puts it: the lens, the floor and the way it went may be others."""
    footage = footage_of(take)
    views = [view for view in scene.objects if view.get(performances.CAMERA_TAKE) == str(take.path)]
    if footage is None or not views:
        return
    timeline = scene_from_take.timeline_of(scene, people[0].sequence)
    strength = [background.alpha for background in views[0].data.background_images]
    view = camera.new_camera(
        views[0].name, people[0].sequence, timeline, scene.collection, size=footage.size, kept=views[0]
    )
    report.camera = view.name
    scene_from_take.show_video(scene, view, footage, report)
    for background, alpha in zip(view.data.background_images, strength, strict=False):
        background.alpha = alpha

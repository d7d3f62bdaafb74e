# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture that has ended into the scene, where an earlier run of it may have left its people.

Who moves an armature of ours already gets the new motion there, with everything that the animator has
put right and under the animator's own edits; only who is new gets a new armature.
"""

from __future__ import annotations

import bpy

from ..inference.errors import RotocapError
from ..inference.take import Take
from . import camera, performance_edits, performances, scene_from_take
from .apply_take import apply_new, footage_of
from .performance_properties import RotocapPerformance
from .scene_from_take import ApplyReport, Person


def apply_captured(scene: bpy.types.Scene, take: Take, people: list[Person]) -> ApplyReport:
    """The people of a take onto the armatures that play them, or onto new ones. RotocapError."""
    entries = _entries(scene, take)
    if not entries:
        return apply_new(scene, take, people)
    numbers = {person.number: person for person in people}
    report = ApplyReport()
    names = {entry.name for entry in entries}
    for name in sorted(names):  # entries move in memory when the list gets longer
        entry = scene.rotocap.performances[name]
        person = numbers.get(entry.person)
        if person is None:
            report.warnings.append(
                f"{name}: is not in the new capture, so its armature keeps the motion that it has; "
                "join it with who is the same person, or delete it"
            )
            continue
        report.warnings += performance_edits.play(scene, entry, take, person.number)
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


def _entries(scene: bpy.types.Scene, take: Take) -> list[RotocapPerformance]:
    """The performances of a take whose armature we made and that is still in the scene."""
    return [
        entry
        for entry in scene.rotocap.performances
        if performances.folder_of(entry) == take.path
        and performances.is_ours(entry)
        and entry.armature is not None
        and entry.armature.name in scene.objects
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

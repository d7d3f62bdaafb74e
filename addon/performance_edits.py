# SPDX-License-Identifier: GPL-3.0-or-later
"""Performances joined, split, doubled and deleted: in the take, in the scene and in the list.

Undo in Blender puts scene and list back; `follow_undo` lets the take's record follow them. The files
of people who are joined or split stay, so that what comes back finds its motion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import bpy
from bpy.app.handlers import persistent

from ..inference import take_people
from ..inference.errors import RotocapError, TakeError
from ..inference.take import PersonRecord, Take
from . import captured, correct_apply, performance_motion, performances, rig_ready, scene_from_take, tracks
from .blender_versions import copy_active_action, copy_strip_action
from .performance_properties import RotocapPerformance
from .scene_from_take import Person

# Takes whose people were changed since Blender was started, and their edition before that.
_first_editions: dict[str, int] = {}


def rename_in_take(scene: bpy.types.Scene, entry: RotocapPerformance) -> None:
    """The person in the take gets the performance's name. TakeError if it cannot be written."""
    take = Take.open(performances.folder_of(entry))
    old = take_people.person(take, entry.person).name
    _changed(scene, entry.take, take, take_people.rename(take, entry.person, entry.name))
    if scene.rotocap.retarget.person == old:
        scene.rotocap.retarget.person = entry.name


def merge(scene: bpy.types.Scene, kept: RotocapPerformance, other: RotocapPerformance) -> list[str]:
    """`other` joins `kept`: one person, on the armature of `kept`. Returns what the animator should know.

    TakeError, SequenceError or RigError before anything in the scene is changed.
    """
    if kept.take != other.take:
        raise TakeError(
            f"{kept.name} and {other.name} are from different takes; choose two people of one video"
        )
    _require_playable(kept)
    take = Take.open(performances.folder_of(kept))
    new, record = take_people.merge(take, kept.person, other.person)
    kept_name = kept.name  # entries move in memory when the list gets shorter
    _changed(scene, kept.take, take, new)
    kept.person = record.number
    notes = _play(scene, kept, new, record)
    delete(scene, other)
    scene.rotocap.performance_index = scene.rotocap.performances.find(kept_name)
    return notes


def split(scene: bpy.types.Scene, entry: RotocapPerformance) -> list[str]:
    """A performance as two at the scene's current frame, which is the second one's first."""
    data = captured.of(entry, wait=True)
    if data is None:
        raise TakeError(captured.problem(entry))
    frames = data.scene_frames(scene_from_take.scene_fps(scene))
    later = frames >= scene.frame_current - 0.5
    if later.all() or not later.any():
        raise TakeError(
            f"{entry.name} is seen in frames {math.ceil(frames[0])} to {math.floor(frames[-1])}; "
            "go to a frame in between to split there"
        )
    _require_playable(entry)
    take = Take.open(performances.folder_of(entry))
    name = performances.free_name(scene, entry.name)
    new, first, second = take_people.split_at(take, entry.person, int(data.frame[later][0]), name=name)
    _changed(scene, entry.take, take, new)
    place = performances.index_of(scene, entry)
    if performances.is_ours(entry) and performances.rig_of(entry) is not None:
        double = duplicate(scene, entry, name=name)
        double.person = second.number
        notes = _play(scene, double, new, second)
    else:  # the animator has one character: the second person gets a body
        report = scene_from_take.add_people(scene, [_person(new, second)], None, title=take.path.stem)
        notes = report.warnings
    entry = scene.rotocap.performances[place]
    entry.person = first.number
    scene.rotocap.performance_index = place
    return notes + _play(scene, entry, new, first)


def duplicate(scene: bpy.types.Scene, entry: RotocapPerformance, *, name: str = "") -> RotocapPerformance:
    """The same person once more: armature and body with keys of their own, to try something on."""
    if performances.rig_of(entry) is None or not performances.is_ours(entry):
        raise TakeError(
            f"{entry.name}: only an armature that Rotocap made can be doubled; "
            "put the take on another character with Apply to Character"
        )
    place = performances.index_of(scene, entry)
    collection = bpy.data.collections.new(name or entry.name)
    _parent_of(scene, entry.collection).children.link(collection)
    rig = _copied(entry.armature, collection)
    for mesh in performances.bodies_of(entry):
        copy = _copied(mesh, collection)
        copy.parent = rig
        for modifier in copy.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == entry.armature:
                modifier.object = rig
        for slot in copy.material_slots:
            if slot.material is not None:
                slot.material = slot.material.copy()
    with performances.filling():
        double = scene.rotocap.performances.add()
        entry = scene.rotocap.performances[place]
        performances.copy_settings(entry, double)
        double.name = performances.free_name(scene, name or entry.name, besides=double)
        double.armature, double.collection = rig, collection
        scene.rotocap.performance_index = performances.index_of(scene, double)
    performances.name_objects(double)
    performances.show_or_hide(double, bpy.context)
    return double


def delete(scene: bpy.types.Scene, entry: RotocapPerformance, *, from_take: bool = False) -> None:
    """Take a performance out of the scene and the list, and on request out of the take.

    An armature of ours goes with its body; from a character only the motion is taken off.
    TakeError, before anything is deleted, if the take cannot be written.
    """
    if from_take:
        take = Take.open(performances.folder_of(entry))
        _changed(scene, entry.take, take, take_people.remove(take, entry.person))
    if entry.armature is not None and performances.is_ours(entry):
        if bpy.context.mode != "OBJECT":  # Blender does not survive it well if what is posed goes away
            bpy.ops.object.mode_set(mode="OBJECT")
        for thing in (*performances.bodies_of(entry), entry.armature):
            _remove(thing)
    elif entry.armature is not None:
        tracks.take_off(entry.armature, entry.source)
    if entry.collection is not None and not entry.collection.all_objects:
        bpy.data.collections.remove(entry.collection)
    settings = scene.rotocap
    place = performances.index_of(scene, entry)
    settings.performances.remove(place)
    with performances.filling():
        settings.performance_index = max(0, min(settings.performance_index, len(settings.performances) - 1))


def enable() -> None:
    """Follow undo and redo from now on."""
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        handlers.append(follow_undo)
    bpy.app.handlers.load_post.append(_forget)


def disable() -> None:
    """Follow them no more."""
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        if follow_undo in handlers:
            handlers.remove(follow_undo)
    if _forget in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_forget)
    _first_editions.clear()


@persistent
def _forget(*_: object) -> None:
    """Another file was opened: its undo has nothing to do with what was changed before."""
    _first_editions.clear()


@persistent
def follow_undo(*_: object) -> None:
    """After undo and redo: takes have the people again that the scene's list knows."""
    for folder, first in _first_editions.items():
        known = [scene.rotocap.take_editions.get(folder) for scene in bpy.data.scenes]
        editions = {entry.edition for entry in known if entry is not None} or {first}
        try:
            take = Take.open(bpy.path.abspath(folder))
            if take.edition not in editions:
                take_people.restore(take, max(editions))
        except RotocapError as error:
            print(f"Rotocap: {error}")


def _changed(scene: bpy.types.Scene, folder: str, before: Take, after: Take) -> None:
    """Remember which edition of a take the scene knows now."""
    if after.edition == before.edition:
        return
    _first_editions.setdefault(folder, before.edition)
    known = scene.rotocap.take_editions.get(folder)
    if known is None:
        known = scene.rotocap.take_editions.add()
        known.name = folder
    known.edition = after.edition


def _person(take: Take, record: PersonRecord) -> Person:
    return Person(record.name, record.colour, take.sequence(record), take.path, record.number)


def play(scene: bpy.types.Scene, entry: RotocapPerformance, take: Take, number: int) -> list[str]:
    """Let a performance's armature play what a person's file says now. Returns notes for the animator."""
    _require_playable(entry)
    return _play(scene, entry, take, take_people.person(take, number))


def _play(scene: bpy.types.Scene, entry: RotocapPerformance, take: Take, record: PersonRecord) -> list[str]:
    """Let a performance's armature play a person of the take, in place of what it played before."""
    sequence = take.sequence(record)
    timeline = scene_from_take.timeline_of(scene, sequence)
    frames = (int(timeline.frames[0]), math.ceil(timeline.frames[-1]))
    with performances.filling():
        performances.describe(entry, sequence, frames)
    if performances.rig_of(entry) is None:
        return []
    if performances.is_ours(entry):
        scene_from_take.mark_gaps(scene, entry.name, timeline)
        try:
            with _in_sight(entry):
                return correct_apply.refresh(scene, entry)
        except RotocapError as error:  # what was put right does not fit the person any more
            entry.corrections.stale = True
            notes = performance_motion.write(entry.armature, sequence, timeline, name=entry.name)
            return [*notes, f"{entry.name}: without its corrections: {error}"]
    from .apply_take import apply_to
    from .retarget import settings_of

    return apply_to(
        scene, entry.armature, take, [_person(take, record)], settings=settings_of(scene), source=entry.source
    ).warnings


def _require_playable(entry: RotocapPerformance) -> None:
    """RigError if another motion could not be put on a performance's armature."""
    if performances.rig_of(entry) is None:
        return
    with _in_sight(entry):
        rig_ready.require(entry.armature)
    ours = performances.is_ours(entry)
    tracks.require_replaceable(entry.armature, performance_motion.MOTION if ours else entry.source)


@contextmanager
def _in_sight(entry: RotocapPerformance) -> Iterator[None]:
    """A person that the eye in the list hides is shown meanwhile: what is hidden does not move."""
    collection = entry.collection
    hidden = collection is not None and collection.hide_viewport
    if hidden:
        collection.hide_viewport = False
        bpy.context.view_layer.update()
    try:
        yield
    finally:
        if hidden:
            collection.hide_viewport = True


def _parent_of(scene: bpy.types.Scene, collection: bpy.types.Collection) -> bpy.types.Collection:
    for candidate in (scene.collection, *scene.collection.children_recursive):
        if collection.name in candidate.children:
            return candidate
    return scene.collection


def _copied(thing: bpy.types.Object, collection: bpy.types.Collection) -> bpy.types.Object:
    """An object with data and keys of its own."""
    copy = thing.copy()
    copy.data = thing.data.copy()
    collection.objects.link(copy)
    owners = [copy, copy.data]
    if copy.type == "MESH" and copy.data.shape_keys is not None:
        owners.append(copy.data.shape_keys)
    for owner in owners:
        _own_keys(owner)
    return copy


def _own_keys(owner: bpy.types.ID) -> None:
    animation = owner.animation_data
    if animation is None:
        return
    if animation.action is not None:
        copy_active_action(animation)
    for strip in (strip for track in animation.nla_tracks for strip in track.strips):
        if strip.action is not None:
            copy_strip_action(strip)


def _remove(thing: bpy.types.Object) -> None:
    """An object of ours with its data, and the Actions that nothing else plays."""
    data = thing.data
    owners = [thing, data, getattr(data, "shape_keys", None)]
    actions = {action for owner in owners if owner is not None for action in _actions_of(owner)}
    materials = {slot.material for slot in thing.material_slots if slot.material is not None}
    bpy.data.objects.remove(thing)
    for block in (data, *materials, *actions):
        if block.users == 0:
            bpy.data.batch_remove([block])


def _actions_of(owner: bpy.types.ID) -> list[bpy.types.Action]:
    animation = owner.animation_data
    if animation is None:
        return []
    strips = [strip for track in animation.nla_tracks for strip in track.strips]
    found = [animation.action, *(strip.action for strip in strips)]
    return [action for action in found if action is not None]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performances: who moves what, renamed, joined, split, doubled, deleted, and undone."""

from __future__ import annotations

import dataclasses
import shutil

import bpy
import numpy as np
import pytest


@pytest.fixture
def two(scene, module, known_motion, known_take):
    """A take of two tracks, frames 0 to 29 and 30 to 59, applied; what is there before can be undone to."""
    path = known_take(
        known_motion(frame=np.arange(30), bend=0.2), known_motion(frame=np.arange(30, 60), bend=0.2, seed=2)
    )
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    push("applied")
    return path


def push(what: str) -> None:
    bpy.ops.ed.undo_push(message=what)


def entries(scene=None):
    return list((scene or bpy.context.scene).rotocap.performances)


def people(module, path) -> list[tuple[str, str]]:
    return [(record.name, record.file) for record in module("inference.take").Take.open(path).people]


def moves(armature) -> tuple[int, int]:
    """First and last frame of the motion that an armature plays."""
    strips = [s for track in armature.animation_data.nla_tracks if not track.mute for s in track.strips]
    assert len(strips) == 1
    first, last = strips[0].action.frame_range
    return round(first), round(last)


def test_applying_a_take_fills_the_list(scene, module, two) -> None:
    one, other = entries()
    assert (one.name, other.name) == ("Person 1", "Person 2")
    assert (one.take, one.person, other.person) == (str(two), 1, 2)
    assert (one.first, one.last, one.frames) == (1, 30, 30)
    assert (other.first, other.last) == (31, 60)
    assert one.doubt == pytest.approx(0.01)
    assert one.armature.name == "Person 1" and one.armature.type == "ARMATURE"
    assert {ob.name for ob in one.collection.objects} == {"Person 1", "Person 1 body"}
    assert tuple(one.colour) == pytest.approx((0.9, 0.6, 0.1))
    in_scene = module("addon.performances").are_in_scene
    assert in_scene(scene), "the panel offers to put the take in again"
    scene.rotocap.take = str(two.with_name("Another.take"))
    assert not in_scene(scene)


def with_character(scene):
    """The first person on a character of the animator's, chosen in the list."""
    rig = entries()[0].armature
    character = rig.copy()
    character.data = rig.data.copy()
    character.animation_data_clear()
    scene.collection.objects.link(character)
    scene.rotocap.retarget.rig = character
    for _ in range(2):  # again is no second entry
        assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    assert len(entries()) == 3
    scene.rotocap.performance_index = 2
    return character


def test_a_character_of_the_animators_gets_an_entry_too(scene, two) -> None:
    character = with_character(scene)
    entry = entries()[2]
    assert (entry.armature, entry.collection, entry.person) == (character, None, 1)
    assert bpy.ops.rotocap.performance_delete() == {"FINISHED"}
    assert character.name in scene.objects, "the animator's own character stays"
    assert not character.animation_data.nla_tracks, "without the motion"
    assert len(entries()) == 2


def test_a_character_plays_who_is_joined_or_split(scene, two) -> None:
    character = with_character(scene)
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    assert [(e.name, e.frames) for e in entries()] == [("Person 1", 30), ("Person 1 2", 60)]
    assert moves(character) == (1, 60)
    scene.rotocap.performance_index = 1
    scene.frame_set(20)
    assert bpy.ops.rotocap.performance_split() == {"FINISHED"}
    assert moves(character) == (1, 19)
    whole, first, second = entries()
    assert (first.armature, first.last, second.first) == (character, 19, 20)
    assert second.armature != character and moves(second.armature) == (20, 60)
    assert moves(whole.armature) == (1, 30), "who was not chosen stays as they were"


def test_a_new_name_reaches_armature_body_collection_and_take(scene, module, two) -> None:
    scene.rotocap.retarget.person = "Person 1"
    entries()[0].name = "Ümit"
    entry = entries()[0]
    assert (entry.armature.name, entry.armature.data.name, entry.collection.name) == ("Ümit",) * 3
    assert [ob.name for ob in entry.collection.objects if ob.type == "MESH"] == ["Ümit body"]
    assert people(module, two)[0] == ("Ümit", "person_01.npz")
    assert scene.rotocap.retarget.person == "Ümit"
    entries()[1].name = "Ümit"
    assert entries()[1].name == "Ümit 2", "names tell performances apart"
    entries()[1].name = "  "
    assert entries()[1].name == "Person"


def test_a_name_that_the_take_cannot_keep_is_said(scene, module, two) -> None:
    shutil.rmtree(two)
    entries()[0].name = "Bo"
    assert entries()[0].name == entries()[0].armature.name == "Bo"
    assert "no such take" in module("addon.performances").problem()


def test_who_is_hidden_is_hidden_everywhere_and_comes_back(scene, two) -> None:
    scene.frame_set(5)
    entry = entries()[0]
    body = next(ob for ob in entry.collection.objects if ob.type == "MESH")
    assert body.visible_get() and entry.armature.visible_get()
    entry.visible = False
    bpy.context.view_layer.update()
    assert not body.visible_get() and not entry.armature.visible_get()
    assert entry.collection.hide_render
    entry.visible = True
    bpy.context.view_layer.update()
    assert body.visible_get() and entry.armature.visible_get()
    scene.frame_set(45)
    assert not body.visible_get(), "out of the picture as before"


def test_a_colour_reaches_the_body(scene, two) -> None:
    entries()[0].colour = (0.1, 0.2, 0.3)
    body = next(ob for ob in entries()[0].collection.objects if ob.type == "MESH")
    red, green, blue, _ = body.material_slots[0].material.diffuse_color
    # Proportional to light, by the curve of sRGB.
    expected = [((c + 0.055) / 1.055) ** 2.4 for c in (0.1, 0.2, 0.3)]
    assert (red, green, blue) == pytest.approx(expected, abs=1e-3)


def test_choosing_in_the_list_selects_the_armature(scene, two) -> None:
    scene.rotocap.performance_index = 1
    assert bpy.context.view_layer.objects.active == entries()[1].armature
    scene.rotocap.performance_index = 0
    assert [ob.name for ob in bpy.context.selected_objects] == ["Person 1"]


def test_two_tracks_of_one_person_are_joined_and_undone(scene, module, two) -> None:
    before = people(module, two)
    scene.rotocap.performance_index = 0
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    push("joined")
    (entry,) = entries()
    assert (entry.name, entry.person, entry.frames, entry.first, entry.last) == ("Person 1", 3, 60, 1, 60)
    assert moves(entry.armature) == (1, 60)
    assert people(module, two) == [("Person 1", "person_03.npz")]
    assert "Person 2" not in bpy.data.objects and "Person 2 body" not in bpy.data.objects
    body = next(ob for ob in entry.collection.objects if ob.type == "MESH")
    scene.frame_set(45)
    assert body.visible_get(), "in the picture where the other track was"

    bpy.ops.ed.undo()
    one, other = entries()
    assert (one.person, other.person) == (1, 2)
    assert moves(one.armature) == (1, 30) and moves(other.armature) == (31, 60)
    assert people(module, two) == before, "the take follows"
    bpy.ops.ed.redo()
    assert len(entries()) == 1
    assert people(module, two) == [("Person 1", "person_03.npz")]


def test_a_track_is_split_at_the_playhead_and_undone(scene, module, two) -> None:
    scene.rotocap.performance_index = 0
    scene.frame_set(11)
    assert bpy.ops.rotocap.performance_split() == {"FINISHED"}
    push("split")
    assert [(e.name, e.first, e.last) for e in entries()] == [
        ("Person 1", 1, 10), ("Person 2", 31, 60), ("Person 1 2", 11, 30),
    ]  # fmt: skip
    first, _, second = entries()
    assert moves(first.armature) == (1, 10) and moves(second.armature) == (11, 30)
    assert first.armature != second.armature and first.collection != second.collection
    assert [name for name, _ in people(module, two)] == ["Person 1", "Person 1 2", "Person 2"]
    scene.frame_set(20)
    bodies = [next(ob for ob in e.collection.objects if ob.type == "MESH") for e in (first, second)]
    assert [body.visible_get() for body in bodies] == [False, True]

    bpy.ops.ed.undo()
    assert [(e.first, e.last) for e in entries()] == [(1, 30), (31, 60)]
    assert [name for name, _ in people(module, two)] == ["Person 1", "Person 2"]


def test_a_split_needs_a_frame_in_between(scene, two) -> None:
    scene.rotocap.performance_index = 0
    scene.frame_set(1)
    assert not bpy.ops.rotocap.performance_split.poll()
    with pytest.raises(RuntimeError, match="Go to a frame between 1 and 30"):
        bpy.ops.rotocap.performance_split()


def test_a_copy_has_keys_of_its_own(scene, two) -> None:
    scene.rotocap.performance_index = 0
    assert bpy.ops.rotocap.performance_duplicate() == {"FINISHED"}
    one, _, copy = entries()
    assert (copy.name, copy.person, copy.armature.name) == ("Person 1 2", 1, "Person 1 2")
    assert copy.armature.data != one.armature.data
    scene.frame_set(12)
    pose = [np.array(e.armature.pose.bones["left_elbow"].matrix) for e in (one, copy)]
    assert np.allclose(*pose) and not np.allclose(pose[0], one.armature.data.bones["left_elbow"].matrix_local)
    strips = [e.armature.animation_data.nla_tracks[0].strips[0].action for e in (one, copy)]
    assert strips[0] != strips[1]
    body = next(ob for ob in copy.collection.objects if ob.type == "MESH")
    assert body.modifiers[0].object == copy.armature and body.parent == copy.armature
    assert (
        body.material_slots[0].material != one.collection.objects["Person 1 body"].material_slots[0].material
    )


def test_who_is_deleted_leaves_nothing_and_comes_back_with_undo(scene, module, two) -> None:
    kinds = ("objects", "armatures", "meshes", "actions", "materials", "collections", "shape_keys")
    counts = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    scene.rotocap.performance_index = 1
    assert bpy.ops.rotocap.performance_delete() == {"FINISHED"}
    push("deleted")
    assert [e.name for e in entries()] == ["Person 1"]
    assert len(people(module, two)) == 2, "the take keeps the capture"
    lost = {kind: counts[kind] - len(getattr(bpy.data, kind)) for kind in kinds}
    assert lost == {
        "objects": 2, "armatures": 1, "meshes": 1, "actions": 3, "materials": 1, "collections": 1,
        "shape_keys": 1,
    }  # fmt: skip
    bpy.ops.ed.undo()
    assert [e.name for e in entries()] == ["Person 1", "Person 2"]
    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == counts


def test_deleted_from_the_take_too(scene, module, two) -> None:
    scene.rotocap.performance_index = 1
    assert bpy.ops.rotocap.performance_delete(from_take=True) == {"FINISHED"}
    push("deleted")
    assert [name for name, _ in people(module, two)] == ["Person 1"]
    assert (two / "person_02.npz").is_file(), "so that undo finds it"
    bpy.ops.ed.undo()
    assert [name for name, _ in people(module, two)] == ["Person 1", "Person 2"]


def test_the_animators_changes_stay_when_people_are_joined(scene, two) -> None:
    rig = entries()[0].armature
    rig.animation_data.nla_tracks[0].strips[0].action.name = "renamed by hand"
    own = rig.animation_data.nla_tracks.new()
    own.name = "mine"
    own.strips.new("mine", 1, bpy.data.actions.new("mine"))
    scene.rotocap.performance_index = 0
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    assert [track.name for track in rig.animation_data.nla_tracks] == ["Person 1", "mine"]


def test_a_take_that_is_gone_is_said_and_changes_nothing(scene, two) -> None:
    shutil.rmtree(two)
    scene.rotocap.performance_index = 0
    scene.frame_set(11)
    for press in (
        lambda: bpy.ops.rotocap.performance_merge(other="Person 2"),
        bpy.ops.rotocap.performance_split,
        lambda: bpy.ops.rotocap.performance_delete(from_take=True),
        bpy.ops.rotocap.go_to_doubt,
        bpy.ops.rotocap.go_to_slide,
    ):
        with pytest.raises(RuntimeError, match=r"no such take|is not there any more|folder is gone"):
            press()
    assert [moves(e.armature) for e in entries()] == [(1, 30), (31, 60)]
    assert bpy.ops.rotocap.performance_duplicate() == {"FINISHED"}, "what needs no take works"


def test_an_armature_that_was_deleted_or_renamed(scene, module, two) -> None:
    entries()[1].armature.name = "my hero"
    bpy.data.objects.remove(entries()[0].armature)
    assert entries()[0].armature is None
    scene.rotocap.performance_index = 0
    assert not bpy.ops.rotocap.go_to_slide.poll()
    with pytest.raises(RuntimeError, match="only an armature that Rotocap made"):
        bpy.ops.rotocap.performance_duplicate()
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    assert len(entries()) == 1 and entries()[0].frames == 60
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert len(entries()) == 1, "the entry without an armature is used again"
    assert moves(entries()[0].armature) == (1, 60)


def test_a_new_capture_goes_onto_the_armatures_that_are_there(scene, module, two, known_motion) -> None:
    """As after Esc and going on: more frames of the first, nobody in the second's place, somebody new."""
    take_module = module("inference.take")
    entries()[0].name = "Ada"
    rig, view = entries()[0].armature, scene.camera
    own = rig.animation_data.nla_tracks.new()
    own.name = "mine"
    own.strips.new("mine", 1, bpy.data.actions.new("mine"))
    view.data.background_images[0].alpha = 0.3
    longer, stranger = known_motion(frame=np.arange(50), bend=0.2), known_motion(frame=np.arange(20), seed=3)
    longer.save(two / "person_01.npz")
    stranger.save(two / "person_05.npz")
    take = take_module.Take.open(two)
    record = take.people[0]
    first = dataclasses.replace(record, name="person_01", frames=50, last_frame=49)
    fifth = dataclasses.replace(record, name="person_05", file="person_05.npz", main=False)
    take = take_module.reopened(take, people=(first, fifth))
    objects = len(scene.objects)

    report = module("addon.apply_again").apply_captured(
        scene, take, module("addon.apply_take").read_people(take)
    )
    assert [(e.name, e.frames) for e in entries()] == [("Ada", 50), ("Person 2", 30), ("person_05", 20)]
    assert entries()[0].armature == rig
    assert [track.name for track in rig.animation_data.nla_tracks] == ["Person 1", "mine"]
    frames = rig.animation_data.nla_tracks[0].strips[0].action.frame_range
    assert tuple(frames) == (1, 50)
    assert moves(entries()[1].armature) == (31, 60)
    assert len(scene.objects) == objects + 2, "the stranger's armature and body, and no second camera"
    assert scene.camera == view and view.data.background_images[0].alpha == pytest.approx(0.3)
    assert [name for name, _ in people(module, two)] == ["Ada", "person_05"], "the take learns the name again"
    assert any("Person 2: is not in the new capture" in warning for warning in report.warnings)


def test_people_whose_numbers_change_with_a_new_capture_keep_their_armatures(
    scene, module, known_motion, known_take
) -> None:
    def at(x, **kwargs):
        motion = known_motion(bend=0.1, **kwargs)
        trans = np.zeros_like(motion.trans)
        trans[:, 0] = x
        return dataclasses.replace(motion, trans=trans)

    path = known_take(at(0.0), at(3.0))
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    rigs = [entry.armature for entry in entries()]
    at(3.1, frame=np.arange(60)).save(path / "person_01.npz")
    at(0.1, frame=np.arange(50)).save(path / "person_02.npz")
    take = module("inference.take").Take.open(path)
    scene.frame_set(7)
    module("addon.apply_again").apply_captured(scene, take, module("addon.apply_take").read_people(take))
    assert [(e.person, e.frames) for e in entries()] == [(2, 50), (1, 60)]
    assert [e.armature for e in entries()] == rigs
    assert scene.frame_current == 7
    assert rigs[1].pose.bones["pelvis"].head.x == pytest.approx(3.1, abs=0.01)
    assert [name for name, _ in people(module, path)] == ["Person 2", "Person 1"], "and their names"


def test_an_undo_in_another_file_leaves_the_take_alone(scene, module, two) -> None:
    scene.rotocap.performance_index = 0
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    push("one")
    bpy.context.scene.frame_current = 5
    push("two")
    bpy.ops.ed.undo()
    assert people(module, two) == [("Person 1", "person_03.npz")]


def test_somebody_who_is_being_posed_can_be_deleted(scene, two) -> None:
    scene.rotocap.performance_index = 0
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.rotocap.performance_delete() == {"FINISHED"}
    assert bpy.context.mode == "OBJECT" and [e.name for e in entries()] == ["Person 2"]


def test_who_is_hidden_is_joined_too_and_stays_hidden(scene, two) -> None:
    entries()[0].visible = False
    scene.rotocap.performance_index = 0
    assert bpy.ops.rotocap.performance_merge(other="Person 2") == {"FINISHED"}
    (entry,) = entries()
    assert moves(entry.armature) == (1, 60)
    assert not entry.visible and entry.collection.hide_viewport


def test_an_armature_deleted_in_the_viewport_is_gone_for_the_list(scene, module, two) -> None:
    rig = entries()[0].armature
    bpy.ops.object.select_all(action="DESELECT")
    rig.select_set(True)
    bpy.ops.object.delete()
    assert entries()[0].armature is not None, "the list keeps it in the file"
    scene.rotocap.performance_index = 0
    assert module("addon.performances").rig_of(entries()[0]) is None
    assert not bpy.ops.rotocap.go_to_slide.poll()
    with pytest.raises(RuntimeError, match="only an armature that Rotocap made"):
        bpy.ops.rotocap.performance_duplicate()
    assert bpy.ops.rotocap.performance_delete() == {"FINISHED"}
    assert [e.name for e in entries()] == ["Person 2"]


def test_a_locked_track_is_said_before_anything_is_changed(scene, module, two) -> None:
    entries()[0].armature.animation_data.nla_tracks[0].lock = True
    scene.rotocap.performance_index = 0
    before = people(module, two)
    with pytest.raises(RuntimeError, match="locked"):
        bpy.ops.rotocap.performance_merge(other="Person 2")
    assert people(module, two) == before and len(entries()) == 2


def test_saved_and_opened_again(scene, two, tmp_path) -> None:
    entries()[0].name = "Ada"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    assert not entries()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"), load_ui=False)
    assert [(e.name, e.person, e.armature.name) for e in entries()] == [
        ("Ada", 1, "Ada"), ("Person 2", 2, "Person 2"),
    ]  # fmt: skip


def test_of_two_videos_one_is_looked_at_and_then_both_again(scene, two, tmp_path) -> None:
    assert not bpy.ops.rotocap.performance_solo.poll(), "there is one video only"
    first_camera = scene.camera
    other = shutil.copytree(two, tmp_path / "Zweiter.take")
    scene.rotocap.take = str(other)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert scene.camera == first_camera, "who looks at the first video goes on looking at it"
    push("two videos")
    scene.rotocap.performance_index = 3
    assert bpy.ops.rotocap.performance_solo() == {"FINISHED"}
    assert [entry.visible for entry in entries()] == [False, False, True, True]
    assert scene.camera != first_camera and scene.camera["rotocap_take"] == str(other)
    assert not entries()[0].armature.visible_get() and entries()[2].armature.visible_get()
    push("only the second")
    scene.rotocap.performance_index = 0  # another video at once
    assert bpy.ops.rotocap.performance_solo() == {"FINISHED"}
    assert [entry.visible for entry in entries()] == [True, True, False, False]
    assert scene.camera == first_camera
    assert bpy.ops.rotocap.performance_solo() == {"FINISHED"}
    assert all(entry.visible for entry in entries())
    assert scene.camera == first_camera, "the video that was looked at last"
    push("everybody")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert all(entry.visible for entry in scene.rotocap.performances)
    assert scene.camera.get("rotocap_take") == str(two)

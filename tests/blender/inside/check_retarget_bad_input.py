# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a take on a character: a message each, and the file as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[3]))
from tests.rigs import build


@pytest.fixture
def character(scene):
    armature = build.armature("mixamo")
    bpy.context.view_layer.objects.active = armature
    bpy.context.view_layer.update()
    return armature


@pytest.fixture
def take(scene, known_motion, known_take):
    scene.render.fps = 30
    scene.rotocap.take = str(known_take(known_motion(frame=np.arange(20), bend=0.2)))


def state() -> list:
    """All that a failed attempt might leave behind."""
    bpy.context.view_layer.update()
    out: list = [sorted(action.name for action in bpy.data.actions)]
    out += [(s.name, s.frame_start, s.frame_end, len(s.timeline_markers)) for s in bpy.data.scenes]
    for thing in bpy.data.objects:
        animation = thing.animation_data
        kept = thing.rotocap
        out.append(
            (
                thing.name, tuple(map(tuple, thing.matrix_world)), thing.mode, animation is not None,
                animation is not None and [(t.name, t.mute, len(t.strips)) for t in animation.nla_tracks],
                kept.text, kept.certificate, [(row.role, row.bone) for row in kept.rows],
            )
        )  # fmt: skip
    return out


def refused(match: str) -> None:
    before = state()
    with pytest.raises(RuntimeError, match=match):
        bpy.ops.rotocap.apply_to_armature()
    assert state() == before


def why(module, armature) -> str:
    """The tooltip of the button that is greyed out; pressing it does nothing."""
    before = state()
    assert not bpy.ops.rotocap.apply_to_armature.poll()
    with pytest.raises(RuntimeError):
        bpy.ops.rotocap.apply_to_armature()
    assert state() == before
    with pytest.raises(module("inference.errors").RigError):
        module("addon.rig_ready").require(armature)
    return module("addon.rig_ready").why_not(armature)


def test_no_armature(scene, module, take) -> None:
    assert "click the character's armature" in why(module, None)
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    assert not bpy.ops.rotocap.apply_to_armature.poll()
    assert "is a mesh" in module("addon.rig_ready").why_not(cube)


def test_no_bones_that_deform(module, take, character) -> None:
    for bone in character.data.bones:
        bone.use_deform = False
    refused("none of its .* bones deforms")


def test_no_bones_at_all(scene, take) -> None:
    empty = bpy.data.objects.new("Empty", bpy.data.armatures.new("Empty"))
    scene.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    refused("has no bones")


def test_linked_and_overridden(scene, module, take, character, tmp_path) -> None:
    file, path = tmp_path / "library.blend", scene.rotocap.take
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    scene = bpy.context.scene
    with bpy.data.libraries.load(str(file), link=True) as (_, wanted):
        wanted.objects = ["Mixamo"]
    linked = bpy.data.objects["Mixamo"]
    scene.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    scene.rotocap.take = path
    scene.render.fps = 30
    assert "make a library override" in why(module, linked)
    override = linked.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    bpy.context.view_layer.update()
    override.override_library.is_system_override = True
    assert "library override that is not editable" in why(module, override)
    override.override_library.is_system_override = False
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    # And it is there when the file is opened again.
    used = tmp_path / "used.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(used))
    bpy.ops.wm.open_mainfile(filepath=str(used))
    again = next(ob for ob in bpy.data.objects if ob.override_library is not None)
    assert again.animation_data.nla_tracks[0].strips[0].action is not None


def test_in_edit_mode(module, take, character) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    assert "leave it first (Tab)" in why(module, character)


def test_hidden(module, take, character) -> None:
    character.hide_set(True)
    assert "is hidden: show it first" in why(module, character)
    character.hide_set(False)
    character.hide_viewport = True
    assert "is hidden: show it first" in why(module, character)


def test_in_another_view_layer(scene, module, take, character) -> None:
    away = bpy.data.collections.new("Away")
    scene.collection.children.link(away)
    away.objects.link(character)
    scene.collection.objects.unlink(character)
    bpy.context.view_layer.layer_collection.children["Away"].exclude = True
    scene.rotocap.retarget.rig = character
    assert "is not in the view layer ViewLayer" in why(module, character)


@pytest.mark.parametrize(
    ("scale", "said"), [((0.0, 0.0, 0.0), "scaled by 0, 0, 0"), ((0.01, 0.02, 0.01), "the same scale along")]
)
def test_scaled_to_nothing_or_unevenly(take, character, scale, said) -> None:
    character.scale = scale
    refused(said)


def test_bones_of_almost_no_length(take, character) -> None:
    """Blender keeps none of no length at all; a speck of a leg is as bad."""
    legs = [bone for side in ("left", "right") for part in ("thigh", "shank", "foot", "toes")
            for bone in build.truth("mixamo")[f"{side}_{part}"]]  # fmt: skip
    bpy.ops.object.mode_set(mode="EDIT")
    bones = character.data.edit_bones
    at = bones[build.truth("mixamo")["pelvis"][0]].head.copy()
    for name in legs:
        bones[name].use_connect = False
        bones[name].head = at
        bones[name].tail = at + type(at)((0.0, 0.0, 1e-5))
    bpy.ops.object.mode_set(mode="OBJECT")
    refused("are in one place, so left thigh has no length")


def found(character) -> dict:
    bpy.ops.rotocap.find_bone_map()
    return {row.role: row for row in character.rotocap.rows if row.bone}


def test_one_bone_for_two_parts(take, character) -> None:
    rows = found(character)
    rows["left_thigh"].bone = rows["right_thigh"].bone
    refused("is used twice")


def test_no_hips_in_the_map(take, character) -> None:
    found(character)["pelvis"].bone = ""
    refused("no bone is the pelvis; choose the hips")


def test_a_map_to_bones_that_are_gone(take, character) -> None:
    thigh = found(character)["left_thigh"].bone
    character.data.bones[thigh].name = "Beam"
    refused("has no bones named .*any more")


def test_a_take_with_gaps_has_no_keys_in_them(scene, module, character, known_motion, known_take) -> None:
    frame = np.concatenate([np.arange(0, 20), np.arange(35, 60)])
    scene.render.fps = 30
    scene.rotocap.take = str(known_take(known_motion(frame=frame, bend=0.2)))
    for reduce in (False, True):
        scene.rotocap.retarget.reduce = reduce
        assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
        action = character.animation_data.nla_tracks[0].strips[0].action
        for curve in module("addon.blender_versions").curves_of(action):
            times = np.array([point.co.x for point in curve.keyframe_points])
            assert not ((times > 20) & (times < 36)).any()
            assert {20.0, 36.0} <= set(times.tolist())
            last = curve.keyframe_points[int(np.flatnonzero(times == 20)[0])]
            assert last.interpolation == "CONSTANT"
            assert curve.evaluate(30.0) == pytest.approx(last.co.y, abs=1e-6)
    assert [(m.name, m.frame) for m in scene.timeline_markers] == [
        ("Person 1 out", 21),
        ("Person 1 back", 36),
    ]


def test_another_frame_rate_keeps_the_time(scene, module, take, character) -> None:
    scene.render.fps = 60
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    action = character.animation_data.nla_tracks[0].strips[0].action
    assert tuple(action.frame_range) == (1.0, 1.0 + 19 * 2)


def test_our_track_is_locked(scene, take, character) -> None:
    bpy.ops.rotocap.apply_to_armature()
    character.animation_data.nla_tracks[0].lock = True
    refused("is locked: unlock it")


def test_an_action_that_is_linked_and_read_only_stays_beneath(scene, take, character, tmp_path) -> None:
    character.location.x = 1.0
    character.keyframe_insert("location", frame=1)
    action = character.animation_data.action
    slot = getattr(character.animation_data, "action_slot", None)
    file = tmp_path / "actions.blend"
    action.use_fake_user = True
    bpy.data.libraries.write(str(file), {action})
    name, identifier = action.name, slot.identifier if slot else ""
    character.animation_data_clear()
    bpy.data.actions.remove(action)
    with bpy.data.libraries.load(str(file), link=True) as (_, wanted):
        wanted.actions = [name]
    linked = bpy.data.actions[name]
    character.animation_data_create().action = linked
    if slot:
        character.animation_data.action_slot = linked.slots[identifier]
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    below, ours = character.animation_data.nla_tracks
    assert below.strips[0].action == linked and not linked.is_editable
    assert ours.strips[0].action.is_editable


def test_locked_channels_and_constraints_are_left_alone_and_named(scene, module, take, character) -> None:
    truth = build.truth("mixamo")
    head, forearm = (character.pose.bones[truth[role][0]] for role in ("head", "left_forearm"))
    head.lock_rotation, head.lock_rotation_w, head.lock_rotations_4d = (True, True, True), True, True
    forearm.constraints.new("COPY_ROTATION").target = character
    forearm.constraints[0].subtarget = head.name
    open_take = module("inference.take").Take.open(Path(scene.rotocap.take))
    apply_take = module("addon.apply_take")
    report = apply_take.apply_to(scene, character, open_take, apply_take.read_people(open_take))
    said = " ".join(report.warnings)
    assert head.name in said and "locked" in said
    assert forearm.name in said and "constraints" in said
    action = character.animation_data.nla_tracks[0].strips[0].action
    paths = {curve.data_path for curve in module("addon.blender_versions").curves_of(action)}
    assert not any(f'"{bone.name}"].rotation' in path for bone in (head, forearm) for path in paths)


def test_a_failure_while_writing_leaves_no_action(scene, module, take, character, monkeypatch) -> None:
    def full(*_, **__):
        raise MemoryError("no room")

    monkeypatch.setattr(module("addon.tracks"), "play", full)
    before = state()
    with pytest.raises(MemoryError):
        open_take = module("inference.take").Take.open(Path(scene.rotocap.take))
        apply_take = module("addon.apply_take")
        apply_take.apply_to(scene, character, open_take, apply_take.read_people(open_take))
    assert state() == before

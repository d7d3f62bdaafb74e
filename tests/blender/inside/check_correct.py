# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits by posing, the clean-up's steps and the lanes of contacts, on the armature in Blender."""

from __future__ import annotations

import dataclasses
import math
import shutil

import bpy
import numpy as np
import pytest
from mathutils import Euler, Quaternion, Vector

COUNT = 90


@pytest.fixture
def slider(module, known_motion):
    """A person with bent knees who slides sideways, 12 cm in 90 frames; both feet are said to stand."""
    index = module("inference.skeleton").INDEX
    base = known_motion(frame=np.arange(COUNT))
    poses = np.zeros((COUNT, 55, 3))
    for side in ("left", "right"):
        poses[:, index[f"{side}_hip"], 0] = -0.4
        poses[:, index[f"{side}_knee"], 0] = 0.8
        poses[:, index[f"{side}_ankle"], 0] = -0.4
    poses[:, index["left_elbow"], 1] = -0.8 + 0.3 * np.sin(np.arange(COUNT) / 8.0)
    trans = np.zeros((COUNT, 3))
    trans[:, 0] = np.linspace(0.0, 0.12, COUNT)
    trans[:, 1] = -0.055
    contact = np.zeros((COUNT, 4))
    contact[10:35, :2] = 1.0
    contact[50:75, 2:] = 1.0
    return dataclasses.replace(base, poses=poses.reshape(COUNT, 165), trans=trans, contact=contact)


@pytest.fixture
def applied(scene, module, known_take):
    """Applies a sequence to an armature of its own; gives that armature and its performance."""

    def apply(sequence):
        path = known_take(sequence)
        take = module("inference.take").Take.open(path)
        apply_take = module("addon.apply_take")
        report = apply_take.apply_new(scene, take, apply_take.read_people(take))
        armature = scene.objects[report.armatures[0]]
        bpy.context.view_layer.objects.active = armature
        entry = module("addon.corrections").entry_of(scene, armature)
        return armature, entry, path

    return apply


def basis(armature, scene, frame):
    scene.frame_set(frame)
    return {bone.name: bone.matrix_basis.copy() for bone in armature.pose.bones}


def apart(first, second):
    """Largest difference of two poses: degrees and metres."""
    turns = [
        math.degrees((first[n].to_quaternion().inverted() @ second[n].to_quaternion()).angle) for n in first
    ]
    return max(turns), max((first[n].translation - second[n].translation).length for n in first)


def same(first, second, *, degrees=0.1):
    turn, way = apart(first, second)
    assert turn < degrees
    assert way < 1e-4
    return True


def place(armature, scene, bone, frames):
    out = []
    for frame in frames:
        scene.frame_set(int(frame))
        out.append(armature.matrix_world @ armature.pose.bones[bone].head)
    return np.array(out)


def bend(armature, name, angle, axis=(0.3, 1.0, 0.2)):
    bone = armature.pose.bones[name]
    turn = Quaternion(Vector(axis).normalized(), angle)
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion = bone.rotation_quaternion @ turn
    elif bone.rotation_mode == "AXIS_ANGLE":
        angle_axis = bone.rotation_axis_angle
        now = Quaternion(Vector(angle_axis[1:]), angle_axis[0]) @ turn
        bone.rotation_axis_angle = (now.angle, *now.axis)
    else:
        bone.rotation_euler = (bone.rotation_euler.to_quaternion() @ turn).to_euler(bone.rotation_mode)


def test_a_posed_frame_is_exactly_as_posed_and_fades(scene, applied, slider) -> None:
    armature, _, _ = applied(slider)
    raw = {frame: basis(armature, scene, frame) for frame in (20, 40, 46, 60)}
    scene.frame_set(40)
    bend(armature, "left_elbow", 1.1)
    bend(armature, "head", -0.5)
    armature.pose.bones["pelvis"].location += Vector((0.1, 0.0, 0.2))
    posed = {bone.name: bone.matrix_basis.copy() for bone in armature.pose.bones}
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    degrees, metres = apart(posed, basis(armature, scene, 40))
    assert degrees < 0.1
    assert metres < 1e-4
    for frame in (20, 60):  # beyond the falloff of 12 frames
        assert same(raw[frame], basis(armature, scene, frame), degrees=0.01)
    halfway = apart(raw[46], basis(armature, scene, 46))[0]
    assert 0.3 * math.degrees(1.1) < halfway < 0.7 * math.degrees(1.1)
    assert [entry.frame for entry in armature.rotocap.edits.entries] == [40]
    (track,) = [t for t in armature.animation_data.nla_tracks if t.name.endswith("edits")]
    assert track == armature.animation_data.nla_tracks[-1]
    assert track.strips[0].blend_type == "COMBINE"


def test_neighbouring_edits_are_both_exact_and_one_can_go(scene, applied, slider) -> None:
    armature, _, _ = applied(slider)
    raw = basis(armature, scene, 46)
    posed = {}
    for frame, angle in ((40, 0.9), (46, -0.6), (44, 0.3)):
        scene.frame_set(frame)
        bend(armature, "left_elbow", angle)
        posed[frame] = {bone.name: bone.matrix_basis.copy() for bone in armature.pose.bones}
        assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    for frame, wanted in posed.items():
        assert same(wanted, basis(armature, scene, frame))
    # Without the ones at 40 and 44, the one at 46 stays.
    for frame in (40, 44):
        index = next(i for i, e in enumerate(armature.rotocap.edits.entries) if e.frame == frame)
        assert bpy.ops.rotocap.remove_edit(index=index) == {"FINISHED"}
    assert same(posed[46], basis(armature, scene, 46))
    assert bpy.ops.rotocap.remove_edit(index=0) == {"FINISHED"}
    assert same(raw, basis(armature, scene, 46), degrees=0.01)
    assert not [t for t in armature.animation_data.nla_tracks if t.name.endswith("edits")]


def own_character(module, scene, sequence):
    """An armature of the animator's with bones in several rotation modes."""
    collection = bpy.data.collections.new("mine")
    scene.collection.children.link(collection)
    armature = module("addon.armature").new_armature("Hero", sequence.rest_joints, collection)
    modes = {"left_shoulder": "XYZ", "head": "ZXY", "right_shoulder": "AXIS_ANGLE", "spine2": "YZX"}
    for name, mode in modes.items():
        armature.pose.bones[name].rotation_mode = mode
    bpy.context.view_layer.objects.active = armature
    return armature


def test_any_character_in_any_rotation_mode_and_alive_after_another_apply(
    scene, module, slider, known_take
) -> None:
    armature = own_character(module, scene, slider)
    scene.rotocap.take = str(known_take(slider))
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    scene.frame_set(30)
    for name in ("left_shoulder", "head", "right_shoulder", "spine2", "left_knee"):
        bend(armature, name, 0.5)
    posed = {bone.name: bone.matrix_basis.copy() for bone in armature.pose.bones}
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    assert same(posed, basis(armature, scene, 30))
    # Applied again, with other settings, onto other keys: the offset is the same as before.
    scene.rotocap.retarget.hold_feet = False
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    assert armature.animation_data.nla_tracks[-1].name.endswith("edits")
    again = basis(armature, scene, 30)
    for name in ("left_shoulder", "head", "right_shoulder", "spine2"):
        turn = (posed[name].to_quaternion().inverted() @ again[name].to_quaternion()).angle
        assert math.degrees(turn) < 0.1, name
    assert bpy.ops.rotocap.toggle_edits() == {"FINISHED"}
    assert apart(posed, basis(armature, scene, 30))[0] > 20.0


def test_an_edit_outlives_a_new_clean_up(scene, applied, slider) -> None:
    armature, entry, _ = applied(slider)
    scene.frame_set(40)
    bend(armature, "head", 0.7)
    posed = armature.pose.bones["head"].matrix_basis.copy()
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    assert bpy.ops.rotocap.add_step(kind="smooth") == {"FINISHED"}
    scene.frame_set(40)
    now = armature.pose.bones["head"].matrix_basis
    assert math.degrees((posed.to_quaternion().inverted() @ now.to_quaternion()).angle) < 0.1
    assert len(armature.animation_data.nla_tracks) == 2
    assert entry.corrections.steps[0].said


def test_steps_change_the_keys_and_muting_brings_them_back(scene, applied, slider) -> None:
    armature, entry, _ = applied(slider)
    frames = range(20, 60)
    before = place(armature, scene, "left_wrist", frames)
    scene.frame_set(40)
    assert bpy.ops.rotocap.add_step(kind="hold") == {"FINISHED"}
    step = entry.corrections.steps[0]
    assert (step.first, step.last, step.at) == (30, 50, 40)
    hips = place(armature, scene, "pelvis", frames)
    held = place(armature, scene, "left_wrist", frames) - hips
    assert np.abs(held[10:31] - held[20]).max() < 1e-4
    assert bpy.ops.rotocap.toggle_layer(layer="clean_on") == {"FINISHED"}
    assert np.abs(place(armature, scene, "left_wrist", frames) - before).max() < 1e-5
    assert bpy.ops.rotocap.toggle_layer(layer="clean_on") == {"FINISHED"}
    step.on = False
    assert entry.corrections.stale
    assert bpy.ops.rotocap.update_motion() == {"FINISHED"}
    assert not entry.corrections.stale
    assert np.abs(place(armature, scene, "left_wrist", frames) - before).max() < 1e-5
    assert len(armature.animation_data.nla_tracks) == 1


def lane(armature, name):
    animation = armature.data.animation_data
    curves = (
        animation.action.fcurves
        if not hasattr(animation, "action_slot")
        else animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves
    )
    (curve,) = [c for c in curves if c.data_path == f'["{name}"]']
    return curve


def slide(armature, scene, bone, first, last):
    """How far a bone goes in the floor's plane between two frames, metres."""
    places = place(armature, scene, bone, range(first, last + 1))[:, :2]
    return float(np.linalg.norm(places - places[0], axis=1).max())


def test_contacts_are_keys_that_can_be_dragged(scene, module, applied, slider, monkeypatch) -> None:
    armature, entry, _ = applied(slider)
    watch = module("addon.correct_watch")
    assert slide(armature, scene, "left_ankle", 12, 33) > 0.02
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    keys = [(k.co.x, k.co.y) for k in lane(armature, "left_heel").keyframe_points]
    assert [value for _, value in keys] == [0, 1, 0]
    assert abs(keys[1][0] - 11) <= 2
    assert abs(keys[2][0] - 36) <= 2
    assert {k.interpolation for k in lane(armature, "left_heel").keyframe_points} == {"CONSTANT"}
    assert slide(armature, scene, "left_ankle", 14, 33) < 0.002
    assert watch.follow(scene) == 0  # nothing was dragged
    other = place(armature, scene, "right_ankle", range(1, COUNT + 1))
    action = armature.animation_data.nla_tracks[0].strips[0].action
    bpy.context.view_layer.update()
    if bpy.app.timers.is_registered(watch._later):  # from making the lanes: there is nobody to let it run
        bpy.app.timers.unregister(watch._later)
    for name in ("left_heel", "left_toe"):  # dragged to end ten frames later
        curve = lane(armature, name)
        curve.keyframe_points[2].co.x += 10
        curve.update()
    armature.data.animation_data.action.update_tag()
    bpy.context.view_layer.update()
    assert bpy.app.timers.is_registered(watch._later), "it was noticed"
    # What is dragged while a render runs is followed when it is over.
    monkeypatch.setattr(watch, "rendering", lambda: True)
    assert watch._later() == 0.25 and watch.stale_entries(scene) == [entry]
    monkeypatch.setattr(watch, "rendering", lambda: False)
    assert watch._later() is None and watch.stale_entries(scene) == []
    assert armature.animation_data.nla_tracks[0].strips[0].action == action  # rewritten in place
    assert slide(armature, scene, "left_ankle", 14, 43) < 0.002
    # In place or all anew comes to the same.
    feet = [place(armature, scene, f"{side}_ankle", range(1, COUNT + 1)) for side in ("left", "right")]
    assert bpy.ops.rotocap.update_motion() == {"FINISHED"}
    anew = [place(armature, scene, f"{side}_ankle", range(1, COUNT + 1)) for side in ("left", "right")]
    assert max(np.abs(a - b).max() for a, b in zip(feet, anew, strict=True)) < 1e-3
    assert np.abs(other[60:] - anew[1][60:]).max() < 5e-3
    assert entry.corrections.solved_lanes


def test_a_contact_is_added_and_lifted_at_the_playhead(scene, applied, slider) -> None:
    armature, _, _ = applied(slider)
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    scene.frame_set(60)
    for name in ("left_heel", "left_toe"):
        assert bpy.ops.rotocap.put_down(lane=name, frames=15) == {"FINISHED"}
    assert slide(armature, scene, "left_ankle", 60, 74) < 0.002
    scene.frame_set(20)
    for name in ("left_heel", "left_toe"):
        assert bpy.ops.rotocap.put_down(lane=name) == {"FINISHED"}
    assert slide(armature, scene, "left_ankle", 14, 33) > 0.015
    assert bpy.ops.rotocap.remove_lanes() == {"FINISHED"}
    assert slide(armature, scene, "right_ankle", 53, 73) > 0.015
    assert "left_heel" not in armature.data


def test_lanes_and_doubt_share_the_data_and_survive_a_rewrite(scene, applied, slider) -> None:
    armature, _, _ = applied(slider)
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    assert bpy.ops.rotocap.update_motion() == {"FINISHED"}
    assert len(lane(armature, "right_toe").keyframe_points) == 3
    assert bpy.ops.rotocap.toggle_layer(layer="contacts_on") == {"FINISHED"}
    assert slide(armature, scene, "left_ankle", 14, 33) > 0.015
    assert bpy.ops.rotocap.toggle_layer(layer="contacts_on") == {"FINISHED"}
    assert slide(armature, scene, "left_ankle", 14, 33) < 0.002


def test_what_cannot_be_is_said_in_words_and_changes_nothing(scene, applied, slider) -> None:
    armature, entry, path = applied(slider)
    scene.frame_set(20)
    with pytest.raises(RuntimeError, match="nothing is posed differently at frame 20"):
        bpy.ops.rotocap.correct_pose()
    with pytest.raises(RuntimeError, match="has no lanes yet; press Make Lanes"):
        bpy.ops.rotocap.put_down(lane="left_toe")
    with pytest.raises(RuntimeError, match="has no edit number 1"):
        bpy.ops.rotocap.remove_edit(index=0)
    before = place(armature, scene, "left_wrist", (10, 50))
    assert bpy.ops.rotocap.add_step(kind="smooth") == {"FINISHED"}
    step = entry.corrections.steps[0]
    step.use_range, step.first, step.last = True, 900, 950
    with pytest.raises(RuntimeError, match="choose a range inside the take"):
        bpy.ops.rotocap.update_motion()
    step.first, step.last = 50, 20
    with pytest.raises(RuntimeError, match="the last one comes before the first"):
        bpy.ops.rotocap.update_motion()
    assert bpy.ops.rotocap.remove_step() == {"FINISHED"}
    assert np.abs(place(armature, scene, "left_wrist", (10, 50)) - before).max() < 1e-5
    # Somebody's own action over everything.
    scene.frame_set(20)
    bend(armature, "head", 0.4)
    armature.pose.bones["head"].keyframe_insert("rotation_quaternion", frame=20)
    with pytest.raises(RuntimeError, match="has keys on bones and plays over everything"):
        bpy.ops.rotocap.correct_pose()
    armature.animation_data.action = None
    shutil.rmtree(path)
    with pytest.raises(RuntimeError, match=r"person_01\.npz|folder is gone"):
        bpy.ops.rotocap.update_motion()
    bpy.data.objects.remove(armature)
    with pytest.raises(RuntimeError):
        bpy.ops.rotocap.update_motion()


def test_a_deleted_edits_action_is_no_trouble(scene, applied, slider) -> None:
    armature, _, _ = applied(slider)
    scene.frame_set(40)
    bend(armature, "head", 0.7)
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    (action,) = [a for a in bpy.data.actions if a.name.endswith("edits")]
    bpy.data.actions.remove(action)
    scene.frame_set(60)
    bend(armature, "head", 0.5)
    posed = armature.pose.bones["head"].matrix_basis.copy()
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    scene.frame_set(60)
    now = armature.pose.bones["head"].matrix_basis
    assert math.degrees((posed.to_quaternion().inverted() @ now.to_quaternion()).angle) < 0.1
    for _ in range(2):
        assert bpy.ops.rotocap.remove_edit(index=0) == {"FINISHED"}


def test_euler_values_near_a_whole_turn_make_a_small_offset(scene, module, slider, known_take) -> None:
    armature = own_character(module, scene, slider)
    scene.rotocap.take = str(known_take(slider))
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    scene.frame_set(30)
    bone = armature.pose.bones["left_shoulder"]
    bone.rotation_euler = Euler((bone.rotation_euler.x + 0.2 + 2.0 * math.pi, *bone.rotation_euler[1:]))
    posed = bone.matrix_basis.copy()
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    scene.frame_set(30)
    now = bone.matrix_basis.to_quaternion()
    assert math.degrees((posed.to_quaternion().inverted() @ now).angle) < 0.1
    scene.frame_set(36)  # half faded: a whole turn on the way would show here
    assert abs(bone.rotation_euler.x) < 3.0

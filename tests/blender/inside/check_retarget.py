# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on characters with other bone names: what Blender plays, how many keys, applied again, edited."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[3]))
from tests.rigs import build

# Mixamo stands in centimetres, Unreal has its axes along x.
RIGS = ("mixamo", "unreal4")
LIMBS = (
    ("left_upper_arm", "left_forearm", "left_shoulder", "left_elbow"),
    ("left_forearm", "left_hand", "left_elbow", "left_wrist"),
    ("right_upper_arm", "right_forearm", "right_shoulder", "right_elbow"),
    ("left_thigh", "left_shank", "left_hip", "left_knee"),
    ("right_shank", "right_foot", "right_knee", "right_ankle"),
)


@pytest.fixture
def character(scene, request):
    scene.render.fps, scene.render.fps_base = 30, 1.0
    armature = build.armature(getattr(request, "param", "mixamo"))
    bpy.context.view_layer.objects.active = armature
    return armature


@pytest.fixture
def lively(known_motion):
    """Two seconds of smooth motion, with nobody's feet on the floor."""
    count = 60
    sequence = known_motion(frame=np.arange(count), bend=0.3)
    random = np.random.default_rng(4)
    t = np.arange(count)[:, None] / 30.0
    for hertz, size in ((0.4, 0.4), (1.1, 0.15)):
        swing = np.sin(2 * np.pi * hertz * t + random.uniform(0, 6.3, (1, 165))) * random.normal(
            0, size, (1, 165)
        )
        sequence.poses[:] = swing if hertz == 0.4 else sequence.poses + swing
    sequence.trans[:] = np.sin(t * [1.0, 2.0, 0.5]) * 0.2
    return sequence


def world(armature, role: str, name: str) -> np.ndarray:
    return np.array(armature.matrix_world @ armature.pose.bones[build.truth(name)[role][0]].head)


def off(armature, name: str, module, sequence, row: int) -> float:
    """Degrees between the character's limbs, as Blender poses it now, and the captured ones: the worst."""
    index = module("inference.skeleton").INDEX
    joints, _ = module("inference.kinematics").forward_poses(
        sequence.poses[row : row + 1], sequence.trans[row : row + 1], sequence.rest_joints
    )
    joints = np.stack([joints[0, :, 0], -joints[0, :, 2], joints[0, :, 1]], axis=-1)
    worst = 0.0
    for start, end, a, b in LIMBS:
        got = world(armature, end, name) - world(armature, start, name)
        want = joints[index[b]] - joints[index[a]]
        cosine = got @ want / np.linalg.norm(got) / np.linalg.norm(want)
        worst = max(worst, float(np.degrees(np.arccos(min(1.0, cosine)))))
    return worst


def strips(armature) -> list[bpy.types.NlaStrip]:
    return [strip for track in armature.animation_data.nla_tracks for strip in track.strips]


def curves(module, armature) -> list[bpy.types.FCurve]:
    return list(module("addon.blender_versions").curves_of(strips(armature)[-1].action))


def local(armature, scene, frames) -> np.ndarray:
    """(F, B, 4) the bones' own rotations as Blender plays them."""
    out = []
    for frame in frames:
        scene.frame_set(frame)
        out.append([np.array(bone.rotation_quaternion.normalized()) for bone in armature.pose.bones])
    return np.array(out)


@pytest.mark.parametrize("character", RIGS, indirect=True)
def test_limbs_point_as_captured_and_the_character_is_not_changed(
    scene, module, character, lively, known_take, request
) -> None:
    name = request.node.callspec.params["character"]
    rest = [(bone.name, tuple(bone.matrix_local.row[0])) for bone in character.data.bones]
    place = (*character.location, *character.rotation_euler, *character.scale)
    scene.rotocap.take = str(known_take(lively))
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    for row in (0, 31, 59):
        scene.frame_set(1 + row)
        assert off(character, name, module, lively, row) < 1.0
    assert [(bone.name, tuple(bone.matrix_local.row[0])) for bone in character.data.bones] == rest
    assert (*character.location, *character.rotation_euler, *character.scale) == place
    for curve in curves(module, character):
        assert curve.group.name in curve.data_path
    kept = character.rotocap
    assert kept.preset == name and kept.score == pytest.approx(1.0)
    certificate = module("addon.rig_map").certificate(kept.certificate)
    assert certificate.largest_angle < 1.0


def test_few_keys_play_what_many_did_within_the_error_that_was_set(
    scene, module, character, lively, known_take
) -> None:
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.rotocap.apply_to_armature()
    dense = sum(len(curve.keyframe_points) for curve in curves(module, character))
    before = local(character, scene, range(1, 61))
    settings = scene.rotocap.retarget
    settings.reduce, settings.degrees, settings.millimetres = True, 0.5, 2.0
    bpy.ops.rotocap.apply_to_armature()
    few = curves(module, character)
    assert sum(len(curve.keyframe_points) for curve in few) < 0.35 * dense
    points = few[5].keyframe_points
    assert {point.interpolation for point in points[:-1]} == {"BEZIER"}
    assert {point.handle_right_type for point in points} == {"ALIGNED"}
    dots = np.abs(np.sum(before * local(character, scene, range(1, 61)), axis=-1))
    assert np.degrees(2 * np.arccos(np.minimum(dots, 1.0))).max() < 0.55
    assert "% of the keys removed" in module("addon.rig_map").reduction(character.rotocap.reduction)


def test_applied_again_the_new_result_takes_the_old_ones_place(
    scene, module, character, lively, known_take
) -> None:
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.rotocap.apply_to_armature()
    above = character.animation_data.nla_tracks.new()
    above.name = "my corrections"
    strips(character)[0].influence = 0.5
    scene.rotocap.retarget.fingers = False
    bpy.ops.rotocap.apply_to_armature()
    assert [track.name for track in character.animation_data.nla_tracks][1] == "my corrections"
    assert len(strips(character)) == 1 and strips(character)[0].influence == 0.5
    assert len(bpy.data.actions) == 1
    paths = {curve.data_path for curve in curves(module, character)}
    assert not any("Index" in path for path in paths)


def test_keys_that_the_animator_changed_are_never_thrown_away(
    scene, module, character, lively, known_take
) -> None:
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.rotocap.apply_to_armature()
    mine = strips(character)[0].action
    point = curves(module, character)[7].keyframe_points[20]
    point.co.y += 0.25
    kept = point.co.y
    bpy.ops.rotocap.apply_to_armature()
    edited, ours = character.animation_data.nla_tracks
    assert edited.mute and edited.strips[0].action == mine
    assert not ours.mute and ours.strips[0].action != mine
    assert (
        next(c for k, c in enumerate(module("addon.blender_versions").curves_of(mine)) if k == 7)
        .keyframe_points[20]
        .co.y
        == kept
    )


def test_keys_between_frames_stand_at_the_captures_own_times(
    scene, module, character, lively, known_take
) -> None:
    scene.render.fps = 24
    scene.rotocap.take = str(known_take(lively))
    scene.rotocap.retarget.subframes = True
    bpy.ops.rotocap.apply_to_armature()
    times = [point.co.x for point in curves(module, character)[0].keyframe_points]
    assert times == pytest.approx(1 + np.arange(60) * 24 / 30, abs=1e-4)
    row = 33
    scene.frame_set(int(times[row]), subframe=times[row] - int(times[row]))
    assert off(character, "mixamo", module, lively, row) < 1.0
    assert scene.frame_end >= times[-1]


def test_the_map_is_found_edited_saved_and_loaded(scene, module, character, lively, known_take) -> None:
    assert bpy.ops.rotocap.find_bone_map() == {"FINISHED"}
    rows = {row.role: row for row in character.rotocap.rows if row.bone}
    assert rows["left_thigh"].bone == build.truth("mixamo")["left_thigh"][0]
    rows["left_toes"].bone = ""
    spine = [row.bone for row in character.rotocap.rows if row.role == "spine"]
    assert spine[-1] == ""  # room for one more
    assert bpy.ops.rotocap.save_bone_map(name="Our hero") == {"FINISHED"}
    saved = module("addon.rig_map").folder() / "Our hero.toml"
    assert saved.is_file()
    bpy.ops.rotocap.load_bone_map(preset="mixamo")
    assert any(row.role == "left_toes" and row.bone for row in character.rotocap.rows)
    assert bpy.ops.rotocap.load_bone_map(preset="Our hero") == {"FINISHED"}
    assert module("addon.rig_map").unmatched(character) == ["left toes"]
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.rotocap.apply_to_armature()
    toe = build.truth("mixamo")["left_toes"][0]
    assert not any(toe in curve.data_path for curve in curves(module, character))
    saved.unlink()  # not for the other tests
    with pytest.raises(RuntimeError, match="cannot be the name of a preset"):
        bpy.ops.rotocap.save_bone_map(name="../away")
    with pytest.raises(RuntimeError, match="no preset is named 'gone'"):
        bpy.ops.rotocap.load_bone_map(preset="gone")


def test_the_picked_character_goes_before_the_active_one(
    scene, module, character, lively, known_take
) -> None:
    other = build.armature("unreal4")
    scene.rotocap.take = str(known_take(lively))
    scene.rotocap.retarget.rig = other
    bpy.context.view_layer.objects.active = character
    bpy.ops.rotocap.apply_to_armature()
    assert character.animation_data is None and other.animation_data is not None


def test_each_character_gets_the_person_that_is_chosen(
    scene, module, character, lively, known_motion, known_take
) -> None:
    still = known_motion(frame=np.arange(60), bend=0.0)
    scene.rotocap.take = str(known_take(still, lively))
    settings = scene.rotocap.retarget
    settings.person = "Person 2"
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    scene.frame_set(32)
    assert off(character, "mixamo", module, lively, 31) < 1.0
    settings.person = "Nobody"
    with pytest.raises(RuntimeError, match="nobody named 'Nobody'; it has Person 1, Person 2"):
        bpy.ops.rotocap.apply_to_armature()


def test_one_undo_takes_it_all_back(scene, module, character, lively, known_take) -> None:
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.rotocap.apply_to_armature("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(bpy.data.actions) == 1
    bpy.ops.ed.undo()
    armature = bpy.data.objects["Mixamo"]  # what Python held is another object now
    assert not bpy.data.actions and armature.animation_data is None
    assert not armature.rotocap.rows and not armature.rotocap.certificate


def test_a_frame_of_the_certificate_can_be_gone_to(scene, character) -> None:
    assert bpy.ops.rotocap.go_to_frame(frame=17) == {"FINISHED"}
    assert scene.frame_current == 17


class Recorder:
    """Stands in for Blender's layout, which only exists in a window: checks that what is named is there."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def prop(self, data, name, placeholder="", **_) -> None:
        assert name in data.bl_rna.properties, name
        self.texts.append(placeholder)

    def prop_search(self, data, name, where, items, **_) -> None:
        assert name in data.bl_rna.properties and items in where.bl_rna.properties

    def operator(self, name, text="", **_):
        area, _, call = name.partition(".")
        assert getattr(getattr(bpy.ops, area), call).get_rna_type()
        self.texts.append(text)
        return type("Properties", (), {})()

    def label(self, text="", **_) -> None:
        self.texts.append(text)

    def template_list(self, *names, **_) -> None:
        kind, _, data, listed, other, active = names
        assert hasattr(bpy.types, kind)
        assert listed in data.bl_rna.properties and active in other.bl_rna.properties

    def menu(self, name, **_) -> None:
        assert hasattr(bpy.types, name)

    def _same(self, *_, **__):
        return self

    row = column = split = box = _same


def drawn(module, name: str) -> list[str]:
    panel = getattr(module("panels.retarget"), name)
    if not getattr(panel, "poll", lambda _: True)(bpy.context):
        return []
    layout = Recorder()
    panel.draw(type("Panel", (), {"layout": layout})(), bpy.context)
    return layout.texts


def test_the_sidebar_shows_map_options_and_certificate(scene, module, character, lively, known_take) -> None:
    assert "Mixamo (active)" in drawn(module, "ROTOCAP_PT_character")
    assert drawn(module, "ROTOCAP_PT_certificate") == []
    assert any("Searched when" in text for text in drawn(module, "ROTOCAP_PT_bone_map"))
    scene.rotocap.take = str(known_take(lively))
    bpy.ops.rotocap.apply_to_armature()
    assert "mixamo: 100% sure" in drawn(module, "ROTOCAP_PT_bone_map")
    assert "Limbs off by" in drawn(module, "ROTOCAP_PT_certificate")
    drawn(module, "ROTOCAP_PT_transfer")
    drawn(module, "ROTOCAP_MT_presets")
    names = module("panels.retarget").ROTOCAP_UL_bone_map
    shown = type("List", (), {"bitflag_filter_item": 1})()
    flags, _ = names.filter_items(shown, bpy.context, character.rotocap, "rows")
    body = [row.role for row, flag in zip(character.rotocap.rows, flags, strict=True) if flag]
    assert "left_thigh" in body and "left_index" not in body
    names.draw_item(
        shown, bpy.context, Recorder(), character.rotocap, character.rotocap.rows[3], 0, None, "", 3
    )

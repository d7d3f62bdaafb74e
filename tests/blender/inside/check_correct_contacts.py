# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands held by lanes of keys, and contacts that are dragged: a few frames, the same as all made anew."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))
from check_correct import COUNT, applied, lane, own_character, place, slider

__all__ = ["applied", "slider"]  # fixtures

BONES = (
    "left_wrist",
    "right_wrist",
    "left_ankle",
    "right_ankle",
    "left_elbow",
    "left_index3",
    "pelvis",
    "head",
)


@pytest.fixture
def stepping(module, known_motion):
    """Someone who steps on the spot, a foot down for 20 frames at a time, and sways with bent arms."""
    index = module("inference.skeleton").INDEX
    count = 240
    base = known_motion(frame=np.arange(count))
    t = np.arange(count) / 30.0
    random = np.random.default_rng(4)
    shake = np.stack(
        [np.convolve(r, np.hanning(9) / 4.0, "same") for r in random.normal(size=(12, count))], -1
    )
    poses = np.zeros((count, 55, 3))
    for k, side in enumerate(("left", "right")):
        up = np.clip(np.sin(2.0 * np.pi * t / 1.4 + np.pi * k), 0.0, 1.0)
        poses[:, index[f"{side}_hip"], 0] = -0.3 - 0.5 * up
        poses[:, index[f"{side}_knee"], 0] = 0.6 + 0.6 * up
        poses[:, index[f"{side}_ankle"], 0] = -0.3
        sign = 1.0 if side == "left" else -1.0
        poses[:, index[f"{side}_shoulder"], 2] = -1.0 * sign
        poses[:, index[f"{side}_elbow"], 1] = -1.6 * sign
        poses[:, index[f"{side}_shoulder"]] += 0.05 * shake[:, 3 * k : 3 * k + 3]
        poses[:, index[f"{side}_wrist"]] += 0.1 * shake[:, 6 + 3 * k : 9 + 3 * k]
    trans = np.zeros((count, 3))
    trans[:, 0], trans[:, 1] = 0.03 * np.sin(2.0 * t), -0.06
    trans[:, 2] = 0.02 * np.sin(3.3 * t)
    contact = np.zeros((count, 4))
    for k in range(2):
        down = np.sin(2.0 * np.pi * t / 1.4 + np.pi * k) < -0.05
        contact[:, 2 * k] = contact[:, 2 * k + 1] = down
    return dataclasses.replace(base, poses=poses.reshape(count, 165), trans=trans, contact=contact)


def paths(armature, scene, frames=range(1, 241)):
    """Where bones are and how the wrists are turned, of every second frame."""
    out = []
    for frame in frames[::2]:
        scene.frame_set(frame)
        bones = [armature.matrix_world @ armature.pose.bones[name].matrix for name in BONES]
        out.append([np.array(matrix)[:3] for matrix in bones])
    return np.array(out)


def wander(armature, scene, bone, first, last):
    """How far a bone gets from where it is at first, metres, and how far it turns, as a matrix."""
    matrices = []
    for frame in range(first, last + 1):
        scene.frame_set(frame)
        matrices.append(np.array(armature.matrix_world @ armature.pose.bones[bone].matrix))
    apart = np.abs(np.array(matrices) - matrices[0])
    return apart[:, :3, 3].max(), apart[:, :3, :3].max()


def test_a_hand_is_held_where_it_is_in_the_room(scene, module, applied, stepping) -> None:
    armature, entry, _ = applied(stepping)
    before = paths(armature, scene)
    assert wander(armature, scene, "left_wrist", 100, 129)[0] > 0.02
    scene.frame_set(100)
    assert bpy.ops.rotocap.hold_hand(lane="left_hand", frames=30) == {"FINISHED"}
    metres, turned = wander(armature, scene, "left_wrist", 100, 129)
    assert metres < 1e-3
    assert turned < 1e-3
    keys = [(k.co.x, k.co.y) for k in lane(armature, "left_hand").keyframe_points]
    assert keys == [(0.0, 0.0), (100.0, 1.0), (130.0, 0.0)]
    assert "left_heel" not in armature.data, "the feet are none of its business"
    after = paths(armature, scene)
    others = [BONES.index(name) for name in ("right_wrist", "left_ankle", "right_ankle", "pelvis", "head")]
    assert np.abs(after[:, others] - before[:, others]).max() < 1e-5
    far = np.abs(np.arange(1, 241, 2) - 115) > 15 + 10
    assert np.abs(after[far] - before[far]).max() < 1e-5
    # Dragged, it takes effect at once; pressed again, the hand is let go, and all is as it was.
    curve = lane(armature, "left_hand")
    curve.keyframe_points[2].co.x = 150
    curve.update()
    assert module("addon.correct_watch").follow(scene) == 1
    assert wander(armature, scene, "left_wrist", 100, 149)[0] < 1e-3
    scene.frame_set(120)
    assert bpy.ops.rotocap.hold_hand(lane="left_hand") == {"FINISHED"}
    assert np.abs(paths(armature, scene) - before).max() < 1e-5
    assert entry.corrections.contacts_on
    # The lane is empty now: that it is deleted in the dope sheet changes nothing.
    module("addon.contact_lanes").remove(armature, ["left_hand"])
    assert module("addon.correct_watch").follow(scene) == 1
    assert np.abs(paths(armature, scene) - before).max() < 1e-5


def test_the_preview_range_is_what_is_held(scene, applied, stepping) -> None:
    armature, _, _ = applied(stepping)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 60, 90
    scene.frame_set(75)
    assert bpy.ops.rotocap.hold_hand(lane="right_hand") == {"FINISHED"}
    assert wander(armature, scene, "right_wrist", 60, 90)[0] < 1e-3
    assert bpy.ops.rotocap.remove_lanes(which="HANDS") == {"FINISHED"}
    assert wander(armature, scene, "right_wrist", 60, 90)[0] > 0.02
    assert "right_hand" not in armature.data


def test_hands_outlive_clean_up_new_lanes_of_feet_muting_and_a_new_capture(
    scene, module, applied, stepping
) -> None:
    armature, _, path = applied(stepping)
    scene.frame_set(100)
    assert bpy.ops.rotocap.hold_hand(lane="left_hand", frames=30) == {"FINISHED"}

    def held() -> bool:
        return wander(armature, scene, "left_wrist", 100, 129)[0] < 1e-3

    assert bpy.ops.rotocap.add_step(kind="smooth") == {"FINISHED"}
    assert held()
    for _ in range(2):
        assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
        assert held()
    assert wander(armature, scene, "left_ankle", 28, 38)[0] < 2e-3
    assert bpy.ops.rotocap.toggle_layer(layer="contacts_on") == {"FINISHED"}
    assert not held()
    assert bpy.ops.rotocap.toggle_layer(layer="contacts_on") == {"FINISHED"}
    assert held()
    assert bpy.ops.rotocap.remove_lanes(which="FEET") == {"FINISHED"}
    assert held()
    moved = dataclasses.replace(stepping, trans=stepping.trans + np.array([0.3, 0, 0]))
    moved.save(path / "person_01.npz")
    before = place(armature, scene, "left_wrist", [115])
    assert bpy.ops.rotocap.update_motion() == {"FINISHED"}
    assert held()
    assert np.linalg.norm(place(armature, scene, "left_wrist", [115]) - before) > 0.2


CHANGES = {
    "a foot's contact that ends later": [("left_heel", 2, 4.0), ("left_toe", 2, 4.0)],
    "one that begins sooner": [("right_toe", 3, -3.0)],
    "a hand's": [("left_hand", 2, 25.0)],
    "a hand and a foot at once": [("left_hand", 1, 10.0), ("right_heel", 4, 3.0)],
    "the last": [("left_heel", -1, -6.0)],
}


@pytest.mark.parametrize("character", ["ours", "own"])
def test_a_window_is_what_all_made_anew_would_be(scene, module, applied, stepping, character) -> None:
    armature, entry, path = applied(stepping)
    if character == "own":
        armature = own_character(module, scene, stepping)
        scene.rotocap.retarget.rig = armature
        scene.rotocap.take = str(path)
        assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
        entry = module("addon.corrections").entry_of(scene, armature)
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    scene.frame_set(100)
    assert bpy.ops.rotocap.hold_hand(lane="left_hand", frames=30) == {"FINISHED"}
    watch, tracks = module("addon.correct_watch"), module("addon.own_keys")
    for name, drags in CHANGES.items():
        (track,) = armature.animation_data.nla_tracks
        action = track.strips[0].action
        for which, key, by in drags:
            curve = lane(armature, which)
            curve.keyframe_points[key].co.x += by
            curve.update()
        assert watch.follow(scene) == 1, name
        assert track.strips[0].action == action, f"{name}: made anew"
        assert tracks.untouched(action), name
        window = paths(armature, scene)
        module("addon.correct_apply").refresh(scene, entry)
        assert np.abs(paths(armature, scene) - window).max() < 2e-4, name


def test_a_hand_on_a_character_whose_feet_are_held_as_captured(scene, module, applied, stepping) -> None:
    _, _, path = applied(stepping)
    armature = own_character(module, scene, stepping)
    scene.rotocap.retarget.rig = armature
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    entry = module("addon.corrections").entry_of(scene, armature)
    before = paths(armature, scene)
    (track,) = armature.animation_data.nla_tracks
    action = track.strips[0].action
    scene.frame_set(100)
    assert bpy.ops.rotocap.hold_hand(lane="left_hand", frames=30) == {"FINISHED"}
    assert track.strips[0].action == action, "made anew"
    window = paths(armature, scene)
    assert wander(armature, scene, "left_wrist", 100, 129)[0] < 1e-3
    feet = [BONES.index(name) for name in ("left_ankle", "right_ankle", "pelvis")]
    assert np.abs(window[:, feet] - before[:, feet]).max() < 1e-6
    module("addon.correct_apply").refresh(scene, entry)
    assert np.abs(paths(armature, scene) - window).max() < 2e-4


def test_keys_that_the_animator_changed_are_not_written_over(scene, module, applied, stepping) -> None:
    armature, _, _ = applied(stepping)
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    (track,) = armature.animation_data.nla_tracks
    action = track.strips[0].action
    curves = list(module("addon.blender_versions").curves_of(action))
    mine = next(c for c in curves if '"left_knee"' in c.data_path and c.array_index == 1)
    mine.keyframe_points[40].co.y += 0.5
    kept = mine.keyframe_points[40].co.y
    curve = lane(armature, "left_heel")
    curve.keyframe_points[2].co.x += 4
    curve.update()
    assert module("addon.correct_watch").follow(scene) == 1
    assert mine.keyframe_points[40].co.y == kept
    assert track.mute and len(armature.animation_data.nla_tracks) == 2


def test_what_a_hand_cannot_do_is_said_in_words(scene, module, applied, slider) -> None:
    armature, entry, path = applied(slider)
    scene.frame_set(COUNT + 300)
    with pytest.raises(RuntimeError, match="is not in the picture here"):
        bpy.ops.rotocap.hold_hand(lane="left_hand")
    assert "left_hand" not in armature.data
    scene.frame_set(30)
    module("addon.corrections").forget()
    shutil.rmtree(path)
    with pytest.raises(RuntimeError, match="folder is gone"):
        bpy.ops.rotocap.hold_hand(lane="left_hand")
    # Nothing has changed, and nothing is tried again behind the animator's back.
    assert "left_hand" not in armature.data
    assert module("addon.correct_watch").stale_entries(scene) == []
    assert entry.corrections.solved_lanes == ""

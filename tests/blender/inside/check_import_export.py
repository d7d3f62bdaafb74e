# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from elsewhere in, and a character's motion out, with the buttons of the sidebar."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest


@pytest.fixture
def walk(module, known_motion, tmp_path: Path) -> Path:
    """An `.npz` as AMASS has it, of 40 frames at 30 a second."""
    module("retarget.amass").write(tmp_path / "walk.npz", known_motion(bend=0.3))
    return tmp_path / "walk.npz"


def test_an_npz_becomes_a_take_and_a_character(scene, module, walk) -> None:
    assert bpy.ops.rotocap.import_motion(filepath=str(walk)) == {"FINISHED"}
    take = Path(scene.rotocap.take)
    assert take == walk.with_name("walk.npz.take")
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert scene.render.fps == 30
    assert scene.camera is None
    assert not [thing for thing in bpy.data.objects if thing.type == "CAMERA"]
    rig = scene.objects["walk"]
    scene.frame_set(9)
    sequence = module("inference.take").Take.open(take)
    sequence = sequence.sequence(sequence.people[0])
    joints, _ = module("inference.kinematics").forward_poses(
        sequence.poses, sequence.trans, sequence.rest_joints.astype(float)
    )
    index = module("inference.skeleton").INDEX
    for name in ("left_wrist", "right_ankle", "head"):
        x, y, z = joints[8, index[name]]
        np.testing.assert_allclose(rig.matrix_world @ rig.pose.bones[name].head, (x, -z, y), atol=2e-3)


def test_out_and_in_again_it_is_the_same_motion(scene, walk, tmp_path: Path) -> None:
    bpy.ops.rotocap.import_motion(filepath=str(walk))
    bpy.ops.rotocap.apply_new_armature()
    first = scene.objects["walk"]
    bpy.context.view_layer.objects.active = first
    for kind in ("bvh", "npz"):
        assert bpy.ops.rotocap.export_motion(filepath=str(tmp_path / "out.fbx"), kind=kind) == {"FINISHED"}
        assert (tmp_path / f"out.{kind}").is_file()
        assert bpy.ops.rotocap.import_motion(filepath=str(tmp_path / f"out.{kind}")) == {"FINISHED"}
        assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
        again = bpy.context.view_layer.objects.active
        for frame in (2, 20, 39):
            scene.frame_set(frame)
            for a, b in (("left_elbow", "left_wrist"), ("right_hip", "right_knee"), ("neck", "head")):
                ways = []
                for rig in (first, again):
                    way = (
                        rig.matrix_world @ rig.pose.bones[b].head - rig.matrix_world @ rig.pose.bones[a].head
                    )
                    ways.append(way.normalized())
                assert np.degrees(ways[0].angle(ways[1])) < 0.5, (kind, frame, a)


def test_what_is_wrong_is_told_and_nothing_changes(scene, tmp_path: Path) -> None:
    scene.rotocap.take = "before"
    (tmp_path / "a.bvh").write_text("HIERARCHY\nROOT Hips\n{\nMOTION\n")
    with pytest.raises(RuntimeError, match="line 3: the braces"):
        bpy.ops.rotocap.import_motion(filepath=str(tmp_path / "a.bvh"))
    with pytest.raises(RuntimeError, match="no such file"):
        bpy.ops.rotocap.import_motion(filepath=str(tmp_path / "b.npz"))
    assert scene.rotocap.take == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvh"]

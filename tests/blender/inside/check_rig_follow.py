# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs read from Blender: posed as we say in every mode, followed where constraints tie their bones."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Vector
from scipy.spatial.transform import Rotation

from rotocap.tests.rigs import build

MODES = ("QUATERNION", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "AXIS_ANGLE")


@pytest.fixture
def motion(module):
    """Twenty frames of everything."""
    random = np.random.default_rng(8)
    count, rest = 20, module("inference.skeleton").rest_joints()
    local = (
        Rotation.from_rotvec(random.normal(0.0, 0.5, (count * 55, 3))).as_matrix().reshape(count, 55, 3, 3)
    )
    pelvis = rest[0] + np.linspace(0.0, 1.0, count)[:, None]
    joints, world = module("inference.kinematics").forward(local, pelvis, rest)
    axes = module("retarget.axes")
    return module("retarget.motion").Motion(
        frames=np.arange(count), spans=((0, count - 1),), fps=30.0,
        rotations=axes.rotations_to_blender(world), joints=axes.to_blender(joints),
        rest_joints=axes.to_blender(rest), contact=np.zeros((count, 4)),
    )  # fmt: skip


def show(armature: bpy.types.Object, solved, frame: int) -> None:
    for channel in solved.channels():
        bone = armature.pose.bones[channel.bone]
        values = list(getattr(bone, channel.property))
        for column, index in enumerate(channel.indices):
            values[index] = channel.values[frame, column]
        setattr(bone, channel.property, values)
    bpy.context.view_layer.update()


@pytest.mark.parametrize("name", ["mixamo", "unreal5", "daz_genesis8"])
def test_blender_poses_a_rig_as_we_say(name: str, scene, module, motion) -> None:
    armature = build.armature(name, scene.collection)
    roles = build.truth(name)
    for k, bone in enumerate(armature.pose.bones):
        bone.rotation_mode = MODES[k % len(MODES)]
    for role in ("left_forearm", "right_shank", "neck"):
        armature.data.bones[roles[role][0]].use_inherit_rotation = False
    armature.data.bones[roles["pelvis"][0]].use_local_location = False
    rig = module("addon.rig_reader").read_rig(armature)
    solver = module("retarget.solve")
    solved = solver.solve(
        motion, rig, module("retarget.bone_map").BoneMap(roles), solver.RetargetOptions(root_motion="root")
    )
    everything = range(len(rig.bones))
    for frame in (0, 11, 19):
        show(armature, solved, frame)
        got = np.array([np.array(armature.pose.bones[rig.bones[k].name].matrix) for k in everything])
        ours = solved.posed.matrices(everything)[frame]
        assert np.abs(got[:, :3, :3] - ours[:, :3, :3]).max() < 2e-3
        assert np.abs(got[:, :3, 3] - ours[:, :3, 3]).max() * rig.scale < 1e-3


@pytest.fixture
def controls(scene):
    """A rig whose arms hang on helpers that keep the root's rotation, switched by a property of the head."""
    armature = build.armature("smplx", scene.collection)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    for side in ("left", "right"):
        arm, helper = bones[f"{side}_shoulder"], bones.new(f"{side}_helper")
        helper.head, helper.tail = arm.head, arm.head + Vector((0.0, 0.0, 0.1))
        helper.parent, arm.parent = arm.parent, helper
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.pose.bones["head"]["free_arms"] = 0.0
    for side in ("left", "right"):
        tied = armature.pose.bones[f"{side}_helper"].constraints.new("COPY_ROTATION")
        tied.target, tied.subtarget = armature, "root"
        curve = tied.driver_add("influence")
        variable = curve.driver.variables.new()
        variable.targets[0].id = armature
        variable.targets[0].data_path = 'pose.bones["head"]["free_arms"]'
        curve.driver.type = "SUM"
    return armature


@pytest.mark.parametrize("free", [0.0, 1.0])
def test_what_constraints_carry_is_found_and_put_back(free: float, controls, module, motion) -> None:
    maps = module("retarget.bone_map")
    setting = maps.Setting("head", "free_arms", free)
    bone_map = maps.BoneMap(build.truth("smplx"), settings=(setting,))
    controls.pose.bones["left_elbow"].rotation_mode = "XZY"
    controls.pose.bones["left_elbow"].rotation_euler = (0.3, 5.0, -0.2)
    controls.pose.bones["pelvis"].location = (0.1, 0.2, 0.3)
    controls.pose.bones["head"]["free_arms"] = 0.25
    rig = module("addon.rig_reader").read_rig(controls)
    followed = module("addon.rig_follow").with_followed(controls, rig, bone_map)
    assert tuple(controls.pose.bones["left_elbow"].rotation_euler) == pytest.approx(
        (0.3, 5.0, -0.2), abs=1e-6
    )
    assert tuple(controls.pose.bones["pelvis"].location) == pytest.approx((0.1, 0.2, 0.3), abs=1e-6)
    assert controls.pose.bones["head"]["free_arms"] == 0.25
    arm = followed.bones[followed.index("left_shoulder")]
    assert (followed is rig) == (free == 0.0)
    if free:
        assert followed.bones[arm.parent].name == "left_collar"
        assert not arm.inherit_rotation
    solved = module("retarget.solve").solve(motion, followed, bone_map)
    for bone in controls.pose.bones:
        bone.matrix_basis.identity()
    controls.pose.bones["head"]["free_arms"] = free
    controls.update_tag()
    show(controls, solved, 7)
    joints = module("inference.skeleton").INDEX
    for a, b in (
        ("left_shoulder", "left_elbow"),
        ("right_elbow", "right_wrist"),
        ("left_knee", "left_ankle"),
    ):
        got = controls.matrix_world.to_3x3() @ (controls.pose.bones[b].head - controls.pose.bones[a].head)
        wanted = Vector(motion.joints[7, joints[b]] - motion.joints[7, joints[a]])
        assert np.degrees(got.angle(wanted)) < 0.1


def test_a_rig_without_constraints_is_not_touched(scene, module) -> None:
    armature = build.armature("unreal5", scene.collection)
    rig = module("addon.rig_reader").read_rig(armature)
    bone_map = module("retarget.bone_map").BoneMap(build.truth("unreal5"))
    assert module("addon.rig_follow").with_followed(armature, rig, bone_map) is rig


def test_what_stands_in_the_way_of_keys_is_read(scene, module) -> None:
    armature = build.armature("mixamo", scene.collection)
    bones = armature.pose.bones
    prefix = next(iter(build.truth("mixamo")["pelvis"])).removesuffix("Hips")
    chain = bones[f"{prefix}LeftLeg"].constraints.new("IK")
    chain.target, chain.chain_count = armature, 2
    chain.subtarget = f"{prefix}Hips"
    bones[f"{prefix}Neck"].constraints.new("LIMIT_ROTATION")
    bones[f"{prefix}Head"].driver_add("rotation_quaternion", 1)
    bones[f"{prefix}Hips"].lock_location = (True, False, True)
    bones[f"{prefix}Spine"].lock_rotation = (False, True, False)
    bones[f"{prefix}Spine"]["twist"] = 1.0
    rig = module("addon.rig_reader").read_rig(armature)

    def bone(name: str):
        return rig.bones[rig.index(prefix + name)]

    assert [bone(name).constrained for name in ("LeftLeg", "LeftUpLeg", "Hips", "Neck", "RightLeg")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert bone("Head").driven == {"rotation_quaternion"}
    assert bone("Hips").locked_location == (True, False, True)
    assert bone("Spine").locked_rotation == (False, False, True, False)
    assert rig.properties == {f"{prefix}Spine": ("twist",)}

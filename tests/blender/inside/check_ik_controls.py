# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on IK controls make the pose that FK keys make, judged by the bones that deform the mesh."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from rotocap.tests.rigs import rigify
from rotocap.tests.unit.planted_feet import walk

LIMBS = {
    "leg": ("thigh", "shin", "foot"),
    "arm": ("upper_arm", "forearm", "hand"),
}


@pytest.fixture
def rig(scene: bpy.types.Scene) -> bpy.types.Object:
    return rigify.generated("basic")


def show(rig: bpy.types.Object, channels: list, settings: tuple, frame: int) -> None:
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
    for setting in settings:
        bone = rig.pose.bones[setting.bone]
        if setting.property == "ik_stretch":
            bone.ik_stretch = setting.value
        elif setting.property in bone:
            bone[setting.property] = type(bone[setting.property])(setting.value)
    for channel in channels:
        bone = rig.pose.bones[channel.bone]
        values = list(getattr(bone, channel.property))
        for index, value in zip(channel.indices, channel.values[frame], strict=True):
            values[index] = value
        setattr(bone, channel.property, values)
    rig.update_tag()
    bpy.context.view_layer.update()


@pytest.mark.parametrize("root_motion", ["hips", "root"])
def test_ik_keys_make_the_same_pose(rig: bpy.types.Object, module, root_motion: str) -> None:
    motion = walk(4)
    numbers = module("addon.rig_reader").read_rig(rig)
    bone_map = module("retarget.automap").search(numbers).bone_map
    solve, grounding = module("retarget.solve"), module("retarget.grounding")
    options = solve.RetargetOptions(root_motion=root_motion)
    solved = grounding.ground(solve.solve(motion, numbers, bone_map, options), motion).solved
    keyed = module("retarget.ik_keys").on_controls(solved)
    assert set(keyed.limbs) == {"left_leg", "right_leg", "left_arm", "right_arm"}
    assert not keyed.notes
    written = {channel.bone for channel in keyed.channels}
    assert {"foot_ik.L", "thigh_ik_target.R", "hand_ik.R", "upper_arm_ik_target.L", "torso"} <= written
    assert not {"thigh_fk.L", "shin_fk.R", "hand_fk.L"} & written
    switches = {(s.bone, s.property): s.value for s in keyed.settings}
    assert switches["thigh_parent.L", "IK_FK"] == 0.0
    for frame in range(0, len(motion), 9):
        show(rig, keyed.channels, keyed.settings, frame)
        shown = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for limb in keyed.limbs:
            side, kind = limb.split("_")
            names = [f"DEF-{part}.{side[0].upper()}" for part in LIMBS[kind]]
            root, middle, tip = (np.array(shown.matrix_world @ shown.pose.bones[n].head) for n in names)
            wanted = grounding.limb_joints(solved, limb)[frame]
            assert np.linalg.norm(root - wanted[0]) < 1e-3, (limb, frame)
            assert np.linalg.norm(tip - wanted[2]) < 1e-3, (limb, frame)
            # Without the squeeze that Rigify's bones allow their IK, knees and elbows lie where FK has them.
            assert np.linalg.norm(middle - wanted[1]) < 0.012, (limb, frame)
            end = bone_map[f"{side}_{'foot' if kind == 'leg' else 'hand'}"][0]
            turn = np.array(
                (
                    shown.pose.bones[names[2]].matrix @ rig.data.bones[names[2]].matrix_local.inverted()
                ).to_3x3()
            )
            beyond = turn.T @ solved.posed.turn(numbers.index(end))[frame]
            assert np.degrees(np.arccos(np.clip((np.trace(beyond) - 1) / 2, -1, 1))) < 1.0, (limb, frame)


def test_a_limb_without_controls_stays_on_fk(rig: bpy.types.Object, module) -> None:
    motion = walk(2)
    numbers = module("addon.rig_reader").read_rig(rig)
    found = module("retarget.automap").search(numbers).bone_map
    only = module("retarget.bone_map").BoneMap(
        found.roles, {"left_leg": found.ik["left_leg"]}, found.settings
    )
    solved = module("retarget.solve").solve(motion, numbers, only)
    keyed = module("retarget.ik_keys").on_controls(solved)
    assert keyed.limbs == ("left_leg",)
    written = {channel.bone for channel in keyed.channels}
    assert "thigh_fk.R" in written
    assert "thigh_fk.L" not in written
    switches = {(s.bone, s.property): s.value for s in keyed.settings}
    assert switches["thigh_parent.L", "IK_FK"] == 0.0
    assert switches["thigh_parent.R", "IK_FK"] == 1.0

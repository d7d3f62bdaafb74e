# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs that Rigify generates for real: the map found is their FK controls, and we know how these move."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.tests.rigs import rigify
from rotocap.tests.rigs.conventions import nameless


@pytest.mark.parametrize("kind", ["basic", "human"])
def test_controls_are_found_and_move_as_we_say(kind: str, scene: bpy.types.Scene, module) -> None:
    rig = rigify.generated(kind)
    numbers = module("addon.rig_reader").read_rig(rig)
    found = module("retarget.automap").search(numbers)
    bone_map = found.bone_map
    assert (bone_map.preset, bone_map.score, bone_map.unmatched, found.notes) == (
        "rigify_generated",
        1.0,
        (),
        (),
    )
    assert bone_map["left_forearm"] == ("forearm_fk.L",)
    assert bone_map["pelvis"] == ("torso",)
    assert bone_map.ik["right_leg"].control == "foot_ik.R"
    assert bone_map.problems(numbers) == []
    assert ("left_index" in bone_map) == ("f_index.01.L" in rig.data.bones)
    for setting in bone_map.settings:
        bone = rig.pose.bones[setting.bone]
        bone[setting.property] = type(bone[setting.property])(setting.value)
    random = np.random.default_rng(3)
    basis = {}
    for _, name in bone_map.pairs():
        turn = Rotation.from_rotvec(random.normal(0.0, 0.3, 3))
        x, y, z, w = turn.as_quat()
        rig.pose.bones[name].rotation_mode = "QUATERNION"
        rig.pose.bones[name].rotation_quaternion = (w, x, y, z)
        basis[numbers.index(name)] = turn.as_matrix()[None]
    rig.update_tag()
    bpy.context.view_layer.update()
    posed = module("retarget.posed").pose(numbers, 1, basis, {})
    shown = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    for _, name in bone_map.pairs():
        ours = posed.matrices([numbers.index(name)])[0, 0]
        assert np.allclose(ours, np.array(shown.pose.bones[name].matrix), atol=2e-4), name


@pytest.mark.parametrize("kind", ["basic", "human"])
def test_meta_rigs_are_found(kind: str, scene: bpy.types.Scene, module) -> None:
    numbers = module("addon.rig_reader").read_rig(rigify.metarig(kind))
    found = module("retarget.automap").search(numbers)
    assert (found.bone_map.preset, found.bone_map.score) == (f"rigify_{kind}", 1.0)
    assert found.notes == ()
    # These are real proportions: the shape alone has to do as well.
    other, old = nameless(numbers)
    by_shape = module("retarget.automap").map_bones(other).roles
    assert {role: tuple(old[bone] for bone in bones) for role, bones in by_shape.items()} == {
        role: bones
        for role, bones in found.bone_map.roles.items()
        if role not in ("jaw", "left_eye", "right_eye")
    }

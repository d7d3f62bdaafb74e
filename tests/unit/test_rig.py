# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as plain numbers: what is no rig is refused with what to do, and spaces are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference.errors import RigError, SequenceError
from rotocap.inference.skeleton import rest_joints
from rotocap.retarget.motion import Motion
from rotocap.retarget.posed import pose
from rotocap.retarget.rig import Bone, Rig

ROOT = Bone("root", -1, np.zeros(3), np.array([0.0, 1.0, 0.0]), np.eye(3))
CHILD = replace(ROOT, name="child", parent=0, head=np.array([0.0, 1.0, 0.0]))
LEAF = replace(CHILD, name="leaf", parent=1, head=np.array([0.0, 2.0, 0.0]))


@pytest.mark.parametrize(
    ("bones", "complaint"),
    [
        ((ROOT, ROOT), "two bones are named 'root'"),
        ((replace(ROOT, parent=1), CHILD), "list parents before their children"),
        ((replace(ROOT, rotation_mode="XXY"),), "rotation mode 'XXY', expected one of QUATERNION"),
        ((replace(ROOT, head=np.zeros(2)),), "has head \\(2,\\)"),
        ((replace(ROOT, head=np.array([0.0, np.nan, 0.0])),), "not a number"),
    ],
)
def test_what_is_no_rig_is_refused(bones: tuple[Bone, ...], complaint: str) -> None:
    with pytest.raises(RigError, match=complaint):
        Rig("Hero", bones)


def test_bones_are_found_by_name_and_by_descent() -> None:
    rig = Rig("Hero", (ROOT, CHILD, LEAF))
    assert (rig.index("leaf"), "leaf" in rig, "tail" in rig) == (2, True, False)
    assert rig.is_below(2, 0) and rig.is_below(2, 1) and not rig.is_below(1, 2) and not rig.is_below(0, 0)
    with pytest.raises(RigError, match="has no bone named 'tail'"):
        rig.index("tail")


def test_armature_space_and_the_world_lead_back_to_each_other() -> None:
    world = np.eye(4)
    world[:3, :3] = 0.01 * Rotation.from_rotvec([0.3, -0.5, 1.0]).as_matrix()
    world[:3, 3] = (1.0, 2.0, 3.0)
    rig = Rig("Hero", (ROOT,), world)
    points = np.random.default_rng(0).normal(0.0, 50.0, (4, 3))
    assert rig.to_armature(rig.to_world(points)) == pytest.approx(points)
    assert rig.scale == pytest.approx(0.01)
    assert rig.turn @ rig.turn.T == pytest.approx(np.eye(3))
    assert rig.to_world(points[0]) == pytest.approx((world @ [*points[0], 1.0])[:3])


def test_what_hangs_on_a_bone_goes_along() -> None:
    rig = Rig("Hero", (ROOT, CHILD, replace(LEAF, inherit_rotation=False)))
    quarter = Rotation.from_rotvec([0.0, 0.0, np.pi / 2]).as_matrix()[None]
    posed = pose(rig, 1, {0: quarter}, {1: np.array([[0.0, 0.5, 0.0]])})
    assert posed.heads(range(3))[0] == pytest.approx(
        np.array([[0.0, 0.0, 0.0], [-1.5, 0.0, 0.0], [-2.5, 0.0, 0.0]])
    )
    assert posed.matrices([1])[0, 0, :3, :3] == pytest.approx(quarter[0])
    assert posed.matrices([2])[0, 0, :3, :3] == pytest.approx(np.eye(3))
    still = pose(rig, 3, {}, {})
    assert still.heads([2]).shape == (3, 1, 3)
    assert still.turn(2)[1] == pytest.approx(np.eye(3))


def test_a_motion_that_does_not_fit_is_refused() -> None:
    motion = Motion(
        frames=np.arange(2), spans=((0, 1),), fps=24.0, rotations=np.tile(np.eye(3), (2, 55, 1, 1)),
        joints=np.zeros((2, 55, 3)), rest_joints=rest_joints(), contact=np.zeros((2, 4)),
    )  # fmt: skip
    with pytest.raises(SequenceError, match=r"contact: expected \(2, 4\), got \(3, 4\)"):
        replace(motion, contact=np.zeros((3, 4)))
    with pytest.raises(SequenceError, match="joints: has values that are not finite"):
        replace(motion, joints=np.full((2, 55, 3), np.nan))

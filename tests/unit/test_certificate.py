# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate: each error of known size, at a known frame, must be found and said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from planted_feet import squat, walk
from scipy.spatial.transform import Rotation

from rotocap.inference.errors import RigError
from rotocap.inference.skeleton import INDEX
from rotocap.retarget.bone_map import BoneMap
from rotocap.retarget.certificate import Certificate
from rotocap.retarget.certify import certify
from rotocap.retarget.grounding import ground
from rotocap.retarget.motion import Motion
from rotocap.retarget.posed import Posed, pose
from rotocap.retarget.quaternions import to_matrix
from rotocap.retarget.rig import Rig
from rotocap.retarget.solve import Solved, solve
from rotocap.tests.rigs import build


@pytest.fixture(scope="module")
def rig() -> Rig:
    return build.rig("mixamo")


@pytest.fixture(scope="module")
def bone_map() -> BoneMap:
    return BoneMap(build.truth("mixamo"), preset="mixamo", score=1.0)


@pytest.fixture(scope="module")
def motion() -> Motion:
    return walk(4)


@pytest.fixture(scope="module")
def solved(motion: Motion, rig: Rig, bone_map: BoneMap) -> Solved:
    return solve(motion, rig, bone_map)


def posed_with(solved: Solved, bone: str, turns: np.ndarray) -> Posed:
    """The same pose with one bone turned by rotation vectors (N, 3) on top."""
    rig = solved.plan.rig
    basis = {rig.index(name): to_matrix(q) for name, q in solved.rotations.items()}
    locations = {rig.index(name): place for name, place in solved.locations.items()}
    basis[rig.index(bone)] = basis[rig.index(bone)] @ Rotation.from_rotvec(turns).as_matrix()
    return pose(rig, len(turns), basis, locations)


def test_a_good_transfer_says_so(motion: Motion, solved: Solved) -> None:
    c = certify(motion, solved, ground(solved, motion))
    assert c.preset == "mixamo"
    assert c.unmatched == []
    assert c.frames == len(motion)
    assert (c.first_frame, c.last_frame) == (1, len(motion))
    assert c.largest_angle < 0.01
    assert c.slide is not None and c.slide.largest < 0.1
    assert c.penetration is not None and c.penetration.largest < 1.0
    assert c.limits == []
    assert c.jumps == []
    assert c.contacts >= 4
    assert c.held > 0.5
    assert c.worst() == []
    assert {"left_thigh", "left_palm", "left_foot", "right_sole", "chest", "left_index.2"} <= set(c.limbs)
    text = "\n".join(c.lines())
    assert "Mixamo" in text
    assert "Slide in contact: 0.0" in text


def test_an_angle_is_found_on_its_limb_and_frame(motion: Motion, solved: Solved) -> None:
    turns = np.zeros((len(motion), 3))
    turns[:, 0] = np.radians(2.0)
    turns[40, 0] = np.radians(12.0)
    wrong = posed_with(solved, "mixamorig:LeftUpLeg", turns)
    c = certify(motion, replace(solved, posed=wrong))
    assert c.limbs["left_thigh"].largest == pytest.approx(12.0, abs=0.01)
    assert c.limbs["left_thigh"].frame == motion.frames[40]
    assert c.limbs["left_thigh"].mean == pytest.approx(2.0 + 10.0 / len(motion), abs=0.01)
    assert c.limbs["right_thigh"].largest < 0.01
    assert any("left_thigh" in what and frame == motion.frames[40] for what, frame in c.worst())
    assert c.mean_angle == pytest.approx(c.limbs["left_thigh"].mean, abs=0.2)


def test_what_was_written_is_what_is_measured(motion: Motion, solved: Solved) -> None:
    """Feet that slide and sink after all, by key reduction say, are seen in what was written."""
    grounded = ground(solved, motion)
    turns = np.zeros((len(motion), 3))
    turns[:, 0] = np.radians(4.0) * np.sin(np.arange(len(motion)))
    written = posed_with(grounded.solved, "mixamorig:LeftUpLeg", turns)
    c = certify(motion, solved, grounded, posed=written)
    assert c.slide.largest > 10.0
    assert c.penetration.largest > 5.0
    assert c.reach["left_leg"].largest > 10.0
    assert c.reach["right_leg"].largest < 5.0
    assert c.limbs["left_thigh"].largest < 0.01  # before contacts all was well
    assert c.corrected["left_thigh"].largest > 3.0
    said = [what for what, _ in c.worst()]
    assert any("slides" in what for what in said)
    assert any("under the floor" in what for what in said)


def test_a_knee_bent_backwards_is_found(rig: Rig, bone_map: BoneMap) -> None:
    motion = squat(30, depth=0.1)
    turns = np.array(motion.rotations)
    hip, knee, ankle = (INDEX[f"left_{joint}"] for joint in ("hip", "knee", "ankle"))
    turns[10, knee] = turns[10, hip] @ Rotation.from_euler("x", -20, degrees=True).as_matrix()
    joints = np.array(motion.joints)
    joints[10, ankle] = joints[10, knee] + turns[10, knee] @ (
        motion.rest_joints[ankle] - motion.rest_joints[knee]
    )
    c = certify(
        replace(motion, rotations=turns, joints=joints),
        solve(replace(motion, rotations=turns), rig, bone_map),
    )
    (limit,) = c.limits
    assert limit.joint == "left_knee hyperextended"
    assert (limit.frames, limit.frame) == (1, motion.frames[10])
    assert limit.largest == pytest.approx(15.0, abs=1.5)


def test_a_jump_that_the_source_does_not_make_is_found(motion: Motion, solved: Solved) -> None:
    rotations = dict(solved.rotations)
    flipped = np.array(rotations["mixamorig:RightArm"])
    flipped[50:] = (Rotation.from_quat(flipped[50:, [1, 2, 3, 0]]) * Rotation.from_euler("y", 1.5)).as_quat()[
        :, [3, 0, 1, 2]
    ]
    rotations["mixamorig:RightArm"] = flipped
    (jump,) = certify(motion, replace(solved, rotations=rotations)).jumps
    assert jump.bone == "mixamorig:RightArm"
    assert jump.frame == motion.frames[50]
    assert jump.degrees == pytest.approx(np.degrees(1.5), abs=3.0)
    # Across a gap nothing is one movement.
    gapped = replace(motion, spans=((0, 49), (50, len(motion) - 1)))
    assert certify(gapped, replace(solved, rotations=rotations)).jumps == []


def test_json_is_strict_and_comes_back(motion: Motion, solved: Solved) -> None:
    c = certify(motion, solved, ground(solved, motion))
    text = c.to_json()
    data = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert data["limbs"]["left_thigh"]["frame"] in motion.frames
    assert Certificate.from_json(text) == c


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 99}', "null"])
def test_what_is_no_certificate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(RigError, match="apply the take again"):
        Certificate.from_json(text)


def test_what_is_missing_is_named(motion: Motion, rig: Rig, bone_map: BoneMap) -> None:
    roles = {r: b for r, b in bone_map.roles.items() if not r.startswith("left_leg") and r != "left_shank"}
    bones = tuple(replace(bone, constrained=bone.name == "mixamorig:Head") for bone in rig.bones)
    c = certify(motion, solve(motion, replace(rig, bones=bones), BoneMap(roles)))
    assert "left_shank" in c.unmatched
    assert c.not_written == ["mixamorig:Head"]
    assert "Not mapped: left_shank" in c.lines()
    assert "Left alone: mixamorig:Head" in c.lines()
    assert "left_leg" not in c.reach

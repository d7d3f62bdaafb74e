# SPDX-License-Identifier: GPL-3.0-or-later
"""What was put on a rig comes back as it was, whichever rig it was put on."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.kinematics import forward_poses, matrix_from_axis_angle
from rotocap.inference.skeleton import INDEX, JOINT_COUNT, rest_joints
from rotocap.retarget.axes import rotations_to_blender, to_blender
from rotocap.retarget.bone_map import BoneMap
from rotocap.retarget.from_rig import motion_of, proportions, sequence_from
from rotocap.retarget.motion import Motion
from rotocap.retarget.solve import Solved, solve
from tests.rigs import build

Array = NDArray[np.float64]
FRAMES = 60


@cache
def motion() -> Motion:
    """Everybody's limbs about, fingers bending only, a path over the floor and a turn on it."""
    random = np.random.default_rng(4)
    phase = np.linspace(0, 2 * np.pi, FRAMES)[:, None, None] * np.arange(1, 4)[None, :, None]
    waves = np.sin(phase + random.uniform(0, 6, (3, 165))) * random.normal(0, 0.22, (3, 165))
    poses = waves.sum(axis=1).reshape(FRAMES, JOINT_COUNT, 3)
    poses[:, 25:] = 0.0
    poses[:, 25:40, 2] = -0.4 - 0.3 * np.sin(phase[:, 0])
    poses[:, 40:, 2] = 0.4 + 0.3 * np.sin(phase[:, 0])
    poses[:, 0, 1] += np.linspace(0, 3, FRAMES)
    trans = np.stack([np.linspace(0, 2, FRAMES), np.zeros(FRAMES), np.linspace(0, -1, FRAMES)], axis=1)
    rest = rest_joints()
    joints, world = forward_poses(poses.reshape(FRAMES, -1), trans, rest)
    return Motion(
        np.arange(FRAMES), ((0, FRAMES - 1),), 30.0, rotations_to_blender(world), to_blender(joints),
        to_blender(rest), np.zeros((FRAMES, 4)),
    )  # fmt: skip


@cache
def on(name: str) -> Solved:
    return solve(motion(), build.rig(name), BoneMap(build.truth(name)))


def angles(a: Array, b: Array) -> Array:
    cosine = 0.5 * (np.einsum("...ij,...ij->...", a, b) - 1.0)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def limbs(solved: Solved) -> dict[str, Array]:
    """Where every limb of the body points in the world, (N, 3)."""
    rig = solved.plan.rig
    return {
        limb.bone: solved.posed.turn(rig.index(limb.bone)) @ limb.target @ rig.turn.T
        for limb in solved.plan.alignment.limbs
        if limb.role.split("_")[-1] not in ("thumb", "index", "middle", "ring", "pinky")
    }


@pytest.mark.parametrize("name", build.names())
def test_what_a_rig_has_bones_for_comes_back(name: str) -> None:
    solved = on(name)
    back = motion_of(solved.posed, solved.plan, motion())
    followed = {follow.first for follow in solved.plan.follows.values() if follow.first == follow.second}
    errors = angles(back.rotations, motion().rotations).max(axis=0)
    assert max(errors[joint] for joint in followed) < 0.01
    np.testing.assert_allclose(back.joints[:, 0], motion().joints[:, 0], atol=1e-6)
    # Joints of the trunk that have no bone of their own lie between those that have.
    assert max(errors[INDEX[name]] for name in ("spine1", "spine2", "spine3", "neck")) < 30.0


@pytest.mark.parametrize("other", ["unreal5", "cgspeed_cmu", "mpfb_default", "vrm", "biped"])
def test_from_one_rig_to_another_and_back(other: str) -> None:
    first, second = on("mixamo"), on(other)
    back = motion_of(second.posed, second.plan, motion())
    again = limbs(solve(back, first.plan.rig, first.plan.bone_map))
    for bone, direction in limbs(first).items():
        cosine = (direction * again[bone]).sum(axis=1)
        assert np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).max() < 0.1, bone


def test_a_finger_of_one_bone_still_closes_the_hand() -> None:
    solved = on("mixamo")
    roles = dict(build.truth("mixamo"))
    roles["left_index"] = roles["left_index"][1:2]
    one = solve(motion(), solved.plan.rig, BoneMap(roles))
    back = motion_of(one.posed, one.plan, motion())
    for joint in ("left_index1", "left_index2", "left_index3"):
        error = angles(back.rotations[:, INDEX[joint]], motion().rotations[:, INDEX[joint]])
        assert error.max() < 1.0, joint


@pytest.mark.parametrize("name", ["mixamo", "unreal4", "smplx"])
def test_a_sequence_is_made_of_a_rigs_motion(name: str) -> None:
    solved = on(name)
    rig = solved.plan.rig
    turns = {bone.name: solved.posed.turn(k) for k, bone in enumerate(rig.bones)}
    pelvis = rig.index(solved.plan.bone_map["pelvis"][0])
    heads = solved.posed.points(pelvis, rig.heads[pelvis])
    sequence, _ = sequence_from(rig, solved.plan.bone_map, turns, heads, fps=30.0)
    joints, world = forward_poses(sequence.poses, sequence.trans, sequence.rest_joints.astype(np.float64))
    body = list(range(22))
    assert angles(rotations_to_blender(world), motion().rotations)[:, body].max() < 0.05
    # Its bones have the rig's lengths, so its joints are where the rig's are, but for the trunk's shape.
    for side in ("left", "right"):
        for role, joint in (("thigh", "hip"), ("shank", "knee"), ("foot", "ankle")):
            k = rig.index(solved.plan.bone_map[f"{side}_{role}"][0])
            there = rig.to_world(solved.posed.points(k, rig.heads[k])) - rig.world[:3, 3]
            away = to_blender(joints[:, INDEX[f"{side}_{joint}"]]) - there
            assert np.ptp(away, axis=0).max() < 0.03, (side, role)
    assert sequence.rest_joints[INDEX["left_ankle"], 1] == pytest.approx(0.08, abs=0.03)


def test_proportions_are_the_rigs() -> None:
    rig, bone_map = build.rig("mixamo"), BoneMap(build.truth("mixamo"))
    rest = proportions(rig, bone_map)
    for side in ("left", "right"):
        for a, b, start, end in (
            ("thigh", "shank", "hip", "knee"), ("upper_arm", "forearm", "shoulder", "elbow"),
            ("forearm", "hand", "elbow", "wrist"),
        ):  # fmt: skip
            heads = [rig.heads[rig.index(bone_map[f"{side}_{role}"][0])] for role in (a, b)]
            length = np.linalg.norm(heads[1] - heads[0]) * rig.scale
            mine = np.linalg.norm(rest[INDEX[f"{side}_{end}"]] - rest[INDEX[f"{side}_{start}"]])
            assert mine == pytest.approx(length, rel=1e-6)


def test_half_a_turn_is_no_trouble() -> None:
    turned = matrix_from_axis_angle(np.array([0.0, 0.0, np.pi]))
    plain = motion()
    about = Motion(
        plain.frames, plain.spans, plain.fps, turned @ plain.rotations, plain.joints @ turned.T,
        plain.rest_joints, plain.contact,
    )  # fmt: skip
    solved = solve(about, build.rig("unreal4"), BoneMap(build.truth("unreal4")))
    back = motion_of(solved.posed, solved.plan, about)
    assert angles(back.rotations, about.rotations)[:, :22].max() < 0.01

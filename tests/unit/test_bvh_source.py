# SPDX-License-Identifier: GPL-3.0-or-later
"""BVH files of known motion, as programs lay them out, become that motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.errors import RigError, SequenceError
from rotocap.inference.kinematics import forward_poses, matrix_from_axis_angle
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX, JOINT_NAMES, PARENTS, rest_joints
from rotocap.retarget import bvh, bvh_source
from rotocap.retarget.alignment import smallest_turn
from rotocap.retarget.bone_map import BoneMap
from rotocap.retarget.bvh_writer import write
from rotocap.retarget.rig import Rig
from tests.rigs import build

Array = NDArray[np.float64]
FRAMES = 80


def find_map(rig: Rig) -> BoneMap:
    return BoneMap({role: bones for role, bones in build.truth("smplx").items() if role != "root"})


def poses() -> tuple[Array, Array]:
    """Poses (T, 165) and the pelvis's place (T, 3): upright and walking off, with a still first frame."""
    random = np.random.default_rng(2)
    phase = np.linspace(0, 2 * np.pi, FRAMES)[:, None, None] * np.arange(1, 4)[None, :, None]
    waves = np.sin(phase) * random.normal(0, 0.2, (3, 165))
    out = waves.sum(axis=1)
    out[:, 75:] = 0.0
    pelvis = rest_joints()[0] + np.stack(
        [np.linspace(0, 1.5, FRAMES), np.zeros(FRAMES), phase[:, 0, 0] / 9], 1
    )
    return out, pelvis


def plain(unit: float = 0.01) -> bvh.Bvh:
    """The 55 joints as a BVH in a T-pose, +Y up."""
    rest = rest_joints() / unit
    angles, pelvis = poses()
    offsets = np.array([rest[j] - rest[p] if p >= 0 else rest[j] for j, p in enumerate(PARENTS)])
    positions = np.tile(offsets, (FRAMES, 1, 1))
    positions[:, 0] = pelvis / unit
    local = matrix_from_axis_angle(angles.reshape(FRAMES, 55, 3))
    ends = {j: np.array([0.0, 0.02, 0.0]) / unit for j in range(55) if j not in PARENTS}
    return bvh.Bvh(JOINT_NAMES, PARENTS, offsets, ends, local, positions, 1 / 60)


def upright_in_z(motion: bvh.Bvh) -> bvh.Bvh:
    """The same in a file that has +Z up and turned about it."""
    turn = matrix_from_axis_angle(np.array([0.0, 0.0, 0.4]))
    turn = turn @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    positions = motion.positions @ turn.T
    rotations = turn @ motion.rotations @ turn.T
    ends = {j: turn @ end for j, end in motion.end_sites.items()}
    return replace(
        motion, offsets=motion.offsets @ turn.T, end_sites=ends, rotations=rotations, positions=positions
    )


def folded(motion: bvh.Bvh) -> bvh.Bvh:
    """The same with every bone along its own X at zero rotations, as some game data is."""
    own = np.tile(np.eye(3), (55, 1, 1))
    for joint in range(55):
        below = [j for j, parent in enumerate(PARENTS) if parent == joint]
        if below:
            own[joint] = smallest_turn(np.array([1.0, 0.0, 0.0]), motion.offsets[below[0]])
    up = [own[parent] if parent >= 0 else np.eye(3) for parent in PARENTS]
    rotations = np.einsum("jba,tjbc,jcd->tjad", np.array(up), motion.rotations, own)
    positions = np.einsum("jba,tjb->tja", np.array(up), motion.positions)
    ends = {j: own[j].T @ end for j, end in motion.end_sites.items()}
    return replace(motion, offsets=positions[0], end_sites=ends, rotations=rotations, positions=positions)


def check(got: SmplxSequence, *, degrees: float, turned: float = 0.0) -> None:
    """Limbs point as they should, and the pelvis goes where it should."""
    angles, pelvis = poses()
    rest = rest_joints()
    turn = matrix_from_axis_angle(np.array([0.0, turned, 0.0]))
    want, _ = forward_poses(angles, pelvis - rest[0], rest)
    want = want @ turn.T
    have, _ = forward_poses(got.poses, got.trans, got.rest_joints.astype(np.float64))
    for side in ("left", "right"):
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            pair = INDEX[f"{side}_{a}"], INDEX[f"{side}_{b}"]
            one, two = (j[:, pair[1]] - j[:, pair[0]] for j in (have, want))
            cosine = (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < degrees, (side, a)
    moved = have[:, 0] - want[:, 0]
    assert np.ptp(moved, axis=0).max() < 0.02


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.0254])
def test_a_t_pose_in_any_unit(tmp_path: Path, unit: float) -> None:
    write(tmp_path / "a.bvh", plain(unit))
    got, used, notes = bvh_source.to_sequence(bvh.read(tmp_path / "a.bvh"), find_map)
    assert got.mocap_frame_rate == pytest.approx(60.0)
    assert used["pelvis"] == ("pelvis",)
    assert notes == ()
    check(got, degrees=0.1)
    np.testing.assert_allclose(got.rest_joints, rest_joints(), atol=2e-3)


def test_up_is_found() -> None:
    got, _, notes = bvh_source.to_sequence(upright_in_z(plain()), find_map)
    assert notes == ()
    check(got, degrees=0.1, turned=0.4)


def test_a_rest_pose_that_does_not_stand_is_replaced() -> None:
    got, _, notes = bvh_source.to_sequence(folded(plain()), find_map)
    assert any("rest pose does not stand" in note for note in notes)
    check(got, degrees=0.1)
    assert got.rest_joints[INDEX["head"], 1] == pytest.approx(rest_joints()[INDEX["head"], 1], abs=0.1)


def test_the_scale_can_be_said() -> None:
    got, _, _ = bvh_source.to_sequence(plain(0.01), find_map, scale=0.02)
    assert got.rest_joints[INDEX["head"], 1] == pytest.approx(2 * rest_joints()[INDEX["head"], 1], rel=0.02)
    with pytest.raises(SequenceError, match="scale: expected metres a unit"):
        bvh_source.to_sequence(plain(), find_map, scale=-1.0)


def test_far_away_controls_do_not_make_a_person_small() -> None:
    motion = plain(0.01)
    far = np.array([[300.0, 100.0, -400.0]])
    with_prop = replace(
        motion, names=(*motion.names, "camera"), parents=(*motion.parents, 0),
        offsets=np.concatenate([motion.offsets, far]),
        rotations=np.concatenate([motion.rotations, np.tile(np.eye(3), (FRAMES, 1, 1, 1))], axis=1),
        positions=np.concatenate([motion.positions, np.tile(far, (FRAMES, 1, 1))], axis=1),
    )  # fmt: skip
    got, _, _ = bvh_source.to_sequence(with_prop, find_map)
    assert got.rest_joints[INDEX["head"], 1] == pytest.approx(rest_joints()[INDEX["head"], 1], rel=0.02)


def test_a_skeleton_that_is_nobody_is_told() -> None:
    def lost(rig: Rig) -> BoneMap:
        raise RigError("no pelvis was found")

    with pytest.raises(RigError, match="no pelvis was found"):
        bvh_source.to_sequence(plain(), lost)


def test_what_the_map_lacks_is_told() -> None:
    def partly(rig: Rig) -> BoneMap:
        return replace(find_map(rig), unmatched=("left_toes",))

    _, _, notes = bvh_source.to_sequence(plain(), partly)
    assert notes == ("no bone was found for left_toes",)

# SPDX-License-Identifier: GPL-3.0-or-later
"""SMPL-X and AMASS files in and out, against the kinematics of the published bodies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.errors import SequenceError
from rotocap.inference.kinematics import axis_angle_from_matrix, forward_poses, matrix_from_axis_angle
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX, JOINT_COUNT, PARENTS, rest_joints
from rotocap.retarget import amass
from rotocap.retarget.axes import BLENDER_FROM_SMPLX
from rotocap.retarget.imported import sequence_of

Array = NDArray[np.float64]
PELVIS_SMPLX = np.array([0.0031, -0.3514, 0.0120])


def motion(count: int = 90, seed: int = 3) -> tuple[Array, Array]:
    """Smooth random poses (T, 165) of somebody mostly upright, and trans (T, 3)."""
    random = np.random.default_rng(seed)
    waves = random.normal(0, 0.25, (4, 165))
    waves[:, 3 * 22 : 3 * 25] *= 0.2
    phase = np.linspace(0, 2 * np.pi, count)[:, None, None] * np.arange(1, 5)[None, :, None]
    poses = (np.sin(phase + random.uniform(0, 6, (4, 165))) * waves).sum(axis=1)
    trans = np.stack([np.linspace(0, 2, count), 0.02 * np.sin(phase[:, 0, 0]), np.zeros(count)], axis=1)
    return poses, trans


def sequence(count: int = 90, fps: float = 60.0) -> SmplxSequence:
    poses, trans = motion(count)
    return sequence_of(poses, rest_joints()[0] + trans, rest_joints(), fps=fps)


def as_rotations(poses: NDArray[Any]) -> Array:
    return matrix_from_axis_angle(np.asarray(poses, dtype=np.float64).reshape(len(poses), -1, 3))


def angles(a: Array, b: Array) -> Array:
    """Degrees between rotations."""
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.asarray(np.degrees(np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0))))


def bent_rest() -> Array:
    """Rest joints as a user's own model has them: limbs that are not straight, other lengths."""
    random = np.random.default_rng(8)
    straight = rest_joints()
    out = straight.copy()
    for j, parent in enumerate(PARENTS):
        if parent >= 0:
            offset = straight[j] - straight[parent]
            turn = matrix_from_axis_angle(random.normal(0, 0.15, 3))
            out[j] = out[parent] + turn @ offset * random.uniform(0.9, 1.1)
    return out - out[0] + PELVIS_SMPLX


def test_what_is_written_is_what_other_tools_read(tmp_path: Path) -> None:
    amass.write(tmp_path / "a.npz", sequence())
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        data = dict(file)
    assert str(data["gender"]) == "neutral"
    assert str(data["surface_model_type"]) == "smplx"
    assert int(data["mocap_frame_rate"]) == 60
    assert data["mocap_time_length"] == pytest.approx(1.5)
    assert data["poses"].shape == (90, 165)
    assert data["trans"].shape == (90, 3)
    assert data["betas"].shape == (16,)
    parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    np.testing.assert_array_equal(np.concatenate([data[part] for part in parts], axis=1), data["poses"])
    # AMASS is +Z up: the pelvis's own up lies along z, and the path in x and y.
    assert as_rotations(data["root_orient"])[:, 0, :, 1].mean(axis=0) @ [0, 0, 1] > 0.8
    assert np.ptp(data["trans"], axis=0)[0] > 1.9


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("exact", [False, True])
def test_written_and_read_again_it_is_the_same_motion(tmp_path: Path, up: str, exact: bool) -> None:
    ours = sequence()
    rest = bent_rest() if exact else None
    amass.write(tmp_path / "a.npz", ours, up=up, model_rest=rest)
    read = amass.read(tmp_path / "a.npz")
    assert read.up == up
    back = amass.to_sequence(read, model_rest=rest)
    assert angles(as_rotations(back.poses), as_rotations(ours.poses)).max() < 0.02
    if not exact:
        np.testing.assert_allclose(back.trans, ours.trans, atol=1e-5)
    np.testing.assert_allclose(back.time_s, ours.time_s, atol=1e-9)


def test_with_the_users_model_every_joint_is_where_the_model_has_it(tmp_path: Path) -> None:
    poses, trans = motion()
    rest = bent_rest()
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, mocap_frame_rate=60.0, betas=np.zeros(10))
    got = amass.to_sequence(amass.read(tmp_path / "a.npz"), model_rest=rest)
    mine, _ = forward_poses(got.poses, got.trans, np.asarray(got.rest_joints, dtype=np.float64))
    theirs, _ = forward_poses(poses, trans, rest)
    lifted = mine - theirs
    lifted[..., 1] -= lifted[..., 1].mean()  # it is put on the floor
    assert np.abs(lifted).max() < 1e-4
    # And its limbs are straight where ours are.
    straight = rest_joints()
    for joint, child in (("left_shoulder", "left_elbow"), ("right_knee", "right_ankle")):
        mine_at_rest = got.rest_joints[INDEX[child]] - got.rest_joints[INDEX[joint]]
        nominal = straight[INDEX[child]] - straight[INDEX[joint]]
        cosine = mine_at_rest @ nominal / np.linalg.norm(mine_at_rest) / np.linalg.norm(nominal)
        assert cosine > 1.0 - 1e-6


def test_the_published_rest_pose_hangs_its_arms(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.zeros((3, 165)), trans=np.zeros((3, 3)), mocap_framerate=120)
    got = amass.to_sequence(amass.read(tmp_path / "a.npz"))
    joints, _ = forward_poses(got.poses, got.trans, np.asarray(got.rest_joints, dtype=np.float64))

    def direction(a: str, b: str) -> Array:
        offset = joints[0, INDEX[b]] - joints[0, INDEX[a]]
        return np.asarray(offset / np.linalg.norm(offset))

    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm, forearm = (
            direction(f"{side}_shoulder", f"{side}_elbow"),
            direction(f"{side}_elbow", f"{side}_wrist"),
        )
        thigh, shank = direction(f"{side}_hip", f"{side}_knee"), direction(f"{side}_knee", f"{side}_ankle")
        assert np.degrees(np.arcsin(-arm[1])) == pytest.approx(16.0, abs=0.1)
        assert np.degrees(np.arcsin(forearm[1])) == pytest.approx(5.0, abs=0.1)
        assert np.degrees(np.arcsin(sign * thigh[0])) == pytest.approx(8.0, abs=0.1)
        assert np.degrees(np.arcsin(-sign * shank[0])) == pytest.approx(6.0, abs=0.1)
    assert got.mocap_frame_rate == 120.0


def test_parts_and_narrower_models_are_read(tmp_path: Path) -> None:
    poses, trans = motion(20)
    common: dict[str, Any] = {"mocap_framerate": 100.0, "gender": np.array(b"female")}
    np.savez(tmp_path / "whole.npz", poses=poses, trans=trans, **common)
    whole = amass.read(tmp_path / "whole.npz")
    assert (whole.gender, whole.fps, whole.model) == ("female", 100.0, "smplx")

    smplh = np.concatenate([poses[:, :66], poses[:, 75:]], axis=1)
    np.savez(tmp_path / "h.npz", poses=smplh, trans=trans, dmpls=np.zeros((20, 8)), **common)
    read = amass.read(tmp_path / "h.npz")
    assert read.model == "smpl"
    assert not read.poses[:, 22:25].any()
    np.testing.assert_array_equal(read.poses[:, 25:], whole.poses[:, 25:])

    np.savez(tmp_path / "smpl.npz", poses=poses[:, :72], trans=trans, **common)
    np.testing.assert_array_equal(amass.read(tmp_path / "smpl.npz").poses[:, :22], whole.poses[:, :22])
    assert not amass.read(tmp_path / "smpl.npz").poses[:, 22:].any()

    np.savez(
        tmp_path / "package.npz", global_orient=poses[:, :3], body_pose=poses[:, 3:66].reshape(20, 21, 3),
        jaw_pose=poses[:, 66:69], leye_pose=poses[:, 69:72], reye_pose=poses[:, 72:75],
        left_hand_pose=poses[:, 75:120], right_hand_pose=poses[:, 120:], transl=trans, fps=25,
    )  # fmt: skip
    np.testing.assert_array_equal(amass.read(tmp_path / "package.npz").poses, whole.poses)

    np.savez(
        tmp_path / "pca.npz", root_orient=poses[:, :3], pose_body=poses[:, 3:66], pose_hand=poses[:, :24],
        trans=trans, **common,
    )  # fmt: skip
    pca = amass.read(tmp_path / "pca.npz")
    assert "principal components" in pca.notes[0]
    assert not pca.poses[:, 25:].any()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"poses": np.zeros((5, 99))}, r"poses: expected one of .*got \(5, 99\)"),
        ({"poses": None}, "lacks poses"),
        ({"trans": np.zeros((4, 3))}, r"trans: expected \(5, 3\), got \(4, 3\)"),
        ({"mocap_framerate": None}, "lacks mocap_frame_rate"),
        ({"mocap_framerate": 0.0}, "expected a number above 0"),
        ({"poses": np.full((5, 165), np.nan)}, "frame 0 has values that are not finite"),
        ({"betas": np.array({"a": 1}, dtype=object)}, "betas is a pickled Python object"),
        ({"poses": np.array(["a"] * 5)}, "expected numbers"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    good: dict[str, Any] = {"poses": np.zeros((5, 165)), "trans": np.zeros((5, 3)), "mocap_framerate": 60}
    arrays = {name: value for name, value in {**good, **changes}.items() if value is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SequenceError, match=complaint):
        amass.read(tmp_path / "a.npz")


def test_files_that_are_something_else_are_told(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="no such file"):
        amass.read(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("poses")
    with pytest.raises(SequenceError, match=r"pickled|not a readable"):
        amass.read(tmp_path / "text.npz")
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(SequenceError, match="a single array"):
        amass.read(tmp_path / "single.npz")


def test_a_take_with_gaps_becomes_an_even_file(tmp_path: Path) -> None:
    plain = sequence(90, fps=29.97)
    keep = np.r_[0:30, 60:90]
    per_frame = (
        "poses", "trans", "expression", "frame", "time_s", "joints_camera", "sigma", "contact", "keypoints",
        "arkit",
    )  # fmt: skip
    gappy = replace(plain, **{name: getattr(plain, name)[keep] for name in per_frame})
    notes = amass.write(tmp_path / "a.npz", gappy)
    assert any("out of the picture for up to 1.0 s" in note for note in notes)
    back = amass.to_sequence(amass.read(tmp_path / "a.npz"))
    assert (len(back), back.mocap_frame_rate) == (90, 30.0)
    near = angles(as_rotations(back.poses[:30]), as_rotations(plain.poses[:30]))
    assert near.max() < 0.5


def test_contacts_are_of_feet_that_stand(tmp_path: Path) -> None:
    still = np.zeros((60, 165))
    pelvis = np.tile(rest_joints()[0], (60, 1))
    pelvis[:, 1] += 0.3
    pelvis[30:, 1] += np.sin(np.linspace(0, np.pi, 30)) * 0.5
    got = sequence_of(still, pelvis, rest_joints(), fps=60.0)
    assert got.contact[:28].min() == 1.0
    assert got.contact[35:55].max() == 0.0
    np.testing.assert_allclose(got.trans[:30, 1], 0.0, atol=1e-6)
    joints, _ = forward_poses(got.poses, got.trans, np.asarray(got.rest_joints, dtype=np.float64))
    shifted = joints - got.world_from_camera[:3, 3]
    np.testing.assert_allclose(shifted @ got.world_from_camera[:3, :3], got.joints_camera, atol=1e-5)
    assert got.joints_camera[..., 2].min() > 1.0
    assert got.joints_camera.shape[1] == JOINT_COUNT


def test_the_two_ups_are_one_motion(tmp_path: Path) -> None:
    poses, trans = motion(30)
    np.savez(tmp_path / "y.npz", poses=poses, trans=trans, mocap_framerate=30)
    turned = poses.copy()
    upright = BLENDER_FROM_SMPLX @ as_rotations(poses)[:, 0]
    turned[:, :3] = axis_angle_from_matrix(upright)
    moved = (trans + PELVIS_SMPLX) @ BLENDER_FROM_SMPLX.T - PELVIS_SMPLX
    np.savez(tmp_path / "z.npz", poses=turned, trans=moved, mocap_framerate=30)
    a, b = (amass.to_sequence(amass.read(tmp_path / name)) for name in ("y.npz", "z.npz"))
    assert angles(as_rotations(a.poses), as_rotations(b.poses)).max() < 0.02
    np.testing.assert_allclose(a.trans, b.trans, atol=1e-5)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift network as it ships: known motion in, bodies out, at any length and rate."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.inference.errors import ModelError
from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.lift import network
from rotocap.inference.lift.network import lift
from rotocap.inference.lift.normalise import normalise
from rotocap.inference.lift.points import KEYPOINTS, MIRROR_POINTS, POINT_NAMES
from rotocap.inference.lift.surface import ANCHORS, CARRIERS, OFFSETS
from rotocap.inference.skeleton import INDEX, MIRROR, rest_joints

K = np.array([[1000.0, 0.0, 640.0], [0.0, 1000.0, 360.0], [0.0, 0.0, 1.0]])
FACING_CAMERA = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))


def waving(seconds: float, *, fps: float = 30.0, turn: float = 0.6):
    """A person who waves the left arm and squats: time_s, keypoints, true joints from the pelvis."""
    time_s = np.arange(round(seconds * fps)) / fps
    poses = np.zeros((len(time_s), 22, 3))
    poses[:, INDEX["right_shoulder"]] = (0.0, 0.0, 1.25)
    poses[:, INDEX["left_shoulder"], 2] = -0.2 + 0.7 * np.sin(2.0 * time_s)
    poses[:, INDEX["left_elbow"], 1] = -0.8 - 0.6 * np.sin(4.0 * time_s)
    bend = 0.5 - 0.5 * np.cos(1.5 * time_s)
    for side in ("left", "right"):
        poses[:, INDEX[f"{side}_hip"], 0] = -0.9 * bend
        poses[:, INDEX[f"{side}_knee"], 0] = 1.6 * bend
        poses[:, INDEX[f"{side}_ankle"], 0] = -0.7 * bend
    local = matrix_from_axis_angle(poses)
    local[:, 0] = FACING_CAMERA @ matrix_from_axis_angle(np.array([0.0, turn, 0.0]))
    pelvis = np.tile([0.2, 0.0, 4.0], (len(time_s), 1))
    pelvis[:, 1] += 0.3 * bend
    joints, world = forward(local, pelvis, rest_joints())
    places = joints[:, ANCHORS] + np.einsum("tpij,pj->tpi", world[:, CARRIERS], OFFSETS)
    keypoints = np.zeros((len(time_s), 133, 3))
    keypoints[:, KEYPOINTS, :2] = places[..., :2] / places[..., 2:] * 1000.0 + K[:2, 2]
    keypoints[:, KEYPOINTS, 2] = 0.95
    return time_s, keypoints, joints - joints[:, :1]


def mpjpe_mm(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=-1)[:, 1:].mean() * 1000)


def test_a_known_motion_is_found_with_its_distance_and_rotations() -> None:
    time_s, keypoints, truth = waving(4.0)
    found = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    assert mpjpe_mm(found.places, truth) < 90.0
    for joint in ("left_wrist", "left_knee"):
        height, true_height = (places[:, INDEX[joint], 1] for places in (found.places, truth))
        assert np.corrcoef(height, true_height)[0, 1] > 0.9
    assert np.abs(found.pelvis[:, 2] / 4.0 - 1.0).max() < 0.15
    determinant = np.linalg.det(found.world)
    np.testing.assert_allclose(determinant, 1.0, atol=1e-6)
    # The person faces the camera: the chest's forward axis points at it, z away.
    assert (found.world[:, INDEX["spine3"], 2, 2] < -0.5).all()


def test_windows_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    time_s, keypoints, _ = waving(30.0)
    rng = np.random.default_rng(0)
    keypoints[..., :2] += 3.0 * rng.normal(size=keypoints[..., :2].shape)
    whole = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    monkeypatch.setattr(network, "_TOKENS", 83)
    parts = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(parts, name), value, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("fps", [12.0, 24.0, 29.97, 60.0, 240.0])
def test_every_frame_rate_gives_the_same_motion(fps: float) -> None:
    time_s, keypoints, _ = waving(4.0)
    usual = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    other_time, other_keypoints, _ = waving(4.0, fps=fps)
    found = lift(time_s=other_time, keypoints=other_keypoints, camera_K=K)
    assert len(found.places) == len(other_time)
    for joint in ("left_wrist", "right_knee"):
        expected = np.stack(
            [np.interp(other_time, time_s, usual.places[:, INDEX[joint], axis]) for axis in range(3)], axis=-1
        )
        inner = slice(len(other_time) // 8, -len(other_time) // 8)
        off = np.linalg.norm(found.places[:, INDEX[joint]] - expected, axis=-1)[inner]
        assert np.median(off) < 0.025


def test_uneven_times_and_long_gaps_are_taken() -> None:
    time_s, keypoints, _ = waving(8.0)
    rng = np.random.default_rng(1)
    keep = np.sort(rng.permutation(len(time_s))[: len(time_s) // 2])
    keep = keep[(time_s[keep] < 2.0) | (time_s[keep] > 5.0)]
    jitter = 0.004 * rng.uniform(-1.0, 1.0, len(keep))
    found = lift(time_s=time_s[keep] + jitter, keypoints=keypoints[keep], camera_K=K)
    for name, value in vars(found).items():
        assert len(value) == len(keep) and np.isfinite(value).all(), name


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_are_enough(count: int) -> None:
    time_s, keypoints, truth = waving(1.0)
    found = lift(time_s=time_s[:count], keypoints=keypoints[:count], camera_K=K)
    assert mpjpe_mm(found.places, truth[:count]) < 150.0


def test_points_that_are_missing_or_no_numbers_give_doubt_and_no_nan() -> None:
    time_s, keypoints, _ = waving(3.0)
    seen = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    blind = keypoints.copy()
    blind[40:50, :, 2] = 0.0
    blind[60:, KEYPOINTS[POINT_NAMES.index("left_wrist")]] = np.nan
    blind[5, :, 0] = np.inf
    found = lift(time_s=time_s, keypoints=blind, camera_K=K)
    for name, value in vars(found).items():
        assert np.isfinite(value).all(), name
    assert found.along[45, 1:].mean() > seen.along[45, 1:].mean()
    blind[..., 2] = 0.0
    nothing = lift(time_s=time_s, keypoints=blind, camera_K=K)
    assert np.isfinite(nothing.places).all()
    assert nothing.along.mean() > 2.0 * seen.along.mean()


def test_legs_out_of_the_picture_are_guessed_calmly() -> None:
    time_s, keypoints, _ = waving(4.0)
    legs = [i for i in KEYPOINTS if 13 <= i < 23]
    keypoints[:, legs] = 0.0
    found = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    ankles = found.places[:, [INDEX["left_ankle"], INDEX["right_ankle"]]]
    speed = np.linalg.norm(np.diff(ankles, axis=0), axis=-1) * 30.0
    assert np.quantile(speed, 0.95) < 1.5
    assert found.along[:, INDEX["left_ankle"]].mean() > found.along[:, INDEX["neck"]].mean()


def test_where_in_the_picture_and_how_far_does_not_change_the_body() -> None:
    """The virtual camera: turning the real one is no news, and half the size is twice the distance."""
    _, keypoints, _ = waving(1.0)
    points = (keypoints[:, KEYPOINTS, :2] - K[:2, 2]) / 1000.0
    certainty = keypoints[:, KEYPOINTS, 2]
    rays = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    turned = rays @ matrix_from_axis_angle(np.array([0.0, 0.35, 0.0])).T
    usual = normalise(points, certainty)
    other = normalise(turned[..., :2] / turned[..., 2:], certainty)
    np.testing.assert_allclose(other.inputs[:, :105], usual.inputs[:, :105], atol=0.02)
    small = normalise(points * 0.5, certainty)
    np.testing.assert_allclose(small.spread, usual.spread * 0.5, rtol=0.02)


def test_left_and_right_points_and_places_mirror_each_other() -> None:
    np.testing.assert_array_equal(MIRROR_POINTS[MIRROR_POINTS], np.arange(len(POINT_NAMES)))
    np.testing.assert_allclose(OFFSETS[MIRROR_POINTS], OFFSETS * (-1.0, 1.0, 1.0))


def test_the_mirrored_video_gives_the_mirrored_body() -> None:
    time_s, keypoints, _ = waving(1.0)
    mirrored = np.zeros_like(keypoints)
    mirrored[:, KEYPOINTS] = keypoints[:, KEYPOINTS[MIRROR_POINTS]]
    mirrored[..., 0] = 2.0 * K[0, 2] - mirrored[..., 0]
    plain = lift(time_s=time_s, keypoints=keypoints, camera_K=K)
    other = lift(time_s=time_s, keypoints=mirrored, camera_K=K)
    flip = np.array([-1.0, 1.0, 1.0])
    joints = list(MIRROR[:22])
    np.testing.assert_allclose(other.places, plain.places[:, joints] * flip, atol=1e-4)
    np.testing.assert_allclose(other.world, plain.world[:, joints] * flip[:, None] * flip, atol=1e-3)
    np.testing.assert_allclose(other.along, plain.along[:, joints], atol=1e-4)
    np.testing.assert_allclose(other.pelvis, plain.pelvis * flip, atol=1e-3)
    np.testing.assert_allclose(other.contact, plain.contact[:, [2, 3, 0, 1]], atol=1e-4)
    np.testing.assert_allclose(other.up, plain.up * flip, atol=1e-4)


def test_a_damaged_network_is_refused(tmp_path) -> None:
    for name in ("lift.json", "lift.onnx"):
        (tmp_path / name).write_bytes((network.FOLDER / name).read_bytes())
    with (tmp_path / "lift.onnx").open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    time_s, keypoints, _ = waving(0.2)
    with pytest.raises(ModelError, match="install the extension again"):
        lift(time_s=time_s, keypoints=keypoints, camera_K=K, folder=tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        lift(time_s=time_s, keypoints=keypoints, camera_K=K, folder=tmp_path / "nowhere")

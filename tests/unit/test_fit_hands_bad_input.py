# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is seen of hands, poses stay finite, within limits and without a pop."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.inference import wholebody
from rotocap.inference.fit.hands import pose_hands
from rotocap.inference.fit.hands.points import posed_points
from rotocap.inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from rotocap.inference.skeleton import JOINT_COUNT, LEFT_HAND, RIGHT_HAND, rest_joints

K = np.array([[900.0, 0.0, 480.0], [0.0, 900.0, 270.0], [0.0, 0.0, 1.0]])


def _person(count: int) -> dict[str, np.ndarray]:
    """Someone in a T-pose before the camera, the left hand seen, as `pose_hands` takes it."""
    poses = np.zeros((count, JOINT_COUNT, 3))
    poses[:, 0, 0] = np.pi
    points, _ = posed_points(np.full((count, 5, 4), 0.2), np.ones((5, 4)))
    hand = points * (1.0, -1.0, -1.0)  # the camera looks at the person's front
    place = hand + np.array([0.68, -0.3, 3.0])
    keypoints = np.zeros((count, wholebody.COUNT, 3))
    points3d = np.full((count, wholebody.COUNT, 3), np.nan)
    keypoints[:, wholebody.LEFT_HAND, :2] = place[..., :2] / place[..., 2:] * 900.0 + K[:2, 2]
    keypoints[:, wholebody.LEFT_HAND, 2] = 0.95
    points3d[:, wholebody.LEFT_HAND] = hand - hand[:, :1]
    return {
        "poses": poses, "time_s": np.arange(count) / 30.0, "keypoints": keypoints, "points3d": points3d,
        "camera_K": K, "pelvis": np.tile([0.0, 0.1, 3.0], (count, 1)), "rest": rest_joints(),
    }  # fmt: skip


def _steps(poses: np.ndarray) -> np.ndarray:
    """Degrees that every joint turns from frame to frame."""
    turns = matrix_from_axis_angle(poses)
    apart = axis_angle_from_matrix(np.swapaxes(turns[:-1], -1, -2) @ turns[1:])
    return np.degrees(np.linalg.norm(apart, axis=-1))


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_short_takes(count: int) -> None:
    person = _person(count)
    seen = pose_hands(**person)
    assert np.isfinite(person["poses"]).all()
    assert (seen[:, 0] > 0.9).all() and (seen[:, 1] == 0.0).all()


def _nothing(person: dict[str, np.ndarray]) -> None:
    person["keypoints"][..., 2] = 0.0


def _nan(person: dict[str, np.ndarray]) -> None:
    person["keypoints"][10:20] = np.nan
    person["points3d"][15:25] = np.nan


def _no_depth(person: dict[str, np.ndarray]) -> None:
    person["points3d"][:] = np.nan


def _one_place(person: dict[str, np.ndarray]) -> None:
    person["keypoints"][..., :2] = 100.0


def _cut(person: dict[str, np.ndarray]) -> None:
    """The picture's edge takes fingers away, more and more."""
    for t in range(len(person["poses"])):
        person["keypoints"][t, wholebody.LEFT_HAND.start + 21 - t // 3 : wholebody.LEFT_HAND.stop, 2] = 0.0


def _noise(person: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    person["keypoints"][..., :2] += rng.normal(0, 300.0, person["keypoints"][..., :2].shape)
    person["points3d"] += rng.normal(0, 0.3, person["points3d"].shape)


def _flicker(person: dict[str, np.ndarray]) -> None:
    """Found in every third frame, half sure."""
    away = np.arange(len(person["poses"])) % 3 != 0
    person["keypoints"][..., 2] *= 0.55
    person["keypoints"][away, wholebody.LEFT_HAND] = 0.0
    person["points3d"][away] = np.nan


def _far_off(person: dict[str, np.ndarray]) -> None:
    person["keypoints"][..., :2] += 1e5


def _huge(person: dict[str, np.ndarray]) -> None:
    person["points3d"] *= 1e4


@pytest.mark.parametrize(
    "spoil", [_nothing, _nan, _no_depth, _one_place, _cut, _noise, _flicker, _far_off, _huge]
)
def test_poses_stay_whole(spoil) -> None:
    person = _person(40)
    spoil(person)
    seen = pose_hands(**person)
    poses = person["poses"]
    assert np.isfinite(poses).all() and np.isfinite(seen).all()
    assert seen.min() >= 0.0 and seen.max() <= 1.0
    fingers = np.linalg.norm(poses[:, LEFT_HAND.start : RIGHT_HAND.stop], axis=-1)
    assert np.degrees(fingers.max()) < 125.0
    if spoil is not _noise:
        assert _steps(poses).max() < 12.0


def test_frames_of_any_rate_fade_alike() -> None:
    """At 24 and at 240 frames a second a lost hand takes the same time to rest."""
    rested = []
    for fps in (24, 240):
        person = _person(2 * fps)
        person["time_s"] = np.arange(2 * fps) / fps
        person["keypoints"][fps // 2 :, :, 2] = 0.0
        pose_hands(**person)
        bend = np.linalg.norm(person["poses"][:, LEFT_HAND.start], axis=-1)
        end = np.flatnonzero(np.abs(bend - bend[-1]) > 0.02).max() / fps
        rested.append(end)
    assert rested[0] == pytest.approx(rested[1], abs=0.1)
    assert 0.6 < rested[1] < 1.4

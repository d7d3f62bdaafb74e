# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick pose of a capture that still runs: whose it is, and that it is the pose that was filmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rotocap.inference import wholebody
from rotocap.inference.camera import rotation_to_ray
from rotocap.inference.fit.model_points import GROUPS, POINTS, scaled_rest
from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.people.tracker import TrackRow
from rotocap.inference.preview import Preview
from rotocap.inference.skeleton import INDEX, JOINT_COUNT

K = np.array([[1000.0, 0.0, 500.0], [0.0, 1000.0, 500.0], [0.0, 0.0, 1.0]])
REST = scaled_rest(np.zeros(len(GROUPS)))


@dataclass(frozen=True)
class Landmarks:
    keypoints: np.ndarray
    points3d: np.ndarray
    box: np.ndarray
    score: float = 0.95


def filmed(wave: float, *, x: float = 0.0, depth: float = 4.5) -> tuple[Landmarks, np.ndarray]:
    """A person who faces the camera with a raised left arm, as landmarks, and the true joints (55, 3)."""
    pose = np.zeros((1, JOINT_COUNT, 3))
    pose[0, INDEX["left_shoulder"], 2] = wave
    pose[0, INDEX["right_shoulder"], 2] = 1.2
    pose[0, INDEX["left_elbow"], 1] = -0.9
    pose[0, INDEX["left_hip"], 0], pose[0, INDEX["left_knee"], 0] = -0.7, 1.2
    local = matrix_from_axis_angle(pose)
    local[:, 0] = np.diag([1.0, -1.0, -1.0])
    joints, world = forward(local, np.array([[x, 0.1, depth]]), REST)
    points = POINTS.posed(joints, world, POINTS.scaled_offset(np.zeros(len(GROUPS))))
    hips = points[0, np.isin(POINTS.keypoint, (11, 12))].mean(axis=0)
    keypoints = np.zeros((wholebody.COUNT, 3), np.float32)
    keypoints[POINTS.keypoint, :2] = points[0, :, :2] / points[0, :, 2:] * 1000.0 + 500.0
    keypoints[POINTS.keypoint, 2] = 0.95
    points3d = np.full((wholebody.COUNT, 3), np.nan, np.float32)
    crop_from_camera = rotation_to_ray(hips[:2] / hips[2:]).T
    points3d[POINTS.keypoint] = (points[0] - hips) @ crop_from_camera.T
    seen = keypoints[POINTS.keypoint, :2]
    box = np.concatenate([seen.min(axis=0), seen.max(axis=0)]).astype(np.float32)
    return Landmarks(keypoints, points3d, box), joints[0]


def row(track: int, landmarks: Landmarks) -> TrackRow:
    return TrackRow(track, landmarks, np.zeros(1, np.float32))


def joints_of(pose) -> np.ndarray:
    joints, _ = forward(matrix_from_axis_angle(pose.poses)[None], pose.pelvis[None], REST)
    return joints[0]


def seen(joints: np.ndarray) -> np.ndarray:
    return joints[:, :2] / joints[:, 2:] * 1000.0 + 500.0


def test_it_is_the_pose_that_was_filmed() -> None:
    preview = Preview(K, interval_s=0.0)
    landmarks, truth = filmed(-0.6)
    pose = preview.step(7, 0.25, [row(0, landmarks)])
    assert (pose.frame, pose.time_s, pose.focal_px) == (7, 0.25, 1000.0)
    joints = joints_of(pose)
    # It covers the person in the picture, who is 400 pixels tall; depth is a single picture's guess.
    apart = np.linalg.norm(seen(joints)[:22] - seen(truth)[:22], axis=-1)
    assert np.median(apart) < 8.0
    assert apart.max() < 80.0
    relative = (joints - joints[0]) - (truth - truth[0])
    assert np.linalg.norm(relative[:22], axis=-1).mean() < 0.16


def test_it_follows_without_falling_behind() -> None:
    preview = Preview(K, interval_s=0.0)
    for frame in range(20):
        landmarks, truth = filmed(-1.2 + 0.06 * frame)
        pose = preview.step(frame, frame / 30.0, [row(0, landmarks)])
    wrist = INDEX["left_wrist"]
    behind = np.linalg.norm(seen(joints_of(pose))[wrist] - seen(truth)[wrist])
    # The wrist goes 7 pixels a frame, 130 in all; the smoothing remembers two frames.
    assert behind < 50.0


def test_after_a_gap_nothing_of_the_old_pose_is_left() -> None:
    preview = Preview(K, interval_s=0.0)
    preview.step(0, 0.0, [row(0, filmed(-1.2)[0])])
    landmarks, _ = filmed(0.6)
    late = preview.step(60, 2.0, [row(0, landmarks)])
    fresh = Preview(K, interval_s=0.0).step(60, 2.0, [row(0, landmarks)])
    np.testing.assert_allclose(late.poses, fresh.poses, atol=1e-9)


def test_the_main_person_is_shown_and_the_picked_one_where_one_was_picked() -> None:
    near, far = filmed(0.0, x=-1.0, depth=3.5)[0], filmed(0.0, x=1.2, depth=6.0)[0]
    people = [row(0, far), row(1, near)]
    assert Preview(K, interval_s=0.0).step(0, 0.0, people).pelvis[0] < 0.0
    place = 0.5 * (far.box[:2] + far.box[2:])
    picks = Preview(K, interval_s=0.0, pick=(2, float(place[0]), float(place[1])))
    for frame in range(4):
        assert picks.step(frame, frame / 30.0, people).pelvis[0] > 0.0
    assert picks.step(4, 4 / 30.0, [row(1, near)]) is None  # who was picked is not in the picture


def test_there_are_only_so_many_poses_a_second() -> None:
    preview = Preview(K)
    landmarks, _ = filmed(0.0)
    made = [preview.step(frame, frame / 30.0, [row(0, landmarks)]) for frame in range(5)]
    assert sum(pose is not None for pose in made) == 1
    assert preview.step(5, 5 / 30.0, []) is None


@pytest.mark.parametrize("broken", ["nan", "unseen"])
def test_landmarks_that_say_nothing_make_no_broken_pose(broken: str) -> None:
    landmarks, _ = filmed(0.0)
    if broken == "nan":
        landmarks.points3d[:] = np.nan
    else:
        landmarks.keypoints[:, 2] = 0.0
    pose = Preview(K, interval_s=0.0).step(0, 0.0, [row(0, landmarks)])
    assert pose is None or (np.isfinite(pose.poses).all() and np.isfinite(pose.pelvis).all())


def test_the_given_height_is_the_size_of_the_preview() -> None:
    landmarks, _ = filmed(0.0)
    usual, tall = (
        Preview(K, interval_s=0.0, height_m=height).step(0, 0.0, [row(0, landmarks)]).pelvis[2]
        for height in (1.705, 1.875)
    )
    assert tall / usual == pytest.approx(1.1, abs=0.01)  # as large in the picture, so farther away

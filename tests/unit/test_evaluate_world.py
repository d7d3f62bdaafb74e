# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures of the path through the room: each is given an error of known size and must find it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rotocap.inference.kinematics import axis_angle_from_matrix, forward_poses, matrix_from_axis_angle
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX, rest_joints
from rotocap.tools.evaluate import world_walks
from rotocap.tools.evaluate.world import compare
from rotocap.tools.evaluate.world_walks import SIZE, Walk, pictures, truth
from rotocap.training.motion_data import MotionSequence, MotionSet

WALK = Walk("cmu/made/05_01", yaw_deg=40, pitch_deg=12, fov_deg=60, stature_m=1.80)


def stride(count: int = 60) -> MotionSet:
    """Somebody who stands, creeping by 4 mm a frame, and then goes along +X with swinging legs."""
    moving = np.maximum(np.arange(count) - 20, 0)
    t = moving / 30.0
    pose = np.zeros((count, 22, 3), np.float32)
    pose[:, 0, 1] = np.pi / 2
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, INDEX[f"{side}_hip"], 0] = 0.4 * sign * np.sin(2 * np.pi * t)
        pose[:, INDEX[f"{side}_shoulder"], 2] = -1.3 * sign
    trans = np.zeros((count, 3), np.float32)
    trans[:, 0] = 0.004 * np.arange(count) + 1.2 * t
    trans[:, 1] = rest_joints()[0, 1]
    return MotionSet.of(
        [
            MotionSequence(
                name=WALK.motion,
                label="walk",
                licence="",
                source="",
                pose=pose,
                trans=trans,
                hand_pose=np.zeros((count, 30, 3), np.float32),
                has_hands=False,
            )
        ]
    )


@pytest.fixture(scope="module")
def real() -> SmplxSequence:
    return truth(WALK, stride())


def test_the_truth_is_one_motion_in_world_and_camera_and_stays_in_the_picture(real: SmplxSequence) -> None:
    joints, _ = forward_poses(real.poses, real.trans, np.asarray(real.rest_joints, np.float64))
    camera = np.asarray(real.world_from_camera)
    np.testing.assert_allclose((joints - camera[:3, 3]) @ camera[:3, :3], real.joints_camera, atol=1e-5)
    assert np.abs(joints[0, 0, [0, 2]]).max() < 1e-6
    assert camera[2, 2] < -0.9  # the camera looks along -Z,
    assert abs(camera[0, 2]) < 1e-6
    assert -camera[1, 2] == pytest.approx(np.sin(np.radians(12)))  # and down
    pixel = real.joints_camera.astype(np.float64) @ np.asarray(real.camera_K).T
    pixel = pixel[..., :2] / pixel[..., 2:]
    assert (pixel > 0).all() and (pixel < SIZE).all()


def test_a_foot_that_rests_does_not_creep(real: SmplxSequence) -> None:
    assert real.contact[:15].all() and not real.contact[30:].any()
    assert compare(real, real)["foot_slide_mm"] < 0.5  # 4 as recorded, times the stature


def test_the_truth_is_perfect(real: SmplxSequence) -> None:
    figures = compare(real, real)
    assert figures["walk_end_error"] == 0.0
    assert figures["distance_error"] == 0.0
    assert figures["gravity_deg"] == pytest.approx(0.0, abs=1e-4)
    assert figures["found"] == 1.0


def test_a_path_too_long_by_a_tenth_is_an_end_error_of_a_tenth(real: SmplxSequence) -> None:
    long = real.trans.copy()
    long[:, [0, 2]] *= 1.1
    figures = compare(replace(real, trans=long), real)
    assert figures["distance_error"] == pytest.approx(0.1, abs=1e-3)
    # The way is a little shorter than the path, which sways.
    assert figures["walk_end_error"] == pytest.approx(0.1, abs=0.01)


def test_gravity_that_leans_is_told(real: SmplxSequence) -> None:
    lean = matrix_from_axis_angle(np.array([np.radians(7.0), 0.0, 0.0]))
    camera = np.asarray(real.world_from_camera).copy()
    camera[:3] = lean @ camera[:3]
    assert compare(replace(real, world_from_camera=camera), real)["gravity_deg"] == pytest.approx(
        7.0, abs=1e-3
    )


def test_the_walker_is_drawn_where_the_truth_has_him(real: SmplxSequence) -> None:
    (picture,) = pictures(real, every=len(real))
    room = world_walks.pictures(replace(real, trans=real.trans + np.float32([0, 50, 0])), every=len(real))[0]
    drawn = np.abs(picture.astype(int) - room).max(axis=-1) > 20
    pixel = real.joints_camera[0].astype(np.float64) @ np.asarray(real.camera_K).T
    x, y = np.round(pixel[:22, :2] / pixel[:22, 2:]).astype(int).T
    assert drawn[y, x].mean() > 0.9
    assert drawn.mean() < 0.2


def test_the_poses_are_the_recorded_ones_but_for_the_turn(real: SmplxSequence) -> None:
    recorded = stride().sequences[0].pose
    np.testing.assert_allclose(real.poses.reshape(-1, 55, 3)[:, 1:22], recorded[:, 1:], atol=1e-5)
    turns = matrix_from_axis_angle(real.poses[:, :3]) @ np.swapaxes(
        matrix_from_axis_angle(recorded[:, 0]), -1, -2
    )
    assert np.ptp(axis_angle_from_matrix(turns), axis=0).max() < 1e-3

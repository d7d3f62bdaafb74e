# SPDX-License-Identifier: GPL-3.0-or-later
"""Known finger bends, seen as 21 points, come back; nothing bends the wrong way."""

from __future__ import annotations

import time

import numpy as np
import pytest

from rotocap.inference.camera import rotation_to_ray
from rotocap.inference.fit.face import fit_jaw
from rotocap.inference.fit.hands import HandFit, fit_hand, glimpse
from rotocap.inference.fit.hands.anatomy import JOINTS, anatomy, axis_angles
from rotocap.inference.fit.hands.points import posed_points
from rotocap.inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle

K = np.array([[1500.0, 0.0, 320.0], [0.0, 1500.0, 240.0], [0.0, 0.0, 1.0]])
PLACE = np.array([0.2, -0.1, 1.5])


def _fist(count: int, speed: float = 1.0) -> np.ndarray:
    """All fingers closing from nearly straight to a loose fist, angles (T, 5, 4)."""
    close = np.clip(np.linspace(0.0, speed, count), 0.0, 1.0)[:, None, None]
    return np.array([0.1, 0.0, 0.1, 0.05]) + close * np.array([0.9, 0.0, 1.2, 0.7]) * np.ones((5, 4))


def _seen(
    angles: np.ndarray, turn: np.ndarray, left: bool, *, pixels: float = 0.0, metres: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """What a camera and a network say of a hand: keypoints (T, 21, 3) and points3d (T, 21, 3)."""
    rng = np.random.default_rng(5)
    points, _ = posed_points(angles, np.ones((5, 4)))
    points = (points * ([1, 1, 1] if left else [-1, 1, 1])) @ np.swapaxes(turn, -1, -2)
    place = points + PLACE
    keypoints = np.ones((*points.shape[:2], 3))
    keypoints[..., :2] = place[..., :2] / place[..., 2:] * K[0, 0] + K[:2, 2]
    keypoints[..., :2] += rng.normal(0, pixels, keypoints[..., :2].shape)
    own = (points - points[:, :1]) @ rotation_to_ray(PLACE[:2] / PLACE[2])
    return keypoints, own + rng.normal(0, metres, own.shape)


def _fitted(keypoints: np.ndarray, points3d: np.ndarray, left: bool, fps: float = 30.0) -> HandFit:
    return fit_hand(
        time_s=np.arange(len(keypoints)) / fps, keypoints=keypoints, points3d=points3d, camera_K=K, left=left
    )


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Degrees between axis-angles."""
    turns = (matrix_from_axis_angle(a) for a in (first, second))
    one, two = turns
    return np.degrees(np.linalg.norm(axis_angle_from_matrix(np.swapaxes(one, -1, -2) @ two), axis=-1))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("wrist", [(0.0, 0.0, 0.0), (1.0, -0.5, 2.0), (-2.0, 1.0, 0.3)])
def test_a_closing_fist_comes_back(left: bool, wrist: tuple[float, float, float]) -> None:
    angles = _fist(40)
    turn = np.tile(matrix_from_axis_angle(np.array(wrist)), (40, 1, 1))
    fit = _fitted(*_seen(angles, turn, left), left)
    assert (fit.seen == 1.0).all()
    error = _apart(fit.pose, axis_angles(angles, left=left))
    # The reader leans towards likely hands, so that one joint in one frame may be further off.
    assert error.mean() < 5.0 and error.max() < 24.0
    turned = np.swapaxes(fit.turn, -1, -2) @ turn
    assert np.degrees(np.linalg.norm(axis_angle_from_matrix(turned), axis=-1)).max() < 8.5


@pytest.mark.parametrize("left", [True, False])
def test_fingers_that_were_looked_at_are_believed_where_they_were(left: bool) -> None:
    angles, turn = _fist(60), np.tile(np.eye(3), (60, 1, 1))
    keypoints, points3d = _seen(angles, turn, left, pixels=4.0, metres=0.015)
    fingers = np.full((60, 20, 2), np.nan)
    fingers[:30] = np.stack([angles[:30].reshape(30, 20), np.full((30, 20), 0.1)], axis=-1)
    given = {"time_s": np.arange(60) / 30.0, "keypoints": keypoints, "points3d": points3d, "camera_K": K}
    without, fitted = fit_hand(**given, left=left), fit_hand(**given, left=left, fingers=fingers)
    true = axis_angles(angles, left=left)
    before, after = (_apart(fit.pose, true) for fit in (without, fitted))
    assert after[:30].mean() < 0.5 * before[:30].mean()
    # A second away nothing of it is left, and without a look nothing changes.
    assert np.abs(fitted.pose[58:] - without.pose[58:]).max() < 0.05
    unseen = fit_hand(**given, left=left, fingers=np.full((60, 20, 2), np.nan))
    assert (unseen.pose == without.pose).all()


@pytest.mark.parametrize("left", [True, False])
def test_noise_never_bends_a_finger_the_wrong_way(left: bool) -> None:
    angles, turn = _fist(60), np.tile(np.eye(3), (60, 1, 1))
    fit = _fitted(*_seen(angles, turn, left, pixels=5.0, metres=0.02), left)
    hand = anatomy()
    mirror = 1.0 if left else np.array([1.0, -1.0, -1.0])
    for finger in range(1, 5):
        for joint in (1, 2):
            pose = fit.pose[:, JOINTS[finger, joint]] * mirror
            bend = pose @ hand.axes[finger, joint + 1]
            assert bend.min() >= hand.low[finger, joint + 1] - 1e-9
            assert bend.max() <= hand.high[finger, joint + 1] + 1e-9
            # One axis only.
            assert np.abs(pose - bend[:, None] * hand.axes[finger, joint + 1]).max() < 1e-9


def test_a_quick_tap_keeps_its_height() -> None:
    """Four taps a second with the first finger: at least 80 % of their height stay."""
    time_s = np.arange(60) / 30.0
    angles = np.tile(_fist(2)[:1], (60, 1, 1))
    angles[:, 1, 0] += 0.35 * (0.5 - 0.5 * np.cos(2 * np.pi * 4.0 * time_s))
    turn = np.tile(matrix_from_axis_angle(np.array([0.5, 0.3, 0.2])), (60, 1, 1))
    fit = _fitted(*_seen(angles, turn, True), True)
    bend = fit.pose[10:-10, JOINTS[1, 0]] @ anatomy().axes[1, 0]
    assert np.ptp(bend) > 0.8 * np.ptp(angles[10:-10, 1, 0])


def test_a_frame_that_was_read_wrongly_changes_little() -> None:
    angles = np.tile(_fist(3)[1:2], (40, 1, 1))
    turn = np.tile(matrix_from_axis_angle(np.array([0.3, 0.4, 0.1])), (40, 1, 1))
    keypoints, points3d = _seen(angles, turn, True, pixels=0.5, metres=0.002)
    before = _fitted(keypoints, points3d, True)
    # Another hand: turned by half a turn and straight.
    other = turn[:1] @ matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    keypoints[20:21], points3d[20:21] = _seen(_fist(2)[:1], other, True)
    after = _fitted(keypoints, points3d, True)
    assert _apart(before.pose, after.pose).max() < 20.0
    turned = np.swapaxes(before.turn, -1, -2) @ after.turn
    assert np.degrees(np.linalg.norm(axis_angle_from_matrix(turned), axis=-1)).max() < 20.0


def test_a_lost_hand_fades_to_relaxed_and_back_without_a_pop() -> None:
    angles = np.repeat(_fist(2)[1:], 120, axis=0)
    keypoints, points3d = _seen(angles, np.tile(np.eye(3), (120, 1, 1)), True)
    keypoints[40:80] = 0.0
    points3d[40:80] = np.nan
    fit = _fitted(keypoints, points3d, True)
    assert np.isfinite(fit.pose).all()
    assert (fit.seen[40:80] == 0.0).all() and (fit.seen[:40] == 1.0).all()
    relaxed = axis_angles(anatomy().relaxed, left=True)
    assert _apart(fit.pose[60], relaxed).max() < 15.0
    assert _apart(fit.pose[1:], fit.pose[:-1]).max() < 9.0
    # Nor does it start or stop at once.
    assert np.degrees(np.abs(np.diff(fit.pose, 2, axis=0)).max()) < 3.0


def test_a_short_gap_is_bridged() -> None:
    angles = _fist(60)
    keypoints, points3d = _seen(angles, np.tile(np.eye(3), (60, 1, 1)), False)
    points3d[25:31] = np.nan
    fit = _fitted(keypoints, points3d, False)
    assert _apart(fit.pose[25:31], axis_angles(angles[25:31], left=False)).max() < 15.0


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_a_hand_that_is_hardly_ever_seen_is_relaxed(shown: int) -> None:
    keypoints, points3d = _seen(_fist(90), np.tile(np.eye(3), (90, 1, 1)), True)
    keypoints[shown:], points3d[shown:] = 0.0, np.nan
    fit = _fitted(keypoints, points3d, True)
    assert np.isfinite(fit.pose).all() and np.isfinite(fit.turn).all()
    assert _apart(fit.pose[60:], axis_angles(anatomy().relaxed, left=True)).max() < 1e-6


def test_points_that_fell_together_say_nothing() -> None:
    keypoints = np.ones((5, 21, 3))
    fit = _fitted(keypoints, np.zeros((5, 21, 3)), False)
    assert np.isfinite(fit.pose).all() and (fit.seen == 0.0).all()


def test_a_glimpse_is_near_and_needs_one_frame() -> None:
    angles = _fist(3)
    keypoints, points3d = _seen(angles, np.tile(np.eye(3), (3, 1, 1)), True)
    for t in range(3):
        pose = glimpse(points3d[t : t + 1], keypoints[t : t + 1, :, 2], left=True)
        assert _apart(pose[0, :12], axis_angles(angles[t], left=True)[:12]).mean() < 20.0
    assert np.isfinite(glimpse(np.full((1, 21, 3), np.nan), np.zeros((1, 21)), left=False)).all()


@pytest.mark.parametrize("edge", [600, 2355])  # of a window, and between two runs
def test_long_takes_have_no_seam_and_cost_in_proportion(edge: int) -> None:
    count = 2 * edge
    angles = np.tile(_fist(130), (count // 130 + 1, 1, 1))[:count]
    angles = angles + 0.2 * np.sin(np.arange(count) / 9.0)[:, None, None]
    turn = np.tile(np.eye(3), (count, 1, 1))
    keypoints, points3d = _seen(angles, turn, True, pixels=1.0, metres=0.004)
    begun = time.process_time()
    whole = _fitted(keypoints, points3d, True)
    assert (time.process_time() - begun) / count < 0.01
    around = slice(edge - 100, edge + 100)
    part = _fitted(keypoints[around], points3d[around], True)
    assert _apart(whole.pose[edge - 60 : edge + 60], part.pose[40:160]).max() < 1.5


def test_the_jaw_opens_with_the_lips_and_never_the_wrong_way() -> None:
    count = 30
    points = np.full((count, 68, 3), np.nan)
    gap = 0.045 * (0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, count)))
    points[:, 36], points[:, 45] = (-0.045, 0.0, 0.0), (0.045, 0.0, 0.0)
    points[:, 62] = (0.0, 0.06, 0.0)
    points[:, 66] = np.stack([np.zeros(count), 0.06 + gap, np.zeros(count)], axis=1)
    certainty = np.ones((count, 68))
    jaw = fit_jaw(np.arange(count) / 30.0, points, certainty)
    assert jaw[:, 0].min() >= 0.0 and jaw[:, 0].max() == pytest.approx(0.47, abs=0.08)
    assert abs(int(jaw[:, 0].argmax()) - int(gap.argmax())) <= 1
    assert np.abs(jaw[:, 1:]).max() == 0.0

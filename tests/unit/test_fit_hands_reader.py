# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand reader: it mends depth that the hand network has wrong, and knows arms; fingertips that touch."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.camera import rotation_to_ray
from rotocap.inference.errors import ModelError
from rotocap.inference.fit.hands import fit as fit_module
from rotocap.inference.fit.hands import fit_hand
from rotocap.inference.fit.hands.anatomy import JOINTS, MIRROR_PLACE, anatomy
from rotocap.inference.fit.hands.palm import hand_frame
from rotocap.inference.fit.hands.points import posed_points
from rotocap.inference.fit.hands.reader import INPUTS, PALM, Reader, reader, upright
from rotocap.inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle

K = np.array([[1500.0, 0.0, 320.0], [0.0, 1500.0, 240.0], [0.0, 0.0, 1.0]])
PLACE = np.array([0.2, -0.1, 1.5])


def _seen(angles: np.ndarray, turn: np.ndarray, *, left: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places on the plane z = 1 (T, 21, 2) and points3d (T, 21, 3) of hands that were read without error."""
    points, _ = posed_points(angles, np.ones((5, 4)))
    points = (points * (1.0 if left else MIRROR_PLACE)) @ np.swapaxes(turn, -1, -2)
    flat = (points + PLACE)[..., :2] / (points + PLACE)[..., 2:]
    ray = rotation_to_ray(flat[:, PALM].mean(axis=1))
    return flat, (points - points[:, :1]) @ ray


def _turns(count: int) -> np.ndarray:
    """Palms that face the camera more or less, turned every way in the picture."""
    rng = np.random.default_rng(2)
    about = matrix_from_axis_angle(rng.normal(0.0, 0.4, (count, 3)))
    spin = matrix_from_axis_angle(np.outer(rng.uniform(-3, 3, count), [0.0, 0.0, 1.0]))
    return spin @ about @ matrix_from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    turn = np.swapaxes(first, -1, -2) @ second
    return np.degrees(np.linalg.norm(axis_angle_from_matrix(turn), axis=-1))


def _read(flat: np.ndarray, points3d: np.ndarray, forearm: np.ndarray, *, left: bool):
    count = len(flat)
    return reader()(upright(flat, points3d, np.ones(count), np.full(count, 40.0), forearm, left=left))


@pytest.mark.parametrize("left", [True, False])
def test_a_hand_read_well_is_left_as_it_is(left: bool) -> None:
    angles = np.tile(anatomy().relaxed, (40, 1, 1))
    turn = _turns(40)
    flat, points3d = _seen(angles, turn, left=left)
    read = _read(flat, points3d, np.full((40, 3), np.nan), left=left)
    found, _ = hand_frame(read.points, np.ones((40, 21)), left=left)
    assert np.median(_apart(found, turn)) < 12.0
    assert np.degrees(np.abs(read.angles - angles)).mean() < 10.0
    assert (read.across > 0).all() and (read.along > 0).all() and (read.angle_spread > 0).all()


def test_left_and_right_are_mirror_images() -> None:
    rng = np.random.default_rng(0)
    flat, points3d = _seen(rng.uniform(0, 1, (10, 5, 4)), _turns(10), left=True)
    arm = rng.normal(0, 1, (10, 3))
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    one = _read(flat, points3d, arm, left=True)
    two = _read(flat * MIRROR_PLACE[:2], points3d * MIRROR_PLACE, arm * MIRROR_PLACE, left=False)
    assert np.abs(one.points - two.points * MIRROR_PLACE).max() < 1e-9
    assert np.abs(one.angles - two.angles).max() < 1e-9


def test_a_roll_of_the_camera_rolls_the_hand() -> None:
    flat, points3d = _seen(np.tile(anatomy().relaxed, (6, 1, 1)), _turns(6), left=True)
    flat -= flat.mean(axis=(0, 1))  # on the camera's axis
    roll = matrix_from_axis_angle(np.array([0.0, 0.0, 1.1]))
    one = _read(flat, points3d, np.full((6, 3), np.nan), left=True)
    two = _read(flat @ roll[:2, :2].T, points3d @ roll.T, np.full((6, 3), np.nan), left=True)
    assert np.abs(one.points @ roll.T - two.points).max() < 0.003


def test_what_is_unsure_is_said_to_be() -> None:
    """Points that contradict each other have a wider spread than those of a hand."""
    flat, points3d = _seen(np.tile(anatomy().relaxed, (40, 1, 1)), _turns(40), left=True)
    rng = np.random.default_rng(1)
    none = np.full((40, 3), np.nan)
    sure = _read(flat, points3d, none, left=True)
    noisy = points3d + rng.normal(0, 0.04, points3d.shape)
    unsure = _read(flat + rng.normal(0, 0.02, flat.shape), noisy, none, left=True)
    assert unsure.across.mean() > 1.15 * sure.across.mean()


def test_ten_thousand_frames_take_a_second() -> None:
    flat, points3d = _seen(np.tile(anatomy().relaxed, (10_000, 1, 1)), _turns(10_000), left=True)
    begun = time.process_time()
    _read(flat, points3d, np.full((10_000, 3), np.nan), left=True)
    assert time.process_time() - begun < 5.0  # measured .5


def test_a_file_that_is_missing_or_damaged_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install Rotocap again"):
        Reader.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not an npz")
    with pytest.raises(ModelError, match="install Rotocap again"):
        Reader.load(tmp_path / "bad.npz")
    assert reader().weight1.shape[0] == INPUTS


def _pinch() -> np.ndarray:
    """Angles (5, 4) whose thumb and index tips are within flesh of each other."""
    rng = np.random.default_rng(0)
    hand = anatomy()
    best, least = np.tile(hand.relaxed, (1, 1)), np.inf
    spread = 0.4
    for _ in range(60):
        tries = np.tile(best, (200, 1, 1))
        tries[:, :2] += rng.normal(0, spread, (200, 2, 4)) * np.array([1.0, 0.3, 1.0, 0.7])
        tries = np.clip(tries, hand.low, hand.high)
        points, _ = posed_points(tries, np.ones((5, 4)))
        off = np.abs(np.linalg.norm(points[:, 8] - points[:, 4], axis=1) - 0.012)
        off += 0.002 * np.abs(tries - hand.relaxed).sum(axis=(1, 2))
        if off.min() < least:
            best, least = tries[off.argmin()], off.min()
        spread *= 0.95
    return best


def test_fingertips_that_touch_in_the_picture_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hand network has a gap in depth between tips that touch: it is closed, and never opened."""
    angles = np.tile(_pinch(), (12, 1, 1))
    share = np.array([0.4, 0.8, 1.0])
    gaps = []
    for turn in _turns(3):
        for gap in (-0.05, -0.03, 0.03, 0.05):
            flat, points3d = _seen(angles, np.tile(turn, (12, 1, 1)), left=True)
            points3d[:, 2:5, 2] += gap * share
            points3d[:, 6:9, 2] -= gap * share
            keypoints = np.concatenate([flat * K[0, 0] + K[:2, 2], np.ones((12, 21, 1))], axis=-1)
            both = []
            for reach in (0.018, -1.0):
                monkeypatch.setattr(fit_module, "_APART", reach)
                fit = fit_hand(
                    time_s=np.arange(12) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K, left=True
                )
                both.append(_tip_gap(fit.pose).max())
            gaps.append(both)
    with_touch, without = np.array(gaps).T
    assert without.max() > 0.018  # else there was nothing to close
    assert with_touch.mean() < without.mean() and (with_touch < without + 0.002).all()
    assert (without - with_touch).max() > 0.004


def test_tips_far_from_each_other_are_left_apart() -> None:
    angles = np.tile(anatomy().relaxed, (30, 1, 1))
    true = np.linalg.norm(np.diff(posed_points(angles, np.ones((5, 4)))[0][:, [4, 8]], axis=1), axis=-1)
    flat, points3d = _seen(angles, np.tile(_turns(1), (30, 1, 1)), left=True)
    keypoints = np.concatenate([flat * K[0, 0] + K[:2, 2], np.ones((30, 21, 1))], axis=-1)
    fit = fit_hand(time_s=np.arange(30) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K, left=True)
    assert np.abs(_tip_gap(fit.pose) - true[:, 0]).max() < 0.02


def _tip_gap(pose: np.ndarray) -> np.ndarray:
    """Metres (T,) from thumb's to index's tip of left hands' pose (T, 15, 3)."""
    hand = anatomy()
    angles = np.zeros((len(pose), 5, 4))
    for finger in range(5):
        for row, joint in ((0, 0), (1, 0), (2, 1), (3, 2)):
            angles[:, finger, row] = pose[:, JOINTS[finger, joint]] @ hand.axes[finger, row]
    points, _ = posed_points(angles, np.ones((5, 4)))
    return np.linalg.norm(points[:, 8] - points[:, 4], axis=-1)

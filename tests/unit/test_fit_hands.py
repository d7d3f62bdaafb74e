# SPDX-License-Identifier: GPL-3.0-or-later
"""Known finger bends, seen as 21 points, come back; nothing bends the wrong way."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.inference.fit.face import fit_jaw
from rotocap.inference.fit.hands import fit_hand
from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.skeleton import INDEX, JOINT_COUNT, LEFT_HAND, RIGHT_HAND, rest_joints

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def _points(hand_pose: np.ndarray, wrist: np.ndarray, side: str) -> np.ndarray:
    """The 21 points (T, 21, 3) of a hand with axis-angle (T, 15, 3), turned by wrist (3,), from the wrist."""
    local = np.tile(np.eye(3), (len(hand_pose), JOINT_COUNT, 1, 1))
    local[:, LEFT_HAND if side == "left" else RIGHT_HAND] = matrix_from_axis_angle(hand_pose)
    local[:, INDEX[f"{side}_wrist"]] = matrix_from_axis_angle(wrist)
    joints, world = forward(local, np.zeros((len(hand_pose), 3)), rest_joints())
    out = np.zeros((len(hand_pose), 21, 3))
    root = joints[:, INDEX[f"{side}_wrist"]]
    for f, finger in enumerate(_FINGERS):
        chain = [INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3)]
        out[:, 4 * f + 1 : 4 * f + 4] = joints[:, chain] - root[:, None]
        last = rest_joints()[chain[2]] - rest_joints()[chain[1]]
        out[:, 4 * f + 4] = out[:, 4 * f + 3] + world[:, chain[2]] @ last
    return out


def _fist(count: int, side: str) -> np.ndarray:
    """All fingers closing from straight to a loose fist, the end joint at two thirds of the middle one."""
    pose = np.zeros((count, 15, 3))
    close = np.linspace(0.0, 1.0, count)
    sign = -1.0 if side == "left" else 1.0
    for first in (0, 3, 6, 9):
        pose[:, first, 2] = sign * 1.2 * close
        pose[:, first + 1, 2] = sign * 1.3 * close
        pose[:, first + 2, 2] = sign * 0.67 * 1.3 * close
    return pose


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("wrist", [(0.0, 0.0, 0.0), (1.0, -0.5, 2.0), (-2.0, 1.0, 0.3)])
def test_a_closing_fist_comes_back(side: str, wrist: tuple[float, float, float]) -> None:
    truth = _fist(40, side)
    points = _points(truth, np.array(wrist), side)
    found, seen = fit_hand(np.arange(40) / 30.0, points, np.ones((40, 21)), left=side == "left")
    assert (seen == 1.0).all()
    error = np.abs(found[:, :12, 2] - truth[:, :12, 2])
    assert np.degrees(error.mean()) < 4.0
    assert np.degrees(error.max()) < 15.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_noise_never_bends_a_finger_backwards(side: str) -> None:
    rng = np.random.default_rng(5)
    points = _points(_fist(60, side), np.array([0.4, 0.2, 0.1]), side)
    points = points + 0.008 * rng.normal(size=points.shape)
    found, _ = fit_hand(np.arange(60) / 30.0, points, np.ones((60, 21)), left=side == "left")
    sign = -1.0 if side == "left" else 1.0
    for hinge in (1, 2, 4, 5, 7, 8, 10, 11):
        bend = sign * found[:, hinge, 2]
        assert bend.min() >= 0.0
        assert np.abs(found[:, hinge, :2]).max() < 1e-9  # one axis only


def test_a_lost_hand_fades_to_relaxed_and_back_without_a_pop() -> None:
    truth = np.repeat(_fist(2, "left")[1:], 120, axis=0)
    points = _points(truth, np.zeros(3), "left")
    certainty = np.ones((120, 21))
    certainty[40:80] = 0.0
    points[40:80] = np.nan
    found, seen = fit_hand(np.arange(120) / 30.0, points, certainty, left=True)
    assert np.isfinite(found).all()
    assert (seen[40:80] == 0.0).all() and (seen[:40] == 1.0).all()
    assert np.degrees(np.abs(np.diff(found, axis=0)).max()) < 12.0


def test_a_hand_that_is_never_seen_is_relaxed() -> None:
    found, _ = fit_hand(np.arange(10) / 30.0, np.full((10, 21, 3), np.nan), np.zeros((10, 21)), left=True)
    bends = -found[:, :12, 2]
    assert (bends > 0.2).all() and (bends < 0.6).all()


def test_points_that_fell_together_say_nothing() -> None:
    found, seen = fit_hand(np.arange(5) / 30.0, np.zeros((5, 21, 3)), np.ones((5, 21)), left=False)
    assert np.isfinite(found).all() and (seen == 0.0).all()


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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-bone inverse kinematics: known triangles, and nothing that pops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.retarget.ik import SOFT, bend_angle, free_reach, reach, turn_between, two_bone

FRONT = np.array([0.0, -1.0, 0.0])


def legs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hip, knee, ankle (N, 3) and the way the knee goes, of legs bent up to 100 degrees, turned any way."""
    random = np.random.default_rng(seed)
    bend = np.radians(random.uniform(2.0, 100.0, count))
    knee = np.stack([np.zeros(count), -0.4 * np.sin(bend / 2), -0.4 * np.cos(bend / 2)], axis=-1)
    ankle = knee + np.stack([np.zeros(count), 0.5 * np.sin(bend / 2), -0.5 * np.cos(bend / 2)], axis=-1)
    turn = Rotation.random(count, random_state=seed).as_matrix()
    hip = random.normal(size=(count, 3))
    out = [hip + np.einsum("nij,nj->ni", turn, p) for p in (knee, ankle)]
    return hip, out[0], out[1], turn @ FRONT


def test_a_target_where_the_foot_is_changes_nothing() -> None:
    hip, knee, ankle, bends = legs(200)
    bent = two_bone(hip, knee, ankle, target=ankle, bends=bends)
    np.testing.assert_allclose(bent.middle, knee, atol=1e-7)
    np.testing.assert_allclose(bent.upper, np.broadcast_to(np.eye(3), bent.upper.shape), atol=1e-6)
    np.testing.assert_allclose(bent.lower, np.broadcast_to(np.eye(3), bent.lower.shape), atol=1e-6)
    assert bent.miss.max() < 1e-9


def test_the_foot_arrives_and_bones_keep_their_length_and_the_knee_its_side() -> None:
    hip, knee, ankle, bends = legs(500)
    random = np.random.default_rng(1)
    target = (
        hip + (ankle - hip) * random.uniform(0.6, 1.0, (500, 1)) + random.normal(scale=0.03, size=(500, 3))
    )
    shift = random.normal(scale=0.03, size=(500, 3))
    bent = two_bone(hip, knee, ankle, target=target, bends=bends, shift=shift)
    far = np.linalg.norm(target - hip - shift, axis=-1) > (1 - SOFT) * 0.9
    np.testing.assert_allclose(bent.tip[~far], target[~far], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(bent.middle - hip - shift, axis=-1), 0.4, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(bent.tip - bent.middle, axis=-1), 0.5, atol=1e-9)
    # The rotations say the same as the points.
    np.testing.assert_allclose(
        (bent.upper @ (knee - hip)[..., None])[..., 0], bent.middle - hip - shift, atol=1e-9
    )
    np.testing.assert_allclose(
        (bent.lower @ (ankle - knee)[..., None])[..., 0], bent.tip - bent.middle, atol=1e-9
    )
    # The knee bends in the plane in which it bent, carried along with the line from hip to foot.
    lines = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (ankle - hip, bent.tip - hip - shift)]
    swing = turn_between(*lines)
    plane = np.cross(ankle - hip, knee - hip)
    side = np.sum((swing @ plane[..., None])[..., 0] * (bent.middle - hip - shift), axis=-1)
    np.testing.assert_allclose(side, 0.0, atol=1e-6)


def test_a_straight_leg_bends_to_the_front() -> None:
    hip, knee, ankle = np.zeros((1, 3)), np.array([[0.0, 0.0, -0.4]]), np.array([[0.0, 0.0, -0.8]])
    bent = two_bone(hip, knee, ankle, target=np.array([[0.0, 0.0, -0.6]]), bends=FRONT[None])
    assert bent.middle[0, 1] < -0.2
    assert abs(bent.middle[0, 0]) < 1e-9


def test_stretching_slows_down_before_the_knee_is_straight() -> None:
    count = 400
    target = np.stack([np.zeros(count), np.zeros(count), -np.linspace(0.6, 1.0, count)], axis=-1)
    knee = np.tile([0.0, -0.3, -np.sqrt(0.4**2 - 0.3**2)], (count, 1))
    ankle = np.tile([0.0, 0.0, -2 * np.sqrt(0.4**2 - 0.3**2)], (count, 1))
    bent = two_bone(np.zeros((count, 3)), knee, ankle, target=target, bends=np.tile(FRONT, (count, 1)))
    length = np.linalg.norm(bent.tip, axis=-1)
    assert length.max() < 0.8
    assert (np.diff(length) > 0).all()
    bend = np.degrees(bend_angle(np.zeros((count, 3)), bent.middle, bent.tip))
    # Without the soft limit, a target that passes 0.8 m at this speed turns the knee 6 degrees in one frame.
    assert np.abs(np.diff(bend)).max() < 1.0


def test_what_was_posed_straight_stays_straight() -> None:
    hip, knee, ankle = np.zeros((1, 3)), np.array([[0.0, 0.0, -0.4]]), np.array([[0.0, 0.0, -0.8]])
    bent = two_bone(hip, knee, ankle, target=ankle, bends=FRONT[None])
    np.testing.assert_allclose(bent.tip, ankle, atol=1e-9)
    assert free_reach(a=np.array([0.4]), b=np.array([0.4]), posed=np.array([0.8]))[0] == pytest.approx(0.8)


def test_a_leg_is_not_folded_into_itself() -> None:
    a = np.array([0.4])
    assert reach(np.array([0.0]), a=a, b=a, posed=np.array([0.5]))[0] > 0.15


def test_turns_between_directions() -> None:
    random = np.random.default_rng(3)
    start, end = random.normal(size=(2, 100, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    end /= np.linalg.norm(end, axis=-1, keepdims=True)
    end[0], end[1] = -start[0], start[1]
    turn = turn_between(start, end)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turn, start), end, atol=1e-9)
    np.testing.assert_allclose(
        turn @ np.swapaxes(turn, -1, -2), np.broadcast_to(np.eye(3), turn.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(turn), 1.0)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrist follows the palm on the arm there is, and no hand goes through anything."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.inference.fit.hands.capsules import closest, hand_capsules
from rotocap.inference.fit.hands.contact import _at_once, deepest, part_hands, reach
from rotocap.inference.fit.hands.fit import HandFit
from rotocap.inference.fit.hands.wrist import roll_about, settle_wrist
from rotocap.inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from rotocap.inference.skeleton import INDEX, JOINT_COUNT, rest_joints
from rotocap.tools.evaluate.hands_meeting import meetings

TIMES = np.arange(60) / 30.0


def _arm_with_palm(roll: np.ndarray, side: str) -> tuple[np.ndarray, HandFit]:
    """A body whose elbow is bent and whose palm is seen rolled by `roll` (T,), and what was seen of it."""
    sign = 1.0 if side == "left" else -1.0
    poses = np.zeros((len(roll), JOINT_COUNT, 3))
    poses[:, INDEX[f"{side}_shoulder"]] = (0.0, -0.3 * sign, -1.0 * sign)
    poses[:, INDEX[f"{side}_elbow"], 1] = -1.2 * sign
    bone = rest_joints()[INDEX[f"{side}_wrist"]] - rest_joints()[INDEX[f"{side}_elbow"]]
    axis = bone / np.linalg.norm(bone)
    _, world = forward(matrix_from_axis_angle(poses[:, :22]), np.zeros((len(roll), 3)), rest_joints())
    turn = world[:, INDEX[f"{side}_elbow"]] @ matrix_from_axis_angle(roll[:, None] * axis)
    return poses, HandFit(np.zeros((len(roll), 15, 3)), np.ones(len(roll)), turn)


def _facing(poses: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
    joints, world = forward(matrix_from_axis_angle(poses), np.zeros((len(poses), 3)), rest_joints())
    return joints[:, INDEX[f"{side}_wrist"]], world[:, INDEX[f"{side}_wrist"]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_rolling_palm_is_followed_and_the_roll_is_shared(side: str) -> None:
    roll = np.radians(90.0) * np.sin(np.linspace(0.0, 2.0 * np.pi, 60))
    poses, hand = _arm_with_palm(roll, side)
    before, _ = _facing(poses, side)
    settle_wrist(TIMES, poses, hand, left=side == "left")
    after, facing = _facing(poses, side)
    assert np.abs(after - before).max() < 1e-9  # the wrist stays where it was
    error = axis_angle_from_matrix(np.swapaxes(facing, -1, -2) @ hand.turn)
    assert np.degrees(np.linalg.norm(error, axis=-1)).max() < 8.0
    bone = rest_joints()[INDEX[f"{side}_wrist"]] - rest_joints()[INDEX[f"{side}_elbow"]]
    axis = bone / np.linalg.norm(bone)
    rolled = [
        roll_about(matrix_from_axis_angle(poses[:, INDEX[f"{side}_{name}"]]), axis)
        for name in ("elbow", "wrist")
    ]
    assert np.degrees(np.abs(rolled[1]).max()) < 50.0  # neither end takes all of it
    assert np.degrees(np.abs(rolled[0]).max()) < 70.0


def test_a_palm_that_no_arm_could_hold_is_left_out() -> None:
    poses, hand = _arm_with_palm(np.zeros(60), "left")
    own = poses.copy()
    flipped = matrix_from_axis_angle(np.array([0.0, 0.0, 2.6]))
    hand.turn[20:30] = hand.turn[20:30] @ flipped
    settle_wrist(TIMES, poses, hand, left=True)
    assert np.degrees(np.abs(poses - own).max()) < 3.0


def test_one_misread_palm_does_not_jerk_the_arm() -> None:
    poses, hand = _arm_with_palm(np.full(60, 0.3), "left")
    hand.turn[30] = hand.turn[30] @ matrix_from_axis_angle(np.array([1.4, 0.0, 0.0]))
    settle_wrist(TIMES, poses, hand, left=True)
    _, facing = _facing(poses, "left")
    step = axis_angle_from_matrix(np.swapaxes(facing[:-1], -1, -2) @ facing[1:])
    assert np.degrees(np.linalg.norm(step, axis=-1)).max() < 6.0


def test_an_unseen_hand_keeps_the_bodys_own_wrist() -> None:
    poses, hand = _arm_with_palm(np.full(60, 1.0), "right")
    own = poses.copy()
    settle_wrist(TIMES, poses, HandFit(hand.pose, np.zeros(60), hand.turn), left=False)
    assert np.array_equal(poses, own)


def test_roll_of_half_turns() -> None:
    axis = np.array([1.0, 0.0, 0.0])
    angles = np.array([-3.0, -1.0, 0.0, 2.0, 3.1])
    assert np.allclose(roll_about(matrix_from_axis_angle(angles[:, None] * axis), axis), angles)


def test_nearest_places_of_line_pieces() -> None:
    crossing = np.array([[-1.0, 0, 0], [1, 0, 0]]), np.array([[0.0, -1, 0.3], [0, 1, 0.3]])
    a, b = closest(*crossing)
    assert np.allclose(a, 0) and np.allclose(b, (0, 0, 0.3))
    beyond = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([[2.0, 1, 0], [3, 1, 0]])
    a, b = closest(*beyond)
    assert np.allclose(a, (1, 0, 0)) and np.allclose(b, (2, 1, 0))
    # A grid of samples finds nothing nearer.
    rng = np.random.default_rng(0)
    pieces = rng.normal(size=(40, 2, 2, 3))
    a, b = closest(pieces[:, 0], pieces[:, 1])
    share = np.linspace(0, 1, 41)
    p = pieces[:, 0, None, 0] + share[:, None] * (pieces[:, 0, None, 1] - pieces[:, 0, None, 0])
    q = pieces[:, 1, None, 0] + share[:, None] * (pieces[:, 1, None, 1] - pieces[:, 1, None, 0])
    sampled = np.linalg.norm(p[:, :, None] - q[:, None], axis=-1).min(axis=(1, 2))
    assert (np.linalg.norm(a - b, axis=-1) <= sampled + 1e-9).all()


def test_fingers_are_as_thick_as_fingers() -> None:
    radius = 1000 * hand_capsules(left=True).radius[:15].reshape(5, 3)
    assert (radius[1:] > 5.0).all() and (radius[1:] < 12.0).all()
    assert np.allclose(radius, 1000 * hand_capsules(left=False).radius[:15].reshape(5, 3), atol=0.5)


def test_hands_that_meet_do_not_go_through_each_other() -> None:
    rest = rest_joints()
    for name, poses, pelvis in meetings():
        if not name.endswith("1"):
            continue
        assert deepest(poses, pelvis, rest, size=1.0).max() > 0.02
        parted = poses.copy()
        part_hands(parted, pelvis, rest, seen=np.ones((len(poses), 2)), size=1.0)
        assert deepest(parted, pelvis, rest, size=1.0).max() <= 0.003, name
        arms = [INDEX[f"{side}_{j}"] for side in ("left", "right") for j in ("shoulder", "elbow", "wrist")]
        body = np.setdiff1d(np.arange(22), arms)
        assert np.array_equal(parted[:, body], poses[:, body])


def test_touching_fingertips_stay_touching() -> None:
    """Hands that only just meet are moved by no more than the skin gives."""
    rest = rest_joints()
    poses = np.zeros((10, JOINT_COUNT, 3))
    parted = poses.copy()
    part_hands(parted, np.zeros((10, 3)), rest, seen=np.ones((10, 2)), size=1.0)
    assert np.abs(parted - poses).max() < 0.1  # a T-pose: nothing meets but a hand's own flesh
    name, poses, pelvis = next(iter(meetings()))
    part_hands(poses, pelvis, rest, seen=np.ones((len(poses), 2)), size=1.0)
    again = poses.copy()
    part_hands(again, pelvis, rest, seen=np.ones((len(poses), 2)), size=1.0)
    tips = [
        forward(matrix_from_axis_angle(p), pelvis, rest)[0][:, [INDEX["left_index3"], INDEX["right_index3"]]]
        for p in (poses, again)
    ]
    apart = [np.linalg.norm(t[:, 0] - t[:, 1], axis=-1) for t in tips]
    assert np.abs(apart[1] - apart[0]).max() < 0.003, name


def test_hands_apart_are_left_alone() -> None:
    poses = np.zeros((5, JOINT_COUNT, 3))
    poses[:, 25:] = 0.0
    before = poses.copy()
    part_hands(poses, np.zeros((5, 3)), rest_joints(), seen=np.zeros((5, 2)), size=1.0)
    assert np.abs(poses[:, :22] - before[:, :22]).max() < 1e-9


@pytest.mark.parametrize(("depth_m", "ahead"), [(-0.10, True), (0.08, False)])
def test_a_hand_leaves_the_head_by_the_side_it_is_on(depth_m: float, ahead: bool) -> None:
    """A hand a little inside the face comes out of the face, one in the back of the head stays behind it."""
    rest = rest_joints()
    poses = np.zeros((20, JOINT_COUNT, 3))
    poses[:, 0, 0] = np.pi
    poses[:, INDEX["left_shoulder"]] = (0.0, -0.9 if ahead else 0.3, 0.6)
    poses[:, INDEX["left_elbow"], 1] = -1.9
    pelvis = np.tile([0.0, 0.2, 3.0], (20, 1))
    local = matrix_from_axis_angle(poses)
    for _ in range(8):
        joints, _ = forward(local, pelvis, rest)
        palm = joints[:, [INDEX["left_middle1"], INDEX["left_wrist"]]].mean(axis=1)
        goal = joints[:, INDEX["head"]] + (0.0, -0.06, depth_m)
        move = np.zeros((20, 2, 3))
        move[:, 0] = goal - palm
        reach(local, pelvis, rest, move)
    poses = axis_angle_from_matrix(local)
    assert deepest(poses, pelvis, rest, size=1.0).max() > 0.02
    part_hands(poses, pelvis, rest, seen=np.ones((20, 2)), size=1.0)
    joints, _ = forward(matrix_from_axis_angle(poses), pelvis, rest)
    away = joints[:, INDEX["left_middle1"], 2] - joints[:, INDEX["head"], 2]
    assert (away < 0.0).all() if ahead else (away > 0.0).all()


def test_long_takes_are_parted_in_groups_that_cut_no_run_of_frames() -> None:
    rows = np.concatenate([np.arange(2900), np.arange(2950, 5000), np.arange(6000, 13000)])
    groups = _at_once(rows)
    assert np.array_equal(np.concatenate(groups), rows)
    assert max(map(len, groups)) <= 3000
    assert [int(group[0]) for group in groups] == [0, 2950, 6000, 9000, 12000]

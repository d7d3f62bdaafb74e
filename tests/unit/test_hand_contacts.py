# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that somebody says rest: they stay where they are in the world, and all around moves on smoothly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rotocap.inference.kinematics import matrix_from_axis_angle
from rotocap.inference.skeleton import INDEX, PARENTS, rest_joints
from rotocap.retarget.axes import to_blender
from rotocap.retarget.contacts import ContactOptions
from rotocap.retarget.grounding import Grounded, ground, limb_joints, upright_turn
from rotocap.retarget.ik import bend_angle
from rotocap.retarget.motion import Motion
from rotocap.retarget.posed import pose
from rotocap.retarget.quaternions import to_matrix
from rotocap.retarget.segments import rotation_angle
from rotocap.retarget.solve import Solved, solve
from rotocap.tools.evaluate.retarget import targets

COUNT = 120
HELD = slice(40, 80)
AROUND = 8  # frames, 0.25 s, in which a correction comes and goes


@pytest.fixture(scope="module", params=["smplx", "unreal4"])
def leaning(request: pytest.FixtureRequest) -> tuple[Motion, Solved]:
    """Someone sways, arms bent before the chest, hands turning a little: put on two rigs."""
    turns = np.tile(np.eye(3), (COUNT, 55, 1, 1))
    t = np.arange(COUNT) / 30.0
    sway = np.stack([0.02 * np.sin(2.0 * t), 0.02 * np.sin(3.1 * t), 0.04 * np.sin(1.7 * t)], axis=-1)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper = matrix_from_axis_angle(np.tile([0.0, 0.0, -sign * 0.6], (COUNT, 1)))
        upper = matrix_from_axis_angle(np.tile([0.0, 0.9 * sign, 0.0], (COUNT, 1))) @ upper
        lower = matrix_from_axis_angle(np.tile([0.0, 0.0, sign * 0.9], (COUNT, 1))) @ upper
        hand = matrix_from_axis_angle(np.outer(0.2 * np.sin(2.3 * t), [0.3, 0.5, 0.8])) @ lower
        turns[:, INDEX[f"{side}_shoulder"]], turns[:, INDEX[f"{side}_elbow"]] = upper, lower
        wrist = INDEX[f"{side}_wrist"]
        for joint in (wrist, *(k for k, parent in enumerate(PARENTS) if parent == wrist)):
            turns[:, joint] = hand
    rest = to_blender(rest_joints())
    joints = np.empty((COUNT, 55, 3))
    joints[:, 0] = rest[0] + sway
    for joint, parent in enumerate(PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + turns[:, parent] @ (rest[joint] - rest[parent])
    motion = Motion(
        frames=np.arange(1, COUNT + 1), spans=((0, COUNT - 1),), fps=30.0, rotations=turns, joints=joints,
        rest_joints=rest, contact=np.zeros((COUNT, 4)),
    )  # fmt: skip
    target = next(t for t in targets() if t.name == request.param)
    return motion, solve(motion, target.rig, target.bone_map)


def said(motion: Motion, *, left: slice | None = None, right: slice | None = None) -> Motion:
    contact = np.zeros((COUNT, 2))
    for column, rows in enumerate((left, right)):
        if rows is not None:
            contact[rows, column] = 1.0
    return replace(motion, hand_contact=contact)


def wrist(solved: Solved, side: str) -> np.ndarray:
    joints = limb_joints(solved, f"{side}_arm")
    assert joints is not None
    return joints[:, 2]


def held(leaning: tuple[Motion, Solved], **rows: slice) -> Grounded:
    motion, solved = leaning
    return ground(solved, said(motion, **rows), ContactOptions(feet=False))


def test_a_held_hand_keeps_place_and_turn_and_the_rest_keeps_its_motion(
    leaning: tuple[Motion, Solved],
) -> None:
    _, solved = leaning
    before = wrist(solved, "left")
    assert np.ptp(before[HELD], axis=0).max() > 0.02, "it sways, or nothing is shown"
    end = held(leaning, left=HELD).solved
    after = wrist(end, "left")
    assert np.ptp(after[HELD], axis=0).max() < 1e-4
    assert np.linalg.norm(after[HELD][0] - np.median(before[HELD], axis=0)) < 1e-4
    hand = upright_turn(end, solved.plan.bone_map["left_hand"][0])[HELD]
    assert np.degrees(rotation_angle(np.swapaxes(hand[:-1], -1, -2) @ hand[1:])).max() < 1e-3
    # The elbow did it, and bends on the side on which it bent.
    arm = limb_joints(end, "left_arm")
    assert bend_angle(arm[:, 0], arm[:, 1], arm[:, 2]).min() > np.radians(10.0)
    # Far from it, and on the other arm, everything is as it was.
    far = np.r_[0 : HELD.start - AROUND - 1, HELD.stop + AROUND + 1 : COUNT]
    assert np.abs(after[far] - before[far]).max() < 1e-9
    assert np.abs(wrist(end, "right") - wrist(solved, "right")).max() < 1e-9
    for name, locations in solved.locations.items():
        np.testing.assert_array_equal(end.locations[name], locations)


def test_it_comes_and_goes_smoothly(leaning: tuple[Motion, Solved]) -> None:
    steps = np.linalg.norm(np.diff(wrist(held(leaning, left=HELD).solved, "left"), n=2, axis=0), axis=-1)
    # No frame is more of a jolt than a hand that stops within a quarter of a second has to be.
    assert steps.max() < 0.012


def test_fingers_go_with_the_hand(leaning: tuple[Motion, Solved]) -> None:
    _, solved = leaning
    end = held(leaning, left=HELD).solved
    for name in solved.plan.bone_map["left_index"]:
        old, new = solved.rotations[name], end.rotations[name]
        assert np.abs(np.abs((old * new).sum(axis=1)) - 1.0).max() < 1e-9, name


def test_what_is_said_goes_before_what_is_seen(leaning: tuple[Motion, Solved]) -> None:
    motion, solved = leaning
    both = ground(solved, said(motion, left=HELD), ContactOptions(feet=False, hands=True))
    assert np.ptp(wrist(both.solved, "left")[HELD], axis=0).max() < 1e-4
    holds = [(h.first, h.last) for h in both.holds if h.limb == "left_arm"]
    assert (HELD.start, HELD.stop - 1) in holds
    assert sum(first <= 60 <= last for first, last in holds) == 1


def test_one_frame_and_no_frame(leaning: tuple[Motion, Solved]) -> None:
    _, solved = leaning
    before = wrist(solved, "right")
    assert np.abs(wrist(held(leaning).solved, "right") - before).max() < 1e-9
    one = wrist(held(leaning, right=slice(60, 61)).solved, "right")
    assert np.abs(one - before).max() < 1e-6  # one frame is where it is already


def test_with_feet_held_as_well_the_channels_do_it(leaning: tuple[Motion, Solved]) -> None:
    """What is keyed brings the hand there, not only what is measured."""
    motion, solved = leaning
    standing = replace(said(motion, left=HELD), contact=np.ones((COUNT, 4)))
    end = ground(solved, standing, ContactOptions(drift=np.inf, settled=np.inf)).solved
    assert np.ptp(wrist(end, "left")[HELD], axis=0).max() < 1e-4
    rig = solved.plan.rig
    basis = {rig.index(name): to_matrix(turn) for name, turn in end.rotations.items()}
    places = {rig.index(name): location for name, location in end.locations.items()}
    hand = rig.index(solved.plan.bone_map["left_hand"][0])
    played = rig.to_world(pose(rig, COUNT, basis, places).heads([hand]))[:, 0]
    assert np.abs(played - wrist(end, "left")).max() < 1e-9

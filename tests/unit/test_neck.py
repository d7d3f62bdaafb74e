# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's turn among the joints of the neck."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.fit.neck import share_turn
from rotocap.inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from rotocap.inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, rest_joints

Array = NDArray[np.float64]
SPINE, NECK, HEAD, SHOULDER = (INDEX[n] for n in ("spine3", "neck", "head", "left_shoulder"))


def body(**degrees: tuple[float, float, float]) -> Array:
    local = np.tile(np.eye(3), (1, BODY_JOINT_COUNT, 1, 1))
    for name, turn in degrees.items():
        local[0, INDEX[name]] = matrix_from_axis_angle(np.radians(np.array(turn)))
    return local


def world(local: Array) -> tuple[Array, Array]:
    whole = np.tile(np.eye(3), (len(local), JOINT_COUNT, 1, 1))
    whole[:, :BODY_JOINT_COUNT] = local
    return forward(whole, np.zeros((len(local), 3)), rest_joints())


def degrees(rotation: Array) -> float:
    return float(np.degrees(np.linalg.norm(axis_angle_from_matrix(rotation))))


@pytest.mark.parametrize(
    "turns",
    [
        {"head": (0, 55, 0)},
        {"neck": (0, -50, 0)},
        {"neck": (15, 30, 5), "head": (-10, 20, 12), "spine3": (5, 10, 0)},
    ],
)
def test_the_head_looks_where_it_looked_and_every_joint_turns_its_share(turns) -> None:
    before = body(**turns)
    after = share_turn(before, rest_joints())
    (joints, was), (moved, now) = world(before), world(after)
    assert degrees(np.swapaxes(was[0, HEAD], -1, -2) @ now[0, HEAD]) < 0.01
    assert np.abs(moved[0, HEAD] - joints[0, HEAD]).max() < 1e-6
    assert np.abs(moved[0, SHOULDER] - joints[0, SHOULDER]).max() < 1e-6
    axis = rest_joints()[HEAD] - rest_joints()[NECK]
    axis /= np.linalg.norm(axis)
    share = [axis_angle_from_matrix(after[0, j]) @ axis for j in (NECK, HEAD)]
    assert 0.4 < share[1] / (share[0] + share[1]) < 0.7


def test_a_look_over_the_shoulder_takes_the_upper_spine_along_and_breaks_nothing() -> None:
    before = body(head=(0, 88, 0))
    after = share_turn(before, rest_joints())
    assert 5.0 < degrees(after[0, SPINE]) < 12.1
    assert degrees(after[0, NECK]) < 40.0 and degrees(after[0, HEAD]) < 52.0
    (_, was), (_, now) = world(before), world(after)
    assert degrees(np.swapaxes(was[0, SHOULDER], -1, -2) @ now[0, SHOULDER]) < 0.01
    assert degrees(np.swapaxes(was[0, HEAD], -1, -2) @ now[0, HEAD]) < 8.0


def test_a_head_turned_backwards_is_brought_back_to_what_a_neck_can() -> None:
    turned = share_turn(body(neck=(0, 70, 0), head=(0, 80, 0)), rest_joints())
    assert degrees(turned[0, NECK]) < 42.0 and degrees(turned[0, HEAD]) < 52.0
    assert degrees(turned[0, NECK] @ turned[0, HEAD]) < 90.0


def test_a_slow_turn_stays_slow() -> None:
    angles = np.linspace(-100, 100, 201)
    local = np.concatenate([body(head=(0, a, 0)) for a in angles])
    after = share_turn(local, rest_joints())
    steps = np.swapaxes(after[:-1], -1, -2) @ after[1:]
    assert np.degrees(np.linalg.norm(axis_angle_from_matrix(steps), axis=-1)).max() < 1.5

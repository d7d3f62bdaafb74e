# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as the numbers that are keyed: the same turn, and no jump from frame to frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from rotocap.retarget import channels, quaternions
from rotocap.retarget.rig import EULER_ORDERS, ROTATION_MODES, Bone

BONE = Bone("hinge", -1, np.zeros(3), np.array([0.0, 1.0, 0.0]), np.eye(3))


@pytest.fixture
def tumble() -> np.ndarray:
    """Quaternions (N, 4) of something that turns over in every direction, several times, smoothly."""
    poses = Rotation.from_rotvec(np.random.default_rng(5).normal(0.0, 1.5, (30, 3)))
    path = Slerp(np.arange(30), poses)(np.linspace(0.0, 29.0, 2000))
    spun = Rotation.from_rotvec(np.linspace(0.0, 40.0, 2000)[:, None] * [0.0, 0.0, 1.0]) * path
    return spun.as_quat()[:, [3, 0, 1, 2]]


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle in degrees between rotations (N, 3, 3)."""
    return float(np.degrees((Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)).magnitude()).max())


@pytest.mark.parametrize("mode", ROTATION_MODES)
def test_every_mode_shows_the_same_turn(mode: str, tumble: np.ndarray) -> None:
    values = channels.values(mode, tumble)
    assert angle_between(channels.rotations(mode, values), quaternions.to_matrix(tumble)) < 1e-5


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_angles_are_those_of_the_reference(order: str) -> None:
    small = Rotation.from_rotvec(np.random.default_rng(1).normal(0.0, 0.4, (50, 3)))
    expected = small.as_euler(order.lower())[:, [order.index(axis) for axis in "XYZ"]]
    for one, angles in zip(small, expected, strict=True):
        assert channels.eulers(order, one.as_matrix()[None])[0] == pytest.approx(angles, abs=1e-9)


@pytest.mark.parametrize("order", EULER_ORDERS)
def test_angles_do_not_jump(order: str, tumble: np.ndarray) -> None:
    values = channels.values(order, tumble)
    turned = np.degrees(
        (
            Rotation.from_quat(tumble[:-1, [1, 2, 3, 0]]).inv() * Rotation.from_quat(tumble[1:, [1, 2, 3, 0]])
        ).magnitude()
    )
    steps = np.degrees(np.abs(np.diff(values, axis=0)))
    # Near the lock the outer angles run faster than the bone, but never by half a turn or more.
    assert steps.max() < 170.0
    middle = "XYZ".index(order[1])
    free = np.abs(np.cos(values[1:, middle])) > 0.3
    assert (steps[free].max(axis=1) < 5.0 * turned[free] + 1.0).all()


def test_a_turn_on_the_spot_goes_on_counting() -> None:
    spin = quaternions.from_axis_angle(np.linspace(0.0, 30.0, 400)[:, None] * np.array([0.0, 0.0, 1.0]))
    for mode in ("XYZ", "YXZ"):
        steps = np.diff(channels.values(mode, spin), axis=0)
        assert np.abs(steps).max() == pytest.approx(30.0 / 399, abs=1e-6)
    steps = np.diff(channels.values("AXIS_ANGLE", spin), axis=0)
    assert np.abs(steps).max() == pytest.approx(30.0 / 399, abs=1e-6)


def test_straight_through_the_lock_the_outer_angles_are_still() -> None:
    nod = quaternions.from_axis_angle(np.linspace(1.0, 2.2, 121)[:, None] * np.array([0.0, 1.0, 0.0]))
    exact = quaternions.from_axis_angle(np.array([[0.0, np.pi / 2, 0.0]]))
    values = channels.values("XYZ", np.concatenate([nod[:57], exact, nod[58:]]))
    assert np.abs(np.diff(values, axis=0)).max() < 0.02


def test_the_axis_is_kept_where_there_is_no_turn() -> None:
    swing = 0.8 * np.sin(np.linspace(0.0, 12.0, 301))[:, None] * np.array([[0.6, 0.0, 0.8]])
    swing[100:110] = 0.0
    values = channels.values("AXIS_ANGLE", quaternions.from_axis_angle(swing))
    assert np.abs(values[:, 1:] - values[0, 1:]).max() < 1e-6  # through zero the angle changes its sign
    assert (values[:, 0].min(), values[:, 0].max()) == pytest.approx((-0.8, 0.8), abs=1e-3)
    still = channels.values("AXIS_ANGLE", np.tile([1.0, 0.0, 0.0, 0.0], (3, 1)))
    assert still.tolist() == [[0.0, 0.0, 1.0, 0.0]] * 3
    assert channels.values("XYZ", np.zeros((0, 4))).shape == (0, 3)


def test_a_knee_that_only_bends_takes_the_bend() -> None:
    bends = np.linspace(0.0, 2.0, 30)
    turn = Rotation.from_rotvec(bends[:, None] * [1.0, 0.0, 0.0])
    wanted = (turn * Rotation.from_rotvec([0.0, 0.1, 0.0])).as_matrix()
    knee = replace(BONE, rotation_mode="XYZ", locked_rotation=(False, False, True, True))
    got = channels.rotation(knee, quaternions.from_matrix(channels.within_locks(knee, wanted)))
    assert (got.property, got.indices) == ("rotation_euler", (0,))
    assert got.values[:, 0] == pytest.approx(bends, abs=1e-3)


@pytest.mark.parametrize("mode", ["YZX", "QUATERNION", "AXIS_ANGLE"])
def test_with_one_axis_locked_nothing_nearer_can_be_had(mode: str) -> None:
    wanted = Rotation.from_rotvec([0.5, 0.3, -0.6]).as_matrix()[None]
    bone = replace(BONE, rotation_mode=mode, locked_rotation=(False, False, True, False))
    got = channels.within_locks(bone, wanted)
    values = channels.values(mode, quaternions.from_matrix(got))[0]
    assert values[2 if mode != "YZX" else 1] == pytest.approx(0.0, abs=1e-9)
    if mode == "YZX":
        best = angle_between(got, wanted)
        for dx in (-0.02, 0.02):
            for dz in (-0.02, 0.02):
                near = channels.rotations(mode, (values + np.array([dx, 0.0, dz]))[None])
                assert angle_between(near, wanted) >= best - 1e-6


def test_locked_channels_are_left_out() -> None:
    turn = quaternions.from_axis_angle(np.array([[0.2, 0.0, 0.1]]))
    bone = replace(BONE, locked_rotation=(False, False, True, False), locked_location=(False, True, False))
    rotation = channels.rotation(bone, turn)
    assert (rotation.property, rotation.indices) == ("rotation_quaternion", (0, 1, 3))
    location = channels.location(bone, np.array([[1.0, 2.0, 3.0]]))
    assert (location.indices, location.values.tolist()) == ((0, 2), [[1.0, 3.0]])

# SPDX-License-Identifier: GPL-3.0-or-later
"""Key reduction: within its tolerance at every key, few keys, smooth, never across a gap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rotocap.retarget import channels, quaternions
from rotocap.retarget.bone_map import BoneMap
from rotocap.retarget.contacts import Hold
from rotocap.retarget.key_error import as_quaternions, distance, rotation_error
from rotocap.retarget.keyed import few, held_shares, play
from rotocap.retarget.reduce import Curve, reduce_keys, solve_chain
from rotocap.retarget.rig import Bone, Rig

MODES = ("QUATERNION", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "AXIS_ANGLE")


def bezier(curve: Curve, times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What a Bezier with handles at a third plays, by de Casteljau's construction: (M, C)."""
    knots = times[curve.rows]
    segment = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(knots) - 2)
    step = (knots[segment + 1] - knots[segment])[:, None]
    u = (at - knots[segment])[:, None] / step
    start, end = curve.values[segment], curve.values[segment + 1]
    points = [
        start,
        start + curve.slopes[segment] * step / 3,
        end - curve.slopes[segment + 1] * step / 3,
        end,
    ]
    while len(points) > 1:
        points = [a + (b - a) * u for a, b in itertools.pairwise(points)]
    return points[0]


def dance(count: int, bones: int = 3, seed: int = 0) -> np.ndarray:
    """Rotation vectors (bones, count, 3) of a lively motion, 30 frames a second."""
    random = np.random.default_rng(seed)
    t = np.arange(count)[None, :, None] / 30
    out = np.zeros((bones, count, 3))
    for hertz in (0.3, 0.8, 1.7):
        size = random.normal(0, 0.6 / hertz**0.5, (bones, 1, 3))
        out += size * np.sin(2 * np.pi * hertz * t + random.uniform(0, 6.3, (bones, 1, 3)))
    return out


def test_a_cubic_needs_two_keys_and_comes_back_exactly() -> None:
    times = np.arange(1.0, 61.0)
    cubic = np.stack([3 - 0.2 * times + 0.01 * times**2 - 1e-4 * times**3, 0.5 * times], axis=1)
    (curve,) = reduce_keys(cubic[None], times, ((0, 59),), tolerance=0.1, measure=distance(1.0))
    assert curve.rows.tolist() == [0, 59]
    np.testing.assert_allclose(curve.slopes[0], [-0.2 + 0.02 - 3e-4, 0.5], atol=1e-3)
    np.testing.assert_allclose(bezier(curve, times, times), cubic, atol=1e-2)


def test_still_channels_keep_two_keys() -> None:
    still = np.tile([0.6, 0.0, 0.8, 0.0], (1, 5000, 1))
    (curve,) = reduce_keys(
        still, np.arange(5000.0), ((0, 4999),), tolerance=0.5, measure=rotation_error("QUATERNION")
    )
    assert curve.rows.tolist() == [0, 4999]
    np.testing.assert_allclose(curve.slopes, 0.0, atol=1e-9)


@pytest.mark.parametrize(("tolerance", "share"), [(0.1, 0.45), (0.5, 0.3), (2.0, 0.2)])
def test_every_dense_key_is_met_within_the_tolerance(tolerance: float, share: float) -> None:
    motion = quaternions.continuous(quaternions.from_axis_angle(dance(600)).transpose(1, 0, 2))
    dense, times = motion.transpose(1, 0, 2), np.arange(600.0)
    measure = rotation_error("QUATERNION")
    curves = reduce_keys(dense, times, ((0, 599),), tolerance=tolerance, measure=measure)
    for curve, truth in zip(curves, dense, strict=True):
        played = bezier(curve, times, times)
        np.testing.assert_allclose(played, curve.fitted, atol=1e-9)
        errors = measure(played, truth)
        assert errors.max() <= tolerance
        np.testing.assert_allclose(errors, curve.error, atol=1e-6)
        assert len(curve.rows) < share * 600
        # As an animator's: the same slope on both sides of every key.
        step = 1e-6
        for knot in times[curve.rows[1:-1]]:
            before, here, after = bezier(curve, times, np.array([knot - step, knot, knot + step]))
            np.testing.assert_allclose(here - before, after - here, atol=1e-9)


def test_a_looser_tolerance_needs_fewer_keys() -> None:
    motion = dance(900, bones=4)
    counts = [
        sum(len(c.rows) for c in reduce_keys(
            motion, np.arange(900.0), ((0, 899),), tolerance=t, measure=distance(1000.0)
        ))
        for t in (1.0, 4.0, 16.0, 64.0)
    ]  # fmt: skip
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.5 * counts[-1]


@pytest.mark.parametrize("mode", MODES)
def test_the_angle_of_the_whole_rotation_counts_in_every_mode(mode: str) -> None:
    channels = 4 if mode in ("QUATERNION", "AXIS_ANGLE") else 3
    random = np.random.default_rng(3)
    t = np.arange(300)[:, None] / 30
    values = 0.4 * np.sin(2 * t + random.uniform(0, 6, channels)) + 0.2 * np.sin(5 * t)
    if mode == "AXIS_ANGLE":
        values[:, 1] += 1.0
    if mode == "QUATERNION":
        values[:, 0] += 2.0
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    (curve,) = reduce_keys(
        values[None], np.arange(300.0), ((0, 299),), tolerance=0.5, measure=rotation_error(mode)
    )
    ours = as_quaternions(mode, curve.fitted)
    ours = quaternions.to_matrix(ours / np.linalg.norm(ours, axis=1, keepdims=True))
    theirs = quaternions.to_matrix(as_quaternions(mode, values))
    trace = np.einsum("nij,nij->n", ours, theirs)
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    assert angle.max() <= 0.5 + 1e-4
    assert len(curve.rows) < 100


def test_gaps_are_not_bridged_and_their_sides_are_kept() -> None:
    frames = np.concatenate([np.arange(50.0), np.arange(80.0, 81.0), np.arange(100.0, 160.0)])
    spans = ((0, 49), (50, 50), (51, 110))
    values = np.sin(frames / 5)[None, :, None] * 1000
    values[0, 50] = 77.0  # a lone frame between two gaps
    (curve,) = reduce_keys(values, frames, spans, tolerance=5.0, measure=distance(1.0))
    assert {0, 49, 50, 51, 110} <= set(curve.rows.tolist())
    lone = curve.rows.tolist().index(50)
    np.testing.assert_allclose(curve.values[lone], 77.0)
    assert curve.error.max() <= 5.0


def test_a_jump_stays_a_jump() -> None:
    values = np.where(np.arange(200) < 100, 0.0, 1.0)[None, :, None]
    (curve,) = reduce_keys(values, np.arange(200.0), ((0, 199),), tolerance=2.0, measure=distance(1000.0))
    assert curve.error.max() <= 2.0
    assert len(curve.rows) < 40


def test_keys_between_whole_frames() -> None:
    random = np.random.default_rng(2)
    times = np.cumsum(random.uniform(0.3, 1.7, 400))
    values = np.sin(times / 8)[None, :, None]
    (curve,) = reduce_keys(values, times, ((0, 399),), tolerance=2.0, measure=distance(1000.0))
    between = np.linspace(times[0], times[-1], 4000)
    assert np.abs(bezier(curve, times, between)[:, 0] - np.sin(between / 8)).max() < 4e-3
    assert len(curve.rows) < 80


def test_noise_within_the_tolerance_is_drawn_through() -> None:
    random = np.random.default_rng(5)
    noise = random.normal(0.0, 0.3, (2, 1000, 3))
    curves = reduce_keys(noise, np.arange(1000.0), ((0, 999),), tolerance=3.0, measure=distance(1.0))
    assert all(len(curve.rows) == 2 for curve in curves)


def test_a_tolerance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0, got 0"):
        reduce_keys(np.zeros((1, 3, 1)), np.arange(3.0), ((0, 2),), tolerance=0.0, measure=distance(1.0))


@pytest.mark.parametrize("count", [1, 2, 3, 8, 13])
def test_the_chain_solver_against_the_whole_matrix(count: int) -> None:
    random = np.random.default_rng(count)
    blocks = random.normal(size=(count, 2, 2))
    blocks = blocks @ np.swapaxes(blocks, 1, 2) + 5 * np.eye(2)
    above, right = random.normal(size=(count - 1, 2, 2)), random.normal(size=(count, 2, 3))
    whole = np.zeros((2 * count, 2 * count))
    for k in range(count):
        whole[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = blocks[k]
    for k in range(count - 1):
        whole[2 * k : 2 * k + 2, 2 * k + 2 : 2 * k + 4] = above[k]
        whole[2 * k + 2 : 2 * k + 4, 2 * k : 2 * k + 2] = above[k].T
    expected = np.linalg.solve(whole, right.reshape(2 * count, 3))
    np.testing.assert_allclose(solve_chain(blocks, above, right).reshape(2 * count, 3), expected, atol=1e-9)


def small_rig(mode: str, locked: tuple[bool, bool, bool, bool] = (False,) * 4) -> Rig:
    """Hips and a chain of two bones, in centimetres at object scale 0.01."""
    axes = np.eye(3)
    bones = [
        Bone(f"bone{k}", k - 1, np.array([0.0, 40.0 * k, 0.0]), np.array([0.0, 40.0 * k + 40.0, 0.0]), axes,
             rotation_mode=mode, locked_rotation=locked)
        for k in range(3)
    ]  # fmt: skip
    return Rig("small", tuple(bones), world=np.diag([0.01, 0.01, 0.01, 1.0]))


@pytest.mark.parametrize("mode", MODES)
def test_a_rig_with_few_keys_is_where_it_was(mode: str) -> None:
    rig = small_rig(mode)
    turns = quaternions.from_axis_angle(0.5 * dance(400))
    given = [channels.rotation(bone, turn) for bone, turn in zip(rig.bones, turns, strict=True)]
    given.insert(0, channels.location(rig.bones[0], 100 * dance(400, 1)[0]))
    frames = np.arange(11, 411)
    keyed, played, report = few(given, rig, frames, ((0, 399),), degrees=0.5, millimetres=2.0)
    assert [(k.bone, k.property) for k in keyed] == [(c.bone, c.property) for c in given]
    assert 0.4 < report.largest_deg <= 0.5
    assert 1.0 < report.largest_mm <= 2.0
    assert report.removed > 0.6
    assert report.keys == sum(k.values.size for k in keyed)
    assert 11 <= report.worst_frame <= 410
    before, after = play(rig, given, 400), play(rig, played, 400)
    off = np.linalg.norm(
        rig.to_world(before.heads([0, 1, 2])) - rig.to_world(after.heads([0, 1, 2])), axis=-1
    )
    assert off[:, 0].max() == pytest.approx(report.largest_mm / 1000, abs=1e-6)
    # Each of two bones of 0.4 m may be off by half a degree, the hips by 2 mm.
    assert off[:, 2].max() < 0.002 + 3 * 0.4 * np.radians(0.5)


def test_a_hinge_with_locked_axes_is_reduced_too() -> None:
    rig = small_rig("XYZ", locked=(False, False, True, True))
    swing = np.sin(np.arange(300) / 9.0)[:, None] * [0.9, 0.0, 0.0]
    given = [channels.rotation(rig.bones[1], quaternions.from_axis_angle(swing))]
    assert given[0].indices == (0,)
    keyed, played, report = few(given, rig, np.arange(300), ((0, 299),), degrees=0.5, millimetres=2.0)
    assert keyed[0].indices == (0,) and keyed[0].values.shape[1] == 1
    assert np.degrees(np.abs(played[0].values - given[0].values)).max() == pytest.approx(report.largest_deg)
    assert report.largest_deg <= 0.5 and report.removed > 0.8


def test_a_limb_that_is_held_may_be_off_by_less() -> None:
    rig = small_rig("QUATERNION")
    bone_map = BoneMap({"pelvis": ("bone0",), "left_foot": ("bone1",)})
    hold = Hold("left_leg", "heel", 100, 199, np.zeros(3))
    shares = held_shares(rig, bone_map, [hold], 400)
    assert set(shares) == {"bone0", "bone1"}
    turns = quaternions.from_axis_angle(0.5 * dance(400))
    given = [channels.rotation(bone, turn) for bone, turn in zip(rig.bones, turns, strict=True)]
    _, played, report = few(
        given, rig, np.arange(400), ((0, 399),), degrees=0.5, millimetres=2.0, shares=shares
    )
    measure = rotation_error("QUATERNION")
    errors = [measure(p.values, g.values) for p, g in zip(played, given, strict=True)]
    for error in errors[:2]:
        assert error[100:200].max() <= 0.05 + 1e-6
        assert 0.05 < error[:100].max() <= 0.5
    assert errors[2][100:200].max() > 0.05
    assert report.largest_deg == pytest.approx(max(e.max() for e in errors), abs=1e-6)

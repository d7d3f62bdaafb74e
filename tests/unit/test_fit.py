# SPDX-License-Identifier: GPL-3.0-or-later
"""Known motion, seen through a camera, comes back from the fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from rotocap.inference import wholebody
from rotocap.inference.camera import rotation_to_ray
from rotocap.inference.fit import FitOptions, initial, prior, solve
from rotocap.inference.fit.band import blocks
from rotocap.inference.fit.body import BodyOptions, _moved, fit_body
from rotocap.inference.fit.evidence import Evidence, gather
from rotocap.inference.fit.model_points import FOOT_ROWS, GROUPS, POINTS, scaled_rest, stature
from rotocap.inference.fit.stiffness import system as stiffness
from rotocap.inference.fit.terms import FACING, HIPS, Look, State, Terms
from rotocap.inference.fit.turns import axis_angle, frames_last, product_after
from rotocap.inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from rotocap.inference.lift.network import lift
from rotocap.inference.skeleton import INDEX
from rotocap.inference.world import to_sequence, world_from_camera

K = np.array([[1000.0, 0.0, 500.0], [0.0, 1000.0, 500.0], [0.0, 0.0, 1.0]])


def _motion(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A person who waves, crouches and turns, 4.5 m away: local (T, 22, 3, 3), pelvis, log scales."""
    t = np.linspace(0.0, 2.0 * np.pi, count)
    pose = np.zeros((count, 22, 3))
    pose[:, INDEX["left_shoulder"], 2] = -1.1 + 0.9 * np.sin(t)
    pose[:, INDEX["right_shoulder"], 2] = 1.2
    pose[:, INDEX["left_elbow"], 1] = -0.8 - 0.5 * np.cos(t)
    pose[:, INDEX["right_elbow"], 1] = 0.6 + 0.3 * np.sin(t)
    crouch = 0.35 - 0.3 * np.cos(t)
    for side in ("left", "right"):
        pose[:, INDEX[f"{side}_hip"], 0] = -crouch
        pose[:, INDEX[f"{side}_knee"], 0] = 2.0 * crouch
        pose[:, INDEX[f"{side}_ankle"], 0] = -crouch
    pose[:, 0, 1] = 0.4 * np.sin(t)
    local = matrix_from_axis_angle(pose)
    local[:, 0] = np.diag([1.0, -1.0, -1.0]) @ local[:, 0]
    pelvis = np.stack([0.3 * np.sin(t), 0.1 + 0.4 * (1.0 - np.cos(crouch)), 4.5 + 0.2 * np.cos(t)], axis=1)
    log_scale = np.zeros(len(GROUPS))
    log_scale[GROUPS.index("thigh")] = 0.05
    return local, pelvis, log_scale


def _observed(
    local: np.ndarray, pelvis: np.ndarray, log_scale: np.ndarray, noise_px: float, noise_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoints and 3D points of the body as a detector would give them, and the true joints."""
    rng = np.random.default_rng(7)
    joints, world = forward(local, pelvis, scaled_rest(log_scale))
    points = POINTS.posed(joints, world, POINTS.scaled_offset(log_scale))
    keypoints = np.zeros((len(local), wholebody.COUNT, 3))
    pixels = points[..., :2] / points[..., 2:] * 1000.0 + 500.0
    keypoints[:, POINTS.keypoint, :2] = pixels + noise_px * rng.normal(size=pixels.shape)
    keypoints[:, POINTS.keypoint, 2] = 0.95
    points3d = np.full((len(local), wholebody.COUNT, 3), np.nan)
    hips = points[:, np.isin(POINTS.keypoint, (11, 12))].mean(axis=1)
    relative = points - hips[:, None] + noise_m * rng.normal(size=points.shape)
    # A landmark graph sees a crop, as if the camera looked straight at the hips.
    crop_from_camera = np.swapaxes(rotation_to_ray(hips[:, :2] / hips[:, 2:]), -1, -2)
    points3d[:, POINTS.keypoint] = np.einsum("tij,tpj->tpi", crop_from_camera, relative)
    return keypoints, points3d, joints


def _centred_error(joints: np.ndarray, truth: np.ndarray) -> float:
    difference = (joints[:, :22] - joints[:, :1]) - (truth[:, :22] - truth[:, :1])
    return float(np.linalg.norm(difference, axis=-1).mean())


def test_clean_points_give_the_motion_back() -> None:
    local, pelvis, log_scale = _motion(60)
    keypoints, points3d, truth = _observed(local, pelvis, log_scale, 0.0, 0.0)
    result = solve(time_s=np.arange(60) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    # Not nearer, although the 3D points are exact: where the lift says otherwise, it is believed too.
    assert _centred_error(result.joints, truth) < 0.03


def test_noise_is_smoothed_without_lag() -> None:
    local, pelvis, log_scale = _motion(90)
    keypoints, points3d, truth = _observed(local, pelvis, log_scale, 3.0, 0.04)
    result = solve(time_s=np.arange(90) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    assert _centred_error(result.joints, truth) < 0.040
    jitter = np.linalg.norm(np.diff(result.joints[:, :22] - truth, n=2, axis=0), axis=-1).mean()
    assert jitter < 0.007  # the points themselves jitter by 40 mm in depth
    # No lag: the wrist's path fits best where it is, not shifted by a frame either way.
    wrist, true_wrist = result.joints[:, INDEX["left_wrist"]], truth[:, INDEX["left_wrist"]]
    errors = {
        shift: float(np.linalg.norm(wrist[5 + shift : 85 + shift] - true_wrist[5:85], axis=-1).mean())
        for shift in (-2, -1, 0, 1, 2)
    }
    assert min(errors, key=errors.__getitem__) in (-1, 0, 1)
    assert errors[0] < errors[2] and errors[0] < errors[-2]


def test_long_takes_are_solved_in_windows_without_a_seam() -> None:
    local, pelvis, log_scale = _motion(600)
    keypoints, points3d, truth = _observed(local, pelvis, log_scale, 2.0, 0.03)
    result = solve(time_s=np.arange(600) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    speed = np.linalg.norm(np.diff(result.joints[:, :22] - truth, axis=0), axis=-1).max(axis=1)
    assert speed.max() < 0.03


@pytest.mark.parametrize("free_scale", [False, True])
def test_derivatives_agree_with_differences(free_scale: bool) -> None:
    local, pelvis, log_scale = _motion(6)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 4.0, 0.05)
    evidence = gather(time_s=np.arange(6) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    # Without the robust weights' own change the half-gradient of the cost is exact.
    options = BodyOptions(robust=1e6, smoothness=0.0, slide_sigma=0.02)
    if free_scale:
        # Not the 3D points and the standing feet: their pull on the scales is left out on purpose.
        evidence.relative_precision[:] = 0.0
        evidence.standing[:] = 0.0
    terms, state = _terms(evidence, local, pelvis, options=options, free_scale=free_scale)
    look = terms.look(state)
    rng = np.random.default_rng(3)
    size = 1e-5
    for _ in range(5):
        step = rng.normal(size=(6, 69)) * size
        shared = rng.normal(size=len(GROUPS)) * size if free_scale else np.zeros(0)
        ahead = terms.look(_moved(state, step, shared)).cost
        back = terms.look(_moved(state, -step, -shared)).cost
        expected = 2.0 * ((look.gradient * step).sum() + look.scale_gradient @ shared)
        assert (ahead - back) / 2.0 == pytest.approx(expected, rel=1e-3)


def _terms(
    evidence: Evidence,
    local: np.ndarray,
    pelvis: np.ndarray,
    *,
    options: BodyOptions | None = None,
    free_scale: bool,
) -> tuple[Terms, State]:
    state = State(frames_last(local), np.ascontiguousarray(pelvis.T), np.zeros(len(GROUPS)))
    return Terms(evidence, options or BodyOptions(), state, free_scale=free_scale), state


def _whole(band: np.ndarray) -> np.ndarray:
    """The symmetric matrix of a lower band (T, 69, 139)."""
    size = band.shape[0] * band.shape[1]
    whole = np.zeros((size, size))
    for below in range(min(band.shape[2], size)):
        index = np.arange(size - below)
        whole[index + below, index] = band.reshape(size, -1)[: size - below, below]
    return whole + np.tril(whole, -1).T


def test_the_normal_equations_hold_every_term() -> None:
    """Along random steps: the weighted squares of how every residual changes, by finite differences."""
    count = 5
    local, pelvis, log_scale = _motion(count)
    local[:, INDEX["left_knee"]] = matrix_from_axis_angle(np.array([-0.2, 0.05, 0.1]))  # over its limit
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 4.0, 0.05)
    keypoints[:, wholebody.LEFT_HAND] = (500.0, 500.0, 0.9)
    points3d[:, wholebody.LEFT_HAND] = 0.1 * np.random.default_rng(2).normal(size=(21, 3))
    times = np.arange(count) / 30.0
    evidence = gather(time_s=times, keypoints=keypoints, points3d=points3d, camera_K=K)
    evidence.standing[:] = 0.7
    evidence.turns[:] = local @ matrix_from_axis_angle(np.array([0.1, -0.2, 0.3]))
    evidence.turn_precision[:] = 5.0
    evidence.weight[2, 3:] = 0.0  # a frame that its few points do not place
    options = BodyOptions(smoothness=0.01, slide_sigma=0.02)  # so that no term drowns the others
    terms, state = _terms(evidence, local, pelvis, options=options, free_scale=False)
    look = terms.look(state)
    assert (look.facing_weight > 0.0).any() and terms.stay.any()
    whole = _whole(stiffness(terms, look).band)
    before, middle, after = (weights[:, None] for weights in terms.second_difference)
    rng, size = np.random.default_rng(3), 1e-6
    for _ in range(4):
        step = rng.normal(size=(count, 69))
        there, back = (terms.look(_moved(state, sign * size * step, np.zeros(0))) for sign in (1.0, -1.0))

        def change(of: Callable[[Look], np.ndarray], there: Look = there, back: Look = back) -> np.ndarray:
            return (of(there) - of(back)) / (2.0 * size)

        points = change(lambda seen: seen.points) + step[:, :3].T[:, None]
        flat = np.einsum("aipt,ipt->apt", look.picture, points)
        relative = points - points[:, HIPS].mean(axis=1, keepdims=True)
        facing = change(lambda seen: axis_angle(product_after(seen.world[:, :, FACING], terms.facing)))
        hinge = change(lambda seen: axis_angle(seen.local[:, :, INDEX["left_knee"]]))[0]
        expected = (
            (look.picture_weight * flat**2).sum()
            + np.einsum(
                "ipt,ijpt,jpt,pt->", relative, terms.relative_precision, relative, look.relative_weight
            )
            + (terms.standing * np.diff(points[:, FOOT_ROWS]) ** 2).sum()
            + (look.facing_weight * facing**2).sum()
            + (terms.spread_precision * change(lambda seen: seen.from_neutral) ** 2).sum()
            + (terms.read_precision * change(lambda seen: seen.from_read) ** 2).sum()
            + (hinge**2).sum() / prior.HINGE_SIGMA**2
            + sum(
                (weight * change(lambda seen, joint=joint: axis_angle(seen.local[:, :, joint]))[0] ** 2).sum()
                for joint, _, _, weight, _ in terms.standing_knees(look.local)
            )
            + (
                terms.smooth_precision * (before * step[:-2] + middle * step[1:-1] + after * step[2:]) ** 2
            ).sum()
            + (terms.stay[:, None] * step[:, :3] ** 2).sum()
        )
        assert step.reshape(-1) @ whole @ step.reshape(-1) == pytest.approx(expected, rel=1e-6)


def test_slow_motion_with_noise_of_its_own_in_every_frame_is_solved() -> None:
    # 60 mm of noise four milliseconds apart: from a start that far from calm the steps did not suffice.
    local, pelvis, log_scale = _motion(240)
    keypoints, points3d, truth = _observed(local, pelvis, log_scale, 4.0, 0.06)
    result = solve(time_s=np.arange(240) / 240.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    assert _centred_error(result.joints, truth) < 0.033
    shake = np.linalg.norm(np.diff(result.joints[:, :22] - truth, n=2, axis=0), axis=-1).mean()
    assert shake * 240.0**2 < 12.0  # metres a second squared: 6, and 36


def test_a_calm_start_keeps_every_frame_up_to_30_a_second() -> None:
    local, pelvis, _ = _motion(50)
    for rate in (12.0, 25.0, 29.97, 30.0):
        calm, place = initial.calmed(np.round(np.arange(50) / rate, 3), local, pelvis)
        assert calm is local
        assert place is pelvis
    calm, place = initial.calmed(np.arange(50) / 120.0, local, pelvis)
    np.testing.assert_allclose(calm[3::4], local[3::4], atol=1e-9)
    np.testing.assert_allclose(place[5], 0.5 * (pelvis[3] + pelvis[7]), atol=1e-9)
    np.testing.assert_allclose(place[-1], pelvis[47], atol=1e-9)  # nothing beyond to turn to


def test_the_band_solves_what_the_whole_matrix_does() -> None:
    local, pelvis, log_scale = _motion(6)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 4.0, 0.05)
    times = np.array([0.0, 1.0, 2.5, 3.0, 4.0, 9.0]) / 30.0
    evidence = gather(time_s=times, keypoints=keypoints, points3d=points3d, camera_K=K)
    evidence.standing[:] = 0.7
    terms, state = _terms(evidence, local, pelvis, free_scale=True)
    look = terms.look(state)
    system = stiffness(terms, look)
    assert not blocks(system.band)[-1, :, 69:].any()  # nothing hangs over the end
    whole = _whole(system.band)
    whole = np.block([[whole, system.border], [system.border.T, system.corner]])
    right = -np.concatenate([look.gradient.reshape(-1), look.scale_gradient])
    frames, shared = system.factor(0.0).step(look.gradient, look.scale_gradient)
    found = np.concatenate([frames.reshape(-1), shared])
    np.testing.assert_allclose(whole @ found, right, atol=1e-3 * np.abs(right).max())
    np.testing.assert_allclose(found, np.linalg.solve(whole, right), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_short_takes(count: int) -> None:
    local, pelvis, log_scale = _motion(count)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 1.0, 0.02)
    result = solve(time_s=np.arange(count) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    assert np.isfinite(result.joints).all() and np.isfinite(result.sigma).all()


@pytest.mark.parametrize("count", [1, 2, 20])
def test_nothing_seen_is_neutral_and_doubtful(count: int) -> None:
    keypoints = np.zeros((count, wholebody.COUNT, 3))
    points3d = np.full((count, wholebody.COUNT, 3), np.nan)
    result = solve(time_s=np.arange(count) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    assert np.isfinite(result.joints).all()
    assert result.sigma[:, INDEX["left_wrist"]].min() > 0.2


def test_more_frames_a_second_are_as_calm() -> None:
    # A detector's errors are alike in frames that follow each other quickly.
    coarse = np.arange(34) / 30.0
    rng = np.random.default_rng(5)
    flat = CubicSpline(coarse, 3.0 * rng.normal(size=(34, len(POINTS.keypoint), 2)))
    deep = CubicSpline(coarse, 0.04 * rng.normal(size=(34, len(POINTS.keypoint), 3)))
    shake, error = {}, {}
    for rate in (30, 120):
        times = np.arange(rate + 1) / rate
        local, pelvis, log_scale = _motion(len(times))
        keypoints, points3d, truth = _observed(local, pelvis, log_scale, 0.0, 0.0)
        keypoints[:, POINTS.keypoint, :2] += flat(times)
        points3d[:, POINTS.keypoint] += deep(times)
        result = solve(time_s=times, keypoints=keypoints, points3d=points3d, camera_K=K)
        acceleration = np.diff(result.joints[:, :22] - truth, n=2, axis=0) * rate**2
        shake[rate] = float(np.linalg.norm(acceleration, axis=-1).mean())
        error[rate] = _centred_error(result.joints, truth)
    assert shake[120] < 1.3 * shake[30]
    assert error[120] < 1.3 * error[30]


def test_values_that_are_no_numbers_say_nothing() -> None:
    local, pelvis, log_scale = _motion(30)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 1.0, 0.02)
    keypoints[10:14, wholebody.INDEX["left_wrist"], 0] = np.nan
    keypoints[20:22, :, 2] = np.nan
    result = solve(time_s=np.arange(30) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    assert np.isfinite(result.joints).all() and np.isfinite(result.sigma).all()


def test_unseen_legs_hold_still_with_large_sigma() -> None:
    local, pelvis, log_scale = _motion(60)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 2.0, 0.03)
    seen = solve(time_s=np.arange(60) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    for name in ("knee", "ankle", "heel", "big_toe"):
        for side in ("left", "right"):
            i = wholebody.INDEX[f"{side}_{name}"]
            keypoints[:, i] = 0.0
            points3d[:, i] = np.nan
    result = solve(time_s=np.arange(60) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    knee = result.poses[:, INDEX["left_knee"]]
    # They go with the body as the network guesses, slowly: nothing kicks.
    assert np.ptp(knee, axis=0).max() < 0.5
    assert np.abs(np.diff(knee, axis=0)).max() < 0.05
    ankle = INDEX["left_ankle"]
    assert (result.sigma[:, ankle] > 2.0 * seen.sigma[:, ankle]).all()


def test_the_height_that_is_given_is_kept() -> None:
    local, pelvis, log_scale = _motion(40)
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 1.0, 0.02)
    result = solve(
        time_s=np.arange(40) / 30.0,
        keypoints=keypoints,
        points3d=points3d,
        camera_K=K,
        options=FitOptions(height_m=1.95),
    )
    head = result.rest_joints[INDEX["head"], 1]
    assert 1.95 - head == pytest.approx(0.167 * 1.95 / 1.705, abs=0.02)


def test_world_is_upright_with_the_feet_on_the_floor() -> None:
    local, pelvis, log_scale = _motion(60)
    tilt = matrix_from_axis_angle(np.array([-0.3, 0.0, 0.0]))  # the camera looks down by 17 degrees
    local[:, 0] = tilt @ local[:, 0]
    pelvis = pelvis @ tilt.T
    keypoints, points3d, _ = _observed(local, pelvis, log_scale, 1.0, 0.02)
    times = np.arange(60) / 30.0
    result = solve(time_s=times, keypoints=keypoints, points3d=points3d, camera_K=K)
    pose = world_from_camera([result])
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    up = pose[:3, :3] @ (tilt @ np.array([0.0, -1.0, 0.0]))
    assert np.degrees(np.arccos(up[1])) < 8.0
    sequence = to_sequence(
        result, frame=np.arange(60), time_s=times, keypoints=keypoints, camera_K=K, world_from_camera=pose
    )
    joints, _ = forward(
        matrix_from_axis_angle(sequence.poses.reshape(60, 55, 3)),
        sequence.rest_joints[0] + sequence.trans,
        sequence.rest_joints,
    )
    back = (joints - pose[:3, 3]) @ pose[:3, :3]
    np.testing.assert_allclose(back, sequence.joints_camera, atol=1e-5)
    assert abs(joints[:, INDEX["left_ankle"], 1].mean() - 0.08) < 0.08


def test_proportions_follow_the_bones_that_the_network_sees() -> None:
    found = {}
    for name, change in (("short", -0.2), ("long", 0.2)):
        local, pelvis, log_scale = _motion(60)
        log_scale[GROUPS.index("forearm")] = change
        keypoints, _, _ = _observed(local, pelvis, log_scale, 0.0, 0.0)
        lifted = lift(time_s=np.arange(60) / 30.0, keypoints=keypoints, camera_K=K)
        scales = initial.proportions(lifted, height_m=1.9)
        assert stature(scales) == pytest.approx(1.9, abs=1e-6)
        found[name] = scales[GROUPS.index("forearm")] - scales[GROUPS.index("thigh")]
    # It is careful: the rest comes from the picture, when the fit frees the bones.
    assert found["long"] - found["short"] > 0.02


def _bent_from_the_front(bend: float, *, standing: bool) -> float:
    """The knees' bend, radians, that a fit makes of legs with that bend, of whose depth little is known."""
    count = 20
    turn = np.zeros((count, 22, 3))
    for side in ("left", "right"):
        turn[:, INDEX[f"{side}_hip"], 0] = turn[:, INDEX[f"{side}_ankle"], 0] = -0.5 * bend
        turn[:, INDEX[f"{side}_knee"], 0] = bend
    turn[:, 0, 0] = np.pi
    local = matrix_from_axis_angle(turn)
    pelvis = np.tile([0.0, 0.1, 4.5], (count, 1))
    keypoints, points3d, _ = _observed(local, pelvis, np.zeros(len(GROUPS)), 0.0, 0.0)
    evidence = gather(time_s=np.arange(count) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=K)
    evidence.relative_precision[:] = 0.0
    evidence.turns[:], evidence.turn_precision[:] = local, 1.0 / 0.5**2
    evidence.standing[:] = float(standing)
    fit = fit_body(
        evidence, local=local, pelvis=pelvis, log_scale=np.zeros(len(GROUPS)), free_scale=False,
        options=BodyOptions(),
    )  # fmt: skip
    knees = fit.local[:, [INDEX["left_knee"], INDEX["right_knee"]]]
    return float(np.linalg.norm(axis_angle_from_matrix(knees), axis=-1).mean())


def test_who_stands_stands_on_straight_legs_unless_they_are_clearly_bent() -> None:
    lifted, stood_on = (_bent_from_the_front(0.26, standing=standing) for standing in (False, True))
    assert stood_on < 0.5 * lifted
    assert _bent_from_the_front(0.9, standing=True) > 0.85 * 0.9

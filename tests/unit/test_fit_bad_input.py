# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the landmarks are: what leaves the solve is finite, and what nobody saw does not kick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import wholebody
from rotocap.inference.fit import FitResult, solve
from rotocap.inference.fit.evidence import rotation_to_ray
from rotocap.inference.fit.model_points import POINTS
from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX
from rotocap.inference.world import to_sequence, world_from_camera

TRUTH = Path(__file__).parents[1] / "data" / "sample" / "truth.npz"
SIDES = ("left", "right")
BELOW_THE_HIPS = tuple(f"{s}_{n}" for s in SIDES for n in ("knee", "ankle", "heel", "big_toe"))
BELOW_THE_WAIST = (*BELOW_THE_HIPS, "left_hip", "right_hip")

Landmarks = tuple[np.ndarray, np.ndarray, np.ndarray]  # time_s, keypoints, points3d


@pytest.fixture(scope="module")
def truth() -> SmplxSequence:
    return SmplxSequence.load(TRUTH)


def seen(truth: SmplxSequence, time_s: np.ndarray) -> Landmarks:
    """The sample's person as a detector sees them, at any times: body and feet, with some noise."""
    row = np.clip(np.round(time_s * 30.0).astype(int), 0, len(truth) - 1)
    rng = np.random.default_rng(3)
    rest = np.asarray(truth.rest_joints, np.float64)
    local = matrix_from_axis_angle(truth.poses.reshape(len(truth), 55, 3)[row, :22])
    camera = np.asarray(truth.world_from_camera)
    local[:, 0] = camera[:3, :3].T @ local[:, 0]
    pelvis = (rest[0] + truth.trans[row] - camera[:3, 3]) @ camera[:3, :3]
    joints, world = forward(local, pelvis, rest)
    points = POINTS.posed(joints, world, POINTS.offset)
    pixels = points @ np.asarray(truth.camera_K).T
    pixels = pixels[..., :2] / pixels[..., 2:]
    keypoints = np.zeros((len(row), wholebody.COUNT, 3))
    keypoints[:, POINTS.keypoint, :2] = pixels + rng.normal(size=pixels.shape)
    keypoints[:, POINTS.keypoint, 2] = 0.9
    hips = joints[:, 1:3].mean(axis=1)
    to_crop = np.swapaxes(rotation_to_ray(hips[:, :2] / hips[:, 2:]), -1, -2)
    points3d = np.full((len(row), wholebody.COUNT, 3), np.nan)
    relative = points - hips[:, None] + 0.02 * rng.normal(size=points.shape)
    points3d[:, POINTS.keypoint] = np.einsum("tij,tpj->tpi", to_crop, relative)
    return time_s, keypoints, points3d


def lost(landmarks: Landmarks, rows: slice, names: tuple[str, ...] = wholebody.NAMES) -> Landmarks:
    """The same with points that nobody saw in some frames."""
    time_s, keypoints, points3d = (array.copy() for array in landmarks)
    columns = [wholebody.INDEX[name] for name in names]
    keypoints[rows, columns] = 0.0
    points3d[rows, columns] = np.nan
    return time_s, keypoints, points3d


def solved(truth: SmplxSequence, landmarks: Landmarks) -> FitResult:
    """The solve's result, after every value of it, and of the world and the file, was found finite."""
    time_s, keypoints, points3d = landmarks
    K = np.asarray(truth.camera_K)
    result = solve(time_s=time_s, keypoints=keypoints, points3d=points3d, camera_K=K)
    for name, value in vars(result).items():
        if name != "arkit":  # not a number where the face is not known
            assert np.isfinite(value).all(), name
    camera = world_from_camera([result])
    assert np.linalg.det(camera[:3, :3]) == pytest.approx(1.0)
    sequence = to_sequence(
        result,
        frame=np.arange(len(time_s)),
        time_s=time_s,
        keypoints=keypoints,
        camera_K=K,
        world_from_camera=camera,
    )
    assert len(sequence) == len(time_s)
    return result


def speed(result: FitResult, time_s: np.ndarray) -> float:
    """The fastest joint, metres a second."""
    moved = np.linalg.norm(np.diff(result.joints[:, :22], axis=0), axis=-1)
    return float((moved / np.diff(time_s)[:, None]).max())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_few_frames(truth: SmplxSequence, count: int) -> None:
    result = solved(truth, seen(truth, np.arange(count) / 30.0))
    apart = result.joints[:, :22] - result.joints[:, :1]
    real = truth.joints_camera[:count, :22] - truth.joints_camera[:count, :1]
    assert np.linalg.norm(apart - real, axis=-1).mean() < 0.10


@pytest.mark.parametrize("rate", [5.0, 12.0, 240.0])
def test_slow_and_fast_cameras(truth: SmplxSequence, rate: float) -> None:
    landmarks = seen(truth, np.arange(round(min(2.0, 240 / rate) * rate)) / rate)
    result = solved(truth, landmarks)
    row = np.round(landmarks[0] * 30.0).astype(int)
    apart = result.joints[:, :22] - result.joints[:, :1]
    real = truth.joints_camera[row, :22] - truth.joints_camera[row, :1]
    assert np.linalg.norm(apart - real, axis=-1).mean() < 0.08


@pytest.mark.parametrize("first", [0, 20, 59])
@pytest.mark.parametrize("length", [1, 15, 60])
def test_frames_without_a_point_are_filled_and_doubtful(
    truth: SmplxSequence, first: int, length: int
) -> None:
    landmarks = seen(truth, np.arange(61) / 30.0)
    rows = slice(first, min(first + length, 60))
    result = solved(truth, lost(landmarks, rows))
    assert speed(result, landmarks[0]) < 6.0
    wrist, usual = (r.sigma[rows, INDEX["left_wrist"]] for r in (result, solved(truth, landmarks)))
    assert (wrist > usual).all()
    assert rows.stop - rows.start < 15 or wrist.max() > 1.2 * usual.max()


@pytest.mark.parametrize("pause", [1.0, 60.0, 86_400.0])
def test_a_gap_of_any_length_in_time(truth: SmplxSequence, pause: float) -> None:
    time_s, keypoints, points3d = seen(truth, np.arange(60) / 30.0)
    result = solved(truth, (time_s + pause * (np.arange(60) >= 30), keypoints, points3d))
    apart = result.joints[:, :22] - result.joints[:, :1]
    real = truth.joints_camera[:60, :22] - truth.joints_camera[:60, :1]
    assert np.linalg.norm(apart - real, axis=-1).mean() < 0.08


@pytest.mark.parametrize("names", [(), ("nose",), ("left_wrist",), ("right_hip",), ("left_big_toe",)])
def test_one_point_or_none(truth: SmplxSequence, names: tuple[str, ...]) -> None:
    landmarks = seen(truth, np.arange(30) / 30.0)
    others = tuple(name for name in wholebody.NAMES if name not in names)
    result = solved(truth, lost(landmarks, slice(None), others))
    # Hips and spine lie near the pelvis whatever the body does; nobody knows where the limbs are.
    limbs = [INDEX[f"{side}_{name}"] for side in SIDES for name in ("knee", "ankle", "elbow", "wrist")]
    assert result.sigma[:, limbs].min() > 0.15
    assert result.sigma[:, :22].min() > 0.05
    assert speed(result, landmarks[0]) < 3.0


def test_one_point_in_one_frame(truth: SmplxSequence) -> None:
    landmarks = lost(seen(truth, np.arange(30) / 30.0), slice(None))
    one = seen(truth, np.arange(30) / 30.0)
    nose = wholebody.INDEX["nose"]
    landmarks[1][12, nose], landmarks[2][12, nose] = one[1][12, nose], one[2][12, nose]
    assert speed(solved(truth, landmarks), landmarks[0]) < 1.0


@pytest.mark.parametrize("names", [BELOW_THE_HIPS, BELOW_THE_WAIST])
def test_a_person_cut_at_the_waist_keeps_neutral_legs(truth: SmplxSequence, names: tuple[str, ...]) -> None:
    landmarks = lost(seen(truth, np.arange(60) / 30.0), slice(None), names)
    result = solved(truth, landmarks)
    for side in SIDES:
        hip, knee, ankle = (INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        # A guess that goes slowly with what is seen of the body.
        assert np.ptp(result.poses[:, knee], axis=0).max() < 0.35
        assert np.abs(np.diff(result.poses[:, knee], axis=0)).max() < 0.05
        assert np.ptp(result.poses[:, hip], axis=0).max() < 0.5  # the pelvis turns over it
        assert np.linalg.norm(result.poses[:, knee], axis=-1).max() < 0.9
        assert result.sigma[:, ankle].min() > 0.25
        assert result.sigma[:, ankle].min() > 1.6 * result.sigma[:, INDEX[f"{side}_wrist"]].max()


def test_legs_that_leave_the_picture_do_not_kick(truth: SmplxSequence) -> None:
    landmarks = seen(truth, np.arange(60) / 30.0)
    whole = solved(truth, landmarks)
    cut = solved(truth, lost(landmarks, slice(30, 60), BELOW_THE_HIPS))
    feet = [INDEX["left_ankle"], INDEX["right_ankle"]]
    moved = np.linalg.norm(np.diff(cut.joints[:, feet] - cut.joints[:, :1], axis=0), axis=-1).max()
    real = np.linalg.norm(np.diff(whole.joints[:, feet] - whole.joints[:, :1], axis=0), axis=-1).max()
    assert moved < real + 0.03


def test_values_that_no_detector_should_give(truth: SmplxSequence) -> None:
    time_s, keypoints, points3d = seen(truth, np.arange(20) / 30.0)

    def check(*, places: object = None, certainty: object = None, metres: object = None) -> None:
        changed, depth = keypoints.copy(), points3d.copy()
        if places is not None:
            changed[..., :2] = places
        if certainty is not None:
            changed[..., 2] = certainty
        if metres is not None:
            depth[:] = metres
        solved(truth, (time_s, changed, depth))

    check(places=270.0)  # all in one place
    check(places=np.random.default_rng(0).uniform(0, 700, (20, wholebody.COUNT, 2)))
    check(places=np.nan)
    check(metres=np.nan)  # a backend of 2D points only
    check(metres=0.0)
    check(metres=np.random.default_rng(0).normal(size=(20, wholebody.COUNT, 3)))
    check(certainty=0.0)
    check(certainty=-1.0)
    check(certainty=np.nan)


def test_a_person_of_a_few_pixels_and_one_larger_than_the_picture(truth: SmplxSequence) -> None:
    time_s, keypoints, points3d = seen(truth, np.arange(20) / 30.0)
    centre = np.asarray(truth.camera_K)[:2, 2]
    for factor in (0.01, 4.0):
        sized = keypoints.copy()
        sized[..., :2] = centre + factor * (sized[..., :2] - centre)
        result = solved(truth, (time_s, sized, points3d))
        assert result.pelvis[:, 2].min() > 0.0

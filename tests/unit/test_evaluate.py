# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures themselves: each is given an error of known size and must find it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference import wholebody
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX
from rotocap.tools.evaluate import flips
from rotocap.tools.evaluate.accuracy import against_truth, height_px, procrustes, reprojection_percent
from rotocap.tools.evaluate.clips import jumps

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
NAMES = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


@pytest.fixture(scope="module")
def truth() -> SmplxSequence:
    return SmplxSequence.load(SAMPLE / "truth.npz")


@pytest.fixture(scope="module")
def seen(truth: SmplxSequence) -> SmplxSequence:
    """The truth with the landmarks that a perfect detector would give for its limbs and eyes."""
    pixel = truth.joints_camera.astype(np.float64) @ np.asarray(truth.camera_K).T
    pixel = pixel[..., :2] / pixel[..., 2:]
    keypoints = np.zeros((len(truth), 133, 3), np.float32)
    for side in ("left", "right"):
        pairs = [(f"{side}_{n}", f"{side}_{n}") for n in NAMES] + [(f"{side}_eye", f"{side}_eye_smplhf")]
        for point, joint in pairs:
            keypoints[:, wholebody.INDEX[point], :2] = pixel[:, INDEX[joint]]
            keypoints[:, wholebody.INDEX[point], 2] = 0.9
    return replace(truth, keypoints=keypoints)


def exchanged(keypoints: np.ndarray, rows: slice, names: tuple[str, ...] = NAMES) -> np.ndarray:
    out = keypoints.copy()
    for name in names:
        left, right = wholebody.INDEX[f"left_{name}"], wholebody.INDEX[f"right_{name}"]
        out[rows, left], out[rows, right] = keypoints[rows, right], keypoints[rows, left]
    return out


def test_the_truth_is_perfect(truth: SmplxSequence) -> None:
    result = against_truth(truth, truth)
    assert result.found == 1.0
    for value in (
        result.mpjpe_mm,
        result.pa_mpjpe_mm,
        result.hands_mm,
        result.acceleration_mm,
        result.gravity_deg,
        result.angle_deg,
    ):
        assert value == pytest.approx(0.0, abs=1e-3)
    assert result.foot_slide_mm < 0.1


def test_a_raised_hand_that_is_off_by_a_decimetre_shows_at_that_joint(truth: SmplxSequence) -> None:
    off = truth.joints_camera.copy()
    off[:, INDEX["left_wrist"], 0] += 0.1
    result = against_truth(replace(truth, joints_camera=off), truth)
    assert result.per_joint_mm["left_wrist"] == pytest.approx(100, abs=0.1)
    assert result.per_joint_mm["right_wrist"] == pytest.approx(0, abs=0.1)
    assert result.mpjpe_mm == pytest.approx(100 / 22, abs=0.1)


def test_distance_and_scale_do_not_count_as_pose(truth: SmplxSequence) -> None:
    further = replace(truth, joints_camera=truth.joints_camera + np.float32([0, 0, 0.5]))
    result = against_truth(further, truth)
    assert result.mpjpe_mm == pytest.approx(0, abs=0.01)
    assert 10 < result.distance_percent < 30
    turned = truth.joints_camera @ Rotation.from_euler("y", 20, degrees=True).as_matrix().T.astype(np.float32)
    result = against_truth(replace(truth, joints_camera=turned * np.float32(1.1)), truth)
    assert result.mpjpe_mm > 50
    assert result.pa_mpjpe_mm == pytest.approx(0, abs=0.05)


def test_missing_frames_count_as_not_found(truth: SmplxSequence) -> None:
    changes = {
        n: v[30:] for n, v in vars(truth).items() if isinstance(v, np.ndarray) and len(v) == len(truth)
    }
    assert against_truth(replace(truth, **changes), truth).found == pytest.approx(0.75)
    with pytest.raises(ValueError, match="0 frames in common"):
        against_truth(replace(truth, frame=truth.frame + 1000, time_s=truth.time_s + 100), truth)


def test_procrustes_does_not_mirror() -> None:
    points = np.random.default_rng(1).normal(size=(22, 3))
    mirrored = points * [-1, 1, 1]
    assert np.linalg.norm(procrustes(points, mirrored) - mirrored, axis=1).mean() > 0.2


def test_reprojection_is_in_percent_of_the_standing_height(seen: SmplxSequence) -> None:
    assert np.median(reprojection_percent(seen)) == pytest.approx(0.0, abs=1e-3)
    moved = seen.keypoints.copy()
    moved[:, :, 0] += 0.03 * height_px(seen).astype(np.float32)[:, None]
    assert np.median(reprojection_percent(replace(seen, keypoints=moved))) == pytest.approx(3.0, abs=0.01)
    # A squat does not make the person smaller.
    assert np.ptp(height_px(seen)) / height_px(seen).mean() < 0.1


def test_no_flip_is_found_in_the_truth(seen: SmplxSequence) -> None:
    assert flips.count(seen, str(SAMPLE / "sample.mp4")).count == 0


def test_sudden_flips_are_found_where_they_are(seen: SmplxSequence) -> None:
    arms = exchanged(seen.keypoints, slice(50, 56), ("shoulder", "elbow", "wrist"))
    legs = exchanged(arms, slice(10, 14), ("hip", "knee", "ankle"))
    found = flips.count(replace(seen, keypoints=legs), str(SAMPLE / "sample.mp4"))
    assert found.sudden == ((10, "legs"), (14, "legs"), (50, "arms"), (56, "arms"))


def test_a_person_mirrored_throughout_is_told_by_the_face(seen: SmplxSequence) -> None:
    found = flips.count(
        replace(seen, keypoints=exchanged(seen.keypoints, slice(None))), str(SAMPLE / "sample.mp4")
    )
    assert not found.sudden
    assert found.mirrored
    assert sum(last - first + 1 for first, last in found.mirrored) > 60


def test_a_jump_to_another_place_is_found(seen: SmplxSequence) -> None:
    assert jumps(seen) == []
    moved = seen.keypoints.copy()
    moved[70:, :, 0] += 200
    assert jumps(replace(seen, keypoints=moved)) == [70]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Points put right in the picture bring the motion back to what it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_fit import K, _motion, _observed

from rotocap.inference import fit, pins, wholebody
from rotocap.inference.errors import SequenceError
from rotocap.inference.kinematics import matrix_from_axis_angle
from rotocap.inference.pins import Pin
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX
from rotocap.inference.world import to_sequence, world_from_camera

COUNT = 90
WRIST = wholebody.INDEX["left_wrist"]
MIDDLE = 45
NEAR = slice(42, 49)


@pytest.fixture(scope="module")
def filmed() -> tuple[SmplxSequence, np.ndarray, np.ndarray]:
    """A person whose left arm is taken to be elsewhere, the 3D points, and where the points truly are."""
    local, pelvis, log_scale = _motion(COUNT)
    truth = _observed(local, pelvis, log_scale, 0.0, 0.0)[0]
    elsewhere = matrix_from_axis_angle(np.array([0.0, 0.0, 0.3]))
    local[:, INDEX["left_shoulder"]] = elsewhere @ local[:, INDEX["left_shoulder"]]
    keypoints, depth, _ = _observed(local, pelvis, log_scale, 0.5, 0.005)
    time_s = np.arange(COUNT) / 30.0
    result = fit.solve(time_s=time_s, keypoints=keypoints, points3d=depth, camera_K=K)
    sequence = to_sequence(
        result, frame=np.arange(COUNT), time_s=time_s, keypoints=keypoints, camera_K=K,
        world_from_camera=world_from_camera([result]),
    )  # fmt: skip
    return sequence, depth, truth


def true_pixel(truth: np.ndarray, frame: int) -> np.ndarray:
    return np.asarray(truth[frame, WRIST, :2])


def miss(sequence: SmplxSequence, truth: np.ndarray, rows: slice) -> float:
    """Mean distance in pixels of the left wrist from where it was."""
    places = pins.body_points(sequence, rows, WRIST)
    return float(np.mean([
        np.linalg.norm(place - true_pixel(truth, frame))
        for place, frame in zip(places, range(rows.start, rows.stop), strict=True)
    ]))  # fmt: skip


def test_the_body_has_its_points_beside_its_joints(
    filmed: tuple[SmplxSequence, np.ndarray, np.ndarray],
) -> None:
    sequence, _, _ = filmed
    seen = sequence.joints_camera[:, INDEX["left_wrist"]] @ K.T
    places = pins.body_points(sequence, slice(0, COUNT), WRIST)
    assert np.abs(places - seen[:, :2] / seen[:, 2:]).max() < 20.0


def test_a_wrist_put_right_at_one_frame_brings_the_frames_around_it_back(
    filmed: tuple[SmplxSequence, np.ndarray, np.ndarray],
) -> None:
    sequence, depth, truth = filmed
    x, y = true_pixel(truth, MIDDLE)
    done: list[tuple[int, int]] = []
    out = pins.solve(
        sequence, [Pin(frame=MIDDLE, keypoint=WRIST, x=x, y=y)], depths=lambda rows: depth[rows],
        progress=lambda a, b: done.append((a, b)),
    )  # fmt: skip
    assert miss(sequence, truth, NEAR) > 20.0
    assert miss(out, truth, slice(MIDDLE, MIDDLE + 1)) < 0.5
    assert miss(out, truth, NEAR) < 0.4 * miss(sequence, truth, NEAR)
    # Feet, hips and head stay where they were, and so does everything a second away.
    before, after = sequence.joints_camera, out.joints_camera
    others = [INDEX[name] for name in ("pelvis", "left_ankle", "right_ankle", "head", "right_wrist")]
    assert np.abs(after[:, others] - before[:, others]).max() < 1e-4
    assert np.abs(after[:10] - before[:10]).max() < 1e-4
    # No jerk is brought in.
    assert np.abs(np.diff(after[:, INDEX["left_wrist"]], 2, axis=0)).max() < 0.02
    assert out.keypoints[MIDDLE, WRIST].tolist() == pytest.approx([x, y, 1.0], abs=1e-3)
    assert done[-1][0] == done[-1][1] > 0


def test_two_points_put_right_are_both_met(filmed: tuple[SmplxSequence, np.ndarray, np.ndarray]) -> None:
    sequence, depth, truth = filmed
    both = [Pin(frame=f, keypoint=WRIST, x=x, y=y) for f in (42, 48) for x, y in [true_pixel(truth, f)]]
    out = pins.solve(sequence, both, depths=lambda rows: depth[rows])
    for frame in (42, 48):
        assert miss(out, truth, slice(frame, frame + 1)) < 0.5
    assert miss(out, truth, NEAR) < 0.3 * miss(sequence, truth, NEAR)


def test_a_knee_put_right_leaves_the_foot_in_its_place(
    filmed: tuple[SmplxSequence, np.ndarray, np.ndarray],
) -> None:
    sequence, depth, _ = filmed
    knee = wholebody.INDEX["left_knee"]
    x, y = pins.body_points(sequence, slice(20, 21), knee)[0] + (12.0, 0.0)
    out = pins.solve(sequence, [Pin(frame=20, keypoint=knee, x=x, y=y)], depths=lambda rows: depth[rows])
    moved = np.linalg.norm(out.joints_camera - sequence.joints_camera, axis=-1)
    assert moved[20, INDEX["left_knee"]] > 0.03
    assert moved[:, INDEX["left_ankle"]].max() < 0.06
    assert np.abs(pins.body_points(out, slice(20, 21), knee)[0] - (x, y)).max() < 3.0


def test_a_point_that_nobody_saw_can_be_put_somewhere(
    filmed: tuple[SmplxSequence, np.ndarray, np.ndarray],
) -> None:
    sequence, depth, truth = filmed
    hidden = np.array(sequence.keypoints)
    hidden[:, WRIST, 2] = 0.0
    unknown = np.array(depth)
    unknown[:, WRIST] = np.nan
    x, y = true_pixel(truth, 70) + np.array([25.0, -20.0])
    out = pins.solve(
        replace(sequence, keypoints=hidden), [Pin(frame=70, keypoint=WRIST, x=x, y=y)],
        depths=lambda rows: unknown[rows],
    )  # fmt: skip
    assert np.abs(pins.body_points(out, slice(70, 71), WRIST)[0] - (x, y)).max() < 1.0


BAD = [
    (Pin(frame=5, keypoint=40, x=1.0, y=1.0), "cannot be put right; drag one of the body's"),
    (Pin(frame=500, keypoint=WRIST, x=1.0, y=1.0), "the person is not in the picture"),
    (Pin(frame=5, keypoint=WRIST, x=float("nan"), y=1.0), "left_wrist: is nowhere"),
]


@pytest.mark.parametrize(("pin", "words"), BAD)
def test_what_cannot_be_says_so(
    filmed: tuple[SmplxSequence, np.ndarray, np.ndarray], pin: Pin, words: str
) -> None:
    sequence, depth, _ = filmed
    with pytest.raises(SequenceError, match=words):
        pins.solve(sequence, [pin], depths=lambda rows: depth[rows])

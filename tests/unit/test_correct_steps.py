# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the clean-up on motion that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rotocap.correct import parts
from rotocap.correct.measure import change
from rotocap.correct.rows import runs
from rotocap.correct.smooth import kernel
from rotocap.correct.steps import Fill, Hold, Smooth, Step, Swap, TakeOver, applied, clean
from rotocap.inference.errors import SequenceError
from rotocap.inference.kinematics import (
    axis_angle_from_matrix,
    forward_poses,
    matrix_from_axis_angle,
)
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX, JOINT_COUNT, MIRROR, rest_joints

FPS = 30.0
LEFT_ELBOW, RIGHT_KNEE = INDEX["left_elbow"], INDEX["right_knee"]


def sequence_of(poses: np.ndarray, *, frame: np.ndarray | None = None, **changes: Any) -> SmplxSequence:
    count = len(poses)
    frame = np.arange(count) if frame is None else frame
    trans = np.zeros((count, 3))
    camera = np.eye(4)
    camera[:3, :3] = np.diag([1.0, -1.0, -1.0])
    camera[:3, 3] = (0.0, 1.2, 4.0)
    values: dict[str, Any] = {
        "poses": poses.reshape(count, 165), "trans": trans, "betas": np.zeros(10),
        "expression": np.zeros((count, 10)), "rest_joints": rest_joints(), "frame": frame,
        "time_s": frame / FPS, "mocap_frame_rate": FPS, "camera_K": np.eye(3),
        "world_from_camera": camera, "joints_camera": np.zeros((count, 55, 3)),
        "sigma": np.full((count, 55), 0.01), "contact": np.zeros((count, 4)),
        "keypoints": np.zeros((count, 133, 3)), "arkit": np.full((count, 52), np.nan),
    }  # fmt: skip
    return SmplxSequence(**{**values, **changes})


def waving(count: int = 120, *, hertz: float = 1.0, angle: float = 0.8) -> np.ndarray:
    """All joints swing, each about an axis and with a phase of its own."""
    random = np.random.default_rng(3)
    axes = random.normal(size=(JOINT_COUNT, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    phase = random.uniform(0, 2 * np.pi, JOINT_COUNT)
    t = np.arange(count)[:, None] / FPS
    swing = angle * np.sin(2 * np.pi * hertz * t + phase)
    return swing[..., None] * axes


def joints_of(sequence: SmplxSequence) -> np.ndarray:
    return forward_poses(sequence.poses, sequence.trans, sequence.rest_joints)[0]


def turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (...,) between poses (..., 3)."""
    apart = np.swapaxes(matrix_from_axis_angle(a), -1, -2) @ matrix_from_axis_angle(b)
    return np.linalg.norm(axis_angle_from_matrix(apart), axis=-1)


def poses_of(sequence: SmplxSequence) -> np.ndarray:
    return np.asarray(sequence.poses, np.float64).reshape(-1, JOINT_COUNT, 3)


def test_every_joint_is_in_one_part() -> None:
    everything = [joint for joints in parts.PARTS.values() for joint in joints]
    assert sorted(everything) == list(range(JOINT_COUNT))
    with pytest.raises(SequenceError, match="part: expected one of"):
        parts.joints_of("tail")


def test_smoothing_takes_the_noise_and_leaves_timing_and_peaks() -> None:
    true = waving()
    noise = np.random.default_rng(4).normal(0.0, 0.03, true.shape)
    noisy = sequence_of(true + noise)
    smooth = applied(noisy, Smooth(part="arms", strength=0.6))
    arms = list(parts.joints_of("arms"))
    inner = slice(10, -10)
    before = turned(poses_of(noisy)[inner][:, arms], true[inner][:, arms])
    after = turned(poses_of(smooth)[inner][:, arms], true[inner][:, arms])
    assert after.mean() < 0.55 * before.mean()
    # No lag: a frame's error against the truth a frame earlier or later is larger than against its own.
    for shift in (-1, 1):
        late = np.roll(true, shift, axis=0)
        assert turned(poses_of(smooth)[inner][:, arms], late[inner][:, arms]).mean() > 2.0 * after.mean()
    # What was not asked for stays bit for bit, and joints_camera follows the poses.
    others = [joint for joint in range(JOINT_COUNT) if joint not in arms]
    assert np.abs(poses_of(smooth)[:, others] - poses_of(noisy)[:, others]).max() < 1e-6
    camera = np.asarray(noisy.world_from_camera)
    seen = (joints_of(smooth) - camera[:3, 3]) @ camera[:3, :3]
    assert np.abs(seen - smooth.joints_camera).max() < 1e-4


def test_smoothing_leaves_slow_motion_alone_and_tells_what_fast_motion_loses() -> None:
    slow, fast = sequence_of(waving(hertz=0.5)), sequence_of(waving(hertz=5.0, angle=0.3))
    step = Smooth(part="left_arm", strength=0.6)
    _, (of_slow,) = clean(slow, [step])
    _, (of_fast,) = clean(fast, [step])
    assert of_slow is not None
    assert of_fast is not None
    assert of_slow.peak_loss < 0.02
    assert of_slow.largest_m < 0.01
    assert of_fast.peak_loss > 0.2
    assert of_fast.largest_m > 0.02
    assert "slower at its fastest" in of_fast.line()
    assert "cm" in of_fast.line()


def test_what_moves_no_joint_is_told_as_well() -> None:
    """The last joint of a limb, and the face, turn and change without a joint going anywhere."""
    still = sequence_of(np.zeros((60, JOINT_COUNT, 3)))
    poses = np.zeros((60, JOINT_COUNT, 3))
    poses[20, INDEX["jaw"], 0] = np.radians(12.0)
    arkit = np.zeros((60, 52), np.float32)
    talks = replace(sequence_of(poses), arkit=arkit)
    arkit = arkit.copy()
    arkit[30, 7] = 0.4
    smiles = replace(still, arkit=arkit)
    opened = change(replace(still, arkit=np.zeros_like(arkit)), talks)
    assert (opened.turned_joint, opened.frame, opened.frames) == ("jaw", 20, 1)
    assert opened.line() == "Turns by up to 12.0 degrees (jaw)"
    shown = change(replace(still, arkit=np.zeros_like(arkit)), smiles)
    assert shown.frame == 30
    assert shown.line() == "Face shapes change by up to 40%"
    # Shapes that no capture told stay untold.
    assert change(still, still).line() == "Changes nothing"


def test_strength_zero_changes_nothing_and_the_kernel_keeps_parabolas() -> None:
    sequence = sequence_of(waving())
    _, (done,) = clean(sequence, [Smooth(part="all", strength=0.0)])
    assert done is not None
    assert done.line() == "Changes nothing"
    window = kernel(0.1, np.arange(50) / FPS)
    at = np.arange(len(window)) - len(window) // 2
    assert window.sum() == pytest.approx(1.0)
    assert (window * at**2).sum() == pytest.approx(0.0, abs=1e-9)


def test_smoothing_a_range_leaves_the_rest_and_no_step_at_its_ends() -> None:
    noisy = sequence_of(waving() + np.random.default_rng(5).normal(0.0, 0.03, (120, 55, 3)))
    smooth = applied(noisy, Smooth(part="head", strength=0.7, frames=(40, 79)))
    moved = turned(poses_of(smooth), poses_of(noisy)).max(axis=1)
    assert moved[:40].max() < 1e-5
    assert moved[80:].max() < 1e-5
    assert moved[50:70].max() > 0.02


def test_nothing_is_averaged_across_a_gap() -> None:
    frame = np.concatenate([np.arange(40), np.arange(140, 180)])
    poses = np.zeros((80, 55, 3))
    poses[40:, LEFT_ELBOW, 1] = 1.2
    sequence = sequence_of(poses, frame=frame)
    assert [(r.start, r.stop) for r in runs(sequence.frame)] == [(0, 40), (40, 80)]
    smooth = applied(sequence, Smooth(part="arms", strength=1.0))
    assert np.abs(poses_of(smooth) - poses).max() < 1e-5


def test_a_fill_goes_through_the_truth_with_the_speed_on_both_sides() -> None:
    true = waving(hertz=0.5)
    bad = true.copy()
    bad[50:62, LEFT_ELBOW] += np.random.default_rng(6).normal(0.0, 0.8, (12, 3))
    fixed = applied(sequence_of(bad), Fill(part="left_arm", frames=(50, 61)))
    error = turned(poses_of(fixed)[:, LEFT_ELBOW], true[:, LEFT_ELBOW])
    assert error.max() < np.radians(6.0)
    speed = turned(poses_of(fixed)[1:, LEFT_ELBOW], poses_of(fixed)[:-1, LEFT_ELBOW])
    assert np.abs(np.diff(speed[45:68])).max() < np.radians(2.5)  # no kink where it is joined
    assert np.abs(poses_of(fixed)[:50] - bad[:50]).max() < 1e-5


def test_a_fill_looks_for_what_the_capture_doubted() -> None:
    true = waving(hertz=0.5)
    bad = true.copy()
    sigma = np.full((120, 55), 0.01)
    for start, stop in ((20, 26), (27, 30), (90, 97)):
        bad[start:stop, RIGHT_KNEE, 0] += 1.0
        sigma[start:stop, RIGHT_KNEE] = 0.3
    bad[26, RIGHT_KNEE, 0] += 1.0  # one sure frame between two doubtful runs is not sure either
    fixed = applied(sequence_of(bad, sigma=sigma), Fill(part="right_leg", sigma_m=0.1))
    assert turned(poses_of(fixed)[:, RIGHT_KNEE], true[:, RIGHT_KNEE]).max() < np.radians(6.0)
    # All in doubt: there is nothing to fill from, so nothing is touched.
    all_bad = sequence_of(bad, sigma=np.full((120, 55), 0.5))
    untouched = applied(all_bad, Fill(part="right_leg", sigma_m=0.1))
    assert np.array_equal(untouched.poses, all_bad.poses)


def test_only_the_part_that_is_in_doubt_is_filled() -> None:
    """A hidden hand does not take the legs along, though the whole body was asked for."""
    sequence = sequence_of(waving(hertz=0.5))
    sigma = np.full((120, 55), 0.01)
    sigma[40:50, INDEX["left_wrist"]] = 0.3
    sequence = replace(sequence, sigma=sigma)
    fixed = applied(sequence, Fill(part="all", sigma_m=0.1))
    changed = np.abs(poses_of(fixed) - poses_of(sequence)).max(axis=-1) > 1e-4
    assert set(np.flatnonzero(changed.any(axis=0))) <= set(parts.joints_of("left_arm"))
    assert np.flatnonzero(changed.any(axis=1)).tolist() == list(range(40, 50))
    assert np.array_equal(fixed.trans, sequence.trans)


def test_a_fill_at_the_end_of_the_take_holds_the_last_pose() -> None:
    sequence = sequence_of(waving())
    fixed = applied(sequence, Fill(part="left_arm", frames=(110, 119)))
    assert np.abs(poses_of(fixed)[110:, LEFT_ELBOW] - poses_of(sequence)[109, LEFT_ELBOW]).max() < 1e-5
    with pytest.raises(SequenceError, match="no frame beside them"):
        applied(sequence, Fill(part="left_arm", frames=(0, 119)))


def test_a_hold_keeps_the_pose_and_eases() -> None:
    sequence = sequence_of(waving(hertz=0.5))
    held = applied(sequence, Hold(part="right_leg", frames=(40, 60), at=50, ease=8))
    knee = poses_of(held)[:, RIGHT_KNEE]
    assert np.abs(knee[40:61] - poses_of(sequence)[50, RIGHT_KNEE]).max() < 1e-5
    moved = turned(poses_of(held), poses_of(sequence))[:, RIGHT_KNEE]
    assert moved[:32].max() < 1e-5
    assert moved[69:].max() < 1e-5
    assert np.diff(turned(knee[1:], knee[:-1])[28:75]).max() < np.radians(5.0)


def test_a_swap_brings_each_leg_to_where_the_other_one_was() -> None:
    poses = np.zeros((30, 55, 3))
    poses[:, INDEX["left_hip"], 0] = np.linspace(-0.9, -0.3, 30)
    poses[:, INDEX["left_knee"], 0] = 1.0
    poses[:, INDEX["right_hip"], 0] = 0.2
    poses[:, INDEX["right_knee"], 0] = 0.5
    sequence = sequence_of(poses)
    swapped = applied(sequence, Swap(what="legs", frames=(10, 19)))
    before, after = joints_of(sequence), joints_of(swapped)
    for name, other in (("left", "right"), ("right", "left")):
        for joint in ("knee", "ankle"):
            mine = after[10:20, INDEX[f"{name}_{joint}"]]
            theirs = before[10:20, INDEX[f"{other}_{joint}"]]
            # Hips are apart: the knee goes as near as the thigh reaches, the ankle arrives.
            assert np.linalg.norm(mine - theirs, axis=-1).max() < (0.16 if joint == "knee" else 0.03)
    assert np.abs(after[:10] - before[:10]).max() < 1e-5


def test_a_swapped_body_looks_the_other_way_with_every_joint_where_the_picture_has_it() -> None:
    sequence = sequence_of(waving(30, angle=0.5))
    before = joints_of(sequence)
    after = joints_of(applied(sequence, Swap(what="body", frames=(10, 19))))
    other = np.array(MIRROR)
    # The camera looks along -Z: across the picture and up nothing moves, but left is right.
    assert np.abs(after[10:20, :, :2] - before[10:20][:, other, :2]).max() < 2e-3
    depth = before[10:20, :1, 2]
    assert np.abs((after[10:20, :, 2] - depth) + (before[10:20][:, other, 2] - depth)).max() < 2e-3
    ahead = [j[15, INDEX["left_hip"], 0] - j[15, INDEX["right_hip"], 0] for j in (before, after)]
    assert ahead[0] * ahead[1] < 0
    twice = applied(applied(sequence, Swap(what="body", frames=(10, 19))), Swap(what="body", frames=(10, 19)))
    assert np.abs(joints_of(twice) - before).max() < 2e-3


def test_swapping_arms_brings_the_wrists_over_and_bends_the_elbows_the_same_way() -> None:
    poses = np.zeros((10, 55, 3))
    poses[:, INDEX["left_shoulder"]] = (0.0, -1.2, -0.4)  # in front, bent
    poses[:, INDEX["left_elbow"]] = (0.0, -1.9, 0.0)
    poses[:, INDEX["right_shoulder"]] = (0.0, 0.9, 0.8)
    poses[:, INDEX["right_elbow"]] = (0.0, 1.6, 0.0)
    sequence = sequence_of(poses)
    before, after = joints_of(sequence), joints_of(applied(sequence, Swap(what="arms", frames=(0, 9))))
    for name, other in (("left", "right"), ("right", "left")):
        gap = after[:, INDEX[f"{name}_wrist"]] - before[:, INDEX[f"{other}_wrist"]]
        assert np.linalg.norm(gap, axis=-1).max() < 0.02
    # Swapped twice, wrists are back.
    twice = applied(applied(sequence, Swap(what="arms", frames=(0, 9))), Swap(what="arms", frames=(0, 9)))
    wrists = [INDEX["left_wrist"], INDEX["right_wrist"]]
    assert np.linalg.norm(joints_of(twice)[:, wrists] - before[:, wrists], axis=-1).max() < 0.03


def test_a_range_is_taken_over_from_another_capture_with_another_world() -> None:
    poses = waving(hertz=0.4)
    sequence = sequence_of(poses)
    turn = matrix_from_axis_angle(np.array([0.0, 0.7, 0.0]))
    other_poses = poses[35:90].copy()
    other_poses[:, LEFT_ELBOW] = (0.3, 0.4, 0.5)
    camera = np.eye(4)
    camera[:3, :3] = turn @ np.asarray(sequence.world_from_camera)[:3, :3]
    camera[:3, 3] = turn @ np.asarray(sequence.world_from_camera)[:3, 3] + (1.0, 0.0, 2.0)
    pelvis = rest_joints()[0]
    other_poses[:, 0] = axis_angle_from_matrix(turn @ matrix_from_axis_angle(other_poses[:, 0]))
    trans = np.tile(turn @ pelvis + (1.0, 0.0, 2.0) - pelvis, (55, 1))
    other = sequence_of(other_poses, frame=np.arange(35, 90), trans=trans, world_from_camera=camera)
    mixed = applied(sequence, TakeOver(frames=(40, 80), other=other, ease=5))
    assert np.abs(poses_of(mixed)[40:81, LEFT_ELBOW] - (0.3, 0.4, 0.5)).max() < 1e-5
    rest_of_body = [joint for joint in range(JOINT_COUNT) if joint != LEFT_ELBOW]
    assert turned(poses_of(mixed), poses)[:, rest_of_body].max() < 1e-4
    assert np.abs(mixed.trans - sequence.trans).max() < 1e-4
    assert np.abs(poses_of(mixed)[:35] - poses[:35]).max() < 1e-5
    with pytest.raises(SequenceError, match="has none of them"):
        applied(sequence, TakeOver(frames=(95, 99), other=other))


BAD: list[tuple[Step, str]] = [
    (Smooth(part="arms", strength=3.0), "strength: expected 0 to 1, got 3"),
    (Smooth(part="arms", strength=0.5, frames=(500, 600)), "choose a range inside the take"),
    (Swap(what="fingers", frames=(0, 5)), "what to swap: expected legs"),
    (Hold(part="arms", frames=(20, 10), at=5), "the last one comes before the first"),
    (Fill(part="arms"), "choose a range"),
]


@pytest.mark.parametrize(("step", "words"), BAD)
def test_what_does_not_fit_says_so(step: Step, words: str) -> None:
    with pytest.raises(SequenceError, match=words):
        applied(sequence_of(waving(30)), step)


def test_steps_work_on_what_the_ones_before_left_and_each_says_what_it_did() -> None:
    sequence = sequence_of(waving() + np.random.default_rng(5).normal(0.0, 0.03, (120, 55, 3)))
    steps: list[Step] = [Smooth(part="arms", strength=0.5), Hold(part="left_arm", frames=(10, 20), at=15)]
    both, done = clean(sequence, steps)
    one = applied(sequence, steps[0])
    assert np.array_equal(both.poses, applied(one, steps[1]).poses)
    assert done[1] == change(one, both)
    assert done[0] is not None
    assert done[0].frames > 100

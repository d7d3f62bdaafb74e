# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right, put right over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted_people import figure

from rotocap.inference import wholebody
from rotocap.inference.people import swaps
from rotocap.inference.people.track import TrackLandmarks

MIRROR = np.array(wholebody.MIRROR)
BODY = np.arange(23)
ARMS, LEGS = np.array([7, 8, 9, 10]), np.array([13, 14, 15, 16, *range(17, 23)])
UPPER = np.setdiff1d(BODY, LEGS)
COUNT = 90


def take(*, turn=None, jitter=0.004, face=0.0, count=COUNT):
    """A walking person whose width shrinks and changes sign with `turn` (an angle per frame)."""
    keypoints, points3d, boxes = [], [], []
    for frame in range(count):
        landmarks = figure((150.0, 120.0, 150.0), frame=frame, jitter=jitter)
        points, deep = landmarks.keypoints.copy(), landmarks.points3d.copy()
        if turn is not None:
            angle = turn(frame)
            points[:23, 0] = 150 + (points[:23, 0] - 150) * np.cos(angle)
            deep[:23, 2] = deep[:23, 0] * np.sin(angle)
            deep[:23, 0] *= np.cos(angle)
        for hand, wrist in ((wholebody.LEFT_HAND, 9), (wholebody.RIGHT_HAND, 10)):
            points[hand] = points[wrist] + [0, 2, 0]
            deep[hand] = 0.0 if wrist == 9 else 0.01
        if face:
            # As seen from the front: the person's right eye is left in the picture.
            points[wholebody.FACE] = [150, 60, face]
            points[wholebody.FACE.start + 36, 0], points[wholebody.FACE.start + 45, 0] = 145, 155
        keypoints.append(points)
        points3d.append(deep)
        boxes.append(landmarks.box)
    frames = np.arange(count)
    fingers = np.zeros((count, 2, 20, 2), np.float16)
    fingers[:, 1] = 1.0
    return TrackLandmarks(
        frames, frames / 30.0, np.array(keypoints), np.array(points3d), np.array(boxes), fingers=fingers
    )


def swapped(track, frames, points, *, hands=True):
    keypoints, points3d, fingers = track.keypoints.copy(), track.points3d.copy(), track.fingers.copy()
    if hands:
        fingers[list(frames)] = fingers[list(frames), ::-1]
        points = np.concatenate([points, np.arange(91, 133)])
    order = np.arange(133)
    order[points] = MIRROR[points]
    for frame in frames:
        keypoints[frame], points3d[frame] = keypoints[frame][order], points3d[frame][order]
    return replace(track, keypoints=keypoints, points3d=points3d, fingers=fingers)


@pytest.mark.parametrize(
    ("points", "hands"),
    [(BODY, True), (UPPER, True), (ARMS, True), (LEGS, False)],
    ids=["body", "upper", "arms", "legs"],
)
@pytest.mark.parametrize(
    "frames", [[40], range(20, 45), [10, 11, 30, 50, 51, 52]], ids=["one", "run", "many"]
)
def test_what_was_exchanged_comes_back_exactly(points, hands, frames):
    truth = take()
    result = swaps.repair(swapped(truth, frames, points, hands=hands))
    assert result.count == len(frames)
    np.testing.assert_array_equal(result.landmarks.keypoints, truth.keypoints)
    np.testing.assert_array_equal(result.landmarks.points3d, truth.points3d)
    np.testing.assert_array_equal(result.landmarks.fingers, truth.fingers)


@pytest.mark.parametrize("jitter", [0.0, 0.004, 0.01])
def test_a_sound_take_is_left_alone(jitter):
    assert swaps.repair(take(jitter=jitter)).count == 0


@pytest.mark.parametrize("frames", [[], [40], range(20, 45)], ids=["none", "one", "run"])
def test_a_person_far_from_the_corner_whose_size_trembles_has_not_moved(frames):
    truth = take()
    truth.keypoints[..., :2] += 1500.0
    truth.box[:] += 1500.0
    truth.box[:, 3] += np.random.default_rng(3).uniform(20.0, 60.0, COUNT).astype(np.float32)
    truth.points3d[:] = np.nan  # nor does depth say more
    result = swaps.repair(swapped(truth, frames, BODY))
    assert result.count == len(frames)
    np.testing.assert_array_equal(result.landmarks.keypoints, truth.keypoints)


def test_what_is_right_in_most_frames_is_right():
    """Long exchanges do not pile up to more than half of a take: 40 of 90 are put right, not the 50."""
    truth = take()
    result = swaps.repair(swapped(truth, [*range(5, 25), *range(60, 80)], BODY))
    np.testing.assert_array_equal(result.landmarks.keypoints, truth.keypoints)


@pytest.mark.parametrize("between", [1, 2])
@pytest.mark.parametrize("count", [COUNT, 1000], ids=["short", "long"])
def test_frames_that_are_neither_do_not_decide_which_side_is_which(between, count):
    """A network that changes its mind about front and back gives a frame or two in the middle of both."""
    truth = take(count=count)
    frames = range(30, 60)
    seen = swapped(truth, frames, BODY)
    neither = [*range(30, 30 + between), *range(60 - between, 60)]
    for points in (seen.keypoints, seen.points3d):
        points[neither] = 0.5 * (points[neither] + points[neither][:, MIRROR])
    repaired = swaps.repair(seen).landmarks
    sure = np.setdiff1d(np.arange(count), neither)
    np.testing.assert_array_equal(repaired.keypoints[sure][:, BODY], truth.keypoints[sure][:, BODY])


def test_legs_read_across_for_a_moment_do_not_stay_crossed():
    """Before and after an exchange the legs glide past each other: whose they are the hips say."""
    truth = take()
    truth.keypoints[:, LEGS, 0] = 150 + 3.0 * (truth.keypoints[:, LEGS, 0] - 150)  # a wide stance
    truth.points3d[:, LEGS, 0] *= 3.0
    seen = swapped(truth, range(30, 60), BODY)
    astray = np.array([*range(21, 30), *range(60, 69)])
    share = np.concatenate([np.linspace(0, 1, 9), np.linspace(1, 0, 9)])[:, None, None]
    for mine, right in ((seen.keypoints, truth.keypoints), (seen.points3d, truth.points3d)):
        legs = right[astray][:, LEGS]
        mine[np.ix_(astray, LEGS)] = legs + share * (right[astray][:, MIRROR[LEGS]] - legs)
    repaired = swaps.repair(seen).landmarks
    sure = np.setdiff1d(np.arange(COUNT), astray)
    np.testing.assert_array_equal(repaired.keypoints[sure][:, LEGS], truth.keypoints[sure][:, LEGS])


def test_a_strange_face_for_a_while_does_not_mirror_the_take():
    """Seen from behind, and for half a second somebody else's face lies where the own head would be."""
    truth = take()
    truth.keypoints[:, BODY, 0] = 300.0 - truth.keypoints[:, BODY, 0]
    truth.points3d[:, BODY, 0] *= -1.0
    truth.keypoints[60:75, wholebody.FACE] = take(face=0.9).keypoints[60:75, wholebody.FACE]
    result = swaps.repair(swapped(truth, range(57, 72), BODY, hands=False))
    np.testing.assert_array_equal(result.landmarks.keypoints[:, BODY], truth.keypoints[:, BODY])


def test_a_person_who_turns_round_is_left_alone():
    track = take(turn=lambda frame: np.pi * np.clip((frame - 20) / 50, 0, 1))
    assert swaps.repair(track).count == 0


def test_a_limb_that_is_not_seen_is_not_exchanged_for_one_that_is():
    """A close-up: the shoulders and one arm; the network guesses the rest anew in every frame."""
    track = take()
    rng = np.random.default_rng(4)
    unseen = [7, 9, *range(11, 23)]
    track.keypoints[:, unseen, :2] += rng.normal(scale=60.0, size=(COUNT, len(unseen), 2))
    track.keypoints[:, unseen, 2] = 0.0
    track.points3d[:, :23] += rng.normal(scale=0.3, size=(COUNT, 23, 3))
    assert swaps.repair(track).count == 0


def test_hands_that_were_right_stay_with_their_wrist():
    # The arms' points were exchanged, the hands' network knew better.
    truth = take()
    result = swaps.repair(swapped(truth, range(30, 40), ARMS, hands=False))
    np.testing.assert_array_equal(result.landmarks.keypoints, truth.keypoints)
    np.testing.assert_array_equal(result.landmarks.fingers, truth.fingers)


def test_a_face_says_which_way_round_a_take_is_that_is_mostly_exchanged():
    truth = take(face=0.9)
    result = swaps.repair(swapped(truth, range(0, 70), BODY))
    assert result.count == 70
    np.testing.assert_array_equal(result.landmarks.keypoints, truth.keypoints)


def rotated(points, degrees, middle):
    a = np.radians(degrees)
    return (points - middle) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + middle


@pytest.mark.parametrize("body", [0, 75, 95, 180])
@pytest.mark.parametrize("head", [-40, 0, 40])
def test_somebody_who_lies_and_bends_the_neck_is_left_alone(body, head):
    track = take(face=0.9)
    keypoints, points3d = track.keypoints.copy(), track.points3d.copy()
    keypoints[..., :2] = rotated(keypoints[..., :2], body, 150.0)
    points3d[..., :2] = rotated(points3d[..., :2], body, 0.0)
    face = keypoints[:, wholebody.FACE, :2]
    keypoints[:, wholebody.FACE, :2] = rotated(face, head, face.mean(axis=1, keepdims=True))
    low, high = keypoints[:, :23, :2].min(axis=1), keypoints[:, :23, :2].max(axis=1)
    box = np.concatenate([low, high], axis=1)
    assert swaps.repair(TrackLandmarks(track.frame, track.time_s, keypoints, points3d, box)).count == 0


def test_empty_and_single_frames():
    track = take()
    for count in (0, 1):
        few = TrackLandmarks(
            *(getattr(track, n)[:count] for n in ("frame", "time_s", "keypoints", "points3d", "box"))
        )
        assert swaps.repair(few).count == 0

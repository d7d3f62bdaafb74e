# SPDX-License-Identifier: GPL-3.0-or-later
"""Quaternions, and the map from video times to scene frames."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.retarget import quaternions
from rotocap.retarget.timeline import drifts, gaps, on_scene_frames, pictures


@pytest.fixture
def turns() -> Rotation:
    """Random rotations, none at all, and half turns about every axis."""
    random = Rotation.random(200, random_state=3).as_rotvec()
    return Rotation.from_rotvec(
        np.concatenate([random, np.zeros((1, 3)), np.pi * np.eye(3), -np.pi * np.eye(3)])
    )


def same_turn(a: np.ndarray, b: np.ndarray) -> None:
    assert np.abs(np.sum(a * b, axis=-1)) == pytest.approx(1.0, abs=1e-12)


def test_quaternions_agree_with_scipy(turns: Rotation) -> None:
    expected = turns.as_quat()[:, [3, 0, 1, 2]]
    same_turn(quaternions.from_axis_angle(turns.as_rotvec()), expected)
    same_turn(quaternions.from_matrix(turns.as_matrix()), expected)
    assert quaternions.to_matrix(expected) == pytest.approx(turns.as_matrix(), abs=1e-12)


def test_slerp_takes_the_shorter_arc_at_even_speed() -> None:
    first = quaternions.from_axis_angle(np.array([0.0, 0.0, 0.2]))
    second = -quaternions.from_axis_angle(np.array([0.0, 0.0, 1.0]))  # the same turn with the other sign
    same_turn(
        quaternions.slerp(first, second, np.array(0.25)), quaternions.from_axis_angle(np.array([0, 0, 0.4]))
    )
    same_turn(quaternions.slerp(first, first, np.array(0.5)), first)


def test_continuous_only_changes_signs() -> None:
    values = quaternions.from_axis_angle(np.linspace(0, 12, 50)[:, None, None] * np.array([[[0, 0, 1.0]]]))
    scrambled = values * np.where(np.arange(50) % 3 == 0, -1.0, 1.0)[:, None, None]
    got = quaternions.continuous(scrambled)
    assert (np.sum(got[1:] * got[:-1], axis=-1) > 0.9).all()
    assert np.abs(got) == pytest.approx(np.abs(scrambled))


def test_the_videos_own_rate_is_copied_frame_by_frame() -> None:
    frame = np.arange(100)
    jitter = np.random.default_rng(0).uniform(-0.0005, 0.0005, 100)  # timestamps in whole milliseconds
    line = on_scene_frames(frame / 29.97 + jitter, frame, scene_fps=29.97, first_frame=1)
    assert (line.frames == frame + 1).all()
    assert (line.before == frame).all()
    assert (line.weight == 0.0).all()
    assert line.spans == ((0, 99),)


def test_another_rate_is_interpolated_by_time() -> None:
    frame = np.arange(31)
    line = on_scene_frames(frame / 30.0, frame, scene_fps=24.0, first_frame=1)
    assert (line.frames == np.arange(1, 26)).all()
    # What moves evenly in time lies at the time of the scene's frame.
    assert line.sample(frame / 30.0) == pytest.approx((line.frames - 1) / 24.0, abs=0.05 / 24)
    angle = quaternions.from_axis_angle(np.stack([frame / 30.0, frame * 0.0, frame * 0.0], axis=-1))
    got = 2.0 * np.arctan2(line.sample_rotations(angle)[:, 1], line.sample_rotations(angle)[:, 0])
    assert got == pytest.approx((line.frames - 1) / 24.0, abs=0.05 / 24)


def test_variable_rate_follows_the_timestamps() -> None:
    time_s = np.array([0.0, 0.1, 0.15, 0.4])
    line = on_scene_frames(time_s, np.arange(4), scene_fps=20.0, first_frame=1)
    assert (line.frames == np.arange(1, 10)).all()
    assert line.sample(time_s) == pytest.approx(np.arange(9) / 20.0)


def test_nothing_is_made_up_in_a_gap() -> None:
    frame = np.concatenate([np.arange(0, 10), np.arange(20, 30), [50]])
    line = on_scene_frames(frame / 30.0, frame, scene_fps=60.0, first_frame=1)
    assert not ((line.frames > 1 + 2 * 9) & (line.frames < 1 + 2 * 20)).any()
    assert [tuple(line.frames[list(span)]) for span in line.spans] == [(1, 19), (41, 59), (101, 101)]
    # No blend reaches across.
    assert (frame[line.after] - frame[line.before] <= 1).all()


def test_a_stride_is_no_gap() -> None:
    assert gaps(np.arange(0, 60, 3)) == []
    assert gaps(np.array([0, 3, 6, 15, 18])) == [2]
    assert gaps(np.array([4])) == []


def test_a_lone_frame_between_scene_frames_keeps_its_place() -> None:
    line = on_scene_frames(np.array([0.51]), np.array([12]), scene_fps=24.0, first_frame=1)
    assert line.frames.tolist() == [13]
    empty = on_scene_frames(np.zeros(0), np.zeros(0, int), scene_fps=24.0, first_frame=1)
    assert len(empty) == 0


@pytest.mark.parametrize(
    ("scene_fps", "video_fps"), [(24.0, 30.0), (60.0, 30.0), (25.0, 29.97), (30.0, 30.0)]
)
def test_every_scene_frame_shows_the_nearest_picture(scene_fps, video_fps):
    count = 300
    frames, shown = pictures(count, video_fps=video_fps, scene_fps=scene_fps, first_frame=1)
    assert (frames[0], shown[0], shown[-1]) == (1, 0, count - 1)
    assert (np.diff(frames) > 0).all() and (np.diff(shown) > 0).all()
    for frame in range(1, int(frames[-1]) + 1):
        held = shown[np.searchsorted(frames, frame, side="right") - 1]
        assert abs(held - min((frame - 1) / scene_fps * video_fps, count - 1)) <= 0.5 + 1e-5


def test_of_two_pictures_as_near_the_earlier_is_shown():
    frames, shown = pictures(4, video_fps=30.0, scene_fps=60.0, first_frame=10)
    assert frames.tolist() == [10, 12, 14, 16]
    assert shown.tolist() == [0, 1, 2, 3]


def test_a_rate_drifts_by_what_it_adds_up_to():
    ntsc = 30000 / 1001
    assert not drifts(400, video_fps=ntsc, scene_fps=30.0)
    assert drifts(600, video_fps=ntsc, scene_fps=30.0)
    assert not drifts(10**6, video_fps=ntsc, scene_fps=float(np.float32(ntsc)))
    assert drifts(100, video_fps=30.0, scene_fps=24.0)

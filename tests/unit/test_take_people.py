# SPDX-License-Identifier: GPL-3.0-or-later
"""People of a take joined and split: what is far from a seam stays, what is near it does not jump."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import take_people
from rotocap.inference.errors import SequenceError, TakeError
from rotocap.inference.kinematics import forward_poses, matrix_from_axis_angle
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.sequence_parts import joined, rows_of, split
from rotocap.inference.skeleton import INDEX, rest_joints
from rotocap.inference.take import PersonRecord, ReadSettings, SolveSettings, Take, VideoRecord, clear


def sequence(*, frames: range = range(60), size: float = 1.0, sigma: float = 0.03) -> SmplxSequence:
    """Somebody who walks along x and swings an arm, seen by a camera 1.4 m up and 4 m away."""
    frame = np.array(frames)
    time_s = frame / 30.0
    count = len(frame)
    rest = rest_joints() * size
    poses = np.zeros((count, 55, 3))
    poses[:, INDEX["left_shoulder"], 2] = np.sin(2.0 * time_s)
    poses[:, INDEX["right_knee"], 0] = 0.4 + 0.3 * np.sin(3.0 * time_s)
    trans = np.stack([0.8 * time_s, np.zeros(count), np.zeros(count)], axis=-1)
    camera = np.eye(4)
    camera[:3, :3] = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    camera[:3, 3] = (0.0, 1.4, 4.0)
    joints, _ = forward_poses(poses, trans, rest)
    return SmplxSequence(
        poses=poses.reshape(count, 165), trans=trans, betas=np.zeros(10), expression=np.zeros((count, 10)),
        rest_joints=rest, frame=frame, time_s=time_s, mocap_frame_rate=30.0,
        camera_K=np.array([[900.0, 0.0, 480.0], [0.0, 900.0, 270.0], [0.0, 0.0, 1.0]]),
        world_from_camera=camera, joints_camera=(joints - camera[:3, 3]) @ camera[:3, :3],
        sigma=np.full((count, 55), sigma), contact=np.zeros((count, 4)), keypoints=np.zeros((count, 133, 3)),
        arkit=np.full((count, 52), np.nan),
    )  # fmt: skip


def places(s: SmplxSequence) -> np.ndarray:
    """Joints in the world (T, 55, 3)."""
    return forward_poses(s.poses, s.trans, s.rest_joints)[0]


def consistent(s: SmplxSequence) -> SmplxSequence:
    """With the joints in the camera where its poses put them."""
    camera = s.world_from_camera
    return replace(s, joints_camera=(places(s) - camera[:3, 3]) @ camera[:3, :3])


def pixels(s: SmplxSequence) -> np.ndarray:
    seen = s.joints_camera @ s.camera_K.T
    return seen[..., :2] / seen[..., 2:]


def test_what_was_split_joins_again_as_it_was() -> None:
    whole = sequence()
    first, second = split(whole, 25)
    assert (int(first.frame[-1]), int(second.frame[0])) == (24, 25)
    again = joined(first, second)
    assert np.array_equal(again.frame, whole.frame)
    assert np.abs(places(again) - places(whole)).max() < 0.003
    assert again.mocap_frame_rate == pytest.approx(30.0)


def test_joining_keeps_the_order_of_frames_whoever_is_kept() -> None:
    first, second = split(sequence(), 25)
    assert np.array_equal(joined(second, first).frame, np.arange(60))


def test_a_jump_between_the_two_is_shared_out_around_the_seam() -> None:
    whole = sequence()
    first, second = split(whole, 30)
    poses = second.poses.reshape(-1, 55, 3).copy()
    poses[:, INDEX["left_elbow"], 1] += 0.5
    second = consistent(
        replace(second, trans=second.trans + np.array([0.0, 0.0, 0.2]), poses=poses.reshape(-1, 165))
    )
    out = joined(first, second)
    usual = np.abs(np.diff(places(whole), axis=0)).max()
    steps = np.abs(np.diff(places(out), axis=0)).max(axis=(1, 2))
    assert steps.max() < usual + 0.035  # 20 cm and half a radian over 0.4 s
    assert np.array_equal(out.poses[:20], first.poses[:20])
    assert np.allclose(out.trans[45:], second.trans[15:])
    assert out.sigma[30].max() > 0.08 > 0.04 > out.sigma[10].max(), "what was moved is less sure"
    assert np.abs(out.joints_camera - consistent(out).joints_camera).max() < 1e-6


def test_nothing_is_smoothed_across_a_gap() -> None:
    first, second = split(sequence(), 30)
    second = rows_of(replace(second, trans=second.trans + np.array([0.0, 0.0, 0.5])), slice(15, None))
    out = joined(first, second)
    assert np.array_equal(out.trans, np.concatenate([first.trans, second.trans]))


def test_in_frames_of_both_the_surer_one_is_taken() -> None:
    one, two = sequence(frames=range(0, 60)), sequence(frames=range(20, 80))
    sigma = np.full((60, 55), 0.1)
    sigma[:20] = 0.01  # frames 20 to 39 of the second are surer
    marked = replace(two, sigma=sigma, contact=np.ones((60, 4)))
    out = joined(one, marked)
    assert np.array_equal(out.frame, np.arange(80))
    from_two = out.contact[:, 0] == 1.0
    assert from_two[20:32].all() and from_two[60:].all()
    assert not from_two[:20].any() and not from_two[48:60].any()
    assert np.abs(np.diff(from_two.astype(int))).sum() == 3, "no change from frame to frame"


def test_another_size_is_brought_to_the_one_that_is_kept() -> None:
    kept, other = sequence(frames=range(0, 30)), sequence(frames=range(60, 90), size=0.9)
    out = joined(kept, other)
    feet = [INDEX["left_ankle"], INDEX["left_foot"]]
    assert np.allclose(places(out)[30:][:, feet, 1], places(kept)[:1, feet, 1], atol=1e-6), "on the floor"
    assert np.abs(pixels(out)[30:] - pixels(other)).max() < 40, "and about where the camera saw them"
    legs = np.linalg.norm(np.diff(places(out)[:, [INDEX["left_hip"], INDEX["left_knee"]]], axis=1), axis=-1)
    assert np.ptp(legs) < 1e-6, "one set of bone lengths"
    assert np.array_equal(out.joints_camera[:30], kept.joints_camera)


def test_a_split_needs_frames_on_both_sides() -> None:
    with pytest.raises(SequenceError, match="frames 0 to 59"):
        split(sequence(), 0)
    with pytest.raises(SequenceError, match="choose a frame in between"):
        split(sequence(), 60)


def test_a_moving_camera_is_split_and_joined_too() -> None:
    still = sequence()
    moving = replace(still, world_from_camera=np.tile(still.world_from_camera, (60, 1, 1)))
    again = joined(*split(moving, 30))
    assert again.world_from_camera.shape == (60, 4, 4)


@pytest.fixture
def take(tmp_path: Path) -> Take:
    folder = tmp_path / "Größe.take"
    folder.mkdir()
    people = []
    for number, part in enumerate((sequence(frames=range(0, 40)), sequence(frames=range(40, 90))), start=1):
        part.save(folder / f"person_{number:02d}.npz")
        people.append(
            PersonRecord(
                name=f"person_{number:02d}", file=f"person_{number:02d}.npz", colour=(0.9, 0.6, 0.0),
                main=number == 2, frames=len(part), first_frame=int(part.frame[0]),
                last_frame=int(part.frame[-1]), gaps=(), swaps_repaired=10 * number,
            )
        )  # fmt: skip
    video = VideoRecord(
        path="/nowhere.mp4", name="nowhere.mp4", bytes=1, fingerprint="0" * 64, fps=30.0, width=960,
        height=540, frame_count=90, duration_s=3.0, codec="h264", rotation_deg=0,
    )  # fmt: skip
    take = Take(
        path=folder, status="complete", video=video, read=ReadSettings(), solve=SolveSettings(),
        people=tuple(people),
    )  # fmt: skip
    take.save()
    return take


def test_merged_people_get_a_file_of_their_own_and_can_be_taken_apart_again(take: Take) -> None:
    before = take.people
    merged, record = take_people.merge(take, 1, 2)
    assert [entry.name for entry in merged.people] == ["person_01"]
    assert (record.number, record.frames, record.main, record.swaps_repaired) == (3, 90, True, 30)
    assert len(Take.open(take.path).sequence(record)) == 90
    back = take_people.restore(Take.open(take.path), 0)
    assert back.people == before == Take.open(take.path).people
    assert [len(back.sequence(entry)) for entry in back.people] == [40, 50]
    again = take_people.restore(back, merged.edition)
    assert again.people == merged.people, "and joined again, as redo does"


def test_a_new_change_after_going_back_does_not_lose_the_other_way(take: Take) -> None:
    merged, _ = take_people.merge(take, 1, 2)
    back = take_people.restore(merged, 0)
    renamed = take_people.rename(back, 1, "Ümit")
    assert renamed.edition > merged.edition
    assert take_people.restore(renamed, merged.edition).people == merged.people


def test_a_split_person_is_two(take: Take) -> None:
    changed, first, second = take_people.split_at(take, 2, 60, name="Bo")
    assert [entry.name for entry in changed.people] == ["person_01", "person_02", "Bo"]
    assert (first.last_frame, second.first_frame) == (59, 60)
    assert (first.main, second.main) == (True, False)
    assert first.swaps_repaired + second.swaps_repaired == 20
    assert {first.number, second.number} == {3, 4}


def test_who_is_removed_comes_back(take: Take) -> None:
    left = take_people.remove(take, 2)
    assert [entry.name for entry in left.people] == ["person_01"]
    assert left.people[0].main
    assert take_people.restore(left, 0).people == take.people


def test_an_edition_from_before_a_new_capture_is_not_put_back(take: Take) -> None:
    merged, _ = take_people.merge(take, 1, 2)
    sequence(frames=range(0, 5)).save(take.path / "person_01.npz")
    with pytest.raises(TakeError, match="captured again"):
        take_people.restore(merged, 0)
    assert Take.open(take.path).people == merged.people


def test_words_for_people_and_editions_that_are_not_there(take: Take) -> None:
    with pytest.raises(TakeError, match=r"no person number 7.*person_01 \(1\)"):
        take_people.merge(take, 1, 7)
    with pytest.raises(TakeError, match="with itself"):
        take_people.merge(take, 1, 1)
    with pytest.raises(TakeError, match="edition 5"):
        take_people.restore(take, 5)
    (take.path / "person_02.npz").unlink()
    with pytest.raises(TakeError, match="no such file"):
        take_people.merge(take, 1, 2)


def test_a_cleared_take_has_no_editions_left(take: Take) -> None:
    take_people.remove(take, 2)
    assert (take.path / "editions").is_dir()
    clear(take.path)
    assert not (take.path / "editions").exists()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture from a video file to persons on disk, stopped and broken in every way we know."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scripted_people import BLUE, RED, Actor, ScriptedBackend, picture, walking, write_video

from rotocap.inference import chunks
from rotocap.inference.capture import CaptureOptions, capture
from rotocap.inference.errors import Cancelled, NoPersonError, RotocapError, TakeError, VideoError
from rotocap.inference.take import Take

# Few frames and mostly one person: each of these tests ends in a real fit.
ACTORS = [Actor(walking(40, 2.0), RED)]
TWO = [*ACTORS, Actor(walking(280, -2.0), BLUE, depth=2.0)]
COUNT = 40


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("vidéo with spaces") / "ein Läufer.mp4", ACTORS, COUNT)


def scripted(**changes):
    backend = ScriptedBackend(ACTORS, **changes)
    return lambda options: (backend, {"scripted": "0"})


def options(video, out, **changes):
    return CaptureOptions(video=video, out=out, chunk_frames=8, **changes)


def persons(path):
    take = Take.open(path)
    return {person.file: take.sequence(person) for person in take.people}


def landmarks(path):
    rows = np.arange(len(chunks.sightings(path)))
    return chunks.landmarks(path, rows)


@pytest.fixture(scope="module")
def whole(video, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "one.take"
    capture(options(video, path), backend=scripted())
    return path


def test_the_networks_are_told_which_picture_follows(video, tmp_path):
    told = []

    class Listening(ScriptedBackend):
        def turn_to(self, image, following):
            told.append((image, following))

    capture(options(video, tmp_path / "heard.take", end_frame=6), backend=lambda o: (Listening(ACTORS), {}))
    assert len(told) == 6
    for (_, following), (image, _) in itertools.pairwise(told):
        assert following is image
    assert told[-1][1] is None


def test_everybody_is_captured(tmp_path):
    path = tmp_path / "two.take"
    reports = []
    capture(
        options(write_video(tmp_path / "two.mp4", TWO, 60), path),
        backend=lambda o: (ScriptedBackend(TWO), {}),
        progress=reports.append,
    )
    take = Take.open(path)
    assert (take.status, take.frames_read, take.read_to_end) == ("complete", 60, True)
    assert [person.main for person in take.people] == [True, False]
    for person in take.people:
        sequence = take.sequence(person)
        assert len(sequence) == person.frames >= 55
        assert (sequence.frame[0], sequence.frame[-1]) == (person.first_frame, person.last_frame)
        np.testing.assert_allclose(sequence.time_s, sequence.frame / 30.0, atol=1e-3)
        # A walker at a steady pace stays so: 2 of 320 pixels a frame, in metres of a person 150 pixels tall.
        speed = np.abs(np.diff(sequence.trans[:, 0])) * 30.0
        assert np.median(speed) == pytest.approx(2 * 30 * 1.7 / 150, rel=0.25)
    assert [r.stage for r in reports if r.done == r.total > 0][-1] == "write"
    assert {r.stage for r in reports} == {"landmarks", "people", "fit", "world", "write"}
    assert not list(path.rglob("*.part"))


def test_the_picked_person_is_captured_and_may_be_changed_without_reading_again(tmp_path):
    path = tmp_path / "picked.take"
    video = write_video(tmp_path / "two.mp4", TWO, 40)
    asked = {"backend": lambda o: (ScriptedBackend(TWO), {}), "preview": (poses := []).append}
    for frame, actor in ((10, 1), (39, 0)):
        x, y, _ = TWO[actor].where(frame)
        take = capture(options(video, path, people="picked", pick=(frame, x, y)), **asked)
        (person,) = take.people
        keypoints = take.sequence(person).keypoints
        assert keypoints[frame, 11:13, 0].mean() == pytest.approx(x, abs=4.0)
        assert Take.open(path).solve.pick == (frame, x, y)
    assert poses and {pose.frame for pose in poses} <= set(range(40))
    assert take.frames_read == 40


@pytest.mark.parametrize("changes", [{"people": "picked"}, {"people": "all", "pick": (1, 2.0, 3.0)}])
def test_a_picked_person_needs_a_place_and_the_other_way_round(video, tmp_path, changes):
    with pytest.raises(RotocapError, match="give both"):
        capture(options(video, tmp_path / "t.take", **changes), backend=scripted())


def same_result(path, whole_path):
    expected, got = persons(whole_path), persons(path)
    assert expected.keys() == got.keys()
    for name, sequence in expected.items():
        for field in ("frame", "time_s", "keypoints", "poses", "trans", "joints_camera", "world_from_camera"):
            np.testing.assert_array_equal(getattr(got[name], field), getattr(sequence, field), err_msg=field)


@pytest.mark.parametrize("stop", [30, 32, COUNT])
def test_a_cancelled_capture_is_solved_and_goes_on_to_the_same_result(video, whole, tmp_path, stop):
    path = tmp_path / "t.take"
    seen = []

    def cancelled():
        seen.append(1)
        return len(seen) >= stop

    take = capture(options(video, path), backend=scripted(), cancelled=cancelled)
    assert (take.status, take.frames_read) == ("incomplete", stop)
    assert take.people
    assert max(person.last_frame for person in take.people) == stop - 1
    take = capture(options(video, path), backend=scripted())
    assert take.status == "complete"
    same_result(path, whole)


def test_a_capture_goes_on_with_a_video_that_was_moved(video, whole, tmp_path):
    before, after, path = tmp_path / "a" / "v.mp4", tmp_path / "b" / "w.mp4", tmp_path / "t.take"
    before.parent.mkdir()
    shutil.copy(video, before)
    seen = []
    capture(options(before, path), backend=scripted(), cancelled=lambda: seen.append(1) or len(seen) >= 20)
    before.parent.rename(after.parent)
    (after.parent / "v.mp4").rename(after)
    take = capture(options(after, path), backend=scripted())
    assert take.status == "complete"
    assert take.video_file() == after
    same_result(path, whole)


def test_a_crash_loses_a_chunk_at_most_and_the_next_run_gives_the_same(video, whole, tmp_path):
    path = tmp_path / "t.take"

    class Crash(BaseException):
        pass

    def crash(frame):
        if frame == 29:
            raise Crash

    with pytest.raises(Crash):
        capture(options(video, path), backend=scripted(before_frame=crash))
    take = Take.open(path)
    assert take.status == "incomplete"
    kept = chunks.resume(path)[1]
    assert kept == 24  # three chunks of 8
    (path / "chunks" / "00003.npz.part").write_bytes(b"half a chunk")

    second = ScriptedBackend(ACTORS)
    capture(options(video, path), backend=lambda o: (second, {"scripted": "0"}))
    assert min(second.calls) == 24  # nothing was read twice
    same_result(path, whole)
    assert not list(path.rglob("*.part"))


def test_abandoned_stops_at_once_and_keeps_every_frame_read(video, tmp_path):
    path = tmp_path / "t.take"
    seen = []

    def abandoned():
        seen.append(1)
        return len(seen) >= 21

    with pytest.raises(Cancelled):
        capture(options(video, path), backend=scripted(), abandoned=abandoned)
    take = Take.open(path)
    assert (take.frames_read, take.people) == (21, ())
    assert chunks.resume(path)[1] == 21


def test_complete_take_with_other_people_is_solved_without_reading(video, whole, tmp_path):
    path = tmp_path / "t.take"
    shutil.copytree(whole, path)
    backend = ScriptedBackend(ACTORS)
    take = capture(
        options(video, path, people="main", height_m=1.5), backend=lambda o: (backend, {"scripted": "0"})
    )
    assert backend.calls == []
    assert [person.main for person in take.people] == [True]
    assert sorted(file.name for file in path.glob("*.npz")) == ["person_01.npz"]


def test_another_range_or_video_is_refused_and_nothing_is_touched(video, whole, tmp_path):
    path = tmp_path / "t.take"
    shutil.copytree(whole, path)
    before = state(path)
    with pytest.raises(TakeError, match=r"another capture.*stride: 1, now 2"):
        capture(options(video, path, stride=2), backend=scripted())
    other = write_video(tmp_path / "other.mp4", ACTORS, 20)
    with pytest.raises(TakeError, match="the video was"):
        capture(options(other, path), backend=scripted())
    assert state(path) == before
    take = capture(options(other, path, overwrite=True), backend=scripted())
    assert (take.status, take.frames_read, len(take.people)) == ("complete", 20, 1)


def state(path):
    return {
        str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in path.rglob("*")
        if f.is_file()
    }


def test_range_in_seconds_and_stride(video, tmp_path):
    take = capture(options(video, tmp_path / "t.take", start_s=0.2, end_s=1.2, stride=2), backend=scripted())
    frames = persons(take.path)["person_01.npz"].frame
    assert take.frames_read == 15
    assert (frames[0], frames[-1], set(np.diff(frames))) == (6, 34, {2})
    assert take.people[0].gaps == ()


def test_nobody_is_said_in_the_take_too(tmp_path):
    empty = write_video(tmp_path / "empty.mp4", [], 20)
    path = tmp_path / "t.take"
    with pytest.raises(NoPersonError, match="nobody was found in 20 frames"):
        capture(options(empty, path), backend=lambda o: (ScriptedBackend([]), {}))
    assert Take.open(path).status == "no_person"


def test_a_video_cut_off_in_the_middle_gives_what_was_read_and_says_so(video, tmp_path):
    long = tmp_path / "long.avi"
    writer = cv2.VideoWriter(str(long), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (320, 240))
    for frame in range(80):
        writer.write(picture(ACTORS, frame))
    writer.release()
    data = long.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) // 2])
    take = capture(options(cut, tmp_path / "t.take"), backend=scripted())
    assert take.status == "complete"
    assert 25 < take.frames_read < 55
    assert take.truncated_at_s == pytest.approx(take.frames_read / 30.0, abs=0.2)
    assert len(take.warnings) == 1
    assert "cut.avi" in take.warnings[0]
    assert len(take.people) == 1


def test_a_damaged_chunk_is_named_and_refused(video, whole, tmp_path):
    path = tmp_path / "t.take"
    shutil.copytree(whole, path)
    chunk = path / "chunks" / "00002.npz"
    data = bytearray(chunk.read_bytes())
    chunk.write_bytes(data[: len(data) // 2])
    with pytest.raises(TakeError, match=r"00002\.npz: damaged"):
        capture(options(video, path), backend=scripted())
    chunk.unlink()
    with pytest.raises(TakeError, match=r"00002\.npz is missing"):
        capture(options(video, path), backend=scripted())


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs a folder that even root cannot write: /proc"
)
def test_a_read_only_folder_is_a_take_error(video):
    with pytest.raises(TakeError, match="could not be written"):
        capture(options(video, Path("/proc/self/t.take")), backend=scripted())


def test_a_full_disk_is_a_take_error_and_what_was_read_is_kept(video, whole, tmp_path, monkeypatch):
    path = tmp_path / "t.take"
    real = os.fsync
    written = []

    def full(handle):
        written.append(handle)
        if len(written) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TakeError, match="No space left"):
        capture(options(video, path), backend=scripted())
    monkeypatch.setattr(os, "fsync", real)
    assert chunks.resume(path)[1] == 16
    capture(options(video, path), backend=scripted())
    same_result(path, whole)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"people": "some"}, RotocapError, "expected all, main or picked"),
        ({"device": "tpu"}, RotocapError, "expected cpu"),
        ({"height_m": 17.0}, RotocapError, "0.4 to 2.6"),
        ({"threads": 0}, RotocapError, "threads"),
        ({"stride": 0}, RotocapError, "stride"),
        ({"fov_deg": 200.0}, RotocapError, "1 to 170"),
        ({"fov_deg": 60.0, "focal_px": 500.0}, RotocapError, "one of them"),
        ({"start_s": 1.0, "start_frame": 3}, RotocapError, "seconds and in frames"),
        ({"start_frame": 50, "end_frame": 40}, VideoError, "nothing lies between"),
        ({"start_frame": 5000}, VideoError, "Choose an earlier start"),
    ],
)
def test_options_that_make_no_sense(video, tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        capture(options(video, tmp_path / "t.take", **changes), backend=scripted())


def test_no_such_video(tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        capture(options(tmp_path / "missing.mp4", tmp_path / "t.take"), backend=scripted())
    assert not (tmp_path / "t.take").exists()

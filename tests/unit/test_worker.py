# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as Blender starts it: a real process, real networks, killed and orphaned for real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import chunks
from rotocap.inference.errors import ModelError
from rotocap.inference.models import embedded
from rotocap.inference.take import Take

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "inference" / "worker.py"
SAMPLE = ROOT / "tests" / "data" / "sample" / "sample.mp4"
FRAMES = 40  # of the sample: enough for a person, quick to read


@pytest.fixture(scope="module", autouse=True)
def needs_models():
    try:
        embedded("pose_landmark")
    except ModelError as error:
        pytest.skip(f"needs the networks: {error}")


class Worker:
    """A worker and what it says, as events."""

    def __init__(self, **options):
        site = next(path for path in sys.path if path.endswith("site-packages"))
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), "--site-packages", site],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.say(json.dumps(options))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def events(self):
        for line in self.process.stdout:
            yield json.loads(line)  # every line must be one: libraries' own prints go to stderr

    def until_read(self, count):
        for event in self.events():
            if event["event"] == "progress" and event["done"] >= count:
                return
        raise AssertionError(f"ended early: {self.process.stderr.read()}")

    def end(self):
        rest = list(self.events())
        status = self.process.wait(timeout=120)
        return rest, status, self.process.stderr.read()


@pytest.fixture
def start():
    started = []

    def make(**options):
        worker = Worker(**options)
        started.append(worker)
        return worker

    yield make
    for worker in started:
        worker.process.kill()
        worker.process.wait()
        for pipe in (worker.process.stdin, worker.process.stdout, worker.process.stderr):
            pipe.close()


def job(path, **changes):
    return {"video": str(SAMPLE), "take": str(path), "end_frame": FRAMES, "chunk_frames": 8, **changes}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "ganz ö.take"
    worker = Worker(**job(path))
    events, status, errors = worker.end()
    assert status == 0, errors
    return path, events


def test_a_capture_tells_its_stages_and_its_people(whole):
    path, events = whole
    stages = [event["stage"] for event in events if event["event"] == "progress"]
    assert list(dict.fromkeys(stages)) == ["landmarks", "people", "fit", "world", "write"]
    assert events[-1] == {
        "event": "done", "take": str(path), "people": 1, "partial": False, "warnings": [],
        "used": ["CPUExecutionProvider"], "threads": 2,
    }  # fmt: skip
    assert [event["frames"] for event in events if event["event"] == "person"] == [FRAMES]
    assert Take.open(path).status == "complete"


def same_motion(path, whole_path):
    take, expected = Take.open(path), Take.open(whole_path)
    for ours, theirs in zip(take.people, expected.people, strict=True):
        a, b = take.sequence(ours), expected.sequence(theirs)
        np.testing.assert_array_equal(a.frame, b.frame)
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=0.05)
        np.testing.assert_allclose(a.poses, b.poses, atol=0.02)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_killed_in_the_middle_keeps_its_chunks_and_a_second_run_goes_on(start, whole, tmp_path):
    path = tmp_path / "t.take"
    worker = start(**job(path))
    worker.until_read(20)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    assert Take.open(path).status == "incomplete"
    kept = chunks.resume(path)[1]
    assert 16 <= kept < FRAMES

    events, status, errors = start(**job(path)).end()
    assert status == 0, errors
    first = next(event for event in events if event["event"] == "progress")
    assert first["done"] == kept
    same_motion(path, whole[0])


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="niceness is POSIX's")
def test_the_window_comes_first(start, tmp_path):
    worker = start(**job(tmp_path / "t.take"))
    worker.until_read(1)
    assert os.getpriority(os.PRIO_PROCESS, worker.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)


def test_cancel_solves_what_was_read(start, tmp_path):
    worker = start(**job(tmp_path / "t.take", end_frame=None))
    worker.until_read(30)
    worker.say("cancel")
    events, status, errors = worker.end()
    assert status == 0, errors
    assert events[-1]["event"] == "done"
    assert events[-1]["partial"] is True
    take = Take.open(tmp_path / "t.take")
    assert take.status == "incomplete"
    assert 30 <= take.people[0].frames == take.frames_read < 120


def test_end_of_stdin_stops_at_once_and_keeps_what_was_read(start, tmp_path):
    worker = start(**job(tmp_path / "t.take", end_frame=None))
    worker.until_read(10)
    worker.process.stdin.close()
    began = time.monotonic()
    events = list(worker.events())
    assert worker.process.wait(timeout=60) == 130
    assert time.monotonic() - began < 15
    assert (events[-1]["event"], events[-1]["code"]) == ("error", "stopped")
    take = Take.open(tmp_path / "t.take")
    assert (take.people, take.frames_read) == ((), chunks.resume(take.path)[1])
    assert take.frames_read >= 10


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_a_parent_that_dies_leaves_no_orphan(tmp_path):
    # The parent is a process of its own that starts a worker as the extension does, and is then killed.
    script = (
        "import json, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-I', {str(WORKER)!r}], stdin=subprocess.PIPE,\n"
        "    stdout=subprocess.PIPE, text=True)\n"
        f"child.stdin.write({json.dumps(job(tmp_path / 't.take', end_frame=None))!r} + chr(10))\n"
        "child.stdin.flush()\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)  # it lives
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while alive(pid):
        assert time.monotonic() < deadline, f"worker {pid} outlived its parent"
        time.sleep(0.1)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Dead but not yet collected by whoever adopted it.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"video": "/nowhere/at all.mp4"}, "video", "no such file"),
        ({"video": "x" * 300}, "failed", "File name too long; check the path"),
        ({"height_m": 9.0}, "failed", "0.4 to 2.6"),
        ({"wrong": 1}, "failed", "unknown ['wrong']"),
    ],
)
def test_errors_are_events_with_a_code(start, tmp_path, changes, code, words):
    events, status, _ = start(**job(tmp_path / "t.take", **changes)).end()
    assert status != 0
    assert (events[-1]["event"], events[-1]["code"]) == ("error", code)
    assert words in events[-1]["message"]


def test_poses_are_told_while_the_video_is_read_and_parts_can_be_left_out(start, tmp_path):
    path = tmp_path / "live.take"
    events, status, errors = start(**job(path, preview=True, hands=False, face=False, end_frame=12)).end()
    assert status == 0, errors
    kinds = [event["event"] if event["event"] != "progress" else event["stage"] for event in events]
    assert kinds.index("pose") < kinds.index("people")
    poses = [event for event in events if event["event"] == "pose"]
    assert all((len(pose["poses"]), len(pose["pelvis"])) == (165, 3) for pose in poses)
    assert [pose["frame"] for pose in poses] == sorted({pose["frame"] for pose in poses})
    assert 1.0 < poses[0]["pelvis"][2] < 10.0  # metres before the camera
    take = Take.open(path)
    (person,) = take.people
    keypoints = take.sequence(person).keypoints
    tips = [91 + 21 * hand + 4 * finger for hand in (0, 1) for finger in range(1, 6)]
    assert keypoints[:, tips, 2].max() == 0.0 and keypoints[:, 23:91, 2].max() == 0.0
    assert keypoints[:, :17, 2].max() > 0.5
    again, _, _ = start(**job(path, end_frame=12)).end()
    assert "hands: off, now on" in again[-1]["message"]


def test_the_people_of_one_frame(start, tmp_path):
    picture = tmp_path / "frame.npy"
    events, status, errors = start(task="people", video=str(SAMPLE), frame=20, picture=str(picture)).end()
    assert status == 0, errors
    (found,) = [event for event in events if event["event"] == "people"]
    assert (found["frame"], found["size"]) == (20, [540, 720])
    ((x0, y0, x1, y1),) = found["boxes"]
    assert 0 <= x0 < x1 <= 540 and 0 <= y0 < y1 <= 720
    assert y1 - y0 > 300  # the person from head to feet
    assert np.load(picture).shape == (720, 540, 3)
    events, status, _ = start(task="people", video=str(SAMPLE), frame=999, picture=str(picture)).end()
    assert (status, events[-1]["code"]) == (3, "video")


def test_an_unknown_task_is_said(start, tmp_path):
    events, status, _ = start(**job(tmp_path / "t.take", task="dance")).end()
    assert status != 0
    assert "'dance'" in events[-1]["message"]


def test_it_runs_from_a_folder_of_any_name(start, tmp_path):
    # An installed extension lies in a folder that Blender names.
    copy = tmp_path / "user default" / "röto"
    shutil.copytree(
        ROOT / "inference", copy / "inference", ignore=shutil.ignore_patterns("*.onnx", "__pycache__")
    )
    shutil.copy(ROOT / "__init__.py", copy)
    result = subprocess.run(
        [sys.executable, "-I", str(copy / "inference" / "worker.py")],
        input=json.dumps(job(tmp_path / "t.take", video="/nowhere.mp4")) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert "no such file" in json.loads(result.stdout.splitlines()[-1])["message"], result.stderr


def test_one_take_has_one_writer_and_a_killed_one_does_not_block(start, tmp_path):
    path = tmp_path / "shared.take"
    first = start(**job(path))
    first.until_read(1)
    second = start(**job(path))
    events, status, errors = second.end()
    assert status == 5, errors
    assert (events[-1]["event"], events[-1]["code"]) == ("error", "take")
    assert "shared.take: another capture is writing this take; wait until" in events[-1]["message"]
    assert first.process.poll() is None  # the other was not disturbed
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    third = start(**job(path))
    events, status, errors = third.end()
    assert status == 0, errors
    assert Take.open(path).status == "complete"

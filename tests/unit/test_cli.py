# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it prints, how it ends, and what Ctrl-C keeps."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from rotocap.cli.capture import moment
from rotocap.cli.main import main, parser
from rotocap.cli.progress_line import ProgressLine, duration, line
from rotocap.inference import errors
from rotocap.inference.errors import ModelError
from rotocap.inference.landmarks.second_look import PATH as SECOND_LOOK
from rotocap.inference.models import embedded, hashes, sha256_file
from rotocap.inference.progress import Meter, Progress
from rotocap.inference.take import Take
from rotocap.inference.video import VideoReader

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "data" / "sample" / "sample.mp4"


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    """A take of the sample's first 40 frames, captured by the command line."""
    try:
        embedded("pose_landmark")
    except ModelError as error:
        pytest.skip(f"needs the networks: {error}")
    path = tmp_path_factory.mktemp("cli") / "the sample.take"
    result = rotocap("capture", str(SAMPLE), "--out", str(path), "--end", "40f")
    assert result.returncode == 0, result.stderr
    assert "40 frames read, 1 captured" in result.stdout
    assert "person_01: 40 frames from 0 to 39" in result.stdout
    return path


def command(*arguments):
    return [sys.executable, "-m", "rotocap.cli", *arguments]


def rotocap(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, encoding="utf-8", timeout=200)


def test_capture_shows_its_progress_as_plain_lines_in_a_log(take, tmp_path):
    result = rotocap("capture", str(SAMPLE), "--out", str(tmp_path / "t.take"), "--end", "60f")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stderr
    assert "\r" not in result.stderr
    assert "reading the video: " in result.stderr
    assert " a second" in result.stderr


def test_info_in_words_and_for_programs(take):
    words = rotocap("info", str(take))
    assert words.returncode == 0
    for text in ("complete", "sample.mp4", "read      40 frames", "person_01: 40 frames"):
        assert text in words.stdout
    data = json.loads(rotocap("info", str(take), "--json").stdout)
    assert data["status"] == "complete"
    assert data["people"][0]["frames"] == 40


def test_info_names_a_damaged_person(take, tmp_path, capsys):
    path = tmp_path / "t.take"
    shutil.copytree(take, path)
    file = path / "person_01.npz"
    file.write_bytes(file.read_bytes()[:1000])
    assert main(["info", str(path)]) == errors.TakeError.exit_code
    assert "person_01.npz: damaged" in capsys.readouterr().err


def test_info_and_review_of_a_take_whose_capture_was_killed(take, tmp_path, capsys):
    path = tmp_path / "t.take"
    shutil.copytree(take, path)
    (path / "person_01.npz").unlink()
    # As a capture leaves it that is killed before it solves: chunks, and a record from its beginning.
    record = replace(
        Take.open(path), status="incomplete", frames_read=0, next_frame=0, read_to_end=False, people=()
    )
    record.save()
    assert main(["info", str(path)]) == 0
    assert "read      40 frames, next is 40" in capsys.readouterr().out
    assert main(["review", str(path), "--out", str(tmp_path / "s.png")]) == errors.TakeError.exit_code
    assert "is not finished" in capsys.readouterr().err


def test_info_names_a_chunk_that_is_gone(take, tmp_path, capsys):
    path = tmp_path / "t.take"
    shutil.copytree(take, path)
    (path / "chunks" / "00000.npz").unlink()
    assert main(["info", str(path)]) == errors.TakeError.exit_code
    assert "damaged (its chunks hold 0 of 40 frames)" in capsys.readouterr().err


def test_a_rig_that_is_no_blend_file_is_one_line(take, tmp_path):
    (tmp_path / "hero.blend").write_bytes(b"no such thing" * 100)
    rig, out = f"{tmp_path / 'hero.blend'}:Hero", str(tmp_path / "out.blend")
    result = rotocap("apply", str(take), "--rig", rig, "--out", out)
    assert result.returncode == errors.RigError.exit_code
    assert len(result.stderr.splitlines()) == 1
    assert "hero.blend: Blender could not open it" in result.stderr


def test_review_writes_a_sheet(take, tmp_path):
    result = rotocap("review", str(take), "--out", str(tmp_path / "sheet.png"), "--every", "20")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_solves_what_was_read(take, tmp_path):
    path = tmp_path / "t.take"
    process = subprocess.Popen(
        command("capture", str(looped(SAMPLE, 8, tmp_path / "long.mp4")), "--out", str(path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # The first line of progress comes after a second of reading.
        assert "reading the video" in process.stderr.readline()
        time.sleep(3.0)  # enough frames for a person, far from the end
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "stopping: what was read is being solved" in err
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    partial = Take.open(path)
    assert partial.status == "incomplete"
    assert partial.people


def looped(video, times, path):
    """A longer video made of a short one."""
    writer = None
    for _ in range(times):
        for frame in VideoReader(video):
            if writer is None:
                size = (frame.image.shape[1], frame.image.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, size)
            writer.write(frame.image)
    writer.release()
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["capture", "/nowhere/at all.mp4", "--out", "OUT"], 3, "no such file"),
        (["capture", __file__, "--out", "OUT"], 3, "not a video"),
        (["capture", "x" * 300, "--out", "OUT"], 1, "File name too long; check the path"),
        (["info", "/nowhere/t.take"], 5, "no such take"),
        (["review", "/nowhere/t.take", "--out", "sheet.png"], 5, "no such take"),
        (["models", "get", "no_such_network"], 4, "no_such_network"),
    ],
)
def test_errors_have_their_code_one_line_and_no_traceback(arguments, code, words, tmp_path, capsys):
    assert main([a.replace("OUT", str(tmp_path / "t.take")) for a in arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("rotocap: ")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["capture", "v.mp4"],
        ["capture", "v", "--out", "t", "--start", "x"],
        ["capture", "v", "--out", "t", "--start", "nan"],
        ["capture", "v", "--out", "t", "--start", "-3"],
        ["capture", "v", "--out", "t", "--end", "-3f"],
        ["capture", "v", "--out", "t", "--every", "0"],
        ["review", "t", "--out", "s.png", "--columns", "0"],
        ["apply", "t", "--out", "video.mp4"],
    ],
)
def test_a_command_line_that_is_not_understood_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_help_has_examples_and_every_exit_code():
    text = parser().format_help()
    assert "examples:" in text
    classes = [errors.RotocapError, *errors.RotocapError.__subclasses__()]
    for code in [0, 2, 130, *(c.exit_code for c in classes)]:
        assert f"\n  {code:<4}" in text, code


@pytest.mark.parametrize("name", ["capture", "apply", "review", "info", "models"])
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 250


def test_a_take_knows_every_network_that_it_was_read_with(take):
    read = Take.open(take).read.models
    assert {*hashes(), "second_look"} == set(read)
    assert read["second_look"] == sha256_file(SECOND_LOOK)


def test_help_does_not_wait_for_the_networks():
    script = "import sys; from rotocap.cli.main import parser; parser().format_help(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"onnxruntime", "cv2", "bpy", "scipy"} & set(loaded)


def test_models_list(capsys):
    try:
        embedded("pose_landmark")
    except ModelError as error:
        pytest.skip(f"needs the networks: {error}")
    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "pose_landmark" in out
    assert "Apache-2.0" in out


@pytest.mark.parametrize(("text", "value"), [("2.5", ("s", 2.5)), ("75f", ("frame", 75)), ("0", ("s", 0.0))])
def test_moments(text, value):
    assert moment(text) == value


def test_progress_in_words():
    assert line(Progress("landmarks", 120, 540, 24.1, 17.4)) == (
        "reading the video: 120 of 540 (22 %), 24.1 a second, 17 s left"
    )
    assert line(Progress("landmarks", 7, 0, 0.0, None)) == "reading the video: 7"
    assert [duration(s) for s in (17, 125, 4320)] == ["17 s", "2 min 05 s", "1 h 12 min"]


def test_short_stages_are_silent_and_a_terminal_gets_one_line(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    now = [0.0]
    monkeypatch.setattr("rotocap.cli.progress_line.time.monotonic", lambda: now[0])
    screen = Terminal()
    with ProgressLine(screen) as show:
        show(Progress("people", 0, 1, 0.0, None))
        show(Progress("people", 1, 1, 0.0, None))
        assert screen.getvalue() == ""
        for done in range(4):
            now[0] += 0.8
            show(Progress("fit", done, 4, 1.0, 1.0))
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().count("\r") == 2


def test_meter_tells_rate_and_time_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("rotocap.inference.progress.time.monotonic", lambda: now[0])
    reports = []
    meter = Meter("fit", 100, reports.append, done=20)
    for done in range(21, 61):
        now[0] += 0.1
        meter.update(done)
    assert reports[-1].rate == pytest.approx(10.0, rel=0.05)
    assert reports[-1].eta_s == pytest.approx(4.0, rel=0.05)
    assert len(reports) < 25
    meter.update(100, final=True)
    assert (reports[-1].done, reports[-1].eta_s) == (100, 0.0)

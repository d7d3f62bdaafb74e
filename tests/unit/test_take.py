# SPDX-License-Identifier: GPL-3.0-or-later
"""The take's record: what is written is what is read, and damage is named."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest

from rotocap.inference.errors import TakeError, VideoError
from rotocap.inference.take import (
    PersonRecord,
    ReadSettings,
    SolveSettings,
    Take,
    VideoRecord,
    clear,
    fingerprint,
)
from rotocap.inference.take_lock import LOCK, writing

VIDEO = VideoRecord(
    path="/nowhere/Ünï côde.mp4", name="Ünï côde.mp4", bytes=1234, fingerprint="ab" * 32, fps=29.97,
    width=720, height=1280, frame_count=100, duration_s=3.34, codec="h264", rotation_deg=90,
)  # fmt: skip
PERSON = PersonRecord(
    name="person_01", file="person_01.npz", colour=(0.9, 0.62, 0.0), main=True, frames=90,
    first_frame=3, last_frame=99, gaps=((10, 12), (40, 43)), swaps_repaired=2,
)  # fmt: skip


def make(path):
    return Take(
        path=path,
        status="complete",
        video=VIDEO,
        read=ReadSettings(end_frame=100, backend="scripted", models={"net": "00"}),
        solve=SolveSettings(height_m=1.8),
        frames_read=100,
        next_frame=100,
        read_to_end=True,
        truncated_at_s=3.2,
        people=(PERSON,),
        warnings=('a "quoted" warning',),
        versions={"rotocap": "0.1.0"},
        created="2026-01-01T00:00:00+00:00",
    )


def test_round_trip(tmp_path):
    take = make(tmp_path / "a take with späces.take")
    take.save()
    assert Take.open(take.path) == take
    assert not list(take.path.glob("*.part"))


def test_what_is_not_known_is_left_out_and_comes_back_as_none(tmp_path):
    take = replace(make(tmp_path / "t.take"), truncated_at_s=None, solve=SolveSettings())
    take.save()
    data = tomllib.loads((take.path / "take.toml").read_text(encoding="utf-8"))
    assert "truncated_at_s" not in data
    assert Take.open(take.path) == take


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1\nstatus =", "damaged"),
        ("format = 1", "damaged"),
        ("format = 99", "format 99, expected 1"),
        ("", "format None"),
    ],
)
def test_a_damaged_record_is_named(tmp_path, text, words):
    take = make(tmp_path / "t.take")
    take.save()
    (take.path / "take.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TakeError, match=words) as caught:
        Take.open(take.path)
    assert "take.toml" in str(caught.value)


def test_no_take_and_no_folder(tmp_path):
    with pytest.raises(TakeError, match="no such take"):
        Take.open(tmp_path / "missing.take")
    with pytest.raises(TakeError, match="not a take"):
        Take.open(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_take_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(TakeError, match="could not be written"):
        make(blocked / "t.take").save()


def test_mismatch_says_what(tmp_path):
    take = make(tmp_path)
    assert take.mismatch(VIDEO, take.read) == []
    assert take.mismatch(replace(VIDEO, path="/elsewhere/copy.mp4"), take.read) == []
    assert "video" in take.mismatch(replace(VIDEO, fingerprint="cd"), take.read)[0]
    assert take.mismatch(VIDEO, replace(take.read, stride=2)) == ["stride: 1, now 2"]
    change = ["end frame: 100, now the end"]
    assert take.mismatch(VIDEO, replace(take.read, end_frame=None)) == change
    assert take.mismatch(VIDEO, replace(take.read, models={})) == ["models: other model files"]


def test_video_is_found_beside_the_take(tmp_path):
    take = make(tmp_path / "t.take")
    with pytest.raises(VideoError, match="is gone"):
        take.video_file()
    beside = tmp_path / VIDEO.name
    beside.write_bytes(b"x")
    assert take.video_file() == beside


def test_fingerprint_sees_both_ends_and_the_size(tmp_path):
    file = tmp_path / "v"
    size = 5 << 20
    seen = set()
    for change in (None, 0, size - 1):
        data = bytearray(size)
        if change is not None:
            data[change] = 1
        file.write_bytes(data)
        seen.add(fingerprint(file))
    file.write_bytes(bytes(size + 1))
    seen.add(fingerprint(file))
    assert len(seen) == 4


def test_clear_takes_only_what_is_a_takes(tmp_path):
    take = make(tmp_path / "t.take")
    take.save()
    (take.path / "notes.txt").write_text("mine")
    clear(take.path)
    assert [file.name for file in take.path.iterdir()] == ["notes.txt"]
    with pytest.raises(TakeError, match="other things"):
        clear(take.path)


HOLDER = """
import sys, time
from pathlib import Path
from rotocap.inference.take_lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_held_against_another_process_and_dies_with_it(tmp_path):
    path = tmp_path / "t.take"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TakeError, match="another capture is writing"), writing(path):
            pass
        with writing(tmp_path / "other.take"):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with writing(path):  # nothing stale
        assert [file.name for file in path.iterdir()] == [LOCK]
    clear(path)  # a lock alone is nobody's other thing


def test_a_lock_is_let_go_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="mine"), writing(tmp_path / "t.take"):
        raise ValueError("mine")
    with writing(tmp_path / "t.take"):
        pass


def test_a_folder_that_cannot_be_made_is_a_take_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TakeError, match="could not be written"), writing(tmp_path / "file" / "t.take"):
        pass

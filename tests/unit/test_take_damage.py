# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a take when its files are damaged or its disk is full: results are never thrown away."""

from __future__ import annotations

import gc
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scripted_people import RED, Actor, ScriptedBackend, walking, write_video

from rotocap.inference.capture import CaptureOptions, capture
from rotocap.inference.errors import TakeError, VideoError
from rotocap.inference.sequence import load_arrays, save_arrays
from rotocap.inference.take import Take

ACTORS = [Actor(walking(40, 2.0), RED)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("damage") / "v.mp4", ACTORS, 24)


def run(video, path, **changes):
    backend = ScriptedBackend(ACTORS)
    options = CaptureOptions(video=video, out=path, chunk_frames=8, **changes)
    return capture(options, backend=lambda o: (backend, {}))


@pytest.fixture(scope="module")
def whole(video, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "t.take"
    run(video, path)
    return path


@pytest.mark.parametrize("gone", [["00001.npz"], ["00002.npz"], ["00000.npz", "00001.npz", "00002.npz"]])
def test_a_chunk_that_is_gone_costs_no_result(video, whole, tmp_path, gone):
    path = tmp_path / "t.take"
    shutil.copytree(whole, path)
    for name in gone:
        (path / "chunks" / name).unlink()
    with pytest.raises(TakeError, match="damaged"):
        run(video, path, height_m=1.5)
    take = Take.open(path)
    assert len(take.people) == 1
    assert len(take.sequence(take.people[0])) == 24


def test_landmarks_that_cannot_be_read_cost_no_result(video, whole, tmp_path):
    path = tmp_path / "t.take"
    shutil.copytree(whole, path)
    chunk = path / "chunks" / "00001.npz"
    arrays = load_arrays(chunk)
    del arrays["keypoints"]
    save_arrays(chunk, arrays)
    with pytest.raises(TakeError, match=r"00001\.npz: damaged"):
        run(video, path)
    take = Take.open(path)
    assert len(take.sequence(take.people[0])) == 24


def test_a_capture_that_failed_at_its_first_frame_does_not_keep_the_name(video, tmp_path):
    path = tmp_path / "t.take"
    with pytest.raises(VideoError, match="no frame from 900 on"):
        run(video, path, start_frame=900)
    assert run(video, path).status == "complete"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full: /dev/full")
def test_a_full_disk_is_one_error_and_nothing_on_stderr(tmp_path, monkeypatch):
    unraised = []
    monkeypatch.setattr(sys, "unraisablehook", unraised.append)
    (tmp_path / "a.npz.part").symlink_to("/dev/full")
    with pytest.raises(TakeError, match="No space left"):
        save_arrays(tmp_path / "a.npz", {"noise": np.random.default_rng(0).random(100_000)})
    gc.collect()
    assert not unraised
    assert not list(tmp_path.iterdir())

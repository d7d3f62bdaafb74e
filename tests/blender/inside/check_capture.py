# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture inside Blender, really: the worker as a child process, cancelled, killed, orphaned."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The sample clip under a name that a phone and an animator would give."""
    path = tmp_path / "Mein Clip ü 1.mp4"
    shutil.copy(SAMPLE, path)
    return path


def wait_for(condition, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def running(job) -> bool:
    """Ticks the job, and says whether it reads the video by now."""
    assert job.tick(), job.outcome
    return job.state.done > 0


def test_import_takes_over_size_and_rate(scene, clip) -> None:
    assert bpy.ops.rotocap.import_video(filepath=str(clip)) == {"FINISHED"}
    assert (scene.render.resolution_x, scene.render.resolution_y) == (540, 720)
    assert scene.render.fps == 30
    assert scene.frame_end == 120
    assert scene.rotocap.take.endswith("Mein Clip ü 1.take")


def test_capture_in_background_mode_makes_a_character(scene, module, clip) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip))
    scene.rotocap.use_range, scene.rotocap.last = True, 20
    assert bpy.ops.rotocap.capture() == {"FINISHED"}
    take = module("inference.take").Take.open(scene.rotocap.take)
    assert take.status == "complete"
    (person,) = take.people
    assert person.frames == 20
    armature = scene.objects[person.name]
    assert len(armature.data.bones) == 55
    action = armature.animation_data.nla_tracks[0].strips[0].action
    assert tuple(action.frame_range) == (1.0, 20.0)
    assert scene.camera is not None
    assert module("addon.jobs").current().outcome.ran_on == "Used: CPU, 2 threads."


def test_not_a_video_is_an_error_in_words(scene, tmp_path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("these are notes")
    scene.rotocap.video = str(path)
    with pytest.raises(RuntimeError, match=r"notes\.mp4"):
        bpy.ops.rotocap.capture()


def test_another_part_of_the_video_gets_a_take_of_its_own(scene, module, clip) -> None:
    request = module("addon.capture_request").request
    bpy.ops.rotocap.import_video(filepath=str(clip))
    scene.rotocap.apply_when_done = False
    scene.rotocap.use_range, scene.rotocap.last = True, 6
    assert bpy.ops.rotocap.capture() == {"FINISHED"}
    first = Path(scene.rotocap.take)
    assert request(bpy.context).take == first  # the same part again goes on in its own take
    scene.rotocap.last = 8
    assert bpy.ops.rotocap.capture() == {"FINISHED"}
    second = Path(scene.rotocap.take)
    assert second.name == "Mein Clip ü 1 2.take"
    opened = [module("inference.take").Take.open(path) for path in (first, second)]
    assert [take.frames_read for take in opened] == [6, 8]
    assert request(bpy.context).take == second


def test_the_lens_is_in_pixels_of_the_video_that_is_named(scene, module, clip) -> None:
    scene.rotocap.video = str(clip)  # typed in, not imported
    scene.rotocap.use_lens, scene.rotocap.lens_mm = True, 43.27
    request = module("addon.capture_request").request(bpy.context)
    assert request.focal_px == pytest.approx(900.0, abs=0.1)  # the diagonal of 540 x 720
    scene.rotocap.use_range, scene.rotocap.first, scene.rotocap.last = True, 30, 10
    with pytest.raises(module("inference.errors").VideoError, match=r"30 to 10.*change one of them"):
        module("addon.capture_request").request(bpy.context)


def test_a_video_that_was_moved_is_said(scene, clip) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip))
    clip.rename(clip.with_name("elsewhere.mp4"))
    with pytest.raises(RuntimeError, match="import the video from where it is now"):
        bpy.ops.rotocap.capture()


def test_capture_cannot_be_pressed_twice(scene, module, clip) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip))
    assert bpy.ops.rotocap.capture.poll()
    assert not bpy.ops.rotocap.stop_capture.poll()
    wanted = module("addon.capture_request").request(bpy.context)
    session = module("addon.capture_session").start(wanted, scene)
    try:
        assert not bpy.ops.rotocap.capture.poll()
        assert not bpy.ops.rotocap.queue_run.poll()
        assert bpy.ops.rotocap.stop_capture.poll()
    finally:
        session.abandon()
    assert bpy.ops.rotocap.capture.poll()


@pytest.mark.parametrize("fate", ["left and renamed", "deleted"])
def test_the_result_goes_where_the_capture_was_started(scene, module, clip, monkeypatch, fate) -> None:
    jobs = module("addon.jobs")
    bpy.ops.rotocap.import_video(filepath=str(clip))
    scene.rotocap.use_range, scene.rotocap.last = True, 6
    other = bpy.data.scenes.new("Another shot")
    run = jobs.CaptureJob.run

    def run_while_the_animator_works(job):
        bpy.context.window.scene = other
        if fate == "deleted":
            bpy.data.scenes.remove(scene)
        else:
            scene.name = "Shot 1"
        return run(job)

    monkeypatch.setattr(jobs.CaptureJob, "run", run_while_the_animator_works)
    if fate != "deleted":
        assert bpy.ops.rotocap.capture() == {"FINISHED"}
        assert [ob.type for ob in scene.objects].count("ARMATURE") == 1
    else:
        with pytest.raises(RuntimeError, match=r"kept in Mein Clip ü 1\.take.*the scene.*is gone"):
            bpy.ops.rotocap.capture()
        assert not [ob for ob in bpy.data.objects if ob.type == "ARMATURE"]
    assert not other.objects


def test_cancel_keeps_what_was_read(module, clip, tmp_path) -> None:
    jobs = module("addon.jobs")
    job = jobs.CaptureJob(jobs.CaptureRequest(video=clip, take=tmp_path / "a.take"))
    wait_for(lambda: running(job) and job.state.done >= 5, seconds=60)
    job.cancel()
    outcome = job.run()
    assert outcome.status == "partial", outcome
    take = module("inference.take").Take.open(tmp_path / "a.take")
    assert take.status == "incomplete"
    assert take.people[0].frames >= 5


def test_a_killed_worker_is_noticed_and_the_next_capture_goes_on(module, clip, tmp_path) -> None:
    jobs, request = module("addon.jobs"), None
    request = jobs.CaptureRequest(video=clip, take=tmp_path / "b.take")
    job = jobs.CaptureJob(request)
    wait_for(lambda: running(job), seconds=60)
    os.kill(job.pid, signal.SIGKILL)
    wait_for(lambda: not job.tick(), seconds=20)
    assert job.outcome.status == "failed"
    assert "SIGKILL" in job.outcome.message
    assert "is kept" in job.outcome.message
    take = module("inference.take").Take.open(tmp_path / "b.take")
    assert take.status == "incomplete"
    outcome = jobs.CaptureJob(request).run()
    assert (outcome.status, outcome.people) == ("done", 1), outcome


def test_no_worker_outlives_blender(module, clip, tmp_path) -> None:
    root = Path(module("addon.jobs").__file__).parents[1]
    script = tmp_path / "parent.py"
    script.write_text(
        "import importlib, importlib.util, sys, time\n"
        "from pathlib import Path\n"
        f"root = Path({str(root)!r})\n"
        "sys.path.extend(" + repr(module("addon.worker_process").site_packages()) + ")\n"
        "spec = importlib.util.spec_from_file_location('rotocap', root / '__init__.py',"
        " submodule_search_locations=[str(root)])\n"
        "package = importlib.util.module_from_spec(spec)\n"
        "sys.modules['rotocap'] = package\n"
        "spec.loader.exec_module(package)\n"
        "jobs = importlib.import_module('rotocap.addon.jobs')\n"
        f"job = jobs.CaptureJob(jobs.CaptureRequest(video=Path({str(clip)!r}),"
        f" take=Path({str(tmp_path / 'c.take')!r})))\n"
        "while job.tick() and job.state.done == 0: time.sleep(0.05)\n"
        "print(job.pid, flush=True)\n"
        "time.sleep(600)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not alive(worker), seconds=30)
    assert (tmp_path / "c.take" / "take.toml").is_file()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_esc_is_the_captures_only_while_it_reads(scene, module, clip) -> None:
    """The operator that the key calls: the key itself is pressed in tests/gui."""
    sessions, escape = module("addon.capture_session"), bpy.ops.rotocap.escape_capture
    bpy.ops.rotocap.import_video(filepath=str(clip))
    scene.rotocap.use_range, scene.rotocap.last = True, 12
    assert not escape.poll(), "nothing runs"
    session = sessions.start(module("addon.capture_request").request(bpy.context), scene)
    wait_for(lambda: session.tick() is not None and session.job.state.done >= 3, seconds=60)
    assert escape.poll() and "Esc" in session.status()
    assert escape() == {"FINISHED"} and session.job.state.cancelling
    assert not escape.poll() and "Esc" not in session.status(), "the key is the animator's again"
    wait_for(lambda: session.over or session.tick() is None, seconds=60)
    assert session.job.outcome.status == "partial", session.job.outcome
    assert [ob for ob in scene.objects if ob.type == "ARMATURE"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue, and the person who was picked: as scripts, and the operators' buttons, use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"


def names(folder: Path, *files: str) -> dict[str, object]:
    return {"directory": str(folder), "files": [{"name": name} for name in files]}


def test_one_video_that_fails_does_not_stop_the_others(scene, module, tmp_path) -> None:
    shutil.copy(SAMPLE, tmp_path / "first.mp4")
    (tmp_path / "notes.mp4").write_text("these are notes")
    shutil.copy(SAMPLE, tmp_path / "gone.mp4")
    settings = scene.rotocap
    settings.hands = settings.face = False
    assert bpy.ops.rotocap.queue_add(**names(tmp_path, "notes.mp4", "gone.mp4")) == {"FINISHED"}
    settings.video = str(tmp_path / "first.mp4")
    settings.use_range, settings.first, settings.last = True, 3, 8
    assert bpy.ops.rotocap.queue_add_current() == {"FINISHED"}
    settings.use_range = False
    (tmp_path / "gone.mp4").unlink()
    assert bpy.ops.rotocap.queue_run() == {"FINISHED"}
    notes, gone, first = settings.queue
    assert [entry.status for entry in settings.queue] == ["failed", "failed", "done"]
    assert "notes.mp4" in notes.message and "no such file" in gone.message
    take = module("inference.take").Take.open(first.take)
    assert (take.frames_read, take.read.start_frame) == (6, 2)
    assert "person_01" in scene.objects  # the result is in the scene
    assert settings.take == ""  # and the scene's own video is left alone
    assert not module("addon.capture_queue").running()

    settings.queue_index = 2
    assert bpy.ops.rotocap.queue_use() == {"FINISHED"}
    assert (settings.video, settings.take) == (first.video, first.take)
    assert (settings.first, settings.last) == (3, 8)
    settings.queue_index = 0
    assert bpy.ops.rotocap.queue_remove() == {"FINISHED"}
    assert [entry.name for entry in settings.queue] == ["gone.mp4", "first.mp4"]


def test_an_empty_queue_and_files_that_are_not_there(scene, tmp_path) -> None:
    for operator in (bpy.ops.rotocap.queue_run, bpy.ops.rotocap.queue_remove, bpy.ops.rotocap.queue_use):
        assert not operator.poll()
    assert bpy.ops.rotocap.queue_add(**names(tmp_path, "nowhere.mp4")) == {"CANCELLED"}
    assert bpy.ops.rotocap.queue_add(directory=str(tmp_path)) == {"CANCELLED"}
    assert not scene.rotocap.queue


def test_the_button_stops_the_queue_as_esc_does(scene, module, tmp_path, monkeypatch) -> None:
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(SAMPLE, tmp_path / name)
        module("addon.capture_queue").add(scene, tmp_path / name, (1, 5))
    settings = scene.rotocap
    settings.hands = settings.face = settings.apply_when_done = False
    jobs = module("addon.jobs")
    run = jobs.CaptureJob.run

    def run_and_stop(job):
        assert bpy.ops.rotocap.stop_capture() == {"FINISHED"}
        return run(job)

    monkeypatch.setattr(jobs.CaptureJob, "run", run_and_stop)
    bpy.ops.rotocap.queue_run()
    assert [entry.status for entry in settings.queue] == ["stopped", "waiting"]
    assert not module("addon.capture_queue").running()


def test_a_queue_that_was_interrupted_goes_on(scene, module, tmp_path) -> None:
    shutil.copy(SAMPLE, tmp_path / "a.mp4")
    queue = module("addon.capture_queue")
    entry = queue.add(scene, tmp_path / "a.mp4", (1, 5))
    entry.status = "running"  # as the file was saved while it ran
    scene.rotocap.hands = scene.rotocap.face = scene.rotocap.apply_when_done = False
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "queue.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "queue.blend"))
    (entry,) = bpy.context.scene.rotocap.queue
    assert entry.status == "stopped" and "goes on" in entry.message
    assert bpy.ops.rotocap.queue_run() == {"FINISHED"}
    assert entry.status == "done"


def test_the_picked_person_is_asked_for(scene, module, tmp_path) -> None:
    request = module("addon.capture_request").request
    shutil.copy(SAMPLE, tmp_path / "a.mp4")
    assert not bpy.ops.rotocap.pick_person.poll()
    scene.rotocap.video = str(tmp_path / "a.mp4")
    scene.rotocap.people = "picked"
    with pytest.raises(module("inference.errors").RotocapError, match="press Pick Person"):
        request(bpy.context)
    with pytest.raises(RuntimeError, match="press Pick Person"):
        bpy.ops.rotocap.capture()
    scene.rotocap.people = "all"
    assert bpy.ops.rotocap.pick_person(frame=12, place=(216.0, 370.0)) == {"FINISHED"}
    wanted = request(bpy.context)
    assert (wanted.people, wanted.pick) == ("picked", (11, 216.0, 370.0))
    with pytest.raises(RuntimeError, match="outside the picture"):
        bpy.ops.rotocap.pick_person(frame=12, place=(-5.0, 0.0))
    scene.rotocap.use_range, scene.rotocap.last = True, 6
    scene.rotocap.hands = scene.rotocap.face = False
    assert bpy.ops.rotocap.capture() == {"FINISHED"}
    take = module("inference.take").Take.open(scene.rotocap.take)
    assert take.solve.pick == (11, 216.0, 370.0) and len(take.people) == 1
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}


def test_people_are_found_in_the_frame_under_the_playhead(scene, module, tmp_path) -> None:
    finder = module("addon.people_finder")
    shutil.copy(SAMPLE, tmp_path / "a.mp4")
    bpy.ops.rotocap.import_video(filepath=str(tmp_path / "a.mp4"))
    scene.frame_current = 31
    video, frame = finder.video_frame(scene)
    assert (video.name, frame) == ("a.mp4", 30)
    scene.frame_current = 5000
    assert finder.video_frame(scene)[1] == 119  # the last one
    look = finder.PeopleFinder(video, frame, threads=2)
    look.run()
    assert not look.error
    assert look.found.size == (540, 720) and len(look.found.boxes) == 1
    assert look.found.picture.shape == (720, 540, 3)
    missing = finder.PeopleFinder(tmp_path / "b.mp4", 0, threads=None)
    missing.run()
    assert "no such file" in missing.error


def test_a_click_hits_the_box_under_it_and_of_two_the_smaller(module) -> None:
    layout = module("addon.people_finder").Layout.fitted((200, 100), (100.0, 0.0, 500.0, 400.0), margin=0.0)
    assert layout.rectangle() == (100.0, 100.0, 500.0, 300.0)
    boxes = ((0.0, 0.0, 100.0, 100.0), (40.0, 20.0, 60.0, 90.0))
    assert layout.box(boxes[1]) == (180.0, 120.0, 220.0, 260.0)  # y goes up in a region
    assert layout.hit(boxes, 200.0, 200.0) == 1
    assert layout.hit(boxes, 110.0, 110.0) == 0
    assert layout.hit(boxes, 450.0, 200.0) is None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Two videos in the queue: the second begins by itself, Esc keeps what was read, undo takes both away."""

from __future__ import annotations

import os
import shutil
import signal

import bpy
from capturing import over, people, read
from installed import VIDEO, module, session
from scene_digest import difference, digest
from window import HERE, Steps, click, find, in_viewport, picture, press, say, show_tab, sidebar, wait_for

CLIPS = (HERE / "Erster Clip.mp4", HERE / "Zweiter Clip.mp4")
PART = (10, 34)  # of the first one, counted from 1
QUEUE = -70  # pixels from the Capture button's upper edge to the middle of the Queue panel's header


def states() -> list[str]:
    return [entry.status for entry in bpy.context.scene.rotocap.queue]


def story() -> Steps:
    for clip in CLIPS:
        shutil.copy(VIDEO, clip)
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    yield from click("bpy.ops.rotocap.capture", above=QUEUE)  # opens the panel
    yield 0.3

    for video, part in zip(CLIPS, (PART, None), strict=True):
        with bpy.context.temp_override(**in_viewport()):
            assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(video)) == {"FINISHED"}
        settings = bpy.context.scene.rotocap
        settings.use_range = part is not None
        if part is not None:
            settings.first, settings.last = part
        yield 0.5
        yield from click("bpy.ops.rotocap.queue_add_current")
    assert [entry.name for entry in settings.queue] == [clip.name for clip in CLIPS]
    assert states() == ["waiting", "waiting"]
    settings.follow = False  # where the playhead is then is no change of the captures
    scene_before = (settings.video, settings.take)
    bpy.ops.ed.undo_push(message="A queue")
    before = digest()
    picture("50_queued.png")

    yield from click("bpy.ops.rotocap.queue_run")
    yield from wait_for(lambda: states()[0] == "running" and read(3), "the first one runs", seconds=60)
    first = session()
    picture("51_first_runs.png")
    yield from wait_for(lambda: session() is not first, "the second begins by itself", seconds=240)
    assert first.job.outcome.status == "done", first.job.outcome
    assert states() == ["done", "running"], states()
    captured = people()
    assert captured[0][1:] == PART, captured
    say(f"queue: {first.job.outcome.message} The second begins by itself")
    yield from wait_for(lambda: read(8), "the second is read", seconds=60)
    job = session().job
    os.kill(job.pid, signal.SIGSTOP)  # a quick machine has read the short clip before the button is found
    last: list[tuple[int, int]] = []
    yield from find("bpy.ops.rotocap.queue_run", last)
    picture("52_second_runs.png", page="queue", box=sidebar(down_to=last[0][1] - 20))
    os.kill(job.pid, signal.SIGCONT)
    yield from press("ESC")
    yield from wait_for(lambda: not job.holds_the_window, "the window is free after Esc", seconds=20)
    yield from wait_for(over, "what was read is put in", seconds=120)
    yield 0.5
    assert job.outcome.status == "partial" and states() == ["done", "stopped"], (job.outcome, states())
    assert not module("addon.capture_queue").running(), "Esc ends the queue, not only this video"
    assert len(people()) > len(captured), "what was read of the second is in the scene"
    settings = bpy.context.scene.rotocap
    assert (settings.video, settings.take) == scene_before, "the scene's own video is left alone"
    say(f"queue, Esc: {job.outcome.message} {', '.join(states())}")
    picture("53_escaped.png")

    after = digest()
    for _ in range(2):  # one step for each capture
        yield from press("Z", ctrl=True)
    assert not people(), "two undo steps take both results away"
    assert states() == ["done", "stopped"], "but the queue knows what was captured"
    assert difference(_without_queue(before), _without_queue(digest())) == []
    for _ in range(2):
        yield from press("Z", ctrl=True, shift=True)
    assert difference(after, digest()) == []
    say("undo takes both results away and leaves the scene exactly as it was; redo brings them back")
    picture("54_undone_and_redone.png")

    entries = bpy.context.scene.rotocap.performances
    yield from click("bpy.ops.rotocap.performance_solo")
    shown = {entry.take for entry in entries if entry.visible}
    assert len(shown) == 1 and bpy.context.scene.camera["rotocap_take"] in shown, shown
    yield 0.5
    picture("55_only_this_video.png")
    yield from click("bpy.ops.rotocap.performance_solo")
    assert all(entry.visible for entry in entries)
    say("of two videos one is shown alone, and both again")


def _without_queue(told: dict[str, str]) -> dict[str, str]:
    """A digest without what the queue says of itself: that is the world's, which no undo takes back."""
    return {
        name: "\n".join(line for line in text.splitlines() if ".rotocap.queue" not in line)
        for name, text in told.items()
    }

# SPDX-License-Identifier: GPL-3.0-or-later
"""Import, capture with progress, Esc in the middle, go on, a killed process, go on again, scrub, undo."""

from __future__ import annotations

import os
import signal
import time

import bpy
from installed import VIDEO, armatures, module, session
from window import Steps, click, in_viewport, picture, press, say, settled, viewport, wait_for


def read(count: int) -> bool:
    """Whether the running capture has read so many frames of the video."""
    job = session().job
    assert job.outcome is None, job.outcome
    return not job.state.reading or job.state.done >= count


def started() -> Steps:
    """Press the button, wait for the child to say something."""
    current = module("addon.capture_session").current
    old = current()
    yield from click("bpy.ops.rotocap.capture")
    yield from wait_for(lambda: current() is not old, "the capture starts", seconds=5)


def over() -> bool:
    return session().over


def people() -> list[tuple[str, int, int]]:
    """Who is in the scene, from which frame to which."""
    entries = bpy.context.scene.rotocap.performances
    return [(e.name, e.first, e.last) for e in entries if e.armature is not None]


def story() -> Steps:
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(VIDEO)) == {"FINISHED"}
    yield from settled()
    picture("02_imported.png", page="quick-start-1")
    before = {ob.name for ob in bpy.context.scene.objects}

    yield from started()
    yield from wait_for(lambda: read(10), "progress", seconds=60)
    job = session().job
    say(f"progress: {job.state.text()}, {job.state.speed()}")
    yield from wait_for(lambda: job.first_pose_s is not None, "a pose while the capture runs", seconds=30)
    say(f"first pose {job.first_pose_s:.1f} s after Capture")
    yield 0.3
    picture("03_progress_live.png", page="quick-start-2")

    asked = time.monotonic()
    yield from press("ESC")
    yield from wait_for(lambda: not job.holds_the_window, "the window is free after Esc", seconds=10)
    say(f"Esc: the window is free after {job.cancel_s or time.monotonic() - asked:.2f} s")
    yield from wait_for(over, "what was read is put in", seconds=60)
    yield 0.5
    assert job.outcome.status == "partial", job.outcome
    assert len(armatures()) == 1, armatures()
    say(f"Esc: {job.outcome.message}")
    picture("04_escaped.png")

    yield from started()
    yield from wait_for(lambda: read(30), "it goes on", seconds=60)
    job = session().job
    os.kill(job.pid, signal.SIGKILL)
    yield from wait_for(over, "the end of a killed process is noticed", seconds=30)
    yield 1.0
    assert job.outcome.status == "failed" and job.outcome.code == "died", job.outcome
    assert "SIGKILL" in job.outcome.message and "kept" in job.outcome.message, job.outcome.message
    say(f"killed: {job.outcome.message}")
    picture("05_killed.png")

    yield from started()
    longest, last = 0.0, time.monotonic()
    begun = last
    while not over():
        yield 0.05
        waited, last = time.monotonic() - last, time.monotonic()
        if session().job.outcome is None:
            longest = max(longest, waited)
        assert last - begun < 1200, "the capture does not end"
    job = session().job
    assert job.outcome.status == "done", (job.outcome, session().failed)
    ticks = sorted(job.ticks_ms)
    say(
        f"captured: {job.outcome.message} Longest the window was busy: {longest:.2f} s; our ticks: "
        f"95 % under {ticks[int(0.95 * len(ticks))]:.1f} ms, longest {ticks[-1]:.1f} ms"
    )
    yield 0.5
    scene = bpy.context.scene
    assert armatures(), "the result is in the scene"
    assert all(len(ob.data.bones) == 55 for ob in armatures())
    assert len(scene.rotocap.performances) >= 1
    _, area, _ = viewport()
    assert area.spaces.active.region_3d.view_perspective == "CAMERA", "the result is seen over the video"
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.view3d.view_center_camera()
    for frame in (1, 45, 75):
        scene.frame_set(frame)
        yield 0.7
        picture(f"06_body_{frame:03d}.png", page="quick-start-3" if frame == 75 else "")

    full = people()
    yield from press("Z", ctrl=True)
    yield 0.5
    assert people() != full, "one undo step takes the result away"
    for _ in range(8):  # what Esc had put in, and the import, are steps of their own
        if {ob.name for ob in bpy.context.scene.objects} <= before:
            break
        yield from press("Z", ctrl=True)
    assert not armatures(), "undo takes both results away"
    say("undo takes away what the captures put in")
    for _ in range(12):
        if people() == full:
            break
        yield from press("Z", ctrl=True, shift=True)
    assert people() == full, (people(), full)
    yield 0.5
    picture("07_undone_and_redone.png")

# SPDX-License-Identifier: GPL-3.0-or-later
"""An animator's first minutes, in a real window, by mouse and keyboard. Run by tools/gui_chroot.sh.

    blender --enable-event-simulate --python drive.py

Installs the zip, finds the buttons by hovering (Blender tells which command is under the
mouse), presses them, watches that the window stays alive, and takes pictures on the way.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from pathlib import Path

import bpy
import character
from window import OUT, Steps, click, picture, press, report, say, viewport, wait_for

HERE = Path(__file__).parent
PACKAGE = "bl_ext.user_default.rotocap"
TAB = "Rotocap"

bpy.context.preferences.view.show_splash = False


def armatures() -> list[bpy.types.Object]:
    return [ob for ob in bpy.context.scene.objects if ob.type == "ARMATURE"]


def progress(job) -> int:
    """Frames that a running capture has read."""
    assert job.outcome is None, job.outcome
    return job.state.done


def story() -> Steps:
    bpy.ops.extensions.package_install_files(
        filepath=str(HERE / "rotocap.zip"), repo="user_default", enable_on_install=True, overwrite=True
    )
    say(f"installed in Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    jobs = importlib.import_module(f"{PACKAGE}.addon.jobs")
    yield 1.0
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    _, area, _ = viewport()
    area.spaces.active.show_region_ui = True
    yield 0.5
    viewport()[2].active_panel_category = TAB
    yield 0.5
    picture("1_installed.png")

    bpy.ops.rotocap.import_video(filepath=str(HERE / "Sample clip.mp4"))
    bpy.ops.ed.undo_push(message="Import Video")
    yield 0.5

    yield from click("bpy.ops.rotocap.capture")
    yield from wait_for(lambda: jobs.current() is not None, "the capture starts", seconds=5)
    job = jobs.current()
    yield from wait_for(lambda: progress(job) > 10, "progress", seconds=120)
    say(f"progress: {job.state.text()}, {job.state.speed()}")
    yield 0.3
    picture("2_progress.png")
    # The window is alive: our own timer comes as often as it asked to while the worker works.
    longest, last = 0.0, time.monotonic()
    while True:
        yield 0.05
        waited, last = time.monotonic() - last, time.monotonic()
        if job.outcome is not None:
            break
        longest = max(longest, waited)
        assert last - begun < 400, "the capture does not end"
    say(
        f"captured: {job.outcome.message} Longest the window was busy: {longest:.2f} s, "
        f"and {waited:.2f} s to apply"
    )
    yield 0.5
    assert job.outcome.status == "done", job.outcome
    assert len(armatures()) == 1, armatures()
    assert len(armatures()[0].data.bones) == 55
    _, area, _ = viewport()
    assert area.spaces.active.region_3d.view_perspective == "CAMERA", "the result is seen over the video"
    with bpy.context.temp_override(window=viewport()[0], area=area, region=area.regions[-1]):
        bpy.ops.view3d.view_center_camera()
    for frame in (1, 45, 75):
        bpy.context.scene.frame_set(frame)
        yield 0.7
        picture(f"3_body_{frame:03d}.png")

    yield from press("Z", ctrl=True)
    yield 0.5
    assert not armatures(), "one undo step takes the armature away"
    assert bpy.context.scene.rotocap.video, "and nothing else"
    say("one undo takes the result away")

    bpy.context.scene.rotocap.take = str(HERE / "again.take")
    bpy.ops.ed.undo_push(message="Another take")
    yield from click("bpy.ops.rotocap.capture")
    job = jobs.current()
    yield from wait_for(lambda: progress(job) > 20, "progress again", seconds=120)
    yield from press("ESC")
    yield from wait_for(lambda: job.outcome is not None, "the end after Esc", seconds=120)
    yield 0.5
    assert job.outcome.status == "partial", job.outcome
    assert len(armatures()) == 1, "what was read before Esc is kept"
    say(f"Esc: {job.outcome.message}")
    picture("4_escaped.png")
    yield from character.story(HERE / "Sample clip.take")


steps = story()
begun = time.monotonic()


def drive() -> float | None:
    try:
        return next(steps)
    except StopIteration:
        say(f"all done in {time.monotonic() - begun:.0f} s")
        (OUT / "result.txt").write_text("\n".join(report) + "\n", encoding="utf-8")
        status = 0
    except BaseException:
        traceback.print_exc()
        status = 1
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    sys.stdout.flush()
    if status:
        bpy.app.timers.register(lambda: sys.exit(3))
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(drive, first_interval=1.5)

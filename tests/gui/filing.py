# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved and reopened, a half-finished capture too; a second window; preferences; without video and take."""

from __future__ import annotations

import shutil

import bpy
from capturing import over, people, read
from importing import choose
from installed import PACKAGE, TAKE, VIDEO, module, session, with_take
from window import HERE, Steps, click, in_viewport, picture, press, say, show_tab, viewport, wait_for

AWAY = HERE / "umgezogen"  # another folder
BLEND = HERE / "Arbeit in Ü.blend"


def preferences() -> Steps:
    """In the viewport's place, so that they have room."""
    area = viewport()[1]
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.rotocap.open_preferences()
    yield 1.0
    if len(bpy.context.window_manager.windows) > 1:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):
            bpy.ops.wm.window_close()
    yield 0.5
    area.type = "PREFERENCES"
    yield 1.0
    picture("21_preferences.png")
    bpy.context.preferences.addons[PACKAGE].preferences.shown_models = "whole body"
    bpy.ops.rotocap.check_device()
    yield from wait_for(lambda: not module("addon.device_check").running(), "an answer", seconds=30)
    say(module("addon.device_check").answer())
    yield 0.5
    picture("22_networks.png")
    area.type = "VIEW_3D"
    yield 0.5


def elsewhere() -> Steps:
    """As on a machine that has neither the video nor the take: words, and where the video is can be told."""
    shutil.rmtree(HERE / "half.take", ignore_errors=True)
    AWAY.mkdir()
    shutil.move(TAKE, AWAY)
    shutil.move(VIDEO, AWAY)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(BLEND))
        yield 0.5
        yield from show_tab()
        for frame in (5, 50):
            bpy.context.scene.frame_set(frame)
            yield 0.3
        footage, scene = module("addon.footage"), bpy.context.scene
        assert footage.is_missing(footage.video_path(scene)), footage.video_path(scene)
        problem, entry = module("addon.captured").problem, scene.rotocap.performances[0]
        yield from wait_for(lambda: bool(problem(entry)), "words about the take", seconds=10)
        assert TAKE.name in problem(entry), problem(entry)
        say(f"without the take: {problem(entry)}")
        picture("23_video_and_take_gone.png")

        shutil.move(AWAY / TAKE.name, TAKE)
        bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
        yield from click("bpy.ops.rotocap.find_video")
        yield from choose(AWAY / VIDEO.name)
        footage, scene = module("addon.footage"), bpy.context.scene
        assert footage.video_path(scene) == AWAY / VIDEO.name, footage.video_path(scene)
        assert not footage.is_missing(footage.video_path(scene))
        clips = {bpy.path.abspath(clip.filepath) for clip in bpy.data.movieclips}
        assert clips == {str(AWAY / VIDEO.name)}, clips
        assert module("inference.take").Take.open(TAKE).video.path == str(AWAY / VIDEO.name)
        yield 0.5
        picture("23_found.png")
        say("the video is found again, and its take follows")
    finally:
        for path in (TAKE, VIDEO):
            if (AWAY / path.name).exists():
                shutil.move(AWAY / path.name, path)


def story() -> Steps:
    yield from with_take()
    scene = bpy.context.scene
    there = people()
    assert there

    # A capture into another take, stopped at once: half of it stays on the disk.
    scene.rotocap.take = str(HERE / "half.take")
    bpy.ops.ed.undo_push(message="Another take")
    yield from click("bpy.ops.rotocap.capture")
    yield from wait_for(lambda: read(20), "progress", seconds=60)
    yield from press("ESC")
    yield from wait_for(lambda: not session().job.holds_the_window, "the window is free", seconds=20)
    session().job.stop()
    yield from wait_for(over, "the end", seconds=30)
    bpy.ops.wm.save_as_mainfile(filepath=str(BLEND))
    bpy.ops.wm.read_homefile(app_template="")
    yield 0.5
    bpy.ops.wm.open_mainfile(filepath=str(BLEND))
    yield 1.0
    yield from show_tab()
    assert people() == there, (people(), there)
    left = module("addon.capture_request").unfinished(bpy.context.scene.rotocap)
    assert left is not None, "the half-finished capture is offered"
    say(f"reopened: {len(there)} performances, and {left.text()}")
    picture("20_reopened.png")

    # A second window on the same scene: both draw, and closing it harms nothing.
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.wm.window_new()
    yield 1.0
    windows = bpy.context.window_manager.windows
    assert len(windows) == 2
    for frame in (10, 40):
        bpy.context.scene.frame_set(frame)
        yield 0.3
    with bpy.context.temp_override(window=windows[1]):
        bpy.ops.wm.window_close()
    yield 0.5

    yield from preferences()

    yield from elsewhere()

    bpy.ops.preferences.addon_disable(module=PACKAGE)
    yield 0.5
    picture("24_disabled.png")
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    yield 0.5
    yield from show_tab()
    assert people() == there, "what is in the scene is still there"
    say("disabled and enabled again")

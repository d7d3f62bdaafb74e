# SPDX-License-Identifier: GPL-3.0-or-later
"""Esc while a capture runs: first whoever has it without us, then the capture, in any window."""

from __future__ import annotations

import bpy
from capturing import over, read, started
from installed import VIDEO, module, session
from window import HERE, Steps, click_at, find, in_viewport, picture, press, say, show_tab, viewport, wait_for


def runs_on(what: str) -> None:
    job = session().job  # on a quick machine it may be done by now
    assert not job.state.cancelling, f"Esc for {what} has stopped the capture"
    assert job.outcome is None or job.outcome.status == "done", job.outcome
    say(f"Esc ends {what}, and the capture runs on")


def capturing(part: str) -> Steps:
    """A capture of its own, for the clip is short and a quick machine soon done with it."""
    if module("addon.capture_session").running():
        session().job.stop()
        yield from wait_for(over, "the capture before ends", seconds=30)
        yield 0.3
    bpy.context.scene.rotocap.take = str(HERE / f"escape {part}.take")
    yield from started()
    yield from wait_for(lambda: read(3), "progress", seconds=60)


def story() -> Steps:
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    cube = bpy.data.objects["Cube"]
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(VIDEO)) == {"FINISHED"}
    scene = bpy.context.scene
    yield 0.5
    yield from capturing("moving")
    window = bpy.context.window_manager.windows[0]
    ours = [op.bl_idname for op in window.modal_operators if "ROTOCAP" in op.bl_idname]
    assert not ours, f"{ours}: Blender saves nothing by itself as long as a modal operator runs"

    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    yield from press("G", text="g")
    assert any(op.bl_idname == "TRANSFORM_OT_translate" for op in window.modal_operators)
    yield from press("ESC")
    assert not window.modal_operators
    runs_on("moving an object")

    yield from capturing("typing")
    name = scene.rotocap.video
    # Where the field is now: what was captured before may have come meanwhile and moved it.
    field: list[tuple[int, int]] = []
    yield from find("rotocap.video", field)
    yield from click_at(*field[0])
    yield from press("X", text="x", at=field[0])
    picture("90_typing.png")
    yield from press("ESC", at=field[0])
    assert scene.rotocap.video == name, "Esc leaves the field as it was"
    runs_on("typing")

    yield from capturing("playing")
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.screen.animation_play()
    yield 0.5
    assert window.screen.is_animation_playing
    assert session().over or "Esc" not in session().status(), session().status()
    yield from press("ESC")
    yield 0.5
    assert not window.screen.is_animation_playing
    runs_on("playing")

    # A second window: Capture was not pressed there.
    yield from capturing("second window")
    assert session().status().endswith("Esc: stop and keep"), session().status()
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.wm.window_new()
    yield 1.0
    second = bpy.context.window_manager.windows[1]
    area = max(second.screen.areas, key=lambda area: area.width * area.height)
    x, y = area.x + area.width // 2, area.y + area.height // 2
    picture("91_second_window.png")
    second.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.2
    second.event_simulate("ESC", "PRESS", x=x, y=y)
    yield 0.05
    second.event_simulate("ESC", "RELEASE", x=x, y=y)
    yield from wait_for(lambda: session().job.state.cancelling, "Esc in the second window", seconds=5)
    say(f"Esc in the second window, over its {area.type}: {session().job.state.text()}")
    yield 0.5
    picture("92_escaped.png")
    with bpy.context.temp_override(window=second):
        bpy.ops.wm.window_close()
    session().job.stop()
    yield from wait_for(over, "the end", seconds=30)
    yield 0.5
    assert viewport()[0] == bpy.context.window_manager.windows[0]

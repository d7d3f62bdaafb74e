# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture that ends while Blender renders: it waits with its result, says so, and puts it in afterwards."""

from __future__ import annotations

import threading
import time

import bpy
from capturing import over, people
from installed import VIDEO, session
from window import HERE, Steps, click, in_viewport, picture, say, show_tab, wait_for

_may_end = threading.Event()


class WaitingEngine(bpy.types.RenderEngine):
    """Renders nothing, until it is told to end: how long a render takes is then the story's own choice."""

    bl_idname = "ROTOCAP_WAITING"
    bl_label = "Waiting"

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        while not (_may_end.is_set() or self.test_break()):
            time.sleep(0.05)


def rendering() -> bool:
    return bpy.app.is_job_running("RENDER")


def story() -> Steps:
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(VIDEO)) == {"FINISHED"}
    scene = bpy.context.scene
    settings = scene.rotocap
    settings.use_range, settings.first, settings.last = True, 1, 6
    settings.take = str(HERE / "render.take")
    bpy.utils.register_class(WaitingEngine)
    bpy.context.preferences.view.render_display_type = "NONE"
    scene.render.engine = WaitingEngine.bl_idname
    _may_end.clear()
    yield 0.5

    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.render.render("INVOKE_DEFAULT")
    yield from wait_for(rendering, "a render", seconds=10)
    yield from click("bpy.ops.rotocap.capture")
    yield from wait_for(lambda: bool(session().waiting), "the capture is done and waits", seconds=60)
    assert rendering() and "render" in session().waiting, session().waiting
    assert not people() and not over(), "nothing is put into a scene that is being rendered"
    say(f"captured while rendering: {session().waiting}")
    yield 0.5
    picture("60_waits_for_the_render.png")

    _may_end.set()
    yield from wait_for(lambda: not rendering(), "the end of the render", seconds=10)
    yield from wait_for(over, "the result is put in", seconds=20)
    assert session().job.outcome.status == "done" and people(), (session().job.outcome, session().failed)
    scene.render.engine = "CYCLES"
    bpy.utils.unregister_class(WaitingEngine)
    yield 0.5
    picture("61_put_in.png")

# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over viewports and timelines. The handlers are here; what they draw is in the modules.

Every handler measures itself, see `cost`: it has 4 ms. An error in one would come again with
every redraw, so it is printed once, and the handler rests until it is enabled again.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable

import bpy
import numpy as np

from .shapes import Shapes

_handles: list[tuple[type, object]] = []
# Milliseconds of the last draws: by the clock, and of those what this thread worked.
_spent: deque[tuple[float, float]] = deque(maxlen=2000)
_failed: set[str] = set()

# Editors with frames along x, by the name of their type.
_TIMELINES = ("SpaceDopeSheetEditor", "SpaceGraphEditor", "SpaceNLA")


def enable() -> None:
    """Begin to draw. In background mode there is nothing to draw on."""
    disable()
    if bpy.app.background:
        return
    _handles.append(
        (
            bpy.types.SpaceView3D,
            bpy.types.SpaceView3D.draw_handler_add(_draw_viewport, (), "WINDOW", "POST_PIXEL"),
        )
    )
    for name in _TIMELINES:
        space = getattr(bpy.types, name)
        _handles.append((space, space.draw_handler_add(_draw_timeline, (), "WINDOW", "POST_PIXEL")))


def disable() -> None:
    """Draw no more, and keep nothing."""
    from .. import captured
    from . import strip

    while _handles:
        space, handle = _handles.pop()
        space.draw_handler_remove(handle, "WINDOW")
    _failed.clear()
    captured.forget()
    strip.forget()


def redraw() -> None:
    """Let every viewport and timeline of every window be drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR", "NLA_EDITOR"):
                area.tag_redraw()


def cost() -> dict[str, float]:
    """What our last drawings took: how many there were, the 95th percentile and the longest in milliseconds.

    By the clock, and as time that this thread worked, which a busy machine does not lengthen.
    """
    spent = np.array(_spent) if _spent else np.zeros((1, 2))
    return {
        "draws": float(len(_spent)),
        "p95_ms": float(np.percentile(spent[:, 0], 95)),
        "max_ms": float(spent[:, 0].max()),
        "work_p95_ms": float(np.percentile(spent[:, 1], 95)),
        "work_max_ms": float(spent[:, 1].max()),
    }


def forget_cost() -> None:
    """Begin to measure anew."""
    _spent.clear()


def _draw_viewport() -> None:
    from . import viewport

    context = bpy.context
    _timed("viewport", lambda: viewport.shapes_of(context, context.region, context.space_data))


def _draw_timeline() -> None:
    from . import strip

    context = bpy.context
    _timed("timeline", lambda: strip.shapes_of(context, context.region))


def _timed(what: str, make: Callable[[], Shapes]) -> None:
    if what in _failed:
        return
    begun, worked = time.perf_counter(), time.thread_time()
    try:
        draw(make())
    except Exception:
        _failed.add(what)
        traceback.print_exc()
    _spent.append((1e3 * (time.perf_counter() - begun), 1e3 * (time.thread_time() - worked)))


def draw(drawn: Shapes) -> None:
    if not len(drawn.triangles):
        return
    # Loaded here: a Blender without a window has no graphics to speak of.
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    batch = batch_for_shader(
        shader, "TRIS", {"pos": drawn.corners, "color": drawn.colours}, indices=drawn.triangles
    )
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")

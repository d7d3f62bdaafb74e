# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over viewports and timelines. The handlers are here; what they draw is in the modules.

Every drawing measures itself, see `spent`: all of a frame have 4 ms. An error in one would come
again with every redraw, so it is printed once, and the handler rests until it is enabled again.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import bpy

from .shapes import Shapes


class Cost(NamedTuple):
    """What one drawing took, in milliseconds."""

    where: str  # viewport or timeline
    clock_ms: float
    work_ms: float  # of those, what this thread worked: a busy machine does not lengthen it
    graphics_ms: float  # of those, in calls of the graphics driver


_handles: list[tuple[type, object]] = []
_spent: deque[Cost] = deque(maxlen=2000)
_failed: set[str] = set()
# What was drawn last, on the graphics card: shapes and batch by the shapes' id.
_batches: dict[int, tuple[Shapes, object]] = {}
_KEPT = 16

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
    _batches.clear()
    captured.forget()
    strip.forget()


def redraw() -> None:
    """Let every viewport and timeline of every window be drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR", "NLA_EDITOR"):
                area.tag_redraw()


def spent() -> list[Cost]:
    """What our drawings took since this was asked the last time."""
    out = list(_spent)
    _spent.clear()
    return out


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
    made = worked
    try:
        shapes = make()
        made = time.thread_time()
        draw(shapes)
    except Exception:
        _failed.add(what)
        traceback.print_exc()
    ended = time.thread_time()
    _spent.append(Cost(what, *(1e3 * t for t in (time.perf_counter() - begun, ended - worked, ended - made))))


def draw(drawn: Shapes) -> None:
    """Draw shapes into the region. The same ones again, which a timeline has, are only drawn."""
    if not len(drawn.triangles):
        return
    # Loaded here: a Blender without a window has no graphics to speak of.
    import gpu

    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    _, batch = _batches.pop(id(drawn), (drawn, None))
    batch = batch or _batch_of(drawn)
    _batches[id(drawn)] = (
        drawn,
        batch,
    )  # the last one used comes last; with the shapes, so that none gets its id
    while len(_batches) > _KEPT:
        del _batches[next(iter(_batches))]
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _batch_of(drawn: Shapes) -> object:
    """The shapes on the graphics card. As gpu_extras' `batch_for_shader`, which asks the shader each time."""
    from gpu.types import GPUBatch, GPUIndexBuf, GPUVertBuf, GPUVertFormat

    form = GPUVertFormat()
    form.attr_add(id="pos", comp_type="F32", len=2, fetch_mode="FLOAT")
    form.attr_add(id="color", comp_type="F32", len=4, fetch_mode="FLOAT")
    corners = GPUVertBuf(form, len(drawn.corners))
    corners.attr_fill("pos", drawn.corners)
    corners.attr_fill("color", drawn.colours)
    return GPUBatch(type="TRIS", buf=corners, elem=GPUIndexBuf(type="TRIS", seq=drawn.triangles))

# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame of the video with boxes around its people, drawn over a 3D viewport."""

from __future__ import annotations

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from .overlay.picture import Box, free_room
from .people_finder import Found, Layout

_DIM = (0.0, 0.0, 0.0, 0.7)
_BOX, _UNDER = (1.0, 1.0, 1.0, 0.85), (1.0, 0.6, 0.1, 1.0)
_HINT = "Click on the person to capture. Somebody has no box? Esc, and try another frame"


class PickDrawing:
    """Draws in one area from `show` until `close`."""

    def __init__(self, area: bpy.types.Area) -> None:
        self._area = area.as_pointer()
        self._texture: gpu.types.GPUTexture | None = None
        self._found: Found | None = None
        self.layout: Layout | None = None
        self.under: int | None = None  # the box under the mouse
        self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")

    def show(self, found: Found, area: bpy.types.Area) -> None:
        self._found = found
        self.layout = Layout.fitted(found.size, free_room(area))

    def close(self) -> None:
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None

    def _draw(self) -> None:
        context = bpy.context
        if context.area is None or context.area.as_pointer() != self._area or context.region is None:
            return
        region = context.region
        gpu.state.blend_set("ALPHA")
        _rectangle((0, 0, region.width, region.height), _DIM)
        if self._found is None:
            _text("Looking for people…", 0.5 * region.width, 0.5 * region.height)
            gpu.state.blend_set("NONE")
            return
        self.layout = Layout.fitted(self._found.size, free_room(context.area))
        if self._texture is None:
            self._texture = _texture(self._found.picture)
        _image(self._texture, self.layout.rectangle())
        for index, box in enumerate(self._found.boxes):
            _outline(self.layout.box(box), _UNDER if index == self.under else _BOX)
        left, _, right, top = self.layout.rectangle()
        _text(_HINT, 0.5 * (left + right), top + 8.0)
        gpu.state.blend_set("NONE")


def _texture(picture: np.ndarray) -> gpu.types.GPUTexture:
    height, width = picture.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    # The shader takes light, the picture has what a screen is told.
    shown = picture / np.float32(255.0)
    pixels[..., :3] = np.where(shown > 0.04045, ((shown + 0.055) / 1.055) ** 2.4, shown / 12.92)
    data = gpu.types.Buffer("FLOAT", height * width * 4, pixels.ravel())
    return gpu.types.GPUTexture((width, height), format="RGBA32F", data=data)


def _corners(box: Box) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _rectangle(box: Box, colour: tuple[float, float, float, float]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": _corners(box)})
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _image(texture: gpu.types.GPUTexture, box: Box) -> None:
    shader = gpu.shader.from_builtin("IMAGE")
    places = {"pos": _corners(box), "texCoord": [(0, 0), (1, 0), (1, 1), (0, 1)]}
    batch = batch_for_shader(shader, "TRI_FAN", places)
    shader.uniform_sampler("image", texture)
    batch.draw(shader)


def _outline(box: Box, colour: tuple[float, float, float, float]) -> None:
    corners = _corners(box)
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": [(x, y, 0.0) for x, y in [*corners, corners[0]]]})
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", 2.5)
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _text(text: str, x: float, y: float) -> None:
    font = 0
    scale = bpy.context.preferences.system.ui_scale
    blf.size(font, 14.0 * scale)
    blf.color(font, 1.0, 1.0, 1.0, 1.0)
    width, _ = blf.dimensions(font, text)
    blf.position(font, x - 0.5 * width, y, 0.0)
    blf.draw(font, text)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A box that is dragged over the picture in a viewport that looks through the camera."""

from __future__ import annotations

import bpy
import numpy as np

from . import overlay
from .overlay import shapes
from .performance_properties import RotocapPerformance
from .point_drawing import PictureArea

_LINE = (1.0, 0.6, 0.1, 1.0)


class BoxDrawing(PictureArea):
    """Draws until `close`."""

    def __init__(self, context: bpy.types.Context, entry: RotocapPerformance) -> None:
        """RigError if no viewport looks through the camera."""
        super().__init__(context, entry)
        self._from = self._to = (0.0, 0.0)

    def begin(self, place: tuple[float, float]) -> None:
        """One corner is at this pixel of the video."""
        self._from = self._to = place
        self.held = True

    def move(self, place: tuple[float, float]) -> None:
        """The other corner is at this pixel."""
        self._to = place
        self.redraw()

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, pixels of the video."""
        (x0, y0), (x1, y1) = self._from, self._to
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def draw(self) -> None:
        picture = self.picture()
        if not self.held or picture is None:
            return
        x0, y0, x1, y1 = self.box()
        corners = picture.to_region(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32))
        ends = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
        colours = np.tile(np.array(_LINE, np.float32), (4, 2, 1))
        overlay.draw(shapes.strokes(ends, np.full(4, 2.0, np.float32), colours))

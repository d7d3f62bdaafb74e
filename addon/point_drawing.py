# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen while a point is dragged: the points that can be, the one under the mouse, where it goes."""

from __future__ import annotations

import bpy
import numpy as np

from ..inference.errors import RigError
from . import captured, overlay
from .correct_points import NOBODY, Draggable, at_playhead, label
from .overlay import shapes
from .overlay.picture import Box, Picture, beside, camera_of, free_room, picture_in
from .performance_properties import RotocapPerformance

_RING, _DOT = 6.0, 3.5  # pixels
_FREE = (1.0, 1.0, 1.0, 0.9)
_GUESSED = (1.0, 1.0, 1.0, 0.4)  # not seen by the networks
_PICKED = (1.0, 0.6, 0.1, 1.0)
_RIM = (0.0, 0.0, 0.0, 0.8)
_GROUND = (0.0, 0.0, 0.0, 0.65)  # of the label


class PictureArea:
    """A viewport that looks through the camera, drawn over until `close`."""

    def __init__(self, context: bpy.types.Context, entry: RotocapPerformance) -> None:
        """RigError if no viewport looks through the camera."""
        self._scene = context.scene
        there = captured.of(entry, wait=True)
        if there is None:
            raise RigError(captured.problem(entry))
        self._size = there.size
        area = _camera_area(context)
        if area is None:
            raise RigError("Look through the camera first (0 on the number pad), so that the picture is seen")
        self._area = area
        self.held = False  # something is being dragged
        self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        self.redraw()

    def under(self, event: bpy.types.Event) -> tuple[float, float] | None:
        """The pixel of the video under the mouse; None where the mouse is not over that viewport."""
        region = self._region()
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        if not self.held and not (0 <= x < region.width and 0 <= y < region.height and self._is_free(event)):
            return None
        picture = self.picture()
        return picture.from_region(x, y) if picture is not None else None

    def reach(self, pixels: float) -> float:
        """So many pixels of the region, in pixels of the video."""
        picture = self.picture()
        return pixels / picture.scale if picture is not None else 0.0

    def picture(self) -> Picture | None:
        """Where the video's picture is in the viewport."""
        space = self._area.spaces.active
        camera = camera_of(space, self._scene)
        if camera is None:
            return None
        return picture_in(self._region(), space.region_3d, camera, self._scene, self._size)

    def redraw(self) -> None:
        self._area.tag_redraw()

    def close(self) -> None:
        """Draw no more."""
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        self.redraw()

    def draw(self) -> None:
        """Draw into the viewport."""
        raise NotImplementedError

    def _draw(self) -> None:
        if bpy.context.area == self._area:
            self.draw()

    def _is_free(self, event: bpy.types.Event) -> bool:
        """Whether the mouse is over the picture, not over the sidebar or a header that lies on it."""
        for region in self._area.regions:
            inside = (
                0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height
            )
            if region.type != "WINDOW" and region.width > 1 and inside:
                return False
        return True

    def _region(self) -> bpy.types.Region:
        return next(region for region in self._area.regions if region.type == "WINDOW")


class PointDrawing(PictureArea):
    """The points that can be dragged."""

    def __init__(self, context: bpy.types.Context, entry: RotocapPerformance) -> None:
        """RigError if no viewport looks through the camera."""
        self._points = NOBODY
        self.keypoint = -1  # what is held, or would be
        self.place = (0.0, 0.0)  # pixels of the video
        super().__init__(context, entry)

    def points(self) -> Draggable:
        """The points of the frame at the playhead; while one is held, those that it was taken from."""
        if not self.held:
            self._points = at_playhead(bpy.context)
        return self._points

    def take(self, keypoint: int, place: tuple[float, float]) -> None:
        """Hold a point."""
        self.keypoint, self.place, self.held = keypoint, place, True
        self.redraw()

    def move(self, place: tuple[float, float] | None, near: int | None) -> None:
        """The mouse is at a place (pixels of the video); `near` is the point that it could pick up."""
        if self.held and place is not None:
            self.place = place
        elif not self.held:
            self.keypoint = -1 if near is None else near
        self.redraw()

    def draw(self) -> None:
        picture = self.picture()
        if picture is None:
            return
        pixel = bpy.context.preferences.system.ui_scale
        points = self.points()
        if not len(points.keypoints):
            return
        places = picture.to_region(points.places.astype(np.float32))
        picked = points.keypoints == self.keypoint
        colours = np.where(points.seen[:, None], _FREE, _GUESSED).astype(np.float32)
        colours[picked] = _PICKED
        rims = np.tile(np.array(_RIM, np.float32), (len(places), 1))
        rims[~points.seen, 3] *= _GUESSED[3]
        size = np.where(picked, _RING, _DOT).astype(np.float32) * pixel
        parts = [shapes.discs(places, size + pixel, rims), shapes.discs(places, size, colours)]
        at = places[picked]
        if self.held and picked.any():
            end = picture.to_region(np.array([self.place], np.float32))
            line = np.stack([at[0], end[0]])[None]
            both = np.tile(np.array(_PICKED, np.float32), (1, 2, 1))
            parts.append(shapes.strokes(line, np.array([2.0 * pixel], np.float32), both))
            parts.append(shapes.discs(end, np.array([_RING * pixel], np.float32), colours[picked][:1]))
            at = end
        overlay.draw(shapes.together(parts))
        if picked.any():
            _write(label(self.keypoint), at[0], pixel, room=free_room(self._area))


def _camera_area(context: bpy.types.Context) -> bpy.types.Area | None:
    """The viewport that looks through the camera: the animator's own, or else any of the window."""
    areas = [context.area] if context.area is not None else []
    areas += [area for area in context.window.screen.areas if area != context.area]
    for area in areas:
        if area.type == "VIEW_3D" and camera_of(area.spaces.active, context.scene) is not None:
            return area
    return None


def _write(text: str, at: np.ndarray, pixel: float, *, room: Box) -> None:
    """On a dark ground: the picture behind it may be as light as the letters."""
    import blf

    blf.size(0, 13.0 * pixel)
    width, height = blf.dimensions(0, text)
    x, y = beside((float(at[0]), float(at[1])), (width, height), room, gap=12.0 * pixel)
    edge = 4.0 * pixel
    ground = (y - edge, y + height + edge)
    overlay.draw(shapes.boxes(np.array([[x - edge, x + width + edge]]), ground, np.array([_GROUND])))
    blf.color(0, 1.0, 1.0, 1.0, 1.0)
    blf.position(0, x, y, 0.0)
    blf.draw(0, text)

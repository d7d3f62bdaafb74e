# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pixel of the video lies in a viewport that looks through the camera, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Box = tuple[float, float, float, float]  # left, bottom, right and top


@dataclass(frozen=True)
class Picture:
    """The video's picture in a region: one scale, no turn."""

    size: tuple[int, int]  # pixels of the video, width and height
    centre: tuple[float, float]  # of the picture, in the region
    scale: float  # pixels of the region for one of the video

    def to_region(self, points: Floats) -> Floats:
        """Pixels (..., 2) of the video, y down, as pixels of the region, y up."""
        (width, height), (x, y) = self.size, self.centre
        corner = (x - self.scale * (width - 1) / 2, y + self.scale * (height - 1) / 2)
        scales, corner = np.array([(self.scale, -self.scale), corner], np.float32)
        return np.asarray(points[..., :2] * scales + corner, dtype=np.float32)

    def from_region(self, x: float, y: float) -> tuple[float, float]:
        """The video's pixel under a place in the region, as under the mouse."""
        return (
            (x - self.centre[0]) / self.scale + (self.size[0] - 1) / 2,
            (self.size[1] - 1) / 2 - (y - self.centre[1]) / self.scale,
        )


def camera_of(space: bpy.types.SpaceView3D, scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The camera that a viewport looks through; None if it does not look through one."""
    region_3d = space.region_3d
    if region_3d is None or region_3d.view_perspective != "CAMERA":
        return None
    camera = space.camera if space.use_local_camera else scene.camera
    return camera if camera is not None and camera.type == "CAMERA" else None


def picture_in(
    region: bpy.types.Region,
    region_3d: bpy.types.RegionView3D,
    camera: bpy.types.Object,
    scene: bpy.types.Scene,
    size: tuple[int, int],
) -> Picture | None:
    """The picture of so many pixels, fitted into the camera's frame; None if the frame is nowhere."""
    world = camera.matrix_world
    across = camera.data.view_frame(scene=scene)[::2]  # two corners that face each other
    one, other = (location_3d_to_region_2d(region, region_3d, world @ corner) for corner in across)
    if one is None or other is None:
        return None
    scale = min(abs(one.x - other.x) / size[0], abs(one.y - other.y) / size[1])
    if scale <= 0.0:
        return None
    return Picture(size, (0.5 * (one.x + other.x), 0.5 * (one.y + other.y)), scale)


def free_room(area: bpy.types.Area) -> Box:
    """What no toolbar and no sidebar covers of a viewport, in pixels of its window region."""
    window = next(region for region in area.regions if region.type == "WINDOW")
    left, bottom, right, top = 0.0, 0.0, float(window.width), float(window.height)
    for region in area.regions:
        x, y = region.x - window.x, region.y - window.y
        if region.width <= 1 or region.height <= 1:
            continue  # hidden
        if region.type == "TOOLS":
            left = max(left, x + region.width)
        elif region.type == "UI":
            right = min(right, x)
        elif region.type in ("HEADER", "TOOL_HEADER") and y > 0.5 * window.height:
            top = min(top, y)
        elif region.type in ("HEADER", "ASSET_SHELF", "ASSET_SHELF_HEADER"):
            bottom = max(bottom, y + region.height)
    return (
        (left, bottom, right, top) if right > left and top > bottom else (0, 0, window.width, window.height)
    )


def beside(
    at: tuple[float, float], size: tuple[float, float], room: Box, *, gap: float
) -> tuple[float, float]:
    """Left and bottom of a label of this size beside a point: to its upper right, or where there is room."""
    (x, y), (width, height), (left, bottom, right, top) = at, size, room
    to_right = x + gap + width <= right or x - gap - width < left
    upwards = y + gap + height <= top or y - gap - height < bottom
    return (x + gap if to_right else x - gap - width, y + gap if upwards else y - gap - height)

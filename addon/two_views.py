# SPDX-License-Identifier: GPL-3.0-or-later
"""The video and the body side by side: the viewport split in two, and made one again."""

from __future__ import annotations

import bpy
from mathutils import Quaternion, Vector

_FROM_THE_SIDE = (0.745, 0.572, 0.208, 0.271)  # a little from above, from the front left
_IN_THE_WAY = ("show_object_viewport_mesh", "show_object_viewport_armature")  # of the person in the video
_DISTANCE, _ASIDE = 5.0, 0.9  # metres from the body, and of the view's middle to its right


def second_view(context: bpy.types.Context) -> bpy.types.Area | None:
    """Another viewport right beside this one, if there is one."""
    here = context.area
    if here is None:
        return None
    for area in context.screen.areas:
        beside = area.y == here.y and area.height == here.height and area != here
        touches = abs(area.x - (here.x + here.width)) < 8 or abs(here.x - (area.x + area.width)) < 8
        if area.type == "VIEW_3D" and beside and touches:
            return area
    return None


def split(context: bpy.types.Context, target: bpy.types.Object | None) -> None:
    """A new viewport shows the video through the camera; this one, with its buttons, `target`."""
    here = context.area
    before, width = {area.as_pointer() for area in context.screen.areas}, here.width
    region = next(region for region in here.regions if region.type == "WINDOW")
    with context.temp_override(area=here, region=region):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    (new,) = [area for area in context.screen.areas if area.as_pointer() not in before]
    video, body = new.spaces.active, here.spaces.active
    video.show_region_ui = False
    for kind in _IN_THE_WAY:  # points and skeleton are drawn over the video all the same
        setattr(video, kind, False)
    if context.scene.camera is not None:
        video.region_3d.view_perspective = "CAMERA"
    body.region_3d.view_perspective = "PERSP"
    body.region_3d.view_rotation = Quaternion(_FROM_THE_SIDE)
    if target is not None:
        middle = target.matrix_world @ target.pose.bones[0].head if target.pose.bones else target.location
        # Right of the body lies the sidebar: the body belongs in the middle of what is left.
        to_right = body.region_3d.view_rotation @ Vector((_ASIDE if body.show_region_ui else 0.0, 0.0, 0.0))
        body.region_3d.view_location = middle + to_right
        body.region_3d.view_distance = _DISTANCE
    window, screen, tries = context.window, context.screen, iter(range(20))

    def fill() -> float | None:
        """The video as large as the viewport allows: only after a redraw does the new area know its size."""
        if new.as_pointer() not in {area.as_pointer() for area in screen.areas}:
            return None
        canvas = next(region for region in new.regions if region.type == "WINDOW")
        if canvas.width > 0.75 * width and next(tries, None) is not None:
            return 0.1
        with bpy.context.temp_override(window=window, screen=screen, area=new, region=canvas):
            if bpy.ops.view3d.view_center_camera.poll():
                bpy.ops.view3d.view_center_camera()
        return None

    bpy.app.timers.register(fill, first_interval=0.1)


def join(context: bpy.types.Context, area: bpy.types.Area) -> None:
    """Close the second viewport; this one takes its room and shows the video again."""
    here, other = context.area.spaces.active, area.spaces.active
    for kind in _IN_THE_WAY:  # whichever half is kept
        setattr(here, kind, getattr(here, kind) or getattr(other, kind))
    with context.temp_override(area=area):
        bpy.ops.screen.area_close()
    if context.scene.camera is not None:
        here.region_3d.view_perspective = "CAMERA"

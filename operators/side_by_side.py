# SPDX-License-Identifier: GPL-3.0-or-later
"""The video and the body side by side."""

from __future__ import annotations

import bpy

from ..addon import performances, two_views


class ROTOCAP_OT_side_by_side(bpy.types.Operator):
    """Split this viewport: the video through the camera in one half, the body from the side in the other. Pressed again, one viewport"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.side_by_side"
    bl_label = "Side by Side"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("Press this in a 3D viewport")
            return False
        if context.screen.show_fullscreen:
            cls.poll_message_set("Leave the maximised view first (Ctrl Space)")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        second = two_views.second_view(context)
        entry = performances.active(context)
        try:
            if second is not None:
                two_views.join(context, second)
            else:
                two_views.split(context, performances.rig_of(entry) if entry is not None else None)
        except (RuntimeError, ValueError) as error:
            self.report({"ERROR"}, f"This viewport cannot be split or joined: {error}. Make it wider first")
            return {"CANCELLED"}
        return {"FINISHED"}

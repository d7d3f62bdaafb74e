# SPDX-License-Identifier: GPL-3.0-or-later
"""Jump to a frame that a panel names."""

from __future__ import annotations

import bpy


class ROTOCAP_OT_go_to_frame(bpy.types.Operator):
    """Go to this frame"""

    bl_idname = "rotocap.go_to_frame"
    bl_label = "Go There"
    bl_options = {"REGISTER"}

    frame: bpy.props.IntProperty(
        name="Frame", description="The scene's frame to go to", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.frame_set(self.frame)
        return {"FINISHED"}

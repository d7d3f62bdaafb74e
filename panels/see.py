# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the video and along the timeline, and where to look, in the sidebar: drawing only."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel


class ROTOCAP_PT_see(SidebarPanel, bpy.types.Panel):
    bl_label = "See"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return len(context.scene.rotocap.performances) > 0

    def draw(self, context: bpy.types.Context) -> None:
        layout, see = self.layout, context.scene.rotocap.see
        column = layout.column(align=True)
        _jump(column, "rotocap.go_to_doubt", "Doubtful Frame")
        _jump(column, "rotocap.go_to_slide", "Slide")
        row = layout.row(align=True)
        row.label(text="In This View")
        row.prop(context.space_data, "show_object_viewport_mesh", text="Body", toggle=True)
        row.prop(context.space_data, "show_object_viewport_armature", text="Armature", toggle=True)
        layout.prop(see, "overlay", toggle=True, icon="OVERLAY")
        column = layout.column(align=True)
        column.active = see.overlay
        row = column.row(align=True)
        row.prop(see, "points", toggle=True)
        row.prop(see, "skeleton", toggle=True)
        row = column.row(align=True)
        row.label(text="Colour by")
        row.prop(see, "colour_by", expand=True)
        column.prop(see, "fine")
        layout.label(text="Raw Capture as a Ghost")
        column = layout.column(align=True)
        column.row(align=True).prop(see, "ghost", expand=True)
        if see.ghost == "beside":
            column.prop(see, "ghost_distance")
        layout.prop(see, "strip")
        layout.operator("rotocap.side_by_side", icon="MOD_MIRROR")
        column = layout.column(align=True)
        column.prop(see, "doubtful")
        column.prop(see, "slide")


def _jump(column: bpy.types.UILayout, operator: str, text: str) -> None:
    """Back and forth, as Blender's own jumps to keyframes look."""
    row = column.row(align=True)
    row.operator(operator, text="", icon="PREV_KEYFRAME").direction = "previous"
    row.operator(operator, text=f"Next {text}", icon="NEXT_KEYFRAME").direction = "next"

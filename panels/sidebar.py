# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rotocap tab in the 3D viewport's sidebar: drawing only."""

from __future__ import annotations

import textwrap

import bpy

_CHARACTERS = 33  # that fit a line of a box in the sidebar at its usual width, after an icon


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Rotocap"


def paragraph(column: bpy.types.UILayout, text: str, icon: str) -> None:
    """Text over several lines: a label alone is cut off in the middle."""
    for number, line in enumerate(textwrap.wrap(text, _CHARACTERS)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


class ROTOCAP_PT_apply(SidebarPanel, bpy.types.Panel):
    bl_label = "Apply"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.prop(context.scene.rotocap, "take", text="Take")
        layout.operator("rotocap.import_motion", icon="IMPORT")
        column = layout.column(align=True)
        column.operator("rotocap.apply_new_armature", icon="OUTLINER_OB_ARMATURE")

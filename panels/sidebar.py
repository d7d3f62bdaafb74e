# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rotocap tab in the 3D viewport's sidebar: drawing only."""

from __future__ import annotations

import textwrap

import bpy

from ..addon import performances

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
    bl_label = "Take"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.rotocap
        layout.prop(settings, "take", text="")
        layout.operator("rotocap.import_motion", icon="IMPORT")
        column = layout.column(align=True)
        # After a capture its people are in the scene already: this is no next step then.
        text = "Put in Again" if performances.are_in_scene(context.scene) else "New Armature"
        column.operator("rotocap.apply_new_armature", text=text, icon="OUTLINER_OB_ARMATURE")

# SPDX-License-Identifier: GPL-3.0-or-later
"""How to begin, and where to read on: drawing only."""

from __future__ import annotations

import bpy

from ..addon.help import pages
from .sidebar import SidebarPanel

_STEPS = (
    "Import a video of a person.",
    "Press Capture. Esc stops and keeps.",
    "The body appears over the video.",
    "Apply it to a character of yours.",
)


class ROTOCAP_PT_quick_start(SidebarPanel, bpy.types.Panel):
    bl_label = "Quick Start"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not len(context.scene.rotocap.performances)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        done = 1 if context.scene.rotocap.video else 0
        for number, text in enumerate(_STEPS):
            row = column.row()
            row.active = number >= done
            row.label(text=f"{number + 1}. {text}", icon="CHECKMARK" if number < done else "NONE")
        column.separator()
        column.label(text="Your video stays on this machine.", icon="LOCKED")
        column.separator()
        column.operator("rotocap.open_help", text="Read the Quick Start", icon="HELP").page = "quick-start"


class ROTOCAP_PT_help(SidebarPanel, bpy.types.Panel):
    bl_label = "Help"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 100  # the last one, whatever is added

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for page, title in pages():
            column.operator("rotocap.open_help", text=title, icon="HELP").page = page
        column.separator()
        column.operator("rotocap.open_preferences", icon="PREFERENCES")

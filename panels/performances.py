# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was captured, in the sidebar: drawing only."""

from __future__ import annotations

import bpy

from ..addon import captured, performances
from .sidebar import SidebarPanel, paragraph


class ROTOCAP_UL_performances(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: object, item: object,
        icon: int, active_data: object, active_property: str, index: int = 0, flag: int = 0,
    ) -> None:  # fmt: skip
        row = layout.row(align=True)
        colour = row.row()
        colour.ui_units_x = 0.8
        colour.prop(item, "colour", text="")
        row.separator()
        row.prop(item, "name", text="", emboss=False)
        numbers = row.row()
        numbers.alignment = "RIGHT"
        numbers.active = False
        numbers.label(text=f"{item.first}-{item.last}")
        numbers.label(text=f"\N{PLUS-MINUS SIGN}{100.0 * item.doubt:.0f} cm")
        row.prop(item, "visible", text="", icon="HIDE_OFF" if item.visible else "HIDE_ON", emboss=False)


class ROTOCAP_PT_performances(SidebarPanel, bpy.types.Panel):
    bl_label = "Performances"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return len(context.scene.rotocap.performances) > 0

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        layout.template_list(
            "ROTOCAP_UL_performances", "", settings, "performances", settings, "performance_index", rows=3
        )
        if performances.problem():
            paragraph(layout.column(align=True), performances.problem(), "ERROR")
        entry = performances.active(context)
        if entry is None:
            return
        column = layout.column(align=True)
        row = column.row(align=True)
        row.operator_menu_enum("rotocap.performance_merge", "other", text="Same Person As")
        row.operator("rotocap.performance_split")
        row = column.row(align=True)
        row.operator("rotocap.performance_duplicate", text="Duplicate", icon="DUPLICATE")
        row.operator("rotocap.performance_delete", text="Delete", icon="TRASH")
        if performances.has_several_takes(context.scene):
            alone = performances.is_alone(context.scene, entry.take)
            text, icon = ("Show Everybody", "SOLO_ON") if alone else ("Only This Video", "SOLO_OFF")
            column.operator("rotocap.performance_solo", text=text, icon=icon)
        if performances.rig_of(entry) is None:
            paragraph(layout.column(align=True), "Its armature is gone: apply the take again.", "ERROR")
        problem = captured.problem(entry)
        if problem:
            paragraph(layout.column(align=True), problem, "ERROR")

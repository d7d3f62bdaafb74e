# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on the animator's own character, in the sidebar: drawing only."""

from __future__ import annotations

import bpy

from ..addon import rig_map
from .sidebar import SidebarPanel, paragraph

_WORST = 6  # frames to jump to


class ROTOCAP_UL_bone_map(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: object, item: object,
        icon: int, active_data: object, active_property: str, index: int = 0, flag: int = 0,
    ) -> None:  # fmt: skip
        split = layout.split(factor=0.45)
        split.label(text=rig_map.label(item.id_data, index))
        bone = split.row()
        bone.active = bool(item.bone)
        bone.label(text=rig_map.short(item.bone) or "no bone")

    def filter_items(
        self, context: bpy.types.Context, data: object, property: str
    ) -> tuple[list[int], list[int]]:
        shown = context.scene.rotocap.retarget.shown
        rows = getattr(data, property)
        return [self.bitflag_filter_item if rig_map.group_of(row.role) == shown else 0 for row in rows], []


class ROTOCAP_MT_presets(bpy.types.Menu):
    bl_label = "Presets"

    def draw(self, context: bpy.types.Context) -> None:
        found, problems = rig_map.known_presets()
        for preset in found:
            self.layout.operator("rotocap.load_bone_map", text=preset.title).preset = preset.name
        for problem in problems:
            self.layout.label(text=problem, icon="ERROR")


class ROTOCAP_PT_character(SidebarPanel, bpy.types.Panel):
    bl_label = "Character"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap.retarget
        armature = rig_map.chosen(context)
        active = "Click your character's armature" if armature is None else f"{armature.name} (active)"
        layout.prop(settings, "rig", text="", placeholder=active)
        if armature is None:
            return
        layout.prop(settings, "person", text="", icon="USER", placeholder="The main person")
        row = layout.row()
        row.scale_y = 1.5
        row.operator("rotocap.apply_to_armature", icon="ARMATURE_DATA")
        layout.operator("rotocap.export_motion", icon="EXPORT")


class ROTOCAP_PT_bone_map(SidebarPanel, bpy.types.Panel):
    bl_label = "Bones"
    bl_parent_id = "ROTOCAP_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return rig_map.chosen(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout, armature = self.layout, rig_map.chosen(context)
        kept = armature.rotocap
        row = layout.row(align=True)
        row.operator("rotocap.find_bone_map", icon="VIEWZOOM")
        row.menu("ROTOCAP_MT_presets", text="", icon="PRESET")
        row.operator("rotocap.save_bone_map", text="", icon="FILE_TICK")
        if not kept.rows:
            paragraph(layout.column(align=True), "Searched when the take is applied.", "INFO")
            return
        preset = kept.preset or "found by itself"
        layout.label(text=f"{preset}: {kept.score:.0%} sure", icon="CHECKMARK")
        lacking = rig_map.unmatched(armature)
        if lacking:
            paragraph(layout.column(align=True), f"No bone for {', '.join(lacking)}", "ERROR")
        layout.row().prop(context.scene.rotocap.retarget, "shown", expand=True)
        layout.template_list("ROTOCAP_UL_bone_map", "", kept, "rows", kept, "row", rows=8)
        if kept.row < len(kept.rows):
            chosen = kept.rows[kept.row]
            if rig_map.group_of(chosen.role) == context.scene.rotocap.retarget.shown:
                column = layout.column(align=True)
                column.label(text=f"{rig_map.label(armature, kept.row)} is:")
                column.prop_search(chosen, "bone", armature.data, "bones", text="")


class ROTOCAP_PT_transfer(SidebarPanel, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "ROTOCAP_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap.retarget
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "root_motion")
        layout.prop(settings, "limbs")
        column = layout.column(heading="Contacts", align=True)
        column.prop(settings, "hold_feet")
        column.prop(settings, "hold_hands")
        column = layout.column(heading="Animate", align=True)
        column.prop(settings, "fingers")
        column.prop(settings, "face")
        column = layout.column(heading="Keys", align=True)
        column.prop(settings, "subframes")
        column.prop(settings, "reduce")
        column = layout.column(align=True)
        column.active = settings.reduce
        column.prop(settings, "degrees")
        column.prop(settings, "millimetres")


class ROTOCAP_PT_certificate(SidebarPanel, bpy.types.Panel):
    bl_label = "How It Came Out"
    bl_parent_id = "ROTOCAP_PT_character"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = rig_map.chosen(context)
        return armature is not None and rig_map.certificate(armature.rotocap.certificate) is not None

    def draw(self, context: bpy.types.Context) -> None:
        kept = rig_map.chosen(context).rotocap
        certificate = rig_map.certificate(kept.certificate)
        column = self.layout.column(align=True)
        for name, value, fine in rig_map.summary(certificate):
            row = column.split(factor=0.45)
            row.label(text=name, icon="CHECKMARK" if fine else "ERROR")
            row.label(text=value)
        column = self.layout.column(align=True)
        for warning in certificate.warnings:
            paragraph(column, warning, "ERROR")
        saved = rig_map.reduction(kept.reduction)
        if saved:
            paragraph(column, saved, "DOT")
        worst = certificate.worst()[:_WORST]
        if worst:
            self.layout.label(text="Worth a look, at frame:")
        column = self.layout.column(align=True)
        for text, frame in worst:
            row = column.split(factor=0.8)
            row.label(text=rig_map.short(text))
            row.operator("rotocap.go_to_frame", text=str(frame)).frame = frame

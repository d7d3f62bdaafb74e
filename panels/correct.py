# SPDX-License-Identifier: GPL-3.0-or-later
"""The Correct panels: the layers, the clean-up's steps, contacts, edits, points. Drawing only."""

from __future__ import annotations

import bpy

from ..addon import captured, contact_lanes, correct_session, correct_watch, corrections, edits
from ..addon.contact_lanes import FOOT_LANES, HAND_LANES, has_feet
from ..addon.correct_properties import LANE_NAMES
from .sidebar import SidebarPanel, paragraph

_ICONS = {
    "smooth": "SMOOTHCURVE", "fill": "IPO_BEZIER", "swap": "ARROW_LEFTRIGHT", "hold": "PINNED",
    "take_over": "REC",
}  # fmt: skip


class ROTOCAP_UL_steps(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: object, item: object,
        icon: int, active_data: object, active_property: str, index: int = 0, flag: int = 0,
    ) -> None:  # fmt: skip
        row = layout.row(align=True)
        field = "what" if item.kind == "swap" else "part"
        part = layout.enum_item_name(item, field, getattr(item, field))
        row.label(text=f"{item.name}: {part}", icon=_ICONS[item.kind])
        if item.use_range:
            numbers = row.row()
            numbers.alignment = "RIGHT"
            numbers.active = False
            numbers.label(text=f"{item.first}-{item.last}")
        row.prop(item, "on", text="", icon="HIDE_OFF" if item.on else "HIDE_ON", emboss=False)


class ROTOCAP_UL_edits(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: object, item: object,
        icon: int, active_data: object, active_property: str, index: int = 0, flag: int = 0,
    ) -> None:  # fmt: skip
        row = layout.row(align=True)
        row.label(text=item.name, icon="KEYFRAME_HLT")
        row.operator("rotocap.go_to_frame", text=str(item.frame), emboss=False).frame = item.frame
        row.operator("rotocap.remove_edit", text="", icon="X", emboss=False).index = index


class ROTOCAP_PT_correct(SidebarPanel, bpy.types.Panel):
    bl_label = "Correct"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = _armature(context)
        return corrections.chosen(context) is not None or (
            armature is not None and len(armature.rotocap.edits.entries) > 0
        )

    def draw(self, context: bpy.types.Context) -> None:
        layout, entry, armature = self.layout, corrections.chosen(context), _armature(context)
        column = layout.column(align=True)
        if armature is not None:
            count = len(armature.rotocap.edits.entries)
            _layer(column, "Edits", count, edits.shown(armature), "rotocap.toggle_edits", enabled=count > 0)
        if entry is None:
            return
        kept = entry.corrections
        lanes = contact_lanes.read(entry.armature) if entry.armature is not None else None
        found = sum(map(len, lanes.values())) if lanes is not None else None
        _layer(column, "Contacts", found, kept.contacts_on, "rotocap.toggle_layer", layer="contacts_on")
        _layer(column, "Clean-up", len(kept.steps), kept.clean_on, "rotocap.toggle_layer", layer="clean_on")
        _layer(column, "Points", len(kept.pins), kept.pins_on, "rotocap.toggle_layer", layer="pins_on")
        row = column.row()
        row.label(text="Capture", icon="REC")
        row.label(text=entry.name)
        if not _solving(layout):
            row = layout.row()
            row.alert = kept.stale
            row.operator(
                "rotocap.update_motion",
                text="Apply Changes" if kept.stale else "Update Motion",
                icon="FILE_REFRESH",
            )
        if correct_watch.problem():
            paragraph(layout.column(align=True), correct_watch.problem(), "ERROR")


def _solving(layout: bpy.types.UILayout) -> bool:
    """What is being solved, with its stop, or why the last correction failed. Whether it still runs."""
    correction = correct_session.running()
    if correction is not None:
        row = layout.row(align=True)
        row.progress(factor=correction.fraction, text=correction.text)
        row.operator("rotocap.stop_correction", text="", icon="CANCEL")
        return True
    if correct_session.problem():
        paragraph(layout.column(align=True), correct_session.problem(), "ERROR")
    return False


def _layer(
    column: bpy.types.UILayout, name: str, count: int | None, on: bool, operator: str, *,
    layer: str = "", enabled: bool = True,
) -> None:  # fmt: skip
    row = column.row(align=True)
    text = name if count is None else f"{name} ({count})"
    button = row.row(align=True)
    button.enabled = enabled
    asked = button.operator(operator, text="", icon="HIDE_OFF" if on else "HIDE_ON", emboss=False)
    if layer:
        asked.layer = layer
    label = row.row()
    label.active = on
    label.label(text=text)


def _armature(context: bpy.types.Context) -> bpy.types.Object | None:
    active = context.object
    if active is not None and active.type == "MESH":
        active = active.find_armature()
    if active is not None and active.type == "ARMATURE":
        return active
    entry = corrections.chosen(context)
    return entry.armature if entry is not None else None


class _Sub(SidebarPanel):
    bl_parent_id = "ROTOCAP_PT_correct"


class ROTOCAP_PT_edits(_Sub, bpy.types.Panel):
    bl_label = "Edits by Posing"

    def draw(self, context: bpy.types.Context) -> None:
        layout, armature = self.layout, _armature(context)
        if armature is None:
            return
        own = armature.rotocap.edits
        layout.prop(own, "falloff")
        row = layout.row()
        row.scale_y = 1.3
        row.operator("rotocap.correct_pose", icon="KEY_HLT")
        if not len(own.entries):
            paragraph(layout.column(align=True), "Pose a bone at this frame, then press Correct.", "INFO")
            return
        layout.template_list("ROTOCAP_UL_edits", "", own, "entries", own, "index", rows=2)
        if 0 <= own.index < len(own.entries):
            row = layout.row(align=True)
            row.prop(own.entries[own.index], "falloff", text="Of This Edit")
            row.operator("rotocap.reshape_edits", text="", icon="FILE_REFRESH")
        if edits.lost(armature):
            text = "The edits' track was deleted: undo that, or remove them from the list."
            paragraph(layout.column(align=True), text, "ERROR")


class _OfEntry(_Sub):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return corrections.chosen(context) is not None


class ROTOCAP_PT_contacts(_OfEntry, bpy.types.Panel):
    bl_label = "Contacts"

    def draw(self, context: bpy.types.Context) -> None:
        layout, entry = self.layout, corrections.chosen(context)
        lanes = (contact_lanes.read(entry.armature) if entry.armature is not None else None) or {}
        frame = context.scene.frame_current
        feet = has_feet(lanes)
        row = layout.row(align=True)
        row.operator("rotocap.make_lanes", text="Make Anew" if feet else "Make Lanes", icon="ACTION")
        if feet:
            row.operator("rotocap.remove_lanes", text="", icon="X").which = "FEET"
            grid = layout.grid_flow(columns=2, row_major=True, even_columns=True, align=True)
            for lane in FOOT_LANES:
                down = contact_lanes.at(lanes, lane, frame) is not None
                grid.operator("rotocap.put_down", text=LANE_NAMES[lane], depress=down).lane = lane
        row = layout.split(factor=0.45, align=True)
        row.label(text="Hold Hand Here")
        row = row.row(align=True)
        for lane in HAND_LANES:
            held = contact_lanes.at(lanes, lane, frame) is not None
            side = LANE_NAMES[lane].removesuffix(" Hand")
            row.operator("rotocap.hold_hand", text=side, depress=held).lane = lane
        if any(lane in lanes for lane in HAND_LANES):
            row.operator("rotocap.remove_lanes", text="", icon="X").which = "HANDS"
        if lanes:
            paragraph(layout.column(align=True), "Drag keys in the dope sheet.", "INFO")


class ROTOCAP_PT_clean_up(_OfEntry, bpy.types.Panel):
    bl_label = "Clean-up"

    def draw(self, context: bpy.types.Context) -> None:
        layout, entry = self.layout, corrections.chosen(context)
        kept = entry.corrections
        row = layout.row()
        row.template_list("ROTOCAP_UL_steps", "", kept, "steps", kept, "step", rows=3)
        column = row.column(align=True)
        column.operator_menu_enum("rotocap.add_step", "kind", text="", icon="ADD")
        column.operator("rotocap.remove_step", text="", icon="REMOVE")
        column.operator("rotocap.move_step", text="", icon="TRIA_UP").direction = -1
        column.operator("rotocap.move_step", text="", icon="TRIA_DOWN").direction = 1
        if 0 <= kept.step < len(kept.steps):
            _step(layout, kept.steps[kept.step], stale=kept.stale)


class ROTOCAP_PT_points(_OfEntry, bpy.types.Panel):
    bl_label = "In the Picture"

    def draw(self, context: bpy.types.Context) -> None:
        layout, entry = self.layout, corrections.chosen(context)
        column = layout.column(align=True)
        column.operator("rotocap.drag_point", icon="RESTRICT_SELECT_OFF")
        column.operator("rotocap.capture_again", icon="REC")
        column.operator_menu_enum("rotocap.take_from_person", "other", icon="COMMUNITY")
        if correct_session.running() is not None:  # below, so that no button slides away under the mouse
            _solving(layout)
        kept = entry.corrections
        if len(kept.pins):
            layout.template_list("ROTOCAP_UL_points", "", kept, "pins", kept, "pin", rows=2)


class ROTOCAP_UL_points(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: object, item: object,
        icon: int, active_data: object, active_property: str, index: int = 0, flag: int = 0,
    ) -> None:  # fmt: skip
        row = layout.row(align=True)
        row.label(text=item.name, icon="PIVOT_CURSOR")
        entry = corrections.chosen(context)
        frame = captured.scene_frame_of(entry, context.scene, item.frame) if entry is not None else None
        if frame is not None:
            row.operator("rotocap.go_to_frame", text=str(frame), emboss=False).frame = frame
        row.operator("rotocap.remove_point", text="", icon="X", emboss=False).index = index


def _step(layout: bpy.types.UILayout, step: bpy.types.PropertyGroup, *, stale: bool) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(step, "what" if step.kind == "swap" else "part")
    if step.kind == "smooth":
        column.prop(step, "strength")
    if step.kind == "fill":
        column.prop(step, "only_doubt")
        if step.only_doubt:
            column.prop(step, "doubt_m")
    if step.kind in ("smooth", "fill"):
        column.prop(step, "use_range")
    if step.use_range:
        for field in ("first", "last"):
            _frame(column, step, field)
    if step.kind == "hold":
        _frame(column, step, "at")
    if step.kind in ("hold", "take_over"):
        column.prop(step, "ease")
    if step.said and step.on:
        told = layout.column(align=True)
        told.active = not stale
        for sentence in step.said.split(". "):
            paragraph(told, sentence, "INFO")
        if step.most:
            told.operator("rotocap.go_to_frame", text=f"Most at Frame {step.most}").frame = step.most


def _frame(column: bpy.types.UILayout, step: bpy.types.PropertyGroup, field: str) -> None:
    row = column.row(align=True)
    row.prop(step, field)
    row.operator("rotocap.step_frame", text="", icon="EYEDROPPER").field = field

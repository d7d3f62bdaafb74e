# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture in the sidebar: the choices that matter, one button, how far it is, and the queue."""

from __future__ import annotations

import bpy

from ..addon import capture_request, capture_session, footage, jobs
from .sidebar import SidebarPanel, paragraph

_ICONS = {"done": "CHECKMARK", "partial": "CHECKMARK", "stopped": "PAUSE", "failed": "ERROR"}


class ROTOCAP_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        layout.use_property_split = True
        layout.use_property_decorate = False
        held = bool(capture_session.must_wait())
        choices = layout.column()
        choices.enabled = not held
        choices.prop(settings, "people")
        if settings.people == "picked":
            text = f"Picked in Frame {settings.pick_frame}" if settings.pick_frame else "Pick Person"
            choices.operator("rotocap.pick_person", text=text, icon="EYEDROPPER")
        row = choices.row(heading="Also")
        row.prop(settings, "hands", toggle=True)
        row.prop(settings, "face", toggle=True)
        _optional(choices, settings, "use_range", "first", "last")
        _optional(choices, settings, "use_height", "height_m")
        if not footage.lens_is_solved(context.scene):
            _optional(choices, settings, "use_lens", "lens_mm")
        session = capture_session.current()
        if session is not None and not session.over:
            _progress(layout, session)
        if not held:
            _button(layout, settings)
            if session is not None and session.over:
                _result(layout, session)


class ROTOCAP_PT_capture_more(SidebarPanel, bpy.types.Panel):
    bl_label = "More"
    bl_parent_id = "ROTOCAP_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "take", text="Keep In")
        layout.prop(settings, "apply_when_done")
        layout.prop(settings, "follow")


def _progress(layout: bpy.types.UILayout, session: capture_session.Session) -> None:
    if session.waiting:
        paragraph(layout.box().column(align=True), session.waiting, "TIME")
        return
    state = session.job.state
    layout.progress(factor=state.fraction, text=state.text())
    if state.speed():
        layout.label(text=state.speed())
    stop = "Stop and Keep" if not state.cancelling else "Stop Now"
    layout.operator("rotocap.stop_capture", text=stop, icon="CANCEL")


def _button(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    left = capture_request.unfinished(settings)
    # Under the mouse Blender takes the next thing that is no button for the bar that was there: nothing is.
    layout.separator(factor=0.0)
    row = layout.row()
    row.scale_y = 1.5
    row.operator("rotocap.capture", text="Capture" if left is None else "Go On", icon="REC")
    if left is not None:
        layout.label(text=left.text(), icon="PAUSE")


def _optional(layout: bpy.types.UILayout, settings: object, switch: str, *values: str) -> None:
    layout.prop(settings, switch)
    if getattr(settings, switch):
        column = layout.column(align=True)
        for value in values:
            column.prop(settings, value)


def _result(layout: bpy.types.UILayout, session: capture_session.Session) -> None:
    outcome: jobs.Outcome | None = session.job.outcome
    if outcome is None:
        return
    column = layout.box().column(align=True)
    if session.failed:
        paragraph(column, session.failed, "ERROR")
    else:
        paragraph(column, outcome.message, _ICONS[outcome.status])
    if outcome.ran_on:
        paragraph(column, outcome.ran_on, "SYSTEM")
    for warning in dict.fromkeys([*outcome.warnings, *session.warnings]):
        paragraph(column, warning, "INFO")


class ROTOCAP_UL_queue(bpy.types.UIList):
    bl_idname = "ROTOCAP_UL_queue"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: object,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: object,
        active_property: str,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        icons = item.bl_rna.properties["status"].enum_items
        layout.label(text=item.name, icon=icons[item.status].icon)
        if item.use_range:
            layout.label(text=f"{item.first} to {item.last}")


class ROTOCAP_PT_queue(SidebarPanel, bpy.types.Panel):
    bl_label = "Queue"
    bl_parent_id = "ROTOCAP_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        row = layout.row()
        row.template_list("ROTOCAP_UL_queue", "", settings, "queue", settings, "queue_index", rows=3)
        column = row.column(align=True)
        column.operator("rotocap.queue_add", text="", icon="ADD")
        column.operator("rotocap.queue_remove", text="", icon="REMOVE")
        column.separator()
        column.operator("rotocap.queue_use", text="", icon="FILE_MOVIE")
        if 0 <= settings.queue_index < len(settings.queue):
            entry = settings.queue[settings.queue_index]
            if entry.message:
                icon = entry.bl_rna.properties["status"].enum_items[entry.status].icon
                paragraph(layout.column(align=True), entry.message, icon)
        row = layout.row()
        row.operator("rotocap.queue_add_current", icon="PLUS")
        row = layout.row()
        row.scale_y = 1.25
        row.operator("rotocap.queue_run", icon="REC")

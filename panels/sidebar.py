# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rotocap tab in the 3D viewport's sidebar: drawing only."""

from __future__ import annotations

import textwrap

import bpy

from ..addon import jobs

_CHARACTERS = 36  # that fit a line of the sidebar at its usual width
_ICONS = {"done": "CHECKMARK", "partial": "CHECKMARK", "stopped": "PAUSE", "failed": "ERROR"}


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Rotocap"


class ROTOCAP_PT_video(SidebarPanel, bpy.types.Panel):
    bl_label = "Video"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        layout.operator("rotocap.import_video", icon="FILE_MOVIE")
        if settings.video:
            layout.prop(settings, "video", text="")


class ROTOCAP_PT_capture(SidebarPanel, bpy.types.Panel):
    bl_label = "Capture"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.rotocap
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "people")
        _optional(layout, settings, "use_range", "first", "last")
        _optional(layout, settings, "use_lens", "lens_mm")
        _optional(layout, settings, "use_height", "height_m")
        layout.prop(settings, "apply_when_done")
        job = jobs.current()
        if job is not None and job.outcome is None:
            layout.progress(factor=job.state.fraction, text=job.state.text())
            layout.label(text=job.state.speed())
            layout.operator("rotocap.stop_capture", icon="CANCEL")
            return
        row = layout.row()
        row.scale_y = 1.5
        row.operator("rotocap.capture", icon="REC")
        if job is not None and job.outcome is not None:
            _result(layout, job.outcome)


def _optional(layout: bpy.types.UILayout, settings: object, switch: str, *values: str) -> None:
    layout.prop(settings, switch)
    if getattr(settings, switch):
        column = layout.column(align=True)
        for value in values:
            column.prop(settings, value)


def _result(layout: bpy.types.UILayout, outcome: jobs.Outcome) -> None:
    column = layout.box().column(align=True)
    paragraph(column, outcome.message, _ICONS[outcome.status])
    for warning in outcome.warnings:
        paragraph(column, warning, "INFO")


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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that belong to the machine, not to a scene."""

from __future__ import annotations

from pathlib import Path

import bpy

from . import device_check, jobs
from .model_list import KINDS, draw_models, paragraph

PACKAGE = __package__.rpartition(".")[0]


class RotocapPreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    takes: bpy.props.EnumProperty(
        name="Takes",
        description="Where captures are kept",
        items=(
            ("beside", "Beside the Video", "A folder with the video's name and the ending .take, beside it"),
            ("folder", "In One Folder", "All takes go into a folder of your choice"),
        ),
        default="beside",
    )
    takes_folder: bpy.props.StringProperty(
        name="Folder",
        description="The folder for all takes. A .blend remembers which take it uses",
        subtype="DIR_PATH",
    )
    threads: bpy.props.IntProperty(
        name="Processor Threads",
        description="How many threads a capture may use. 0 leaves the choice to Rotocap",
        default=0,
        min=0,
        max=64,
    )
    shown_models: bpy.props.EnumProperty(
        name="Show",
        description="Which networks are listed",
        items=(
            ("embedded", "Built In", "The networks that came with Rotocap. Captures need no others"),
            *KINDS,
        ),
        default="embedded",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        _draw_places(layout, self)
        _draw_device(layout, self)
        box = layout.box()
        box.label(text="Networks", icon="NODETREE")
        box.row().prop(self, "shown_models", expand=True)
        draw_models(box, self.shown_models)
        layout.label(text="Captures run on this machine only. Nothing is sent anywhere.", icon="LOCKED")


def _draw_places(layout: bpy.types.UILayout, preferences: RotocapPreferences) -> None:
    column = layout.column()
    column.use_property_split = True
    column.row().prop(preferences, "takes", expand=True)
    if preferences.takes == "folder":
        column.prop(preferences, "takes_folder")
        if not preferences.takes_folder:
            column.label(text="Choose a folder. Until then takes go beside the video.", icon="ERROR")


def _draw_device(layout: bpy.types.UILayout, preferences: RotocapPreferences) -> None:
    column = layout.column()
    column.use_property_split = True
    row = column.split(factor=0.4)
    name = row.row()
    name.alignment = "RIGHT"
    name.label(text="Runs on")
    row.label(text="Processor")
    column.prop(preferences, "threads")
    job = jobs.current()
    if job is not None and job.outcome is not None and job.outcome.ran_on:
        paragraph(layout, f"The last capture. {job.outcome.ran_on}", "INFO")
    row = layout.row()
    row.operator("rotocap.check_device", icon="TIME")
    if device_check.running():
        layout.label(text="The networks are being tried.")
    elif device_check.answer():
        paragraph(layout, device_check.answer(), "INFO")


def _preferences(context: bpy.types.Context) -> RotocapPreferences | None:
    """Ours; None while the extension is not enabled, as in scripts."""
    addon = context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None else None


def threads(context: bpy.types.Context) -> int | None:
    """The animator's choice of threads, None where it is left to us."""
    preferences = _preferences(context)
    return (preferences.threads or None) if preferences is not None else None


def takes_folder(context: bpy.types.Context) -> Path | None:
    """The one folder for all takes, None where each goes beside its video."""
    preferences = _preferences(context)
    if preferences is None or preferences.takes == "beside" or not preferences.takes_folder:
        return None
    return Path(bpy.path.abspath(preferences.takes_folder))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that belong to the machine, not to a scene."""

from __future__ import annotations

import bpy

PACKAGE = __package__.rpartition(".")[0]


class RotocapPreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    threads: bpy.props.IntProperty(
        name="Processor Threads",
        description="How many threads a capture may use. 0 leaves the choice to Rotocap",
        default=0,
        min=0,
        max=64,
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "threads")
        self.layout.label(text="Captures run on this machine only. Nothing is sent anywhere.")


def threads(context: bpy.types.Context) -> int | None:
    """The animator's choice of threads, None where it is left to us."""
    addon = context.preferences.addons.get(PACKAGE)
    return (addon.preferences.threads or None) if addon is not None else None

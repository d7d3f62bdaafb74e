# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to read on: the documentation's pages, and the preferences."""

from __future__ import annotations

import bpy

from ..addon import help as pages
from ..addon.preferences import PACKAGE


class ROTOCAP_OT_open_help(bpy.types.Operator):
    """Read this page in your web browser. It lies on your disk: no network is needed"""

    bl_idname = "rotocap.open_help"
    bl_label = "Open Help"
    bl_options = {"INTERNAL"}

    page: bpy.props.EnumProperty(
        name="Page", description="Which page of the documentation to read", items=pages.PAGES
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = pages.file_of(self.page)
        if path is None:
            self.report({"ERROR"}, f"{self.page}: the page is not here. Install Rotocap again")
            return {"CANCELLED"}
        return bpy.ops.wm.url_open(url=path.as_uri())


class ROTOCAP_OT_open_preferences(bpy.types.Operator):
    """Where takes are kept, networks, threads"""

    bl_idname = "rotocap.open_preferences"
    bl_label = "Rotocap's Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.preferences.addon_show(module=PACKAGE)

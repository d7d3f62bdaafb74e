# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the documentation, which come with the extension: they open without a network."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon.preferences import PACKAGE

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    ("quick-start", "Quick Start", "From a video to a moving character"),
    ("retarget", "Your Own Character", "A take on any rig, and what the certificate says"),
    ("preferences", "Preferences", "Where takes are kept, networks, threads"),
    ("troubleshooting", "When Something Fails", "Messages, what stands behind them, and what to do"),
)


class ROTOCAP_OT_open_help(bpy.types.Operator):
    """Read this page in your web browser. It lies on your disk: no network is needed"""

    bl_idname = "rotocap.open_help"
    bl_label = "Open Help"
    bl_options = {"INTERNAL"}

    page: bpy.props.EnumProperty(
        name="Page", description="Which page of the documentation to read", items=PAGES
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        # In the zip the pages are HTML; in a checkout they are as they are written.
        for path in (ROOT / "help" / f"{self.page}.html", ROOT / "docs" / f"{self.page}.md"):
            if path.is_file():
                return bpy.ops.wm.url_open(url=path.as_uri())
        self.report({"ERROR"}, f"{self.page}: the page is not here. Install Rotocap again")
        return {"CANCELLED"}


class ROTOCAP_OT_open_preferences(bpy.types.Operator):
    """Where takes are kept, networks, threads"""

    bl_idname = "rotocap.open_preferences"
    bl_label = "Rotocap's Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.preferences.addon_show(module=PACKAGE)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's windows as a running capture uses them: where it works, what it says in them, who hears Esc."""

from __future__ import annotations

import bpy

# The operators that stop a capture at Esc: each hears the window that it was started in.
_LISTENING = ("ROTOCAP_OT_capture", "ROTOCAP_OT_queue_run")


def place_to_work(scene: bpy.types.Scene | None) -> dict[str, object]:
    """A window, area and region for an operator that is called from a timer: one that shows the scene."""
    windows = bpy.context.window_manager.windows
    window = next((w for w in windows if w.scene == scene), windows[0])
    out: dict[str, object] = {"window": window, "screen": window.screen}
    area = next((area for area in window.screen.areas if area.type == "VIEW_3D"), None)
    if area is not None:
        region = next(region for region in area.regions if region.type == "WINDOW")
        out |= {"area": area, "region": region}
    return out


def tell(text: str | None) -> None:
    """A line in the status bar of every window; None gives it back to Blender."""
    for window in bpy.context.window_manager.windows:
        window.workspace.status_text_set(text)


def redraw() -> None:
    """Let the 3D viewports draw their panels again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def escape_hint() -> str:
    """What Esc does, for the status bar; empty if nobody hears it: that window was closed."""
    windows = bpy.context.window_manager.windows
    if not any(op.bl_idname in _LISTENING for window in windows for op in window.modal_operators):
        return ""
    where = " in the window of the Capture button" if len(windows) > 1 else ""
    return f"Esc{where}: stop and keep"

# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's windows as a running capture uses them: where it works, what it says, whether they play."""

from __future__ import annotations

import bpy

_WHILE_S = 10.0
_BUSY = ("TRANSFORM_OT_", "POSE_OT_", "SCULPT_OT_", "PAINT_OT_", "VIEW3D_OT_fly", "VIEW3D_OT_walk")

_told: str | None = None  # what stands in the status bar, of ours


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
    global _told
    _told = text
    for window in bpy.context.window_manager.windows:
        # Blender looks at the context's window, not at whose workspace it is. A timer after a file was
        # opened has none, and that would be Blender's end.
        with bpy.context.temp_override(window=window):
            window.workspace.status_text_set(text)


def tell_for_a_while(text: str) -> None:
    """A line in the status bar, for as long as Blender shows a report or until another one comes.

    What an operator reports is shown only if it was called by a key or a button, and no timer is one.
    """
    tell(text)

    def end() -> None:
        if _told is text:
            tell(None)

    if not bpy.app.background:
        bpy.app.timers.register(end, first_interval=_WHILE_S, persistent=True)


def redraw() -> None:
    """Let the 3D viewports draw their panels again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def playing() -> bool:
    """Whether an animation is played; then Esc is the player's."""
    return any(window.screen.is_animation_playing for window in bpy.context.window_manager.windows)


def rendering() -> bool:
    return bpy.app.is_job_running("RENDER")


def not_now() -> str:
    """Why a result must wait before it is put into the scene, in words; empty if it need not."""
    if rendering():
        return "Ready: put in when the render is done"
    for window in bpy.context.window_manager.windows:
        active = window.view_layer.objects.active
        if active is not None and active.mode not in ("OBJECT", "POSE"):
            return f"Ready: put in when you leave {active.mode.replace('_', ' ').title()} Mode"
        if any(op.bl_idname.startswith(_BUSY) for op in window.modal_operators):
            return "Ready: put in when you are done"
    return ""

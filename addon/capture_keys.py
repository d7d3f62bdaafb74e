# SPDX-License-Identifier: GPL-3.0-or-later
"""Esc stops a capture in whichever window the animator is.

A key of Blender's whole screen, in the add-on's own key map: every tool, menu, text field and editor
under the mouse has Esc before it. The player has it in that same map and hands it on, so ours is
refused while it plays. A modal operator that waits for Esc would hear one window only, and as long as
one runs, Blender writes no automatic saves.
"""

from __future__ import annotations

import bpy

_added: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def enable() -> None:
    """Put the key into the key map. There is none without a window."""
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is None:
        return
    keymap = keys.keymaps.new(name="Screen", space_type="EMPTY", region_type="WINDOW")
    _added.append((keymap, keymap.keymap_items.new("rotocap.escape_capture", "ESC", "PRESS")))


def disable() -> None:
    """Take it out again."""
    for keymap, item in _added:
        keymap.keymap_items.remove(item)
    _added.clear()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Esc stops a correction, or a capture, in whichever window the animator is.

A key of Blender's whole screen, in the add-on's own key map: every tool, menu, text field and editor
under the mouse has Esc before it. A modal operator that waits for Esc would hear one window only, and
as long as one runs, Blender writes no automatic saves.
"""

from __future__ import annotations

import time

import bpy
from bpy.app.handlers import persistent

from .capture_windows import playing

_SAME_PRESS_S = 0.25

_added: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []
_played_until = float("-inf")


def is_free() -> bool:
    """Whether Esc is not the player's, which hands it on when it has stopped."""
    return not playing() and time.monotonic() > _played_until + _SAME_PRESS_S


@persistent
def _after_playing(*_: object) -> None:
    global _played_until
    _played_until = time.monotonic()


def enable() -> None:
    """Put the key into the key map. There is none without a window."""
    bpy.app.handlers.animation_playback_post.append(_after_playing)
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is None:
        return
    keymap = keys.keymaps.new(name="Screen", space_type="EMPTY", region_type="WINDOW")
    operators = ("rotocap.escape_correction", "rotocap.escape_capture")  # the shorter one ends first
    _added.extend((keymap, keymap.keymap_items.new(operator, "ESC", "PRESS")) for operator in operators)


def disable() -> None:
    """Take it out again."""
    for keymap, item in _added:
        keymap.keymap_items.remove(item)
    _added.clear()
    if _after_playing in bpy.app.handlers.animation_playback_post:
        bpy.app.handlers.animation_playback_post.remove(_after_playing)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices contacts that were dragged, added or deleted, and lets the legs follow.

The handler only compares: the lanes as they are with those that the keys were made with. The
solving is done by a timer, outside of Blender's evaluation. After an undo both sides are
back, so nothing is done; after a redo of a drag, the legs follow again.
"""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..inference.errors import RotocapError
from . import contact_lanes, contact_window, correct_target, corrections, own_keys
from .capture_windows import rendering

_DELAY_S = 0.03
_WAIT_S = 0.25  # between two looks whether a render is over

_problem = ""  # why the legs could not follow, for the panel
_busy = False


def problem() -> str:
    """Why contacts could not take effect, in words; empty if they did."""
    return _problem


def stale_entries(scene: bpy.types.Scene) -> list[bpy.types.PropertyGroup]:
    """The performances whose lanes say something else than their keys were made with."""
    out = []
    for entry in scene.rotocap.performances:
        armature = entry.armature
        if armature is None or armature.data is None:
            continue
        kept = entry.corrections
        lanes = contact_lanes.read(armature) if kept.contacts_on else None
        if lanes is None and not kept.solved_lanes:
            continue
        if contact_lanes.as_text(lanes) != kept.solved_lanes:
            out.append(entry)
    return out


def follow(scene: bpy.types.Scene) -> int:
    """Let all legs follow their lanes. Returns how many performances changed; errors are kept as words."""
    global _busy, _problem
    if _busy:
        return 0
    _busy, count = True, 0
    try:
        for entry in scene.rotocap.performances:
            if entry.armature is None or entry.armature.data is None:
                continue
            try:
                if not contact_window.follow_lanes(scene, entry):
                    continue
                _problem, count = "", count + 1
                entry.armature.update_tag(refresh={"OBJECT", "DATA", "TIME"})
            except RotocapError as error:
                # Said once: these lanes are not tried again until they change.
                _problem, entry.corrections.stale = str(error), True
                lanes = contact_lanes.read(entry.armature) if entry.corrections.contacts_on else None
                entry.corrections.solved_lanes = contact_lanes.as_text(lanes)
    finally:
        _busy = False
    return count


@persistent
def _notice(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    if _busy or not len(scene.rotocap.performances):
        return
    if not (depsgraph.id_type_updated("ACTION") or depsgraph.id_type_updated("ARMATURE")):
        return
    if not bpy.app.timers.is_registered(_later) and stale_entries(scene):
        bpy.app.timers.register(_later, first_interval=_DELAY_S)


def _later() -> float | None:
    if rendering():
        return _WAIT_S
    for window in bpy.context.window_manager.windows:
        follow(window.scene)
    return None


@persistent
def _forget(_: object) -> None:
    global _problem
    _problem = ""
    _let_go()


def enable() -> None:
    """Begin to watch."""
    disable()
    bpy.app.handlers.depsgraph_update_post.append(_notice)
    bpy.app.handlers.load_post.append(_forget)


def disable() -> None:
    """Watch no more, and keep nothing."""
    for handlers, function in (
        (bpy.app.handlers.depsgraph_update_post, _notice),
        (bpy.app.handlers.load_post, _forget),
    ):
        if function in handlers:
            handlers.remove(function)
    if bpy.app.timers.is_registered(_later):
        bpy.app.timers.unregister(_later)
    _let_go()


def _let_go() -> None:
    """Keep nothing of a file that is closed."""
    for kept in (corrections, correct_target, own_keys):
        kept.forget()

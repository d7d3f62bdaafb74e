# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigify's meta-rigs, and rigs that Rigify generates for real. Needs Blender (the bpy wheel will do).

Without the human meta-rig's face: its many bones take minutes to generate and play no part here.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

METARIGS = {"human": "rigify.metarigs.human", "basic": "rigify.metarigs.Basic.basic_human"}


def enable() -> None:
    """Rigify, with the parameters of its rig types. Call `disable` before Blender ends."""
    import bpy

    with contextlib.redirect_stdout(io.StringIO()):
        bpy.ops.preferences.addon_enable(module="rigify")
    # The bpy wheel registers them only when told to.
    importlib.import_module("rigify").register_rig_parameters()


def disable() -> None:
    """Take Rigify's classes back: some versions of Blender do not survive them at exit."""
    import bpy

    bpy.ops.preferences.addon_disable(module="rigify")


def metarig(kind: str) -> Any:
    """A meta-rig's armature object, linked to the scene. kind: human or basic."""
    import bpy

    data = bpy.data.armatures.new(f"metarig {kind}")
    made = bpy.data.objects.new(data.name, data)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
    importlib.import_module(METARIGS[kind]).create(made)
    bpy.ops.object.mode_set(mode="EDIT")
    faces = [b.name for b in made.pose.bones if b.rigify_type.startswith("faces")]
    for name in faces:
        for bone in (*data.edit_bones[name].children_recursive, data.edit_bones[name]):
            data.edit_bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    return made


def generated(kind: str) -> Any:
    """The rig that Rigify generates from a meta-rig, linked to the scene."""
    import bpy

    source = metarig(kind)
    bpy.context.view_layer.objects.active = source
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module("rigify.generate").generate_rig(bpy.context, source)
    return source.data.rigify_target_rig

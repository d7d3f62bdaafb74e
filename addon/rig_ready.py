# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an armature can be animated as it is now: asked before anything is written."""

from __future__ import annotations

import bpy

from ..inference.errors import RigError


def why_not(armature: bpy.types.Object | None, layer: bpy.types.ViewLayer | None = None) -> str | None:
    """Why an armature cannot be animated as it is now, with what to do; None if it can.

    layer: the view layer that the animator works in, the context's where None is given.
    """
    layer = layer or bpy.context.view_layer
    if armature is None:
        return "No armature: click the character's armature first, or choose it in the sidebar"
    if armature.type != "ARMATURE":
        return f"{armature.name} is a {armature.type.lower()}: choose the character's armature"
    if not armature.is_editable:
        return f"{armature.name} is linked from another file: make a library override of it first"
    override = armature.override_library
    if override is not None and override.is_system_override:
        return (
            f"{armature.name} is a library override that is not editable: "
            "right-click it in the Outliner, Library Override, Make, and take it with its content"
        )
    if armature.mode == "EDIT":
        return f"{armature.name} is in Edit Mode: leave it first (Tab)"
    animation = armature.animation_data
    if animation is not None and animation.use_tweak_mode:
        return f"{armature.name} has an NLA strip in tweak mode: leave it first (Tab in the NLA editor)"
    if layer.objects.get(armature.name) != armature:
        return (
            f"{armature.name} is not in the view layer {layer.name}: "
            "switch its collection on in the Outliner, or go to the scene that it is in"
        )
    if not armature.visible_get(view_layer=layer):
        return f"{armature.name} is hidden: show it first (Alt H, or the eye and the screen in the Outliner)"
    return None


def require(armature: bpy.types.Object | None, layer: bpy.types.ViewLayer | None = None) -> bpy.types.Object:
    """The armature. RigError if it cannot be animated as it is now."""
    problem = why_not(armature, layer)
    if armature is None or problem is not None:
        raise RigError(problem or "")
    return armature

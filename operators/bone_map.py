# SPDX-License-Identifier: GPL-3.0-or-later
"""The bone map of the animator's character: searched, taken from a preset, saved as one."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ..addon import rig_map, rig_ready
from ..inference.errors import RotocapError


class _OnCharacter:
    """For a character that can be read."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = rig_ready.why_not(rig_map.chosen(context), context.view_layer)
        if problem is not None:
            cls.poll_message_set(problem)
        return problem is None


class ROTOCAP_OT_find_bone_map(_OnCharacter, bpy.types.Operator):
    """Find out which bone of the character is which part of the body. What you have changed in the map is searched anew"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.find_bone_map"
    bl_label = "Find Bones"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        armature = rig_map.chosen(context)
        return _answer(self, lambda: rig_map.find_and_show(armature), armature)


class ROTOCAP_OT_load_bone_map(_OnCharacter, bpy.types.Operator):
    """Take the bones of this preset, as far as the character has them"""

    bl_idname = "rotocap.load_bone_map"
    bl_label = "Load Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: bpy.props.StringProperty(
        name="Preset", description="The kind of rig whose map is wanted", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        armature = rig_map.chosen(context)
        return _answer(self, lambda: rig_map.load_preset(armature, self.preset), armature)


class ROTOCAP_OT_save_bone_map(bpy.types.Operator):
    """Keep this bone map under a name, for other characters with the same bone names. It stays in your Blender, through updates of Rotocap"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.save_bone_map"
    bl_label = "Save as Preset"
    bl_options = {"REGISTER", "UNDO"}

    name: bpy.props.StringProperty(
        name="Name", description="What you call this kind of character", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = rig_map.chosen(context)
        if armature is None or not armature.rotocap.text:
            cls.poll_message_set("Find the bones of a character first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.name = self.name or rig_map.chosen(context).name
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            path = rig_map.save_preset(rig_map.chosen(context), self.name)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved as {path}")
        return {"FINISHED"}


def _answer(
    operator: bpy.types.Operator, act: Callable[[], tuple[str, ...]], armature: bpy.types.Object
) -> set[str]:
    """Do it, and say what the map is like now, or why there is none."""
    try:
        notes = act()
    except RotocapError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    for note in notes:
        operator.report({"WARNING"}, note)
    lacking = rig_map.unmatched(armature)
    if lacking:
        operator.report({"WARNING"}, f"{armature.name}: no bone for {', '.join(lacking)}")
    return {"FINISHED"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose the armature, press Correct: the pose becomes an edit above the capture."""

from __future__ import annotations

import bpy

from ..addon import edits
from ..inference.errors import RotocapError


def posed_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that is active, or that moves the active mesh."""
    active = context.object
    if active is not None and active.type == "MESH":
        return active.find_armature()
    return active if active is not None and active.type == "ARMATURE" else None


class _OnArmature(bpy.types.Operator):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if posed_armature(context) is None:
            cls.poll_message_set("Select an armature first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        armature = posed_armature(context)
        try:
            if armature is not None:
                self.change(context, armature)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(self, context: bpy.types.Context, armature: bpy.types.Object) -> None:
        raise NotImplementedError


class ROTOCAP_OT_correct_pose(_OnArmature):
    """Keep the pose that you just made at this frame: it fades in and out around it, on a layer above the capture"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.correct_pose"
    bl_label = "Correct"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, context: bpy.types.Context, armature: bpy.types.Object) -> None:
        done = edits.correct(context.scene, armature, falloff=armature.rotocap.edits.falloff)
        if done.missed:
            self.report(
                {"WARNING"},
                f"{', '.join(done.missed)}: something plays above the edits and keeps them from their pose; "
                "look at the tracks above in the NLA editor",
            )
        else:
            self.report({"INFO"}, f"Corrected {', '.join(done.bones)} at frame {context.scene.frame_current}")


class ROTOCAP_OT_remove_edit(_OnArmature):
    """Take the chosen edit away; the others stay"""

    bl_idname = "rotocap.remove_edit"
    bl_label = "Remove Edit"
    bl_options = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(
        name="Edit",
        description="Which edit of the list, counted from 0; -1 for the chosen one",
        default=-1,
        options={"SKIP_SAVE"},
    )

    def change(self, context: bpy.types.Context, armature: bpy.types.Object) -> None:
        index = self.index if self.index >= 0 else armature.rotocap.edits.index
        edits.remove(context.scene, armature, index)


class ROTOCAP_OT_reshape_edits(_OnArmature):
    """Let the edits fade over the frames that the list says now"""

    bl_idname = "rotocap.reshape_edits"
    bl_label = "Update Falloff"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, context: bpy.types.Context, armature: bpy.types.Object) -> None:
        edits.reshape(context.scene, armature)

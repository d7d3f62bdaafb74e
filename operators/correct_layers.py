# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch a layer of the corrections on or off, and bring the armature up to date with all of them."""

from __future__ import annotations

import bpy

from ..addon import correct_apply, corrections, edits
from ..inference.errors import RotocapError
from .correct_pose import posed_armature


class OnPerformance(bpy.types.Operator):
    """Something that changes the chosen performance and puts it on its armature again."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = corrections.chosen(context)
        if entry is None or entry.armature is None:
            cls.poll_message_set("Apply a take first, and select the armature that it moves")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, _ = corrections.required(context)
            with corrections.kept_on_error(entry):
                self.change(context, entry)
                for note in correct_apply.refresh(context.scene, entry):
                    self.report({"WARNING"}, note)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        """What is to be different before the motion is made anew."""


class ROTOCAP_OT_toggle_layer(OnPerformance):
    """Let this layer work, or not. Nothing of it is lost"""

    bl_idname = "rotocap.toggle_layer"
    bl_label = "Show Layer"
    bl_options = {"REGISTER", "UNDO"}

    layer: bpy.props.EnumProperty(
        name="Layer",
        description="Which layer of the corrections",
        items=(
            ("clean_on", "Clean-up", ""),
            ("contacts_on", "Contacts", ""),
            ("pins_on", "Points", ""),
        ),
        options={"SKIP_SAVE"},
    )

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        setattr(entry.corrections, self.layer, not getattr(entry.corrections, self.layer))


class ROTOCAP_OT_toggle_edits(bpy.types.Operator):
    """Let your edits play, or not. Nothing of them is lost"""

    bl_idname = "rotocap.toggle_edits"
    bl_label = "Show Edits"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        armature = posed_armature(context)
        entry = corrections.chosen(context)
        armature = armature or (entry.armature if entry is not None else None)
        try:
            if armature is None:
                raise RotocapError("Select an armature first")
            edits.show(armature, not edits.shown(armature))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a take's main person on the active armature, if its bones are named as SMPL-X's joints."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon.apply_take import apply_to, read_people
from ..addon.scene_from_take import unready
from ..inference.errors import RotocapError
from ..inference.take import Take


class ROTOCAP_OT_apply_to_armature(bpy.types.Operator):
    """Animate the active armature with the take's main person. Its bones need SMPL-X's names. Keys that it has already are kept on a track below"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.apply_to_armature"
    bl_label = "Active Armature"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.take:
            cls.poll_message_set("Capture a video first, or choose a take")
            return False
        if context.object is None or context.object.type != "ARMATURE":
            cls.poll_message_set("Click an armature first, so that it is the active object")
            return False
        why_not = unready(context.object)
        if why_not is not None:
            cls.poll_message_set(why_not)
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            take = Take.open(Path(bpy.path.abspath(context.scene.rotocap.take)))
            report = apply_to(context.scene, context.object, take, read_people(take))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for warning in report.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, report.lines()[0])
        return {"FINISHED"}

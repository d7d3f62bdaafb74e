# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a take into the scene: armature and body for everybody, and the camera over the video."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon.apply_take import apply_new, read_people, show
from ..inference.errors import RotocapError
from ..inference.take import Take


class ROTOCAP_OT_apply_new_armature(bpy.types.Operator):
    """Make a new armature with a body for every person of the take, and a camera over the video"""

    bl_idname = "rotocap.apply_new_armature"
    bl_label = "New Armature"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.take:
            cls.poll_message_set("Capture a video first, or choose a take")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.rotocap
        try:
            take = Take.open(Path(bpy.path.abspath(settings.take)))
            report = apply_new(context.scene, take, read_people(take, settings.people))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        show(context, report)
        for warning in report.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, report.lines()[0])
        return {"FINISHED"}

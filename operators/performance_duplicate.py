# SPDX-License-Identifier: GPL-3.0-or-later
"""The chosen performance once more, with keys of its own."""

from __future__ import annotations

import bpy

from ..addon import performance_edits, performances
from ..inference.errors import RotocapError


class ROTOCAP_OT_performance_duplicate(bpy.types.Operator):
    """Double this person's armature and body, with keys of their own, to try something on"""

    bl_idname = "rotocap.performance_duplicate"
    bl_label = "Duplicate Performance"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if performances.active(context) is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            double = performance_edits.duplicate(context.scene, performances.active(context))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        performances.select(context)
        self.report({"INFO"}, f"{double.name} is a copy")
        return {"FINISHED"}

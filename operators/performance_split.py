# SPDX-License-Identifier: GPL-3.0-or-later
"""One track that is two people, cut at the playhead."""

from __future__ import annotations

import bpy

from ..addon import performance_edits, performances
from ..inference.errors import RotocapError


class ROTOCAP_OT_performance_split(bpy.types.Operator):
    """Cut this person in two at the current frame, which becomes the second one's first"""

    bl_idname = "rotocap.performance_split"
    bl_label = "Split Here"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = performances.active(context)
        if entry is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        if not entry.first < context.scene.frame_current <= entry.last:
            cls.poll_message_set(f"Go to a frame between {entry.first} and {entry.last} first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, entry = context.scene, performances.active(context)
        name = entry.name
        try:
            notes = performance_edits.split(scene, entry)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for note in notes:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"{name} is two people from frame {scene.frame_current} on")
        return {"FINISHED"}

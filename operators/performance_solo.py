# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several videos looked at: only its people, through its camera."""

from __future__ import annotations

import bpy

from ..addon import performances
from ..addon.camera import look_through


class ROTOCAP_OT_performance_solo(bpy.types.Operator):
    """Show only the people of this one's video, over that video. Pressed again: show everybody"""

    bl_idname = "rotocap.performance_solo"
    bl_label = "Only This Video"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = performances.active(context)
        if entry is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        if not performances.has_several_takes(context.scene):
            cls.poll_message_set("Everybody in the list is of the same video")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, entry = context.scene, performances.active(context)
        if performances.is_alone(scene, entry.take):
            performances.show_takes(scene)
            self.report({"INFO"}, "Everybody is shown")
            return {"FINISHED"}
        camera = performances.show_takes(scene, only=entry.take)
        if camera is not None:
            look_through(context, camera)
        self.report({"INFO"}, f"Only {bpy.path.display_name_from_filepath(entry.take)} is shown")
        return {"FINISHED"}

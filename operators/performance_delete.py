# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a performance out of the scene, and on request out of the take."""

from __future__ import annotations

import bpy

from ..addon import performance_edits, performances
from ..inference.errors import RotocapError


class ROTOCAP_OT_performance_delete(bpy.types.Operator):
    """Take this person out of the scene: armature and body, or the motion on your own character. The take keeps the capture"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.performance_delete"
    bl_label = "Delete Performance"
    bl_options = {"REGISTER", "UNDO"}

    from_take: bpy.props.BoolProperty(
        name="From the Take Too",
        description="The take forgets this person as well: applying it again does not bring them back",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if performances.active(context) is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        entry = performances.active(context)
        if entry is None:
            return
        ours = performances.is_ours(entry)
        what = "Armature and body go." if ours else "Its motion is taken off the character."
        self.layout.label(text=f"Delete {entry.name}? {what}")
        self.layout.prop(self, "from_take")

    def execute(self, context: bpy.types.Context) -> set[str]:
        entry = performances.active(context)
        name = entry.name
        try:
            performance_edits.delete(context.scene, entry, from_take=self.from_take)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{name} is out of the {'scene and the take' if self.from_take else 'scene'}")
        return {"FINISHED"}

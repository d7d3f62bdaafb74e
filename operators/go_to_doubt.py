# SPDX-License-Identifier: GPL-3.0-or-later
"""Jump to where the capture is least sure."""

from __future__ import annotations

import bpy

from ..addon import next_places, performances
from ..inference.errors import RotocapError

DIRECTIONS = (
    ("next", "Next", "The next one after the current frame"),
    ("previous", "Previous", "The one before the current frame"),
)


class ROTOCAP_OT_go_to_doubt(bpy.types.Operator):
    """Go to the frame where the capture of this person is least sure: the worst of the next stretch in doubt"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.go_to_doubt"
    bl_label = "Doubtful Frame"
    bl_options = {"REGISTER"}

    direction: bpy.props.EnumProperty(
        name="Direction", description="Which way to look", items=DIRECTIONS, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if performances.active(context) is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, entry = context.scene, performances.active(context)
        forward = self.direction == "next"
        try:
            place = next_places.of_doubt(scene, entry, forward=forward)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if place is None:
            self.report({"INFO"}, f"{entry.name}: no doubtful frame {'after' if forward else 'before'} this")
            return {"CANCELLED"}
        scene.frame_set(place.frame)
        self.report({"INFO"}, f"Frame {place.frame}. {place.text}")
        return {"FINISHED"}

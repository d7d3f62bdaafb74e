# SPDX-License-Identifier: GPL-3.0-or-later
"""Jump to a foot that slides while it stands."""

from __future__ import annotations

import bpy

from ..addon import next_places, performances
from ..inference.errors import RotocapError
from .go_to_doubt import DIRECTIONS


class ROTOCAP_OT_go_to_slide(bpy.types.Operator):
    """Go to where a foot of this person slides although it stands, on the armature as it plays now"""

    bl_idname = "rotocap.go_to_slide"
    bl_label = "Slide"
    bl_options = {"REGISTER"}

    direction: bpy.props.EnumProperty(
        name="Direction", description="Which way to look", items=DIRECTIONS, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = performances.active(context)
        if entry is None or performances.rig_of(entry) is None:
            cls.poll_message_set("Choose a performance with an armature in the list first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, entry = context.scene, performances.active(context)
        forward = self.direction == "next"
        try:
            place, looked = next_places.of_slide(scene, entry, forward=forward)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if place is not None:
            scene.frame_set(place.frame)
            self.report({"INFO"}, f"Frame {place.frame}. {place.text}")
            return {"FINISHED"}
        if looked is not None:
            scene.frame_set(looked)
            self.report({"INFO"}, f"No foot slides up to frame {looked}; press again to look further")
            return {"FINISHED"}
        self.report({"INFO"}, f"{entry.name}: no foot slides {'after' if forward else 'before'} this")
        return {"CANCELLED"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts: made from the capture, taken away, a foot put down or lifted at the playhead."""

from __future__ import annotations

import bpy

from ..addon import contact_lanes, correct_apply, correct_watch, corrections
from ..addon.correct_properties import LANE_NAMES
from ..inference.errors import RotocapError


class _OnLanes(bpy.types.Operator):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = corrections.chosen(context)
        if entry is None or entry.armature is None:
            cls.poll_message_set("Apply a take first, and select the armature that it moves")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, armature = corrections.required(context)
            self.change(context.scene, entry, armature)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        raise NotImplementedError


class ROTOCAP_OT_make_lanes(_OnLanes):
    """Show when heels and toes are held as keys in the dope sheet, and hold the feet there. Lanes that are there are made anew from the capture"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.make_lanes"
    bl_label = "Make Lanes"
    bl_options = {"REGISTER", "UNDO"}

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        count = correct_apply.make_lanes(scene, entry)
        self.report({"INFO"}, f"{count} contacts: drag their keys in the dope sheet, the legs follow")


class ROTOCAP_OT_remove_lanes(_OnLanes):
    """Take the lanes away: the feet move as without them"""

    bl_idname = "rotocap.remove_lanes"
    bl_label = "Remove Lanes"
    bl_options = {"REGISTER", "UNDO"}

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        contact_lanes.remove(armature)
        correct_apply.refresh(scene, entry)


class ROTOCAP_OT_put_down(_OnLanes):
    """Put this point of the foot down over some frames from the playhead on, or lift the contact that is there"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.put_down"
    bl_label = "Put Down or Lift"
    bl_options = {"REGISTER", "UNDO"}

    lane: bpy.props.EnumProperty(
        name="Point",
        description="Which point of which foot",
        items=tuple((lane, name, "") for lane, name in LANE_NAMES.items()),
    )
    frames: bpy.props.IntProperty(name="Frames", description="How long it stays down", default=10, min=2)

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        lanes = contact_lanes.read(armature)
        if lanes is None:
            raise RotocapError(f"{entry.name}: has no lanes yet; press Make Lanes first")
        frame = float(scene.frame_current)
        there = next((span for span in lanes.get(self.lane, ()) if span[0] <= frame < span[1]), None)
        span = there or (frame, frame + self.frames)
        contact_lanes.set_down(armature, self.lane, span, there is None, before=entry.first - 1.0)
        correct_watch.follow(scene)
        scene.frame_set(scene.frame_current)

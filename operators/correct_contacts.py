# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts: made from the capture, taken away, a foot put down or a hand held at the playhead."""

from __future__ import annotations

import bpy

from ..addon import contact_lanes, contact_window, correct_apply, corrections
from ..addon.correct_properties import LANE_NAMES
from ..correct.lanes import FOOT_LANES, HAND_LANES, LANES
from ..inference.errors import RigError, RotocapError

_WHICH = {"FEET": FOOT_LANES, "HANDS": HAND_LANES, "ALL": LANES}
_FEET = tuple((lane, LANE_NAMES[lane], "") for lane in FOOT_LANES)
_HANDS = tuple((lane, LANE_NAMES[lane], "") for lane in HAND_LANES)


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


def _put(
    scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object, lane: str,
    span: contact_lanes.Span, *, down: bool,
) -> None:  # fmt: skip
    """Change one lane and let the limb follow at once. RotocapError: then the lane is as it was."""
    before, solved = contact_lanes.read(armature), entry.corrections.solved_lanes
    contact_lanes.set_down(armature, lane, span, down, before=entry.first - 1.0)
    entry.corrections.contacts_on = True
    try:
        contact_window.follow_lanes(scene, entry)
    except RotocapError:
        if before is not None and lane in before:
            contact_lanes.write(armature, {lane: before[lane]}, before=entry.first - 1.0)
        else:
            contact_lanes.remove(armature, [lane])
        entry.corrections.solved_lanes = solved
        raise
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


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
    """Take lanes away: feet and hands move as without them"""

    bl_idname = "rotocap.remove_lanes"
    bl_label = "Remove Lanes"
    bl_options = {"REGISTER", "UNDO"}

    which: bpy.props.EnumProperty(
        name="Which",
        description="Whose lanes",
        items=(
            ("ALL", "All", "Those of feet and hands"),
            ("FEET", "Feet", "Heels and toes"),
            ("HANDS", "Hands", "Left hand and right hand"),
        ),
        options={"SKIP_SAVE"},
    )

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        contact_lanes.remove(armature, _WHICH[self.which])
        correct_apply.refresh(scene, entry)


class ROTOCAP_OT_put_down(_OnLanes):
    """Put this point of the foot down over some frames from the playhead on, or lift the contact that is there"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.put_down"
    bl_label = "Put Down or Lift"
    bl_options = {"REGISTER", "UNDO"}

    lane: bpy.props.EnumProperty(
        name="Point",
        description="Which point of which foot",
        items=_FEET,
    )
    frames: bpy.props.IntProperty(name="Frames", description="How long it stays down", default=10, min=2)

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        frame = float(scene.frame_current)
        there = contact_lanes.at(contact_lanes.read(armature), self.lane, frame)
        span = there or (frame, frame + self.frames)
        _put(scene, entry, armature, self.lane, span, down=there is None)


class ROTOCAP_OT_hold_hand(_OnLanes):
    """Hold this hand where it is in the room, on a wall, a table or the floor: over the preview range, or for some frames from the playhead on. On a hold, let go of it"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.hold_hand"
    bl_label = "Hold Hand Here"
    bl_options = {"REGISTER", "UNDO"}

    lane: bpy.props.EnumProperty(
        name="Hand",
        description="Which hand",
        items=_HANDS,
    )
    frames: bpy.props.IntProperty(
        name="Frames", description="How long it is held, without a preview range", default=20, min=2
    )

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        frame = float(scene.frame_current)
        there = contact_lanes.at(contact_lanes.read(armature), self.lane, frame)
        span = (frame, frame + self.frames)
        if scene.use_preview_range and scene.frame_preview_start <= frame <= scene.frame_preview_end:
            span = (float(scene.frame_preview_start), scene.frame_preview_end + 1.0)
        if there is None and (span[1] <= entry.first or span[0] > entry.last):
            raise RigError(
                f"frame {frame:g}: {entry.name} is not in the picture here ({entry.first} to {entry.last}); "
                "go to a frame of theirs"
            )
        _put(scene, entry, armature, self.lane, there or span, down=there is None)

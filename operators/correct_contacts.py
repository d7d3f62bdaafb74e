# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts: made from the capture, taken away, a foot put down or a hand held at the playhead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..addon import contact_lanes, contact_reach, contact_window, correct_apply, corrections
from ..addon.correct_properties import LANE_NAMES
from ..correct.lanes import FOOT_LANES, HAND_LANES, LANES
from ..inference.errors import RigError, RotocapError

_STRAYS = 0.02  # metres that a held hand may get about before that is worth a word
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
            with _kept_on_error(entry, armature):
                self.change(context.scene, entry, armature)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(
        self, scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object
    ) -> None:
        raise NotImplementedError


@contextmanager
def _kept_on_error(entry: bpy.types.PropertyGroup, armature: bpy.types.Object) -> Iterator[None]:
    """Lanes are as they were if this ends in a RotocapError."""
    before = contact_lanes.read(armature) or {}
    try:
        with corrections.kept_on_error(entry):
            yield
    except RotocapError:
        now = contact_lanes.read(armature) or {}
        changed = {lane: found for lane, found in before.items() if now.get(lane) != found}
        if changed:
            contact_lanes.write(armature, changed, before=entry.first - 1.0)
        if now.keys() - before.keys():
            contact_lanes.remove(armature, now.keys() - before.keys())
        raise


def _put(
    scene: bpy.types.Scene, entry: bpy.types.PropertyGroup, armature: bpy.types.Object, lane: str, *,
    span: contact_lanes.Span,
) -> contact_lanes.Span | None:  # fmt: skip
    """Put a point down over a span, or lift the contact that is at the playhead; the limb follows at once.

    Returns the span if it is down now.
    """
    frame = float(scene.frame_current)
    there = contact_lanes.at(contact_lanes.read(armature), lane, frame)
    span = (max(span[0], float(entry.first)), min(span[1], entry.last + 1.0))
    if there is None and span[1] <= span[0]:
        raise RigError(
            f"frame {frame:g}: {entry.name} is not in the picture here ({entry.first} to {entry.last}); "
            "go to a frame of theirs"
        )
    contact_lanes.set_down(armature, lane, there or span, there is None, before=entry.first - 1.0)
    entry.corrections.contacts_on = True
    contact_window.follow_lanes(scene, entry)
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    return span if there is None else None


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
        corrections.cleaned(scene, entry)  # says so before anything is taken away
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
        _put(scene, entry, armature, self.lane, span=(frame, frame + self.frames))


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
        span = (frame, frame + self.frames)
        if scene.use_preview_range and scene.frame_preview_start <= frame <= scene.frame_preview_end:
            span = (float(scene.frame_preview_start), scene.frame_preview_end + 1.0)
        held = _put(scene, entry, armature, self.lane, span=span)
        away = contact_reach.stray(scene, entry, self.lane, held) if held is not None else 0.0
        if away > _STRAYS:
            self.report(
                {"WARNING"},
                f"The {self.lane.replace('_', ' ')} goes along by {100.0 * away:.0f} cm: the body gets too "
                "far away for the arm. Hold it for fewer frames, or pose the body nearer and Correct",
            )

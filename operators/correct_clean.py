# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of the clean-up: added, taken away, moved, their range set from the playhead."""

from __future__ import annotations

import bpy

from ..addon import corrections
from ..addon.correct_properties import KINDS
from ..inference.errors import RigError
from .correct_layers import OnPerformance

_ADDED = tuple(kind for kind in KINDS if kind[0] != "take_over")  # that one comes with a capture
_AROUND = 10  # frames to both sides of the playhead that a new range has


class ROTOCAP_OT_add_step(OnPerformance):
    """Add a step to the clean-up. A step for a range takes the preview range, or the frames about the playhead"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.add_step"
    bl_label = "Add Step"
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Step", description="What the step does", items=_ADDED)

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        kept, scene = entry.corrections, context.scene
        ranged = self.kind in ("swap", "hold") or scene.use_preview_range
        frames = (entry.first, entry.last)
        if ranged:
            frames = corrections.range_about(scene, entry, around=_AROUND)
        step = kept.steps.add()
        step.kind = self.kind
        step.name = next(name for kind, name, *_ in KINDS if kind == self.kind)
        step.first, step.last = frames
        step.at = min(max(scene.frame_current, frames[0]), frames[1])
        step.use_range = ranged
        step.part = {"hold": "left_arm"}.get(self.kind, "all")
        kept.step = len(kept.steps) - 1
        kept.clean_on = True


class ROTOCAP_OT_remove_step(OnPerformance):
    """Take the chosen step out of the clean-up"""

    bl_idname = "rotocap.remove_step"
    bl_label = "Remove Step"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        kept = entry.corrections
        if not 0 <= kept.step < len(kept.steps):
            raise RigError(f"{entry.name}: no step is chosen; click one in the list")
        kept.steps.remove(kept.step)
        kept.step = max(0, min(kept.step, len(kept.steps) - 1))


class ROTOCAP_OT_move_step(OnPerformance):
    """Move the chosen step: each works on what those above it left"""

    bl_idname = "rotocap.move_step"
    bl_label = "Move Step"
    bl_options = {"REGISTER", "UNDO"}

    direction: bpy.props.IntProperty(
        name="Direction", description="-1 is up in the list, 1 is down", default=1, options={"SKIP_SAVE"}
    )

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        kept = entry.corrections
        to = kept.step + self.direction
        if not (0 <= to < len(kept.steps) and 0 <= kept.step < len(kept.steps)):
            raise RigError(f"{entry.name}: the step cannot go further")
        kept.steps.move(kept.step, to)
        kept.step = to


class ROTOCAP_OT_step_frame(bpy.types.Operator):
    """Set this to the frame at the playhead"""

    bl_idname = "rotocap.step_frame"
    bl_label = "From Playhead"
    bl_options = {"REGISTER", "UNDO"}

    field: bpy.props.EnumProperty(
        name="Which",
        description="Which frame of the step",
        items=(("first", "First", ""), ("last", "Last", ""), ("at", "As at Frame", "")),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = corrections.chosen(context)
        if entry is None or not 0 <= entry.corrections.step < len(entry.corrections.steps):
            cls.poll_message_set("Choose a step of the clean-up first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        kept = corrections.chosen(context).corrections
        setattr(kept.steps[kept.step], self.field, context.scene.frame_current)
        return {"FINISHED"}

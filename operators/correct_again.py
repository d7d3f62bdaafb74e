# SPDX-License-Identifier: GPL-3.0-or-later
"""A range taken anew: captured again with a box drawn around the person, or as another person has it."""

from __future__ import annotations

import hashlib

import bpy

from ..addon import corrections, performances
from ..addon.preferences import threads
from ..inference.errors import RigError, RotocapError
from .correct_layers import OnPerformance
from .correct_solving import Solving

_AROUND = 15  # frames to both sides of the playhead, without a preview range


def _add_step(entry: bpy.types.PropertyGroup, first: int, last: int, file: str, name: str) -> None:
    kept = entry.corrections
    step = kept.steps.add()
    step.kind, step.name, step.file = "take_over", name, file
    step.use_range, step.first, step.last = True, first, last
    # Other steps work on what was captured: this one comes before them.
    kept.steps.move(len(kept.steps) - 1, 0)
    kept.step, kept.clean_on = 0, True


class ROTOCAP_OT_capture_again(Solving):
    """Capture the preview range, or the frames about the playhead, once more: drag a box around the person in the camera view, and nothing else is looked at"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.capture_again"
    bl_label = "Capture Range Again"
    bl_options = {"REGISTER"}

    first: bpy.props.IntProperty(
        name="First", description="The scene's frame to begin at", options={"SKIP_SAVE"}
    )
    last: bpy.props.IntProperty(name="Last", description="The scene's frame to end at", options={"SKIP_SAVE"})
    box: bpy.props.FloatVectorProperty(
        name="Box", description="Left, top, right and bottom in the picture, pixels. All zero: all of it",
        size=4, options={"SKIP_SAVE"},
    )  # fmt: skip

    what = "the range"
    _drawing = None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, _ = corrections.required(context)
            sequence = corrections.raw(entry)
            if not (self.first or self.last):
                self.first, self.last = corrections.range_about(context.scene, entry, around=_AROUND)
            first, last = corrections.video_range(context.scene, sequence, self.first, self.last)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        person = performances.file_of(entry)
        box = [round(float(value), 1) for value in self.box] if any(self.box) else None
        told = hashlib.sha256(repr((first, last, box)).encode()).hexdigest()[:12]
        out = person.with_name(f"{person.stem}.again-{told}.npz")
        options = {
            "task": "again", "take": str(performances.folder_of(entry)), "person": str(person),
            "out": str(out), "first": first, "last": last, "box": box, "threads": threads(context) or 2,
        }  # fmt: skip
        begin, end = self.first, self.last

        def keep(entry: bpy.types.PropertyGroup) -> list[str]:
            _add_step(entry, begin, end, out.name, "Captured Again")
            return []

        return self.solve(context, None if out.is_file() else options, out, keep)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # Not at the top: without a window there is nothing to draw with.
        from ..addon.box_drawing import BoxDrawing

        try:
            entry, _ = corrections.required(context)
            corrections.raw(entry)
            self._drawing = BoxDrawing(context, entry)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set("Drag a box around the person.   Esc or right mouse button: leave")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self._stop_drawing(context)
            return {"CANCELLED"}
        drawing = self._drawing
        place = drawing.under(event)
        if place is None and not drawing.held:
            return {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and place is not None:
            drawing.begin(place)
        elif event.type == "MOUSEMOVE" and drawing.held and place is not None:
            drawing.move(place)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and drawing.held:
            self.box = drawing.box()
            self._stop_drawing(context)
            return self.execute(context)
        return {"RUNNING_MODAL"} if drawing.held else {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends it: the window is closed, or another file is opened."""
        self._stop_drawing(context)

    def _stop_drawing(self, context: bpy.types.Context) -> None:
        if self._drawing is not None:
            self._drawing.close()
            self._drawing = None
            context.workspace.status_text_set(None)


def _others(_: bpy.types.Operator, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The other people of the same take. Kept, since Blender does not keep the texts of such a list."""
    global _offered
    entry = corrections.chosen(context) if context is not None else None
    there = context.scene.rotocap.performances if entry is not None and context is not None else []
    _offered = [
        (str(other.person), other.name, "The range is taken from this person")
        for other in there
        if other.take == entry.take and other.person != entry.person
    ] or [("0", "Nobody Else", "The take has no other person in this scene")]
    return _offered


_offered: list[tuple[str, str, str]] = []


class ROTOCAP_OT_take_from_person(OnPerformance):
    """Take the preview range, or the frames about the playhead, from another person of the same take, where the two were taken for each other"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.take_from_person"
    bl_label = "Take Range from Person"
    bl_options = {"REGISTER", "UNDO"}

    other: bpy.props.EnumProperty(name="Person", description="Whose motion this person gets", items=_others)

    def change(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        other = next(
            (e for e in context.scene.rotocap.performances
             if e.take == entry.take and str(e.person) == self.other and e.person != entry.person), None
        )  # fmt: skip
        if other is None:
            raise RigError(f"{entry.name}: its take has no other person in this scene to take a range from")
        first, last = corrections.range_about(context.scene, entry, around=_AROUND)
        _add_step(entry, first, last, performances.file_of(other).name, f"As {other.name}")

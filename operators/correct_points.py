# SPDX-License-Identifier: GPL-3.0-or-later
"""Drag a wrong point of the picture to where it is; the frames around it are solved again."""

from __future__ import annotations

import bpy

from ..addon import correct_points, correct_session, corrections
from ..inference.errors import RotocapError, SequenceError
from .correct_solving import Solving

_WITHIN = 30.0  # pixels of the region around the mouse in which a point is picked up


class _ChangesPoints(Solving):
    what = "the frames around the point"

    def change_points(self, context: bpy.types.Context, pins: list[correct_points.Pin]) -> set[str]:
        """Let these be the points that are put right."""
        try:
            entry, _ = corrections.required(context)
            corrections.raw(entry)  # says so if the take is gone
            options, out = correct_points.to_solve(entry, pins)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.solve(context, options, out, self.kept(pins))

    def kept(self, pins: list[correct_points.Pin]) -> correct_session.Keep:
        """What keeps the points with the performance when they are solved."""

        def keep(entry: bpy.types.PropertyGroup) -> list[str]:
            correct_points.keep(entry, pins)
            return []

        return keep


class ROTOCAP_OT_drag_point(_ChangesPoints):
    """Drag a point that is in the wrong place, such as a wrist or a knee, to where it is in the picture. Press here, then on the point, and drag"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.drag_point"
    bl_label = "Drag a Point"
    bl_options = {"REGISTER"}

    keypoint: bpy.props.IntProperty(
        name="Point", description="Which of the 133 points", default=-1, options={"SKIP_SAVE"}
    )
    place: bpy.props.FloatVectorProperty(
        name="Place", description="Where it is, in pixels from the left and from above", size=2,
        options={"SKIP_SAVE"},
    )  # fmt: skip

    frame: bpy.props.IntProperty(
        name="Frame",
        description="The video's frame, counted from 1; 0 for the one at the playhead",
        default=0, min=0, options={"SKIP_SAVE"},
    )  # fmt: skip

    _drawing = None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, _ = corrections.required(context)
            correct_points.require_keypoint(self.keypoint)
            frame = self.frame - 1 if self.frame else correct_points.draggable(context.scene, entry).frame
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        pin = (frame, self.keypoint, float(self.place[0]), float(self.place[1]))
        return self.change_points(context, correct_points.with_pin(entry.corrections, pin))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # Not at the top: without a window there is nothing to draw with.
        from ..addon.point_drawing import PointDrawing

        try:
            entry, _ = corrections.required(context)
            correct_points.draggable(context.scene, entry)  # says so if the person is not here
            self._drawing = PointDrawing(context, entry)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set("Drag a point to where it is.   Esc or right mouse button: leave")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        drawing = self._drawing
        if event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self._stop_drawing(context)
            return {"CANCELLED"}
        place = drawing.under(event)
        if place is None and not drawing.held:
            return {"PASS_THROUGH"}  # the timeline, the sidebar and the other editors stay usable
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and place is not None:
            keypoint = correct_points.nearest(drawing.points(), *place, within=drawing.reach(_WITHIN))
            if keypoint is None:
                return {"PASS_THROUGH"}
            drawing.take(keypoint, place)
            return {"RUNNING_MODAL"}
        if event.type == "MOUSEMOVE":
            near = None
            if place is not None:
                near = correct_points.nearest(drawing.points(), *place, within=drawing.reach(_WITHIN))
            drawing.move(place, near)
            return {"RUNNING_MODAL"} if drawing.held else {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE" and event.value == "RELEASE" and drawing.held:
            # The frame of the points that were shown: the playhead may have moved on meanwhile.
            self.keypoint, self.place, self.frame = (
                drawing.keypoint,
                drawing.place,
                drawing.points().frame + 1,
            )
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


class ROTOCAP_OT_remove_point(_ChangesPoints):
    """Take a point that was put right away again"""

    bl_idname = "rotocap.remove_point"
    bl_label = "Remove Point"
    bl_options = {"REGISTER"}

    index: bpy.props.IntProperty(
        name="Point",
        description="Which point of the list, counted from 0; -1 for the chosen one",
        default=-1,
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, _ = corrections.required(context)
            kept = entry.corrections
            index = self.index if self.index >= 0 else kept.pin
            if not 0 <= index < len(kept.pins):
                raise SequenceError(f"{entry.name}: has no point number {index + 1} that was put right")
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        gone = (kept.pins[index].frame, kept.pins[index].keypoint)
        return self.change_points(context, [pin for pin in corrections.pins_of(kept) if pin[:2] != gone])


class ROTOCAP_OT_update_motion(_ChangesPoints):
    """Bring the armature up to date with the capture, the points, the clean-up and the contacts. Your edits stay"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.update_motion"
    bl_label = "Update Motion"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry, _ = corrections.required(context)
            pins = correct_points.in_capture(entry)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        # A capture that was made anew has its points to be solved again.
        return self.change_points(context, pins)

    def kept(self, pins: list[correct_points.Pin]) -> correct_session.Keep:
        def keep(entry: bpy.types.PropertyGroup) -> list[str]:
            on = entry.corrections.pins_on
            lost = len(entry.corrections.pins) - len(pins)
            correct_points.keep(entry, pins)
            entry.corrections.pins_on = on
            return [f"{lost} points are in frames that the capture does not have any more"] if lost else []

        return keep

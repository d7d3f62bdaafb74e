# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose by a click who is captured."""

from __future__ import annotations

import bpy

from ..addon import capture_session, people_finder
from ..addon.preferences import threads
from ..inference.errors import RotocapError

_LOOK_S = 0.1


class ROTOCAP_OT_pick_person(bpy.types.Operator):
    """Show the people found in the video's frame under the playhead: click on the one to capture"""

    bl_idname = "rotocap.pick_person"
    bl_label = "Pick Person"
    bl_options = {"REGISTER", "UNDO"}

    frame: bpy.props.IntProperty(
        name="Frame", description="The video's frame, counted from 1", default=1, min=1, options={"SKIP_SAVE"}
    )
    place: bpy.props.FloatVectorProperty(
        name="Place",
        description="Where the person is in it, in pixels from the left and from above",
        size=2,
        options={"SKIP_SAVE"},
    )

    _timer: bpy.types.Timer | None = None
    _finder: people_finder.PeopleFinder
    _drawing = None  # a PickDrawing, once there is a window to draw in

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.video:
            cls.poll_message_set("Import a video first")
            return False
        if capture_session.must_wait():
            cls.poll_message_set(capture_session.must_wait())
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            people_finder.pick(context.scene, frame=self.frame - 1, place=tuple(self.place))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Captured will be who was clicked on in frame {self.frame}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if context.area is None or context.area.type != "VIEW_3D":
            self.report({"ERROR"}, "There is no 3D viewport here to show the people in: press this in one")
            return {"CANCELLED"}
        try:
            video, frame = people_finder.video_frame(context.scene)
            self._finder = people_finder.PeopleFinder(video, frame, threads=threads(context))
        except (RotocapError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        # Not at the top: without a window there is nothing to draw with.
        from ..addon.pick_drawing import PickDrawing

        self.frame = frame + 1
        self._area = context.area
        self._region = next(region for region in context.area.regions if region.type == "WINDOW")
        self._drawing = PickDrawing(context.area)
        self._timer = context.window_manager.event_timer_add(_LOOK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        found = self._finder.found
        if found is None:
            return self._wait(context) if event.type == "TIMER" else {"PASS_THROUGH"}
        layout = self._drawing.layout
        if event.type in ("MOUSEMOVE", "LEFTMOUSE"):
            x, y = event.mouse_x - self._region.x, event.mouse_y - self._region.y
            self._drawing.under = layout.hit(found.boxes, x, y)
            self._area.tag_redraw()
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and self._drawing.under is not None:
            x0, y0, x1, y1 = found.boxes[self._drawing.under]
            self.place = (0.5 * (x0 + x1), 0.5 * (y0 + y1))
            self.cancel(context)
            return self.execute(context)
        # The picture is in the way of everything else in this area.
        return {"RUNNING_MODAL"} if event.type == "LEFTMOUSE" else {"PASS_THROUGH"}

    def _wait(self, context: bpy.types.Context) -> set[str]:
        if self._finder.tick():
            return {"RUNNING_MODAL"}
        found = self._finder.found
        if found is not None and found.boxes:
            self._drawing.show(found, self._area)
            self._area.tag_redraw()
            return {"RUNNING_MODAL"}
        nobody = f"Nobody was found in frame {self.frame}: move the playhead to one that shows the person"
        self.report({"ERROR"} if self._finder.error else {"WARNING"}, self._finder.error or nobody)
        self.cancel(context)
        return {"CANCELLED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """The one way out, also for Blender itself: the window is closed, or another file is opened."""
        self._finder.close()
        self._drawing.close()
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        for area in context.window.screen.areas if context.window is not None else ():
            area.tag_redraw()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture the video, while Blender stays usable; ESC stops and keeps what was read."""

from __future__ import annotations

import bpy

from ..addon import jobs
from ..addon.apply_take import apply_new, read_people
from ..addon.camera import look_through
from ..addon.properties import request
from ..inference.errors import RotocapError
from ..inference.take import Take

_TICK_S = 0.1


class ROTOCAP_OT_capture(bpy.types.Operator):
    """Turn the video into motion. Esc stops and keeps what was captured so far"""

    bl_idname = "rotocap.capture"
    bl_label = "Capture"
    bl_options = {"REGISTER", "UNDO"}

    _timer: bpy.types.Timer | None = None
    _job: jobs.CaptureJob

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.video:
            cls.poll_message_set("Import a video first")
            return False
        job = jobs.current()
        if job is not None and job.outcome is None:
            cls.poll_message_set("A capture is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._job = jobs.start(request(context))
        except (RotocapError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background:
            self._job.run()
            return self._finish(context)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
            return {"RUNNING_MODAL"}
        if event.type == "TIMER":
            running = self._job.tick()
            for window in context.window_manager.windows:
                for area in window.screen.areas:
                    if area.type == "VIEW_3D":
                        area.tag_redraw()
            if not running:
                return self._finish(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, or it closes."""
        self._job.stop()
        self._remove_timer(context)

    def _finish(self, context: bpy.types.Context) -> set[str]:
        self._remove_timer(context)
        outcome = self._job.outcome
        assert outcome is not None  # tick() said that the job is over
        if outcome.take is None:
            if outcome.status == "failed":
                print(self._job.log_tail)
            self.report({"ERROR"} if outcome.status == "failed" else {"WARNING"}, outcome.message)
            return {"CANCELLED"}
        settings = context.scene.rotocap
        settings.take = str(outcome.take)
        for warning in outcome.warnings:
            self.report({"WARNING"}, warning)
        if settings.apply_when_done:
            try:
                take = Take.open(outcome.take)
                report = apply_new(context.scene, take, read_people(take))
                look_through(context, context.scene.objects[report.camera])
            except RotocapError as error:
                self.report({"ERROR"}, str(error))
                return {"CANCELLED"}
        self.report({"INFO"}, outcome.message)
        return {"FINISHED"}

    def _remove_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


class ROTOCAP_OT_stop_capture(bpy.types.Operator):
    """Stop reading the video, and keep what was captured so far"""

    bl_idname = "rotocap.stop_capture"
    bl_label = "Stop and Keep"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        job = jobs.current()
        return job is not None and job.outcome is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        job = jobs.current()
        assert job is not None  # poll() looked
        job.cancel()
        return {"FINISHED"}

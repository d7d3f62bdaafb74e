# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture the video, while Blender stays usable; ESC stops and keeps what was read."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import jobs
from ..addon.apply_take import apply_new, read_people, show
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
    _scene: int  # its session_uid: an undo while the capture runs makes every reference stale

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
            self._begin(context)
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

    def _begin(self, context: bpy.types.Context) -> None:
        """Start the job, and keep where it goes. Says so if the take that was named holds another capture."""
        wanted = request(context)
        self._job = jobs.start(wanted)
        self._scene = context.scene.session_uid
        settings = context.scene.rotocap
        named = settings.take
        settings.take = str(wanted.take)
        if named and Path(bpy.path.abspath(named)) != wanted.take:
            text = f"{Path(named).name} holds another capture and is kept; this one: {wanted.take.name}"
            self.report({"INFO"}, text)

    def _finish(self, context: bpy.types.Context) -> set[str]:
        self._remove_timer(context)
        outcome = self._job.outcome
        assert outcome is not None  # tick() said that the job is over
        if outcome.take is None:
            if outcome.status == "failed":
                print(self._job.log_tail)
            self.report({"ERROR"} if outcome.status == "failed" else {"WARNING"}, outcome.message)
            return {"CANCELLED"}
        scene = next((s for s in bpy.data.scenes if s.session_uid == self._scene), None)
        if scene is None:
            self.report(
                {"WARNING"},
                f"{outcome.message} The scene that it was started in is gone, so nothing was applied: "
                f"choose the take {outcome.take} under Apply",
            )
            return {"CANCELLED"}
        scene.rotocap.take = str(outcome.take)
        warnings = list(outcome.warnings)
        if scene.rotocap.apply_when_done:
            try:
                warnings += self._apply(context, scene, outcome.take)
            except RotocapError as error:
                self.report({"ERROR"}, f"Captured, and kept in {outcome.take.name}, but not applied: {error}")
                return {"CANCELLED"}
        for warning in dict.fromkeys(warnings):
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, outcome.message)
        return {"FINISHED"}

    def _apply(self, context: bpy.types.Context, scene: bpy.types.Scene, path: Path) -> list[str]:
        """New armatures in the scene that the capture was started from. Returns warnings."""
        take = Take.open(path)
        people = read_people(take)
        if scene == context.scene:
            report = apply_new(scene, take, people)
            show(context, report)
        else:  # the animator works in another one meanwhile, and is left alone there
            with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                report = apply_new(scene, take, people)
        return report.warnings

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

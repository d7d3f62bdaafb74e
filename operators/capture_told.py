# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a capture, said in the status bar: when Esc stops it, and when it is over."""

from __future__ import annotations

import bpy

from ..addon import capture_queue, capture_session
from ..addon.capture_windows import playing

_AT_ONCE_S = 0.01


class ROTOCAP_OT_escape_capture(bpy.types.Operator):
    """Stop reading the video, and the queue, and keep what was captured so far"""

    bl_idname = "rotocap.escape_capture"
    bl_label = "Stop Capture and Keep"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        # Esc first ends what plays, which is what it does without us.
        return capture_session.holds_the_window() and not playing()

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = capture_session.current()
        assert session is not None  # poll() looked
        capture_queue.cancel(session)
        self.report({"INFO"}, "Stopped. What was read is being solved, and is put in then")
        return {"FINISHED"}


class ROTOCAP_OT_tell_capture(bpy.types.Operator):
    """Say how the capture, or the queue, ended"""

    bl_idname = "rotocap.tell_capture"
    bl_label = "Capture"
    bl_options = {"INTERNAL"}

    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # Called from a timer: only what a modal operator reports is shown by Blender then.
        manager = context.window_manager
        self._timer = manager.event_timer_add(_AT_ONCE_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        self.cancel(context)
        session = capture_session.current()
        if session is None:  # another file was opened
            return {"CANCELLED"}
        if session.queued:
            return tell_queue(self, session.scene or context.scene)
        return tell(self, session)

    def cancel(self, context: bpy.types.Context) -> None:
        """Also called by Blender: the window is closed, or another file is opened."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


def tell(operator: bpy.types.Operator, session: capture_session.Session) -> set[str]:
    """Report how a capture ended, in one line and the warnings. Returns what the operator comes to."""
    outcome = session.job.outcome
    # An error would come as a popup under the mouse, minutes after the press, over whatever the
    # animator does by then. It stands in the panel; in the status bar it comes as a warning.
    failure = {"ERROR"} if bpy.app.background else {"WARNING"}
    if session.failed:
        operator.report(failure, session.failed)
        return {"CANCELLED"}
    if outcome is None:
        return {"CANCELLED"}
    if outcome.take is None:
        operator.report(failure if outcome.status == "failed" else {"WARNING"}, outcome.message)
        return {"CANCELLED"}
    for warning in dict.fromkeys([*outcome.warnings, *session.warnings]):
        operator.report({"WARNING"}, warning)
    operator.report({"INFO"}, outcome.message)
    return {"FINISHED"}


def tell_queue(operator: bpy.types.Operator, scene: bpy.types.Scene) -> set[str]:
    """Report what the videos of a scene's queue came to. Returns what the operator comes to."""
    entries = scene.rotocap.queue
    done = sum(entry.status == "done" for entry in entries)
    for entry in entries:
        if entry.status == "failed":
            operator.report({"WARNING"}, f"{entry.name}: {entry.message}")
    operator.report({"INFO"}, f"{done} of {len(entries)} videos captured")
    return {"FINISHED"} if done else {"CANCELLED"}

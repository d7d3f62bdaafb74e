# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators that start captures share: Esc is theirs while one runs, and they say how it ended."""

from __future__ import annotations

import bpy

from ..addon import capture_queue, capture_session

_LOOK_S = 0.1


class WatchesCapture:
    """The modal half of an operator that has started a capture. It drives nothing: see `capture_session`."""

    _timer: bpy.types.Timer | None = None

    def watch(self, context: bpy.types.Context) -> set[str]:
        manager = context.window_manager
        self._timer = manager.event_timer_add(_LOOK_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        session = capture_session.current()
        escape = event.type == "ESC" and event.value == "PRESS"
        if escape and session is not None and session.job.holds_the_window:
            capture_queue.cancel(session)
            return {"RUNNING_MODAL"}
        # A queue goes on after a result that waits, for the end of a render say, and Esc with it.
        queue = capture_queue.running() and capture_session.running()
        if event.type == "TIMER" and (session is None or not (queue or capture_session.holds_the_window())):
            self.cancel(context)
            return self.say(session) if session is not None else {"CANCELLED"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Also called by Blender: the window is closed, or another file is opened."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def say(self, session: capture_session.Session) -> set[str]:
        """Report how it ended, in one line and the warnings."""
        outcome = session.job.outcome
        # An error would come as a popup under the mouse, minutes after the press, over whatever the
        # animator does by then. It stands in the panel; in the status bar it comes as a warning.
        failure = {"ERROR"} if bpy.app.background else {"WARNING"}
        if outcome is None:
            self.report({"INFO"}, "Stopped. What was read is being solved, and is put in then")
            return {"FINISHED"}
        if session.failed:
            self.report(failure, session.failed)
            return {"CANCELLED"}
        if outcome.take is None:
            self.report(failure if outcome.status == "failed" else {"WARNING"}, outcome.message)
            return {"CANCELLED"}
        for warning in dict.fromkeys([*outcome.warnings, *session.warnings]):
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, outcome.message)
        return {"FINISHED"}

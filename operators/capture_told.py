# SPDX-License-Identifier: GPL-3.0-or-later
"""Esc stops a capture; and what operators that have waited for one say of how it ended."""

from __future__ import annotations

import bpy

from ..addon import capture_keys, capture_queue, capture_session


class ROTOCAP_OT_escape_capture(bpy.types.Operator):
    """Stop reading the video, and the queue, and keep what was captured so far"""

    bl_idname = "rotocap.escape_capture"
    bl_label = "Stop Capture and Keep"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return capture_session.holds_the_window() and capture_keys.is_free()

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = capture_session.current()
        assert session is not None  # poll() looked
        capture_queue.cancel(session)
        self.report({"INFO"}, "Stopped. What was read is being solved, and is put in then")
        return {"FINISHED"}


def tell(operator: bpy.types.Operator, session: capture_session.Session) -> set[str]:
    """Report how a capture ended that was waited for: without a window. Returns what the operator comes to.

    In a window an error would come as a popup, minutes after the press, over whatever the animator does
    by then: it stands in the panel and the status bar there, see `capture_session`.
    """
    outcome = session.job.outcome
    if session.failed:
        operator.report({"ERROR"}, session.failed)
        return {"CANCELLED"}
    if outcome is None:
        return {"CANCELLED"}
    if outcome.take is None:
        operator.report({"ERROR"} if outcome.status == "failed" else {"WARNING"}, outcome.message)
        return {"CANCELLED"}
    for warning in dict.fromkeys([*outcome.warnings, *session.warnings]):
        operator.report({"WARNING"}, warning)
    operator.report({"INFO"}, outcome.message)
    return {"FINISHED"}


def tell_queue(operator: bpy.types.Operator, scene: bpy.types.Scene) -> set[str]:
    """Report what the videos of a scene's queue came to. Returns what the operator comes to."""
    entries = scene.rotocap.queue
    for entry in entries:
        if entry.status == "failed":
            operator.report({"WARNING"}, f"{entry.name}: {entry.message}")
    operator.report({"INFO"}, capture_queue.summary(scene))
    return {"FINISHED"} if any(entry.status == "done" for entry in entries) else {"CANCELLED"}

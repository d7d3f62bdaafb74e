# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture the video, while Blender stays usable; Esc stops and keeps what was read."""

from __future__ import annotations

import bpy

from ..addon import capture_queue, capture_session
from ..addon.capture_request import request
from ..inference.errors import RotocapError
from .capture_told import tell


class ROTOCAP_OT_capture(bpy.types.Operator):
    """Turn the video into motion, or go on where a capture stopped. Esc stops and keeps what was read"""

    bl_idname = "rotocap.capture"
    bl_label = "Capture"
    bl_options = {"REGISTER"}  # what comes of it is put in by an operator of its own, with its undo step

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
        settings = context.scene.rotocap
        try:
            wanted = request(context)
            session = capture_session.start(wanted, context.scene)
        except (RotocapError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        named = bpy.path.abspath(settings.take) if settings.take else ""
        settings.take = str(wanted.take)
        if named and named.rstrip("/\\") != str(wanted.take):
            name = bpy.path.basename(named.rstrip("/\\"))
            text = f"{name} holds another capture and is kept; this one: {wanted.take.name}"
            self.report({"INFO"}, text)
        if bpy.app.background:
            session.run()
            return tell(self, session)
        return {"FINISHED"}


class ROTOCAP_OT_put_in_capture(bpy.types.Operator):
    """Put what was captured into the scene"""

    bl_idname = "rotocap.put_in_capture"
    bl_label = "Capture"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = capture_session.current()
        return session is not None and session.job.outcome is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = capture_session.current()
        assert session is not None  # poll() looked
        try:
            session.apply(context)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class ROTOCAP_OT_stop_capture(bpy.types.Operator):
    """Stop reading the video, and the queue, and keep what was captured so far. Pressed again: stop solving it as well"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.stop_capture"
    bl_label = "Stop and Keep"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = capture_session.current()
        return session is not None and session.job.outcome is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = capture_session.current()
        assert session is not None  # poll() looked
        capture_queue.cancel(session)
        return {"FINISHED"}

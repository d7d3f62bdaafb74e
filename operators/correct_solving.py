# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that have the child process solve something and then put it on the armature, and their stop.

Blender goes on meanwhile (`addon/correct_session`). The undo step is taken when the result is there: with
one of their own they could be changed afterwards by the panel of the last operation, while they are solved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ..addon import capture_keys, correct_session, corrections
from ..inference.errors import RotocapError


class Solving(bpy.types.Operator):
    """Changes what a performance is made from by way of the worker."""

    what = "the frames"  # that is solved, for the status bar

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = corrections.chosen(context)
        if entry is None or entry.armature is None:
            cls.poll_message_set("Apply a take first, and select the armature that it moves")
            return False
        if correct_session.running() is not None:
            cls.poll_message_set("Another correction is still being solved")
            return False
        return True

    def solve(
        self, context: bpy.types.Context, options: Mapping[str, Any] | None, out: Path,
        keep: correct_session.Keep,
    ) -> set[str]:  # fmt: skip
        """Do a task: at once in background mode, else while Blender goes on. None: there is nothing to do."""
        try:
            entry, _ = corrections.required(context)
            correction = correct_session.start(
                context.scene, entry, options, out, name=self.bl_label, what=self.what, keep=keep
            )
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if correction.failed:
            self.report({"ERROR"}, correction.failed)
            return {"CANCELLED"}
        for note in correction.notes:
            self.report({"WARNING"}, note)
        return {"FINISHED"}


class _Stops(bpy.types.Operator):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return correct_session.running() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        correction = correct_session.running()
        assert correction is not None  # poll() looked
        correction.cancel()
        return {"FINISHED"}


class ROTOCAP_OT_stop_correction(_Stops):
    """Stop solving this correction. All stays as it was"""

    bl_idname = "rotocap.stop_correction"
    bl_label = "Stop"


class ROTOCAP_OT_escape_correction(_Stops):
    """Stop solving the correction. All stays as it was"""

    bl_idname = "rotocap.escape_correction"
    bl_label = "Stop Correction"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return capture_keys.is_free() and correct_session.running() is not None

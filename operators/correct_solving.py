# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that wait for the child process while Blender goes on, and then put the result on the armature.

All of it is one undo step, taken when the result is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ..addon import correct_apply, correct_task, corrections
from ..inference.errors import Cancelled, RotocapError

_LOOK_S = 0.05


class Solving(bpy.types.Operator):
    """Changes what a performance is made from by way of the worker."""

    _timer: bpy.types.Timer | None = None
    _task: correct_task.CorrectTask | None = None
    _handled = False  # the operator gets events already: a second handler of one operator crashes Blender
    what = "the frames"  # that is solved, for the status bar

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        entry = corrections.chosen(context)
        if entry is None or entry.armature is None:
            cls.poll_message_set("Apply a take first, and select the armature that it moves")
            return False
        if correct_task.current() is not None:
            cls.poll_message_set("Another correction is still being solved")
            return False
        return True

    def solve(self, context: bpy.types.Context, options: Mapping[str, Any] | None, out: Path) -> set[str]:
        """Do a task: at once in background mode, else while Blender goes on. None: there is nothing to do."""
        try:
            entry, _ = corrections.required(context)
            self._who = (entry.take, entry.person, entry.armature.name)
            if options is None:
                return self._finish(context)
            self._task = correct_task.start(options, out=out)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background:
            self._task.run()
            return self._finish(context)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_LOOK_S, window=context.window)
        if not self._handled:
            manager.modal_handler_add(self)
            self._handled = True
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self._task is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            self._task.cancel()
            return {"RUNNING_MODAL"}
        if event.type == "TIMER":
            running = self._task.tick()
            context.workspace.status_text_set(
                f"{self._task.text} {self.what}: {self._task.fraction:.0%}   Esc stops"
            )
            if not running:
                return self._finish(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, or it closes."""
        self._tidy(context)

    def done(self, context: bpy.types.Context, entry: bpy.types.PropertyGroup) -> None:
        """Keep what was solved with the performance."""
        raise NotImplementedError

    def _finish(self, context: bpy.types.Context) -> set[str]:
        try:
            if self._task is not None:
                self._task.result()
            entry = self._entry(context)
            with corrections.kept_on_error(entry):
                self.done(context, entry)
                for note in correct_apply.refresh(context.scene, entry):
                    self.report({"WARNING"}, note)
        except Cancelled:
            self.report({"WARNING"}, "Stopped: all is as it was")
            return {"CANCELLED"}
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            self._tidy(context)
        return {"FINISHED"}

    def _entry(self, context: bpy.types.Context) -> bpy.types.PropertyGroup:
        """The performance that it was begun for: the animator may have chosen another one meanwhile."""
        for entry in context.scene.rotocap.performances:
            if entry.armature is not None and (entry.take, entry.person, entry.armature.name) == self._who:
                return entry
        raise RotocapError("The performance that this was for is gone; nothing was changed")

    def _tidy(self, context: bpy.types.Context) -> None:
        if self._task is not None:
            self._task.close()
            self._task = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.workspace.status_text_set(None)

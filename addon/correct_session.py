# SPDX-License-Identifier: GPL-3.0-or-later
"""A correction that the child process solves: from the button to the keys on the armature.

A timer of Blender's drives it, so it goes on whatever the animator does and whichever window is
closed. The keys come when nothing is in the way, as one undo step with the button's own name. There
is one at a time, and it may run beside a capture.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..inference.errors import Cancelled, RotocapError
from . import correct_apply, correct_task, corrections
from .capture_windows import not_now, place_to_work, redraw, tell, tell_for_a_while
from .performance_properties import RotocapPerformance

_TICK_S = 0.1
_WAIT_S = 0.25  # between two looks whether the keys may be made
_PATIENCE_S = 0.3  # for the child to end by itself, which takes its own folder away

Keep = Callable[[RotocapPerformance], list[str]]
"""Keeps what was solved with the performance, before its keys are made. Returns notes for the animator.

It may hold numbers and words only: an undo meanwhile makes every reference into the scene stale.
"""


class Correction:
    """One correction, which is `over` when its keys are made or cannot be."""

    def __init__(
        self, scene: bpy.types.Scene, entry: RotocapPerformance, options: Mapping[str, Any] | None, out: Path,
        *, name: str, what: str, keep: Keep,
    ) -> None:  # fmt: skip
        """options: the worker's; None: there is nothing to solve. RotocapError if it cannot start."""
        self.over = False
        self.stopped = False
        self.failed = ""  # why nothing was changed
        self.waiting = ""  # why the keys are not made yet
        self.notes: list[str] = []
        self._scene_uid = scene.session_uid
        self._who = (entry.take, entry.person, entry.armature.name)
        self._name, self._what, self._keep = name, what, keep
        self._told = ""
        self._task = correct_task.CorrectTask(options, out=out) if options is not None else None

    @property
    def fraction(self) -> float:
        return self._task.fraction if self._task is not None else 1.0

    @property
    def text(self) -> str:
        """What is done now, for the panel."""
        return self.waiting or (self._task.text if self._task is not None else "")

    def cancel(self) -> None:
        """Give it up at once, also where only the keys wait: there is nothing to keep."""
        self.stopped = True
        if self._task is not None:
            self._task.close(patience_s=_PATIENCE_S)

    def tick(self) -> float | None:
        """What the timer does. Returns seconds until the next time, None when all is over."""
        if self._task is not None and not self.stopped and self._task.tick():
            self._tell()
            return _TICK_S
        self.waiting = "" if self.stopped else not_now()
        if self.waiting:
            self._tell()
            return _WAIT_S
        self._finish()
        return None

    def run(self) -> None:
        """Do it all at once, for background mode."""
        if self._task is not None:
            self._task.run()
        self._finish()

    def abandon(self, why: str = "") -> None:
        """End at once and change nothing."""
        self.failed = why
        self._close()

    def said(self) -> str:
        """How it ended; empty if all went well."""
        if self.stopped:
            return "Stopped: all is as it was"
        return self.failed or "; ".join(self.notes)

    def _finish(self) -> None:
        try:
            if self.stopped:
                raise Cancelled
            if self._task is not None:
                self._task.result()
            scene = next((s for s in bpy.data.scenes if s.session_uid == self._scene_uid), None)
            if scene is None:
                raise RotocapError("The scene that this was for is gone; nothing was changed")
            with bpy.context.temp_override(**({} if bpy.app.background else place_to_work(scene))):
                if scene == bpy.context.scene:
                    self._put_in(scene)
                else:  # the animator works in another one meanwhile, and is left alone there
                    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                        self._put_in(scene)
                bpy.ops.ed.undo_push(message=self._name)
        except Cancelled:
            self.stopped = True
        except RotocapError as error:
            self.failed = str(error)
        finally:
            self._close()

    def _put_in(self, scene: bpy.types.Scene) -> None:
        entry = self._entry(scene)
        with corrections.kept_on_error(entry):
            self.notes = self._keep(entry)
            self.notes += correct_apply.refresh(scene, entry)

    def _entry(self, scene: bpy.types.Scene) -> RotocapPerformance:
        """The performance that it was begun for: the animator may have chosen another one meanwhile."""
        for entry in scene.rotocap.performances:
            if entry.armature is not None and (entry.take, entry.person, entry.armature.name) == self._who:
                return entry
        raise RotocapError("The performance that this was for is gone; nothing was changed")

    def _tell(self) -> None:
        parts = [self.waiting or f"{self.text} {self._what}: {self.fraction:.0%}", "Esc: stop"]
        text = f"Rotocap   {'   '.join(parts)}"
        if text != self._told:
            self._told = text
            tell(text)
            redraw()

    def _close(self) -> None:
        if self._task is not None:
            self._task.close()
        self.over = True
        if self._told:
            tell(None)
        redraw()


_current: Correction | None = None


def start(
    scene: bpy.types.Scene, entry: RotocapPerformance, options: Mapping[str, Any] | None, out: Path, *,
    name: str, what: str, keep: Keep,
) -> Correction:  # fmt: skip
    """Start a correction. It is over at once in background mode, or if there is nothing to solve.

    name: of its undo step; what: is solved, in words. RotocapError while another one runs.
    """
    global _current
    if running() is not None:
        raise RotocapError("Another correction is still being solved; wait for it, or press Esc to stop it")
    try:
        _current = Correction(scene, entry, options, out, name=name, what=what, keep=keep)
    except OSError as error:
        raise RotocapError(f"The solving process could not be started ({error}); restart Blender") from error
    if bpy.app.background:
        _current.run()
    elif options is not None or _current.tick() is not None:
        bpy.app.timers.register(_drive, first_interval=_TICK_S)
    return _current


def running() -> Correction | None:
    """The correction that is being solved, or waits for its keys."""
    return _current if _current is not None and not _current.over else None


def problem() -> str:
    """Why the last correction changed nothing, for the panel; empty if it did."""
    return _current.failed if _current is not None and _current.over else ""


def _drive() -> float | None:
    correction = running()
    if correction is None:
        return None
    try:
        pause = correction.tick()
    except Exception as error:  # a fault of ours must not leave a correction that nothing can end
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}"
        correction.abandon(f"{words}. This is a fault in Rotocap; please report it. Nothing was changed")
        pause = None
    if pause is None and correction.said():
        tell_for_a_while(f"Rotocap   {correction.said()}")
    return pause


@persistent
def _forget(*_: object) -> None:
    """Another file is opened: what was solved belongs to the one before."""
    global _current
    if running() is not None:
        _current.abandon()
    _current = None


def enable() -> None:
    """Watch for files that are opened."""
    bpy.app.handlers.load_pre.append(_forget)


def disable() -> None:
    """Stop what runs, and watch no more."""
    _forget()
    if bpy.app.timers.is_registered(_drive):
        bpy.app.timers.unregister(_drive)
    if _forget in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_forget)

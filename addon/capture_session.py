# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture and what it does to the window: the live body, the status bar, and the result put in.

A timer of Blender's drives it, so it goes on whatever the animator does and whichever
window is closed; in background mode `run` does the same at once. Nothing is put into the
scene while a render runs, an edit is open or a transform is under way.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace

import bpy
from bpy.app.handlers import persistent

from ..inference.errors import RotocapError
from ..inference.take import Take
from . import jobs, live_body
from .apply_again import apply_captured
from .apply_take import read_people, show
from .capture_windows import not_now, place_to_work, playing, redraw, rendering, tell, tell_for_a_while
from .scene_from_take import FIRST_FRAME, scene_fps

_TICK_S = 0.05
_STEP_S = 0.003  # of a tick for a live body that is made anew
_WAIT_S = 0.25  # between two looks whether the result may be put in
_STATUS_S = 0.25  # between two changes of the status bar

Ended = Callable[["Session"], None]


class Session:
    """One capture from the press of the button to the result in the scene."""

    def __init__(
        self, request: jobs.CaptureRequest, scene: bpy.types.Scene, *, ended: Ended, live: bool
    ) -> None:
        self.scene_uid = scene.session_uid  # an undo while the capture runs makes every reference stale
        self.over = False
        self.queued = ""  # which entry of the queue it is, see `capture_queue`
        self.waiting = ""  # why the result is not put in yet, in words
        self.warnings: list[str] = []  # of the result
        self.failed = ""  # why the result could not be put in
        self.job = jobs.start(replace(request, preview=live))
        self._ended = ended
        self._live = live_body.LiveBody(height_m=request.height_m)
        # wanted; begun; shown; gone: the animator deleted it, or there is nobody to see it
        self._live_state = "wanted" if live else "gone"
        self._live_due = 0.0
        self._frame: int | None = None  # what the animator's playhead was on
        self._frame_shown: int | None = None
        self._shown: jobs.Pose | None = None
        self._status = ""
        self._status_due = 0.0

    @property
    def scene(self) -> bpy.types.Scene | None:
        return next((s for s in bpy.data.scenes if s.session_uid == self.scene_uid), None)

    def tick(self) -> float | None:
        """What the timer does. Returns seconds until the next time, None when all is over."""
        begun = time.perf_counter()
        if self.job.tick():
            self._show_live()
            self._tell()
            self.job.ticks_ms.append((time.perf_counter() - begun) * 1e3)
            return _TICK_S
        self.waiting = self._not_now()
        if self.waiting:
            self._tell()
            return _WAIT_S
        self._finish()
        return None

    def run(self) -> None:
        """Do it all at once, for background mode."""
        self.job.run()
        self._finish()

    def apply(self, context: bpy.types.Context) -> None:
        """The people into the scene that the capture was started from. RotocapError if it cannot be."""
        scene, path = self.scene, self.job.outcome.take if self.job.outcome else None
        if path is None:
            return
        if scene is None:
            raise RotocapError(
                f"the scene that it was started in is gone: choose the take {path.name} under Take"
            )
        if not self.queued:  # the queue's videos are not the scene's own
            scene.rotocap.take = str(path)
        if not scene.rotocap.apply_when_done:
            return
        take = Take.open(path)
        people = read_people(take)
        if scene == context.scene:
            report = apply_captured(scene, take, people)
            show(context, report)
        else:  # the animator works in another one meanwhile, and is left alone there
            with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                report = apply_captured(scene, take, people)
        self.warnings += report.warnings

    def build_live(self, *, budget_s: float = 10.0) -> None:
        """Make the live body, if this is a good time, or as much of it as budget_s allows."""
        scene = self.scene
        self._live_due = time.monotonic() + 1.0
        if scene is None or rendering():
            return
        try:
            if self._live_state == "wanted":
                with bpy.context.temp_override(**place_to_work(scene)):
                    if not self._live.begin(scene, self.job.request.video):
                        return
                self._live_state = "begun"
                if budget_s <= _STEP_S:
                    return  # the armature was enough for one tick
            whole = self._live.go_on(budget_s=budget_s)
        except RuntimeError as error:  # the capture goes on without
            print(f"Rotocap: no live body ({error})")
            live_body.remove_all()
            self._live_state = "gone"
            return
        if whole:
            self._live_state, self._shown = "shown", None

    def lose_live(self) -> None:
        """It was taken away, by an undo or for a file that is saved, and is wanted again."""
        if self._live_state in ("begun", "shown"):
            self._live_state, self._live_due = "wanted", 0.0

    def abandon(self) -> None:
        """End at once and put nothing in: another file is opened, or the extension is disabled."""
        self.job.stop()
        self.over = True
        self._clear_window()

    def _show_live(self) -> None:
        if self._live_state == "begun" or (
            self._live_state == "wanted" and time.monotonic() >= self._live_due
        ):
            self.build_live(budget_s=_STEP_S)
        pose, scene = self.job.pose, self.scene
        if pose is None or pose is self._shown or self._live_state != "shown" or rendering() or scene is None:
            return
        self._shown = pose
        if not self._live.show(pose, scene):
            self._live_state = "gone"
            return
        if self.job.first_pose_s is None:
            self.job.first_pose_s = time.perf_counter() - self.job.begun
        self._follow(pose)

    def _follow(self, pose: jobs.Pose) -> None:
        """Let the video run along, unless the animator plays or has moved the playhead."""
        scene = self.scene
        if scene is None or not self._live.fits_the_picture(scene) or not scene.rotocap.follow:
            return
        if playing():
            return
        now = scene.frame_current
        if self._frame is None:
            self._frame = now
        elif now != self._frame_shown:
            return
        scene.frame_current = self._frame_shown = FIRST_FRAME + round(pose.time_s * scene_fps(scene))

    def _tell(self) -> None:
        """Panel and status bar, a few times a second."""
        now = time.monotonic()
        if now < self._status_due:
            return
        self._status_due = now + _STATUS_S
        text = self.status()
        if text != self._status:
            self._status = text
            tell(text if self.job.holds_the_window else None)
        redraw()

    def status(self) -> str:
        """One line for the status bar."""
        state = self.job.state
        parts = [state.text(), state.speed()] if not self.waiting else [self.waiting]
        if self.job.holds_the_window and not playing():
            parts.append("Esc: stop and keep")
        return f"Rotocap   {'   '.join(part for part in parts if part)}"

    def _not_now(self) -> str:
        """Why the result must wait, in words; empty if it need not."""
        outcome = self.job.outcome
        if outcome is None or outcome.take is None:
            return ""
        return not_now()

    def _finish(self) -> None:
        """The one way out."""
        outcome = self.job.outcome
        assert outcome is not None  # tick() and run() come here after it is set
        self._clear_window()
        if outcome.status == "failed":
            print(self.job.log_tail)
        if outcome.take is not None:
            self._put_in()
        self.over = True
        if not self.queued:  # what a queue came to is said by the queue
            tell_for_a_while(f"Rotocap   {self.failed or outcome.message}")
        self._ended(self)

    def _put_in(self) -> None:
        """By an operator, so that it is one undo step of its own."""
        try:
            if bpy.app.background:
                self.apply(bpy.context)
            else:
                with bpy.context.temp_override(**place_to_work(self.scene)):
                    bpy.ops.rotocap.put_in_capture("EXEC_DEFAULT", True)
        except (RotocapError, RuntimeError) as error:
            outcome = self.job.outcome
            assert outcome is not None and outcome.take is not None
            why = str(error).removeprefix("Error: ").strip()
            self.failed = f"Captured, and kept in {outcome.take.name}, but not applied: {why}"

    def _clear_window(self) -> None:
        live_body.remove_all()
        scene = self.scene
        if scene is not None and self._frame is not None and scene.frame_current == self._frame_shown:
            scene.frame_current = self._frame
        self._frame = None
        tell(None)
        redraw()


_session: Session | None = None


def start(
    request: jobs.CaptureRequest,
    scene: bpy.types.Scene,
    *,
    ended: Ended = lambda session: None,
    live: bool | None = None,
) -> Session:
    """Start a capture; `ended` is told when its result is in the scene, or there is none.

    live: whether the body is shown while it runs; without a word, where there is a window.
    """
    global _session
    if _session is not None and not _session.over:
        _session.abandon()
    live = not bpy.app.background if live is None else live
    _session = Session(request, scene, ended=ended, live=live)
    if live:
        _session.build_live()
    if not bpy.app.background and not bpy.app.timers.is_registered(_drive):
        bpy.app.timers.register(_drive, first_interval=_TICK_S)
    return _session


def current() -> Session | None:
    """The capture that runs, or the last one that ran."""
    return _session


def running() -> bool:
    """Whether a capture runs or waits to be put in."""
    return _session is not None and not _session.over


def holds_the_window() -> bool:
    """Whether Esc stops a capture that runs."""
    return running() and _session.job.holds_the_window


def must_wait() -> str:
    """Why no other capture can be started now, in words; empty where one can.

    While a capture that was stopped is solved it can: that one is given up, and goes on.
    """
    if not running() or (_session.job.state.cancelling and not _session.job.state.reading):
        return ""
    return _session.waiting or ("Stopping" if _session.job.state.cancelling else "A capture is running")


def _drive() -> float | None:
    """The timer. A later capture that `ended` starts is driven by the same one."""
    session = _session
    if session is None or session.over:
        return None
    try:
        pause = session.tick()
    except Exception as error:  # a fault of ours must not leave a capture that nothing can end
        traceback.print_exc()
        session.failed = (
            f"{type(error).__name__}: {error}. This is a fault in Rotocap; please report it. "
            "What was read is kept: press Go On"
        )
        session.abandon()
        tell_for_a_while(f"Rotocap   {session.failed}")
        return None
    if pause is None and running():
        return _TICK_S
    return pause


@persistent
def _before_load(*_: object) -> None:
    if _session is not None and not _session.over:
        _session.abandon()


@persistent
def _after_load(*_: object) -> None:
    global _session
    live_body.remove_all()
    if _session is not None and _session.over:
        _session = None  # what it came to belongs to the file that was open then


@persistent
def _before_save(*_: object) -> None:
    live_body.remove_all()
    if running():
        _session.lose_live()


@persistent
def _after_undo(*_: object) -> None:
    live_body.remove_all()
    if running():
        _session.lose_live()


def _handlers() -> tuple[tuple[list[object], object], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.load_pre, _before_load),
        (handlers.load_post, _after_load),
        (handlers.save_pre, _before_save),
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
    )


def enable() -> None:
    """Watch for files that are opened and saved, and for undo."""
    for handlers, function in _handlers():
        handlers.append(function)


def disable() -> None:
    """Stop what runs, and watch no more."""
    global _session
    if _session is not None and not _session.over:
        _session.abandon()
    _session = None
    if bpy.app.timers.is_registered(_drive):
        bpy.app.timers.unregister(_drive)
    for handlers, function in _handlers():
        if function in handlers:
            handlers.remove(function)
    jobs.stop()

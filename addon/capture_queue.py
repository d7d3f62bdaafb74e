# SPDX-License-Identifier: GPL-3.0-or-later
"""Several videos captured one after the other. One that fails does not stop the others."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..inference.errors import RotocapError
from . import capture_session, jobs
from .capture_request import request
from .capture_windows import tell_for_a_while
from .queue_properties import RotocapQueued

_running_scene: int | None = None  # session_uid of the scene whose queue runs
# What this run has had, and what came of it: an undo takes it from the list, but not from the world.
_tried: set[str] = set()
_results: dict[str, tuple[str, str, str]] = {}  # status, message and take
_results_scene: int | None = None


def add(scene: bpy.types.Scene, video: Path, part: tuple[int, int] | None = None) -> RotocapQueued:
    """Put a video at the end of the scene's queue. part: its first and last frame, counted from 1."""
    entry = scene.rotocap.queue.add()
    entry.name, entry.video = video.name, str(video)
    if part is not None:
        entry.use_range = True
        entry.first, entry.last = part
    scene.rotocap.queue_index = len(scene.rotocap.queue) - 1
    return entry


def running() -> bool:
    return _running_scene is not None


def run(context: bpy.types.Context) -> capture_session.Session | None:
    """Capture what waits in the scene's queue, also what was stopped or failed. None if nothing could start.

    In background mode it returns when all is done.
    """
    global _running_scene, _results_scene
    _running_scene = _results_scene = context.scene.session_uid
    _tried.clear()
    _results.clear()
    for entry in context.scene.rotocap.queue:
        if entry.status != "done":
            entry.status, entry.message = "waiting", ""
    return _next(context.scene)


def stop() -> None:
    """The capture that runs is the last one."""
    global _running_scene
    _running_scene = None


def cancel(session: capture_session.Session) -> None:
    """Stop what runs and keep what it has read; the videos that wait in the queue go on waiting."""
    stop()
    session.job.cancel()


def _key(entry: RotocapQueued) -> str:
    return f"{entry.video}:{entry.first}-{entry.last}" if entry.use_range else entry.video


def _next(scene: bpy.types.Scene) -> capture_session.Session | None:
    """Start the next video that waits; those that cannot be started say why and are passed over."""
    while running():
        entry = next(
            (e for e in scene.rotocap.queue if e.status == "waiting" and _key(e) not in _tried), None
        )
        if entry is None:
            break
        _tried.add(_key(entry))
        try:
            with bpy.context.temp_override(scene=scene):
                wanted = request(bpy.context, entry)
            session = capture_session.start(wanted, scene, ended=_ended)
        except (RotocapError, OSError) as error:
            entry.status, entry.message = "failed", str(error)
            continue
        entry.status, entry.take = "running", str(wanted.take)
        session.queued = _key(entry)
        if not bpy.app.background:
            return session
        session.run()
    stop()
    return None


def _ended(session: capture_session.Session) -> None:
    """A capture of the queue is over: its entry says so, and the next one starts."""
    scene = session.scene
    if scene is None:
        stop()
        return
    outcome = session.job.outcome
    entry = next((e for e in scene.rotocap.queue if _key(e) == session.queued), None)
    if entry is not None and outcome is not None:
        entry.status, entry.message = _told(session, outcome)
        _results[session.queued] = (entry.status, entry.message, entry.take)
    if bpy.app.background:
        return
    if not running() or _next(scene) is None:
        tell_for_a_while(f"Rotocap   {summary(scene)}")


def summary(scene: bpy.types.Scene) -> str:
    """How many of a scene's queue are captured, in words."""
    entries = scene.rotocap.queue
    failed = sum(entry.status == "failed" for entry in entries)
    text = f"{sum(entry.status == 'done' for entry in entries)} of {len(entries)} videos captured"
    return f"{text}; {failed} failed, see the queue" if failed else text


def _told(session: capture_session.Session, outcome: jobs.Outcome) -> tuple[str, str]:
    if session.failed:
        return "failed", session.failed
    status = {"done": "done", "failed": "failed"}.get(outcome.status, "stopped")
    return status, outcome.message


def _settle() -> None:
    """An undo and an old file bring back states that have passed."""
    now = capture_session.current()
    for scene in bpy.data.scenes:
        for entry in scene.rotocap.queue:
            key = _key(entry)
            if key in _results and scene.session_uid == _results_scene:
                entry.status, entry.message, entry.take = _results[key]
            elif entry.status == "running" and not (capture_session.running() and now.queued == key):
                entry.status, entry.message = "stopped", "Interrupted: it goes on with the next run"


@persistent
def _after_load(*_: object) -> None:
    stop()
    _results.clear()
    _settle()


@persistent
def _after_undo(*_: object) -> None:
    _settle()


def _handlers() -> tuple[tuple[list[object], object], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.load_post, _after_load),
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
    )


def enable() -> None:
    """Watch for files that are opened, and for undo."""
    for handlers, function in _handlers():
        handlers.append(function)


def disable() -> None:
    """Watch no more."""
    stop()
    for handlers, function in _handlers():
        if function in handlers:
            handlers.remove(function)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Several videos captured one after the other. One that fails does not stop the others."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..inference.errors import RotocapError
from . import capture_session, jobs
from .capture_request import request
from .queue_properties import RotocapQueued

_running_scene: int | None = None  # session_uid of the scene whose queue runs
_tried: set[str] = set()  # videos and parts that this run has had: an undo must not bring them back


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
    global _running_scene
    _running_scene = context.scene.session_uid
    _tried.clear()
    for entry in context.scene.rotocap.queue:
        if entry.status != "done":
            entry.status, entry.message = "waiting", ""
    return _next(context.scene)


def stop() -> None:
    """The capture that runs is the last one."""
    global _running_scene
    _running_scene = None


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
    if running() and not bpy.app.background:
        _next(scene)


def _told(session: capture_session.Session, outcome: jobs.Outcome) -> tuple[str, str]:
    if session.failed:
        return "failed", session.failed
    status = {"done": "done", "failed": "failed"}.get(outcome.status, "stopped")
    return status, outcome.message

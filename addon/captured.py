# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performance's file says, at hand for drawing: read once, in a thread, kept while it is used.

Drawing must not wait for a disk. In background mode, where nobody waits, it is read at once.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RotocapError, TakeError
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT
from ..inference.take import Take
from ..retarget.axes import to_blender
from . import corrections, doubt
from .performance_properties import RotocapPerformance
from .performances import file_of
from .scene_from_take import FIRST_FRAME, scene_fps

_KEPT = 12  # files in memory at most: 10,000 frames are about 40 MB

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Captured:
    """T frames of one person, as they are drawn."""

    frame: NDArray[np.int64]  # (T,) of the video
    time_s: NDArray[np.float64]  # (T,)
    keypoints: Floats  # (T, 133, 3) pixels and certainty
    joints: Floats  # (T, 55, 2) of the captured skeleton, pixels; NaN behind the camera
    places: Floats  # (T, 55, 3) of it in the scene, in Blender's axes
    sigma: Floats  # (T, 55) metres
    contact: Floats  # (T, 4)
    limbs: Floats  # (T, 8) doubt by limb, metres
    doubt: Floats  # (T,) of the most doubtful limb, metres
    size: tuple[int, int]  # the picture, pixels
    video: str = ""  # the name of its file
    serial: int = field(default_factory=count().__next__)  # no other one has it, as long as Blender runs

    @classmethod
    def of(cls, sequence: SmplxSequence, size: tuple[int, int], *, video: str = "") -> Captured:
        camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
        camera = camera[None] if camera.ndim == 2 else camera
        seen = np.asarray(sequence.joints_camera, dtype=np.float64)
        world = seen @ np.swapaxes(camera[:, :3, :3], -1, -2) + camera[:, None, :3, 3]
        depth = seen[..., 2:]
        pixels = (seen @ np.asarray(sequence.camera_K, dtype=np.float64).T)[..., :2]
        pixels = np.where(depth > 0.05, pixels / np.maximum(depth, 0.05), np.nan)
        limbs = doubt.by_limb(sequence.sigma)
        return cls(
            frame=np.asarray(sequence.frame),
            time_s=np.asarray(sequence.time_s),
            keypoints=np.asarray(sequence.keypoints, dtype=np.float32),
            joints=pixels.astype(np.float32),
            places=to_blender(world).astype(np.float32),
            sigma=np.asarray(sequence.sigma, dtype=np.float32),
            contact=np.asarray(sequence.contact, dtype=np.float32),
            limbs=limbs,
            doubt=doubt.of_frame(limbs),
            size=size,
            video=video,
        )

    @cached_property
    def extent(self) -> Floats:
        """(T,) How large the body is in the picture, the longer side, pixels; NaN where a joint is not."""
        body = self.joints[:, :BODY_JOINT_COUNT]
        return np.asarray((body.max(axis=1) - body.min(axis=1)).max(axis=1))

    @cached_property
    def _times(self) -> list[float]:
        return self.time_s.tolist()

    @cached_property
    def step_s(self) -> float:
        """The usual time from one frame to the next."""
        return float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else 1.0 / 30.0

    def row_at(self, scene_frame: float, fps: float) -> int | None:
        """The row that a scene frame shows; None where the person is out of the picture."""
        time = (scene_frame - FIRST_FRAME) / fps
        first = max(bisect_left(self._times, time) - 1, 0)
        away = [abs(at - time) for at in self._times[first : first + 2]]
        if not away or min(away) > 0.75 * max(self.step_s, 1.0 / fps):
            return None
        return first + away.index(min(away))

    def scene_frame_of(self, video_frame: int, fps: float) -> int | None:
        """The scene's frame that shows a frame of the video; None where the person is not in it."""
        row = int(np.searchsorted(self.frame, video_frame))
        if row == len(self.frame) or self.frame[row] != video_frame:
            return None
        return round(float(self.time_s[row]) * fps + FIRST_FRAME)

    def scene_frames(self, fps: float) -> NDArray[np.float64]:
        """(T,) where the rows lie in a scene of so many frames a second."""
        return np.asarray(self.time_s * fps + FIRST_FRAME)


@dataclass
class _Kept:
    stamp: int  # when the file was written
    work: Future[Captured] | None = None
    ready: Captured | None = None
    problem: str = ""


_kept: dict[Path, _Kept] = {}
_reader: ThreadPoolExecutor | None = None


def of(entry: RotocapPerformance, *, wait: bool = False, raw: bool = False) -> Captured | None:
    """What an entry's file says; None while it is being read, or if it cannot be, see `problem`.

    raw: as it was captured; otherwise as it was solved again from points that the animator put right.
    """
    return _look_up(file_of(entry) if raw else _shown(entry), wait=wait).ready


def _shown(entry: RotocapPerformance) -> Path:
    """The file that is looked at: with points of the picture put right, what was solved from them."""
    pinned = corrections.pinned_file(entry) if len(entry.corrections.pins) else None
    return pinned if pinned is not None and pinned.is_file() else file_of(entry)


def problem(entry: RotocapPerformance) -> str:
    """Why an entry has nothing to show, in words for the animator; empty if all is well."""
    kept = _kept.get(file_of(entry))
    return kept.problem if kept is not None else ""


def row_of(
    entry: RotocapPerformance, scene: bpy.types.Scene, *, raw: bool = False
) -> tuple[Captured, int] | None:
    """What the scene's current frame shows of an entry; None if nothing."""
    captured = of(entry, raw=raw)
    row = captured.row_at(scene.frame_current_final, scene_fps(scene)) if captured is not None else None
    return (captured, row) if captured is not None and row is not None else None


def scene_frame_of(entry: RotocapPerformance, scene: bpy.types.Scene, video_frame: int) -> int | None:
    """Where the scene shows a frame of the entry's video; None if nowhere, or while that is not known."""
    captured = of(entry)
    return captured.scene_frame_of(video_frame, scene_fps(scene)) if captured is not None else None


def forget() -> None:
    """Nothing is kept any more: the extension is disabled, or another file was opened."""
    global _reader
    if _reader is not None:
        _reader.shutdown(wait=True, cancel_futures=True)
        _reader = None
    _kept.clear()


def _look_up(file: Path, *, wait: bool) -> _Kept:
    global _reader
    try:
        stamp = os.stat(file).st_mtime_ns  # noqa: PTH116 - many times a second; half the time of Path.stat
    except OSError:
        stamp = -1
    kept = _kept.pop(file, None)
    if kept is None or kept.stamp != stamp:
        kept = _Kept(stamp)
        if stamp < 0:
            kept.problem = (
                f"{file.parent.name}/{file.name} is not there any more. Put the take back, or capture again"
            )
        elif wait or bpy.app.background:
            _take_in(kept, file)
        else:
            _reader = _reader or ThreadPoolExecutor(1, "rotocap take")
            kept.work = _reader.submit(_read, file)
            bpy.app.timers.register(_poll, first_interval=0.05)
    elif kept.work is not None and (wait or kept.work.done()):
        _take_in(kept, file)
    _kept[file] = kept  # the last one used comes last
    while len(_kept) > _KEPT:
        _kept.pop(next(iter(_kept)))
    return kept


def _take_in(kept: _Kept, file: Path) -> None:
    work, kept.work = kept.work, None
    try:
        kept.ready = work.result() if work is not None else _read(file)
    except RotocapError as error:
        kept.problem = str(error)


def _poll() -> float | None:
    """Redraw once everything that is being read is there. Runs on Blender's main thread."""
    if any(kept.work is not None and not kept.work.done() for kept in _kept.values()):
        return 0.05
    from .overlay import redraw

    redraw()
    return None


def _read(file: Path) -> Captured:
    """TakeError, SequenceError. Runs in a thread: no bpy here."""
    sequence = SmplxSequence.load(file)
    try:
        video = Take.open(file.parent).video
        return Captured.of(sequence, (video.width, video.height), video=video.name)
    except TakeError:  # the motion is whole: the picture is about as large as its middle says
        size = (round(2 * float(sequence.camera_K[0, 2]) + 1), round(2 * float(sequence.camera_K[1, 2]) + 1))
        return Captured.of(sequence, size)

# SPDX-License-Identifier: GPL-3.0-or-later
"""From the scene's settings to the capture that they ask for, and how much of it is done already."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bpy

from ..inference.errors import RotocapError, VideoError
from ..inference.take import RECORD, ReadSettings, Take, fingerprint
from . import models
from .camera import load_clip
from .footage import camera_path_file
from .jobs import CaptureRequest
from .preferences import takes_folder, threads
from .properties import RotocapSettings
from .queue_properties import RotocapQueued

_FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)


def default_take(video: Path) -> Path:
    """The take beside its video, or in the folder that the preferences name."""
    beside = video.with_suffix(".take")
    folder = takes_folder(bpy.context)
    return beside if folder is None else folder / beside.name


def request(context: bpy.types.Context, queued: RotocapQueued | None = None) -> CaptureRequest:
    """The capture that the scene's settings ask for, of the scene's video or of a queued one.

    VideoError if there is no video to capture, RotocapError if a choice is missing.
    """
    settings = context.scene.rotocap
    chosen = queued or settings
    if not chosen.video:
        raise VideoError("No video yet: import one first")
    video = Path(bpy.path.abspath(chosen.video))
    if not video.is_file():
        raise VideoError(f"{video}: no such file; press Find Video, or import the video from where it is now")
    if chosen.use_range and chosen.last < chosen.first:
        raise VideoError(
            f"Frames {chosen.first} to {chosen.last}: the last one comes before the first; "
            "change one of them under Part of the Video"
        )
    picked = settings.people == "picked" and queued is None
    if picked and not settings.pick_frame:
        raise RotocapError("Nobody is picked yet: press Pick Person and click on who is to be captured")
    read = _read_settings(settings, chosen)
    take = Path(bpy.path.abspath(chosen.take)) if chosen.take else default_take(video)
    path = camera_path_file(context.scene, video)
    focal_px = None
    if settings.use_lens and path is None:
        focal_px = settings.lens_mm / _FULL_FRAME_DIAGONAL_MM * math.hypot(*_picture_size(video))
    return CaptureRequest(
        video=video,
        take=_own_take(take, video, read),
        people="picked" if picked else ("main" if settings.people != "all" else "all"),
        pick=(settings.pick_frame - 1, *settings.pick_place) if picked else None,
        hands=read.hands,
        face=read.face,
        face_landmarker=models.face_landmarker() if read.face else None,
        start_frame=read.start_frame or None,
        end_frame=read.end_frame,
        focal_px=focal_px,
        camera_path=path,
        height_m=settings.height_m if settings.use_height else None,
        threads=threads(context),
    )


@dataclass(frozen=True)
class Unfinished:
    """A capture that was begun and not ended."""

    frames_left: int  # 0: all is read, and only the solving is missing

    def text(self) -> str:
        """How much is left, for the panel."""
        if self.frames_left == 0:
            return "All is read: only the solving is left"
        return f"{self.frames_left} frames left to read"


def unfinished(settings: RotocapSettings) -> Unfinished | None:
    """What is left of the capture that the settings ask for; None if it was not begun, or is complete.

    Quick enough for a panel: a take is read again only when it has changed.
    """
    if not settings.video:
        return None
    video = Path(bpy.path.abspath(settings.video))
    folder = Path(bpy.path.abspath(settings.take)) if settings.take else default_take(video)
    take = _opened(folder)
    if take is None or take.status != "incomplete" or not _is_of(take, video):
        return None
    read = _read_settings(settings, settings)
    if not _same_part(take, read):
        return None
    if take.read_to_end:
        return Unfinished(0)
    last = take.video.frame_count if read.end_frame is None else min(read.end_frame, take.video.frame_count)
    return Unfinished(max(1, last - max(take.next_frame, read.start_frame)))


def _is_of(take: Take, video: Path) -> bool:
    """Whether a take is of this video, as far as can be said without reading it."""
    try:
        return take.video.bytes == video.stat().st_size
    except OSError:  # not there now: capturing says so
        return take.video.name == video.name


def _opened(folder: Path) -> Take | None:
    try:
        changed = (folder / RECORD).stat().st_mtime_ns
        return _read_record(folder, changed)
    except (OSError, RotocapError):
        return None  # no take, or a damaged one: capturing says so


@lru_cache(maxsize=4)
def _read_record(folder: Path, changed: int) -> Take:
    return Take.open(folder)


def _read_settings(settings: RotocapSettings, chosen: RotocapSettings | RotocapQueued) -> ReadSettings:
    """What the landmarks depend on, but for the networks."""
    return ReadSettings(
        start_frame=chosen.first - 1 if chosen.use_range else 0,
        end_frame=chosen.last if chosen.use_range else None,
        hands=settings.hands,
        face=settings.face,
    )


def _same_part(take: Take, read: ReadSettings) -> bool:
    names = ("start_frame", "end_frame", "stride", "hands", "face")
    return all(getattr(take.read, name) == getattr(read, name) for name in names)


def _own_take(chosen: Path, video: Path, read: ReadSettings) -> Path:
    """`chosen`, unless it holds another capture: then a take beside it, which this capture goes on in."""
    candidates = itertools.chain(
        (chosen, default_take(video)),
        (chosen.with_name(f"{chosen.stem} {number}{chosen.suffix}") for number in itertools.count(2)),
    )
    for take in candidates:
        if not (take / RECORD).is_file():
            return take
        there = Take.open(take)
        if _same_part(there, read) and there.video.fingerprint == fingerprint(video):
            return take
    raise AssertionError("the numbers never end")


def _picture_size(video: Path) -> tuple[int, int]:
    try:
        width, height = load_clip(video).size
    except RuntimeError as error:
        raise VideoError(f"{video.name}: could not be opened ({error}); choose a video file") from error
    if not (width and height):
        raise VideoError(f"{video.name}: is not a video that Blender can read; convert it to MP4 (H.264)")
    return width, height

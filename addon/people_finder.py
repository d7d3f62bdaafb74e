# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in one frame of the video: asked of the worker, and laid out to be clicked on."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RotocapError, VideoError
from .camera import load_clip
from .overlay.picture import Box
from .scene_from_take import FIRST_FRAME, scene_fps
from .worker_process import WorkerProcess


@dataclass(frozen=True, eq=False)
class Found:
    """The people of a frame, and the frame itself."""

    frame: int  # index of the video frame
    size: tuple[int, int]  # of the video's picture, pixels
    boxes: tuple[Box, ...]  # in pixels of the video, y down
    picture: NDArray[np.uint8]  # (H, W, 3) RGB, the bottom row first; smaller than the video


@dataclass(frozen=True)
class Layout:
    """The picture as it lies in a region: pixels, y up."""

    left: float
    bottom: float
    scale: float  # region pixels for a pixel of the video
    size: tuple[int, int]  # of the video's picture

    @classmethod
    def fitted(cls, size: tuple[int, int], room: Box, *, margin: float = 0.05) -> Layout:
        """The picture as large as there is room for (left, bottom, right, top), in its middle."""
        left, bottom, right, top = room
        free = np.array([max(right - left, 1.0), max(top - bottom, 1.0)])
        scale = float(min((1.0 - 2.0 * margin) * free / np.array(size)))
        left, bottom = np.array([left, bottom]) + 0.5 * (free - scale * np.array(size))
        return cls(float(left), float(bottom), scale, size)

    def rectangle(self) -> Box:
        """Left, bottom, right and top of the picture."""
        width, height = self.size
        return self.left, self.bottom, self.left + self.scale * width, self.bottom + self.scale * height

    def box(self, box: Box) -> Box:
        """Left, bottom, right and top of a box of the video."""
        height = self.size[1]
        x0, y0, x1, y1 = box
        return (
            self.left + self.scale * x0, self.bottom + self.scale * (height - y1),
            self.left + self.scale * x1, self.bottom + self.scale * (height - y0),
        )  # fmt: skip

    def hit(self, boxes: tuple[Box, ...], x: float, y: float) -> int | None:
        """The smallest box that holds a place in the region: of two, the person farther away."""
        held = []
        for index, box in enumerate(boxes):
            x0, y0, x1, y1 = self.box(box)
            if x0 <= x <= x1 and y0 <= y <= y1:
                held.append(((x1 - x0) * (y1 - y0), index))
        return min(held)[1] if held else None


class PeopleFinder:
    """One look at one frame, in a child process. Call `tick` until it is over, then `close`."""

    def __init__(self, video: Path, frame: int, *, threads: int | None) -> None:
        self.found: Found | None = None
        self.error = ""  # what went wrong, in words
        self._folder = tempfile.TemporaryDirectory(prefix="rotocap")
        self._picture = Path(self._folder.name) / "frame.npy"
        options: dict[str, object] = {
            "task": "people", "video": video, "frame": frame, "picture": self._picture,
        }  # fmt: skip
        if threads is not None:
            options["threads"] = threads
        self._worker = WorkerProcess(options)

    def tick(self) -> bool:
        """Take in what the child has sent. False when it is over."""
        for message in self._worker.messages(budget_s=0.005):
            if message.get("event") == "people":
                self.found = Found(
                    int(message["frame"]),
                    (int(message["size"][0]), int(message["size"][1])),
                    tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in message["boxes"]),
                    np.load(self._picture),
                )
            elif message.get("event") == "error":
                self.error = str(message["message"])
        if self._worker.ended and self.found is None and not self.error:
            self.error = f"Nobody could be looked for ({self._worker.why_it_ended()}); try again"
        return self.found is None and not self.error

    def run(self) -> None:
        """Wait until it is over."""
        while self.tick():
            time.sleep(0.05)
        self.close()

    def close(self) -> None:
        self._worker.close(patience_s=0.3)
        self._folder.cleanup()


def video_frame(scene: bpy.types.Scene) -> tuple[Path, int]:
    """The scene's video, and the index of its frame that the playhead is on. VideoError if there is none."""
    text = scene.rotocap.video
    if not text:
        raise VideoError("No video yet: import one first")
    video = Path(bpy.path.abspath(text))
    if not video.is_file():
        raise VideoError(f"{video}: no such file; press Find Video, or import the video from where it is now")
    try:
        clip = load_clip(video)
    except RuntimeError as error:
        raise VideoError(f"{video.name}: could not be opened ({error}); choose a video file") from error
    frame = round((scene.frame_current - FIRST_FRAME) / scene_fps(scene) * float(clip.fps))
    return video, int(np.clip(frame, 0, max(clip.frame_duration - 1, 0)))


def pick(scene: bpy.types.Scene, *, frame: int, place: tuple[float, float]) -> None:
    """Whoever is at a place (pixels of the video) in a frame (counted from 0) is who is captured."""
    if frame < 0 or min(place) < 0.0:
        raise RotocapError(
            f"person at {place} in frame {frame + 1}: lies outside the picture; click on a person"
        )
    settings = scene.rotocap
    settings.people = "picked"
    settings.pick_frame, settings.pick_place = frame + 1, place

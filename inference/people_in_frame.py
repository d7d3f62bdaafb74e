# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in one frame of a video, and that frame as a picture: for the animator to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import TakeError, VideoError
from .people.tracker import PeopleTracker
from .video import VideoReader


@dataclass(frozen=True, kw_only=True)
class FindOptions:
    """Where to look."""

    video: Path
    picture: Path  # an .npy file to write: the frame (H, W, 3) RGB, the bottom row first
    frame: int = 0  # index of the video frame
    longest: int = 960  # pixels of the picture's longer side, at most
    threads: int = 2


@dataclass(frozen=True, kw_only=True)
class FoundPeople:
    frame: int
    size: tuple[int, int]  # of the video's picture, pixels
    boxes: list[list[float]]  # x0, y0, x1, y1 of each person, pixels of the video; the largest first


def find(options: FindOptions) -> FoundPeople:
    """Look at one frame. VideoError if there is no such frame, ModelError if a network is missing."""
    # Loading onnxruntime takes a while: not for who only asks what this module knows.
    from .landmarks.backend import MediapipeBackend

    reader = VideoReader(options.video, start_frame=options.frame, end_frame=options.frame + 1)
    with reader:
        frame = next(iter(reader), None)
    if frame is None:
        raise VideoError(
            f"{options.video.name}: has no frame {options.frame + 1}; move to a frame that shows the person"
        )
    backend = MediapipeBackend(threads=options.threads, hands=False, face=False)
    rows = PeopleTracker(backend).step(frame.image, frame.time_s)
    height, width = frame.image.shape[:2]
    boxes = [_whole(row.landmarks.box, width, height) for row in rows]
    _write(options.picture, frame.image, options.longest)
    return FoundPeople(frame=frame.index, size=(width, height), boxes=sorted(boxes, key=_area, reverse=True))


def _whole(box: NDArray[np.floating[Any]], width: int, height: int) -> list[float]:
    """The box of the landmarks with room for what lies beyond them: the crown, fingers, the feet."""
    x0, y0, x1, y1 = (float(value) for value in box)
    aside, above = 0.06 * (x1 - x0), 0.1 * (y1 - y0)
    whole = (
        max(x0 - aside, 0.0),
        max(y0 - above, 0.0),
        min(x1 + aside, width),
        min(y1 + 0.3 * above, height),
    )
    return [round(value, 1) for value in whole]


def _area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _write(path: Path, image: NDArray[np.uint8], longest: int) -> None:
    height, width = image.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    try:
        # Graphics cards count rows from below.
        np.save(path, small[::-1, :, ::-1])
    except OSError as error:
        raise TakeError(f"{path}: could not be written ({error.strerror}); free some space") from error

# SPDX-License-Identifier: GPL-3.0-or-later
"""`pins` on the files of a take: whose landmarks a person's frames were made from, and what is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import chunks, wholebody
from .camera_path import FILE as CAMERA_FILE
from .camera_path import CameraPath
from .errors import TakeError
from .pins import Pin, Progress, solve
from .sequence import SmplxSequence
from .take import Take

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class PinOptions:
    """What to solve again."""

    take: Path
    base: Path  # the person's motion as it is, an .npz in the take
    out: Path  # where the result goes
    pins: tuple[tuple[int, int, float, float], ...]  # frame, keypoint, x, y of all that are put right
    around: tuple[int, ...] = ()  # frames around which to solve; none: around every pin


def solve_file(
    options: PinOptions, *, progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """`pins.solve` on a take's files. TakeError or SequenceError say what does not fit."""
    take = Take.open(options.take)
    sequence = SmplxSequence.load(options.base)
    pins = [Pin(frame=int(f), keypoint=int(k), x=float(x), y=float(y)) for f, k, x, y in options.pins]
    path = take.path / CAMERA_FILE
    camera = CameraPath.load(path) if path.is_file() else None
    solved = solve(
        sequence, pins, depths=lambda rows: points3d(take.path, sequence, rows), around=options.around,
        camera=camera, progress=progress, check=check,
    )  # fmt: skip
    solved.save(options.out)


def points3d(folder: Path, sequence: SmplxSequence, rows: slice) -> Floats:
    """The landmarks' 3D points (n, 133, 3) behind some rows of a person's sequence; NaN where unknown.

    The take's chunks hold everybody: a person's row is the one with the same points, in which left
    and right may have been exchanged. TakeError if the take holds no landmarks.
    """
    frame, keypoints = sequence.frame[rows], sequence.keypoints[rows]
    out = np.full((len(frame), wholebody.COUNT, 3), np.nan)
    if not chunks.count(folder):
        raise TakeError(
            f"{folder.name}: holds no landmarks, as it was not captured from a video here; "
            "points can be put right only in what was captured"
        )
    there = chunks.sightings(folder).frame
    near = np.flatnonzero((there >= frame[0]) & (there <= frame[-1]))
    track = chunks.landmarks(folder, near)
    mirror = np.array(wholebody.MIRROR)
    raw = np.where(np.isfinite(track.keypoints).all(axis=-1, keepdims=True), track.keypoints, 0.0)
    for n, (number, points) in enumerate(zip(frame, keypoints, strict=True)):
        candidates = np.flatnonzero(track.frame == number)
        if not len(candidates):
            continue
        seen = points[:, 2] > 0.0
        same = (np.abs(raw[candidates] - points).max(axis=-1) < 1e-3) & seen
        crossed = (np.abs(raw[candidates][:, mirror] - points).max(axis=-1) < 1e-3) & seen
        best = int(np.argmax((same | crossed).sum(axis=1)))
        row = candidates[best]
        out[n] = np.where(same[best][:, None], track.points3d[row], out[n])
        out[n] = np.where((crossed & ~same)[best][:, None], track.points3d[row][mirror], out[n])
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's chunks: everybody's landmarks, a few hundred frames a file, and where to go on.

A chunk holds rows (one person in one frame) in the order of frames, and the tracker's
state after its last frame, from which the next chunk continues exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import TakeError
from .landmarks.face_points import COUNT as FACE_COUNT
from .people.appearance import SIZE as APPEARANCE_SIZE
from .people.identity import Sightings
from .people.motion import place
from .people.track import TrackLandmarks
from .people.tracker import TrackRow
from .sequence import load_arrays, save_arrays
from .take import Take
from .wholebody import COUNT

FRAMES = 250  # in a chunk: 8 s of video are lost at most

_STATE = "tracker."
# Name: shape of one row, and type.
_COLUMNS: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "frame": ((), np.int64),
    "time_s": ((), np.float64),
    "track": ((), np.int64),
    "centre": ((2,), np.float64),
    "size": ((), np.float64),
    "score": ((), np.float64),
    "appearance": ((APPEARANCE_SIZE,), np.float32),
    "keypoints": ((COUNT, 3), np.float32),
    "points3d": ((COUNT, 3), np.float32),
    "face": ((FACE_COUNT, 3), np.float16),
    "expression": ((52,), np.float16),
    "fingers": ((2, 20, 2), np.float16),
    "box": ((4,), np.float32),
}
_LATER = ("face", "expression", "fingers")  # that takes of older versions lack
_LIGHT = ("frame", "time_s", "track", "centre", "size", "score", "appearance")

Arrays = dict[str, NDArray[np.generic]]


class Rows:
    """Rows of the chunk that is being filled."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self.frames = 0

    def add(self, frame: int, time_s: float, rows: Sequence[TrackRow]) -> None:
        """Everybody seen in one frame; nobody is fine."""
        self.frames += 1
        for row in rows:
            landmarks = row.landmarks
            centre, size = place(landmarks.keypoints, landmarks.box)
            values = {
                "frame": frame,
                "time_s": time_s,
                "track": row.track,
                "centre": centre,
                "size": size,
                "score": landmarks.score,
                "appearance": row.appearance,
                "keypoints": landmarks.keypoints,
                "points3d": landmarks.points3d,
                "face": landmarks.face,
                "expression": landmarks.expression,
                "fingers": landmarks.fingers,
                "box": landmarks.box,
            }
            for name, value in values.items():
                self._columns[name].append(value)

    def arrays(self) -> Arrays:
        return {
            name: np.asarray(self._columns[name], dtype=kind).reshape(-1, *shape)
            for name, (shape, kind) in _COLUMNS.items()
        }


def save(folder: Path, number: int, rows: Rows, *, next_frame: int, tracker: Arrays) -> None:
    """Write chunk `number`; reading goes on at `next_frame`. TakeError if the disk refuses."""
    arrays = rows.arrays()
    arrays["next_frame"] = np.array(next_frame, np.int64)
    arrays["frames_read"] = np.array(rows.frames, np.int64)
    arrays.update({_STATE + name: value for name, value in tracker.items()})
    save_arrays(path(folder, number), arrays)


def path(folder: Path, number: int) -> Path:
    return folder / "chunks" / f"{number:05d}.npz"


def count(folder: Path) -> int:
    """Chunks of a take. TakeError if one in the middle is missing."""
    names = sorted(file.name for file in (folder / "chunks").glob("*.npz"))
    expected = [path(folder, i).name for i in range(len(names))]
    if names != expected:
        missing = sorted(set(expected) - set(names))
        raise TakeError(
            f"{folder}: damaged (chunk {', '.join(missing)} is missing); delete the take and capture again"
        )
    return len(names)


def resume(folder: Path) -> tuple[int, int, int, Arrays]:
    """Chunks there are, frames read, the frame to go on with, and the tracker's state.

    Every chunk is opened, so that a damaged one is named before hours are spent on the rest.
    """
    chunks = count(folder)
    frames_read, next_frame = 0, 0
    tracker: Arrays = {}
    for number in range(chunks):
        arrays = _load(folder, number, ("frames_read", "next_frame"))
        frames_read += int(arrays["frames_read"])
        next_frame = int(arrays["next_frame"])
    if chunks:
        arrays = load_arrays(path(folder, chunks - 1))
        tracker = {name[len(_STATE) :]: v for name, v in arrays.items() if name.startswith(_STATE)}
    return chunks, frames_read, next_frame, tracker


def checked(take: Take) -> Take:
    """The take with the frames that its chunks hold: after a crash more than its record says.

    TakeError if a chunk is damaged or missing, the last ones of a finished reading included.
    """
    _, frames_read, next_frame, _ = resume(take.path)
    if not take.read_to_end:
        return replace(take, frames_read=frames_read, next_frame=max(next_frame, take.read.start_frame))
    if frames_read != take.frames_read:
        raise TakeError(
            f"{take.path}: damaged (its chunks hold {frames_read} of {take.frames_read} frames); "
            "delete the take and capture again"
        )
    return take


def sightings(folder: Path) -> Sightings:
    """Every row of the take without its landmarks."""
    parts = [_load(folder, number, _LIGHT) for number in range(count(folder))]
    empty = Rows().arrays()
    columns: dict[str, Any] = {
        name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in _LIGHT
    }
    return Sightings(**columns)


def landmarks(folder: Path, rows: NDArray[np.integer[Any]]) -> TrackLandmarks:
    """The landmarks of some rows (increasing) of the take, one chunk in memory at a time."""
    names = ("frame", "time_s", "keypoints", "points3d", "face", "expression", "fingers", "box")
    parts: list[Arrays] = [{name: Rows().arrays()[name] for name in names}]
    for first, arrays in _chunks(folder, names):
        inside = rows[(rows >= first) & (rows < first + len(arrays["frame"]))] - first
        parts.append({name: arrays[name][inside] for name in names})
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in names}
    return TrackLandmarks(**columns)


def _chunks(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[int, Arrays]]:
    first = 0
    for number in range(count(folder)):
        arrays = _load(folder, number, names)
        yield first, arrays
        first += len(arrays["frame"])


def _load(folder: Path, number: int, names: tuple[str, ...]) -> Arrays:
    """Some arrays of a chunk; the others are not read."""
    file = path(folder, number)
    try:
        with np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in names if name in data or name not in _LATER}
            for name in set(names) - arrays.keys():  # written before these were kept
                shape, kind = _COLUMNS[name]
                arrays[name] = np.full((len(data["frame"]), *shape), np.nan, kind)
            return arrays
    except Exception as error:  # zipfile, zlib, KeyError, ValueError, OSError: all mean a damaged file
        raise TakeError(
            f"{file}: damaged ({error}); delete the take {folder.name} and capture the video again"
        ) from error

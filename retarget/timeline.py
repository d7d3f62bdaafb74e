# SPDX-License-Identifier: GPL-3.0-or-later
"""From the video's own times to frames of a scene.

Keys stand on whole frames, where an animator finds them, unless the capture's own times
are asked for. A captured frame that falls on one (within `SNAP` of a frame) is copied as it is;
where the scene's rate differs from the video's, the pose between two captured frames is
interpolated. Nothing is interpolated across a gap: frames in which the person was not seen
get no keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import quaternions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-3  # of a scene frame
SNAP = 0.05  # of a scene frame: less than the rounding and jitter of a phone's timestamps is copied


@dataclass(frozen=True, eq=False)
class Timeline:
    """Which captured rows make which scene frames. N scene frames in S spans without a gap."""

    frames: Ints | Floats  # (N,) scene frames, increasing; whole, but for `at_own_times`
    before: Ints  # (N,) captured row at or before the frame
    after: Ints  # (N,) captured row at or after it
    weight: Floats  # (N,) 0 is `before`, 1 is `after`
    spans: tuple[tuple[int, int], ...]  # first and last position in `frames` of every span

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, values: NDArray[np.floating[Any]]) -> Floats:
        """Values (T, ...) of the capture at the scene's frames (N, ...), linear in between."""
        weight = self.weight.reshape(-1, *([1] * (values.ndim - 1)))
        return np.asarray(values[self.before] * (1.0 - weight) + values[self.after] * weight)

    def sample_rotations(self, rotations: NDArray[np.floating[Any]]) -> Floats:
        """Unit quaternions (T, ..., 4) at the scene's frames, along the shorter arc in between."""
        out = np.array(rotations[self.before], dtype=np.float64)
        between = self.weight > 0.0
        if between.any():
            weight = np.broadcast_to(
                self.weight[between].reshape(-1, *([1] * (rotations.ndim - 2))), out[between].shape[:-1]
            )
            after = np.asarray(rotations[self.after[between]], dtype=np.float64)
            out[between] = quaternions.slerp(out[between], after, weight)
        return out


def gaps(frame: NDArray[np.integer[Any]]) -> list[int]:
    """Rows (of increasing video frame numbers) after which frames are missing. A stride is no gap."""
    steps = np.diff(frame)
    if not len(steps):
        return []
    usual = int(np.median(steps))
    return [int(row) for row in np.flatnonzero(steps > usual)]


def on_scene_frames(
    time_s: NDArray[np.floating[Any]],
    frame: NDArray[np.integer[Any]],
    *,
    scene_fps: float,
    first_frame: int,
) -> Timeline:
    """The timeline of rows at time_s (T,) of the video, whose time 0 is the scene's first_frame."""
    if not len(time_s):
        empty = np.zeros(0, np.int64)
        return Timeline(empty, empty, empty, np.zeros(0), ())
    places = np.asarray(time_s, dtype=np.float64) * scene_fps + first_frame
    ends = [*gaps(frame), len(places) - 1]
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    spans: list[tuple[int, int]] = []
    start, count, last = 0, 0, -np.inf
    for end in ends:
        part = _span(places, start, end, last)
        if len(part[0]):
            parts.append(part)
            spans.append((count, count + len(part[0]) - 1))
            count += len(part[0])
            last = float(part[0][-1])
        start = end + 1
    joined = [np.concatenate([part[i] for part in parts]) for i in range(4)]
    return Timeline(
        joined[0].astype(np.int64), joined[1].astype(np.int64), joined[2].astype(np.int64), joined[3],
        tuple(spans),
    )  # fmt: skip


def at_own_times(
    time_s: NDArray[np.floating[Any]],
    frame: NDArray[np.integer[Any]],
    *,
    scene_fps: float,
    first_frame: int,
) -> Timeline:
    """The timeline of every captured row where it was captured, between whole frames as may be."""
    rows = np.arange(len(time_s))
    ends = [*gaps(frame), len(rows) - 1] if len(rows) else []
    starts = [0, *(end + 1 for end in ends)][: len(ends)]
    places = np.asarray(time_s, dtype=np.float64) * scene_fps + first_frame
    # Timestamps are rounded: what stands on a whole frame but for that is put there.
    whole = np.round(places)
    places = np.where(np.abs(places - whole) < _ROUNDING, whole, places)
    return Timeline(places, rows, rows, np.zeros(len(rows)), tuple(zip(starts, ends, strict=True)))


def drifts(count: int, *, video_fps: float, scene_fps: float) -> bool:
    """Whether `count` pictures, one a scene frame, end more than half a picture away from their time."""
    return abs(video_fps / scene_fps - 1.0) * count > 0.5


def pictures(count: int, *, video_fps: float, scene_fps: float, first_frame: int) -> tuple[Ints, Ints]:
    """The video's picture for each scene frame: the nearest in time, of two as near the earlier.

    count: pictures that the video has, evenly spaced at video_fps; picture 0 is on first_frame.
    Returns (N,) scene frames on which the picture changes, and (N,) the picture from there on.
    """
    last = int(np.ceil((count - 1) * scene_fps / video_fps)) + 1
    elapsed = np.arange(max(last, 1))
    shown = np.ceil(elapsed * (video_fps / scene_fps) - 0.5 - 1e-6).astype(np.int64)
    shown = np.clip(shown, 0, max(count - 1, 0))
    changes = np.flatnonzero(np.diff(shown, prepend=-1))
    return changes + first_frame, shown[changes]


def _span(places: Floats, start: int, end: int, last: float) -> tuple[Ints, Ints, Ints, Floats]:
    first = max(int(np.ceil(places[start] - SNAP)), int(last) + 1 if np.isfinite(last) else -(2**31))
    final = int(np.floor(places[end] + SNAP))
    frames = np.arange(first, final + 1)
    if not len(frames):
        # Shorter than a scene frame: the nearest frame shows it, if that one is still free.
        nearest = round(float(places[start]))
        frames = np.array([nearest] if nearest > last else [], dtype=np.int64)
    rows = places[start : end + 1]
    before = np.clip(np.searchsorted(rows, frames, side="right") - 1, 0, len(rows) - 1)
    after = np.minimum(before + 1, len(rows) - 1)
    step = np.where(after > before, rows[after] - rows[before], 1.0)
    weight = np.clip((frames - rows[before]) / step, 0.0, 1.0)
    distance_after, distance_before = np.abs(rows[after] - frames), np.abs(rows[before] - frames)
    weight = np.where(distance_after <= SNAP, 1.0, weight)
    weight = np.where(distance_before <= SNAP, 0.0, weight)
    # A snapped row is copied exactly: both ends of the blend are that row.
    before = np.where(weight == 1.0, after, before)
    weight = np.where(weight == 1.0, 0.0, weight)
    after = np.where(weight == 0.0, before, after)
    return frames, before + start, after + start, weight

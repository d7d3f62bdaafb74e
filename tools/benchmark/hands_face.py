# SPDX-License-Identifier: GPL-3.0-or-later
"""What finding hands and face costs beside the graphs that it cannot do without.

Frame by frame in turns, in processor seconds: the time that a tracker spends on hands and face, and
the bare graphs on as many pictures (each hand and face that was found, in one call a graph, and
both eyes), both with one thread, so that no waiting for another one is counted. Whatever else the
machine does meets both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...inference import wholebody
from ...inference.landmarks.backend import MediapipeBackend
from ...inference.models import embedded, session
from ...inference.people.tracker import PeopleTracker
from ...inference.video import VideoReader
from ..evaluate.hand_seen import found_in

_GRAPHS = {"hand_landmark": 224, "face_landmark": 192, "iris_landmark": 64}


def measure(video: Path, *, frames: int, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """`hands_face.vs_graphs`: time of hands and face in a capture over that of their graphs alone."""
    backend, graphs = _Timed(threads=1), _Graphs()
    ratios, costs = [], []
    for turn in range(rounds + 1):
        parts, alone, count = _round(video, frames, backend, graphs)
        if turn == 0:  # the first calls allocate
            continue
        ratios.append(parts / alone)
        costs.append(1e3 * parts / count)
        say(
            f"hands and face: {costs[-1]:.1f} ms a frame, their graphs alone "
            f"{1e3 * alone / count:.1f} ms, ratio {ratios[-1]:.2f}"
        )
    return {
        "hands_face.vs_graphs": statistics.median(ratios),
        "hands_face.ms": statistics.median(costs),
    }


def _round(video: Path, frames: int, backend: _Timed, graphs: _Graphs) -> tuple[float, float, int]:
    """Processor seconds for hands and face, those of their graphs alone, and the frames."""
    tracker = PeopleTracker(backend)
    backend.seconds = alone = 0.0
    count = 0
    with VideoReader(video, end_frame=frames) as reader:
        for frame in reader:
            rows = tracker.step(frame.image, frame.time_s)
            keypoints = np.stack([row.landmarks.keypoints for row in rows]) if rows else np.zeros((0, 133, 3))
            faces = int((keypoints[:, wholebody.FACE, 2] > 0).any(axis=1).sum())
            hands = sum(
                int(found_in(keypoints[:, part]).sum())
                for part in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)
            )
            alone += graphs.seconds(
                {"hand_landmark": hands, "face_landmark": faces, "iris_landmark": 2 * faces}
            )
            count += 1
    return backend.seconds, alone, count


class _Timed(MediapipeBackend):
    """The backend with a watch on hands and face."""

    seconds = 0.0

    def _find_face(self, *arguments: Any) -> Any:
        return self._watched(super()._find_face, arguments)

    def _find_hands(self, *arguments: Any) -> Any:
        return self._watched(super()._find_hands, arguments)

    def _watched(self, find: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        began = time.thread_time()
        try:
            return find(*arguments)
        finally:
            self.seconds += time.thread_time() - began


class _Graphs:
    """The graphs, fed with noise of the right shape."""

    def __init__(self) -> None:
        self._sessions = {name: session(embedded(name), threads=1) for name in _GRAPHS}
        rng = np.random.default_rng(0)
        self._pictures = {name: rng.random((1, 3, side, side), np.float32) for name, side in _GRAPHS.items()}

    def seconds(self, counts: dict[str, int]) -> float:
        """Processor seconds of so many pictures, one call a graph."""
        batches = {
            name: np.repeat(self._pictures[name], number, axis=0) for name, number in counts.items() if number
        }
        began = time.thread_time()
        for name, batch in batches.items():
            self._sessions[name].run(None, {"image": batch})
        return time.thread_time() - began

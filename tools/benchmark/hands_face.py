# SPDX-License-Identifier: GPL-3.0-or-later
"""What finding hands and face costs beside the graphs that it cannot do without.

Both are measured in one process, clip by clip in turns, in processor seconds: a tracker with hands and
face over one without them, and the bare graphs on the pictures that a frame gives them (one call for
each hand and the face that was found, and one for both eyes).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...inference import wholebody
from ...inference.landmarks.backend import MediapipeBackend
from ...inference.models import embedded, session
from ...inference.people.tracker import PeopleTracker
from ...inference.video import VideoReader
from ..evaluate.hand_seen import found_in

_GRAPHS = {"hand_landmark": 224, "face_landmark": 192, "iris_landmark": 64}


def measure(
    video: Path, *, frames: int, rounds: int, say: Callable[[str], None], threads: int = 2
) -> dict[str, float]:
    """`hands_face.vs_graphs`: time of hands and face in a capture over that of their graphs alone."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[:2]))
    try:
        with VideoReader(video, end_frame=frames) as reader:
            images = [(frame.image, frame.time_s) for frame in reader]
        whole = MediapipeBackend(threads=threads)
        body = MediapipeBackend(threads=threads, hands=False, face=False)
        graphs = _Graphs(threads=threads)
        ratios, costs = [], []
        for turn in range(rounds + 1):
            with_parts, counts = _track(whole, images)
            without, _ = _track(body, images)
            alone = graphs.seconds(counts)
            if turn == 0:  # the first calls allocate
                continue
            ratios.append((with_parts - without) / alone)
            costs.append(1e3 * (with_parts - without) / len(images))
            say(
                f"hands and face: {costs[-1]:.1f} ms a frame, their graphs alone "
                f"{1e3 * alone / len(images):.1f} ms, ratio {ratios[-1]:.2f}"
            )
    finally:
        os.sched_setaffinity(0, set(cores))
    return {
        "hands_face.vs_graphs": statistics.median(ratios),
        "hands_face.ms": statistics.median(costs),
    }


def _track(
    backend: MediapipeBackend, images: list[tuple[np.ndarray, float]]
) -> tuple[float, dict[str, list[int]]]:
    """Processor seconds, and how many pictures each graph needs in each frame."""
    tracker = PeopleTracker(backend)
    counts: dict[str, list[int]] = {name: [] for name in _GRAPHS}
    began = time.process_time()
    for image, time_s in images:
        rows = tracker.step(image, time_s)
        keypoints = np.stack([row.landmarks.keypoints for row in rows]) if rows else np.zeros((0, 133, 3))
        faces = int((keypoints[:, wholebody.FACE, 2] > 0).all(axis=1).sum())
        hands = sum(
            int(found_in(keypoints[:, part]).sum()) for part in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)
        )
        counts["hand_landmark"].append(hands)
        counts["face_landmark"].append(faces)
        counts["iris_landmark"].append(2 * faces)
    return time.process_time() - began, counts


class _Graphs:
    """The graphs, fed with noise of the right shape."""

    def __init__(self, *, threads: int) -> None:
        self._sessions = {name: session(embedded(name), threads=threads) for name in _GRAPHS}
        rng = np.random.default_rng(0)
        self._pictures = {name: rng.random((1, 3, side, side), np.float32) for name, side in _GRAPHS.items()}

    def seconds(self, counts: dict[str, list[int]]) -> float:
        """Processor seconds of so many pictures in each frame, a frame's in one call."""
        began = time.process_time()
        for name, numbers in counts.items():
            for number in numbers:
                if number:
                    batch = np.repeat(self._pictures[name], number, axis=0)
                    self._sessions[name].run(None, {"image": batch})
        return time.process_time() - began

# SPDX-License-Identifier: GPL-3.0-or-later
"""From landmarks to motion: how fast, and whether two hours are only longer than two minutes.

The landmarks are those of the sample clip, hands and face included, as our networks found
them, played forward and backward as long as it takes: a detector's own errors, no jumps.
Each length is solved in a process of its own, so that its memory is its own.

    python solve.py LANDMARKS.npz FRAMES      one solve; seconds, processor seconds and MB as JSON
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

_MODULE = "rotocap.tools.benchmark.solve"
_FRAMES = 3_600  # two minutes
_LONG = (4, 8)  # times as many, for what grows with them: below, memory is that of one window
_TWO_HOURS = 216_000  # frames at 30 a second
_GIVEN = ("keypoints", "points3d", "face", "expression")  # what a capture's solve is given


def measure(sample: Path, *, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """Frames/s of `fit.solve`, network and fit together, on two cores; and what two hours would take.

    `lift_fit.fps` is the median of the rounds; `lift_fit.work_fps` frames in a second of
    processor time, which is steadier on a busy machine. `lift_fit.growth` is the time a frame
    of a take eight times as long, over that of the short one: 1 is linear. `lift_fit.two_hours_mb`
    and `_minutes` follow the straight line through the two long ones.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[:2]))  # the children have the same
    try:
        with tempfile.TemporaryDirectory() as folder:
            landmarks = Path(folder) / "landmarks.npz"
            _landmarks(sample, landmarks)
            short = [_solve(landmarks, _FRAMES, say) for _ in range(rounds)]
            long = [_solve(landmarks, times * _FRAMES, say) for times in _LONG]
    finally:
        os.sched_setaffinity(0, set(cores))
    work = statistics.median(run["work_s"] for run in short)
    lengths = [times * _FRAMES for times in _LONG]
    return {
        "lift_fit.fps": _FRAMES / statistics.median(run["wall_s"] for run in short),
        "lift_fit.work_fps": _FRAMES / work,
        "lift_fit.growth": long[-1]["work_s"] / _LONG[-1] / work,
        "lift_fit.two_hours_minutes": _line(lengths, [run["work_s"] / 60 for run in long]),
        "lift_fit.two_hours_mb": _line(lengths, [run["peak_mb"] for run in long]),
    }


def _line(frames: list[int], values: list[float]) -> float:
    """What the straight line through two lengths has for two hours."""
    slope = (values[1] - values[0]) / (frames[1] - frames[0])
    return values[1] + slope * (_TWO_HOURS - frames[1])


def _landmarks(sample: Path, out: Path) -> None:
    """Capture the clip; its first person's landmarks as the solve is given them, and the camera."""
    from ...inference import chunks
    from ...inference.capture import CaptureOptions, capture
    from ...inference.people import identity

    take = capture(CaptureOptions(video=sample, out=out.with_suffix(".take"), people="main"))
    rows = identity.persons(chunks.sightings(take.path))[0]
    track = chunks.landmarks(take.path, rows)
    camera_K = take.sequence(take.people[0]).camera_K
    parts = {name: getattr(track, name) for name in _GIVEN}
    np.savez(out, camera_K=camera_K, **{name: part for name, part in parts.items() if part is not None})


def _solve(landmarks: Path, frames: int, say: Callable[[str], None]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", _MODULE, str(landmarks), str(frames)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    say(
        f"solve of {frames} frames: {frames / figures['wall_s']:.0f} frames/s, "
        f"{frames / figures['work_s']:.0f} a processor second, {figures['peak_mb']:.0f} MB"
    )
    return figures


def main() -> None:
    from ...inference import fit

    path, frames = Path(sys.argv[1]), int(sys.argv[2])
    with np.load(path) as data:
        camera_K = data["camera_K"]
        parts = {name: data[name] for name in _GIVEN if name in data}
    count = len(parts["keypoints"])
    turn = np.arange(frames) % (2 * count - 2)
    order = np.minimum(turn, 2 * count - 2 - turn)
    parts = {name: part[order] for name, part in parts.items()}
    began, worked = time.perf_counter(), time.process_time()
    fit.solve(time_s=np.arange(frames) / 30.0, camera_K=camera_K, **parts)
    figures = {
        "wall_s": time.perf_counter() - began,
        "work_s": time.process_time() - worked,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

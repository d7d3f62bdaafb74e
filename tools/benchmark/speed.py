# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole-body capture, end to end, against MediaPipe's Holistic, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ...inference.capture import CaptureOptions, capture

ROOT = Path(__file__).parents[2]
PEER = ROOT / "build" / "venv-mediapipe"


def against_holistic(
    video: Path, *, frames: int, rounds: int, say: Callable[[str], None]
) -> dict[str, float]:
    """Frames/s of both on the first frames of a video; the ratio is the median over the rounds.

    A block of ours is a whole capture: networks loaded, frames decoded, people and 133
    points found, the motion solved, the take written. A block of theirs makes a Holistic
    graph, decodes the same frames and finds the landmarks of one person; nothing is solved.
    Both may use the same processor cores, two at most. On a busy machine the ratio of
    processor seconds, theirs over ours, is the steadier figure.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[:2]))
    try:
        _make_peer()
        return _rounds(video, frames, rounds, say)
    finally:
        os.sched_setaffinity(0, set(cores))


def _make_peer() -> None:
    environment = {**os.environ, "VENV": str(PEER.relative_to(ROOT))}
    subprocess.run(["tools/setup.sh", "bench"], cwd=ROOT, env=environment, check=True)


def _rounds(video: Path, frames: int, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    with subprocess.Popen(
        [str(PEER / "bin" / "python"), str(Path(__file__).with_name("peer.py")), str(video), str(frames)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as peer:
        assert peer.stdin is not None and peer.stdout is not None
        ours, theirs, work = [], [], []
        for turn in range(rounds + 1):
            peer.stdin.write("go\n")
            peer.stdin.flush()
            seconds, worked, read, found = _block(peer)
            mine, my_work = _capture(video, frames)
            if turn == 0:  # both have filled their caches now
                continue
            theirs.append(read / seconds)
            ours.append(read / mine)
            work.append(worked / my_work)
            say(
                f"round {turn}: capture {ours[-1]:.1f} frames/s, Holistic {theirs[-1]:.1f} "
                f"(found in {found} of {read}), ratio {ours[-1] / theirs[-1]:.2f}, of work {work[-1]:.2f}"
            )
        peer.stdin.close()
    return {
        "capture.fps": statistics.median(ours),
        "capture.holistic_fps": statistics.median(theirs),
        "capture.vs_holistic": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
        "capture.work_vs_holistic": statistics.median(work),
    }


def _block(peer: subprocess.Popen[str]) -> tuple[float, float, int, int]:
    assert peer.stdout is not None
    for line in peer.stdout:
        if line.startswith("BLOCK"):
            _, seconds, worked, read, found = line.split()
            return float(seconds), float(worked), int(read), int(found)
    sys.exit("bench: MediaPipe's process ended early; run tools/benchmark/peer.py by hand to see why")


def _capture(video: Path, frames: int) -> tuple[float, float]:
    """Seconds and processor seconds of a capture."""
    with tempfile.TemporaryDirectory() as folder:
        began, worked = time.perf_counter(), time.process_time()
        capture(CaptureOptions(video=video, out=Path(folder) / "block.take", end_frame=frames, people="main"))
        return time.perf_counter() - began, time.process_time() - worked

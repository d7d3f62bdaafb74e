# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's memory over a long 1080p video."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "inference" / "worker.py"
_SIZE = (1920, 1080)
_FPS = 30.0
_SETTLED = 0.25  # the share of the frames after which memory should be flat


def of_worker(clip: Path, *, minutes: float, folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """Capture `minutes` of a looped clip in a worker and watch it (Linux: /proc).

    `worker.peak_mb` is the most resident memory the process ever had, solving included;
    `worker.growth_mb_per_min` the slope of resident memory over minutes of video while
    the frames are read, without the first quarter.
    """
    video = folder / f"{clip.stem}_{minutes:g}_minutes.mp4"
    if not video.is_file():
        say(f"writing {minutes:g} minutes of {clip.name} at 1080p")
        _loop(clip, video, round(minutes * 60 * _FPS))
    with tempfile.TemporaryDirectory() as temporary:
        options = {"video": str(video), "take": str(Path(temporary) / "long.take")}
        peak, samples = _watch(options, say)
    share = np.array([done for stage, done, _ in samples if stage == "landmarks"], np.float64)
    memory = np.array([mb for stage, _, mb in samples if stage == "landmarks"])
    late = share > _SETTLED * share.max()
    slope = np.polyfit(share[late] / _FPS / 60, memory[late], 1)[0] if late.sum() > 5 else np.nan
    return {
        "worker.peak_mb": peak,
        "worker.growth_mb_per_min": float(slope),
        "worker.reading_mb": float(memory.max()),
        "worker.minutes": minutes,
    }


def _watch(options: dict[str, str], say: Callable[[str], None]) -> tuple[float, list[tuple[str, int, float]]]:
    """Run the worker. Returns its peak and samples (stage, frames done, resident), MB, one a second."""
    samples: list[tuple[str, int, float]] = []
    peak, told = 0.0, time.monotonic()
    with subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(json.dumps(options) + "\n")
        worker.stdin.flush()
        last = 0.0
        for line in worker.stdout:
            event = json.loads(line)
            if event["event"] == "error":
                sys.exit(f"bench: the worker says: {event['message']}")
            if event["event"] == "done":
                peak = max(peak, _memory(worker.pid)[1])
                worker.stdin.close()
                break
            now = time.monotonic()
            if event["event"] != "progress" or now - last < 1.0:
                continue
            last = now
            resident, peak = _memory(worker.pid)
            samples.append((event["stage"], int(event["done"]), resident))
            if now - told > 30:
                told = now
                left = "" if event["eta_s"] is None else f", {event['eta_s']:.0f} s left"
                say(f"{event['stage']} {event['done']} of {event['total']}{left}: {resident:.0f} MB")
    return peak, samples


def _memory(pid: int) -> tuple[float, float]:
    """Resident and most resident memory of a process, MB."""
    values = {"VmRSS": 0.0, "VmHWM": 0.0}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name in values:
            values[name] = int(value.split()[0]) / 1024
    return values["VmRSS"], values["VmHWM"]


def _loop(clip: Path, out: Path, count: int) -> None:
    """Write the clip forward and backward, over and over, letterboxed, so that nothing jumps."""
    part = out.with_name(out.stem + ".part.mp4")
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), _FPS, _SIZE)
    if not writer.isOpened():
        sys.exit(f"bench: {part} could not be written")
    pictures = list(_pictures(clip, most=240))
    order = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    for k in range(count):
        picture = cv2.imdecode(pictures[order[k % len(order)]], cv2.IMREAD_COLOR)
        writer.write(picture)
    writer.release()
    part.rename(out)


def _pictures(clip: Path, *, most: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of the clip at the size, as JPEG: hundreds of raw ones would fill the memory."""
    capture = cv2.VideoCapture(str(clip))
    for _ in range(most):
        ok, image = capture.read()
        if not ok:
            break
        scale = min(_SIZE[0] / image.shape[1], _SIZE[1] / image.shape[0])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        canvas = np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8)
        x, y = (_SIZE[0] - size[0]) // 2, (_SIZE[1] - size[1]) // 2
        canvas[y : y + size[1], x : x + size[0]] = cv2.resize(image, size)
        yield cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]

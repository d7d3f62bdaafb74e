# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap capture`: a video becomes a take."""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..inference.errors import Cancelled
from .arguments import count
from .progress_line import ProgressLine

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EPILOG = """\
examples:
  rotocap capture walk.mp4 --out walk.take
  rotocap capture walk.mp4 --out walk.take --start 2.5 --end 8       seconds
  rotocap capture walk.mp4 --out walk.take --start 75f --end 240f    frames
  rotocap capture two.mp4 --out two.take --people main --height 1.83

Ctrl-C stops the reading and solves what was read; once more stops at once. Either way
nothing is lost: the same command goes on where it stopped. People, height, focal
length and angle of view may change from run to run, the video is not read again for them.
"""


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "capture",
        help="turn a video into a take: the motion of everybody in it",
        description="Turn a video into a take: the motion of everybody in it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("video", metavar="VIDEO", type=Path, help="the video file")
    command.add_argument(
        "--out", metavar="TAKE", type=Path, required=True, help="folder to write, usually NAME.take"
    )
    command.add_argument("--start", metavar="T", type=moment, help="begin here: 2.5 (seconds) or 75f (frame)")
    command.add_argument(
        "--end", metavar="T", type=moment, help="end before here: seconds, or a frame (240f)"
    )
    command.add_argument(
        "--every", metavar="N", type=count, default=1, help="read every N-th frame only (default 1)"
    )
    command.add_argument(
        "--people",
        choices=("all", "main"),
        default="all",
        help="everybody, or who is seen longest and largest (default all)",
    )
    command.add_argument(
        "--height", metavar="M", type=float, help="height of the main person in metres; guessed without it"
    )
    lens = command.add_mutually_exclusive_group()
    lens.add_argument(
        "--fov", metavar="DEG", type=float, help="angle of view along the picture's longer side, in degrees"
    )
    lens.add_argument("--focal-px", metavar="PX", type=float, help="focal length in pixels")
    lens.add_argument(
        "--camera", metavar="FILE.npz", type=Path, help="a camera that moves, and its lens, see docs/cli.md"
    )
    command.add_argument(
        "--face-landmarker", metavar="FOLDER", type=Path,
        help="folder of Google's face_landmarker as two ONNX files, to read expressions with",
    )  # fmt: skip
    command.add_argument(
        "--threads", metavar="N", type=count, default=2, help="processor threads for the networks (default 2)"
    )
    command.add_argument("--device", choices=("cpu",), default="cpu", help="where the networks run")
    command.add_argument(
        "--overwrite", action="store_true", help="throw away what TAKE holds instead of going on with it"
    )
    command.set_defaults(run=run)


def moment(text: str) -> tuple[str, float]:
    """`2.5` is seconds, `75f` a frame."""
    try:
        unit, amount = ("frame", int(text[:-1])) if text.endswith("f") else ("s", float(text))
    except ValueError:
        unit, amount = "", math.nan
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds (2.5) or a frame (75f), from 0 on")
    return unit, amount


def run(options: argparse.Namespace) -> int:
    # The networks and OpenCV load slowly, and `--help` needs neither.
    from ..inference.capture import CaptureOptions, capture
    from .info import people_lines

    limits: dict[str, float | int] = {}
    for name, value in (("start", options.start), ("end", options.end)):
        if value is not None:
            unit, amount = value
            limits[f"{name}_{unit}"] = int(amount) if unit == "frame" else amount
    with ProgressLine() as line, _interrupts(line) as asked:
        take = capture(
            CaptureOptions(
                video=options.video,
                out=options.out,
                stride=options.every,
                people=options.people,
                focal_px=options.focal_px,
                fov_deg=options.fov,
                camera_path=options.camera,
                face_landmarker=options.face_landmarker,
                height_m=options.height,
                threads=options.threads,
                device=options.device,
                overwrite=options.overwrite,
                **limits,  # type: ignore[arg-type]
            ),
            progress=line,
            cancelled=lambda: len(asked) > 0,
            abandoned=lambda: len(asked) > 1,
        )
    print(f"{take.path}: {take.frames_read} frames read, {len(take.people)} captured")
    for text in people_lines(take):
        print(text)
    for warning in take.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if take.status != "complete":
        print("stopped before the end of the video; the same command goes on from there", file=sys.stderr)
        return Cancelled.exit_code
    return 0


@contextmanager
def _interrupts(line: ProgressLine) -> Iterator[list[int]]:
    """Ctrl-C as a request: the list that is yielded grows with each."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) == 1:
            line.say("stopping: what was read is being solved (Ctrl-C again stops at once)")
        elif len(asked) > 2:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)

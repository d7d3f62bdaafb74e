# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way on one clip: take, contact sheet and .blend in build/demo (`make demo`).

    python -m rotocap.tools.demo VIDEO

Runs the same commands that a person would type, and prints them.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from ..inference.sequence import SmplxSequence
from ..inference.take import Take
from .evaluate.accuracy import against_truth

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "tests/data/sample/sample.mp4"
TRUTH = SAMPLE.with_name("truth.npz")
OUT = ROOT / "build/demo"


def rotocap(*arguments: str | Path) -> None:
    """Run one command of the command line; SystemExit with its code if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ rotocap {shlex.join(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "rotocap.cli", *words], check=False).returncode
    if code:
        raise SystemExit(code)


def print_error(path: Path) -> None:
    """How far the take of the sample clip is from its truth."""
    take = Take.open(path)
    error = against_truth(take.sequence(take.people[0]), SmplxSequence.load(TRUTH))
    print(
        f"against the truth: body found in {100 * error.found:.0f} % of the frames, "
        f"joints {error.mpjpe_mm:.0f} mm off (root-centred; {error.pa_mpjpe_mm:.0f} mm after alignment), "
        f"fingers {error.hands_mm:.0f} mm off from the wrist"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path, nargs="?", default=SAMPLE, help="default: the sample clip")
    video: Path = parser.parse_args().video
    OUT.mkdir(parents=True, exist_ok=True)
    # One folder a clip, so that two clips do not overwrite each other.
    take, blend, sheet = OUT / f"{video.stem}.take", OUT / f"{video.stem}.blend", OUT / "review.png"

    rotocap("capture", video, "--out", take, "--overwrite")
    rotocap("review", take, "--out", sheet)
    rotocap("apply", take, "--rig", "new", "--out", blend)

    print(f"\ntake           {take}\ncontact sheet  {sheet}\nBlender file   {blend}")
    if video.resolve() == SAMPLE:
        print_error(take)


if __name__ == "__main__":
    main()

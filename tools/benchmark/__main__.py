# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed and memory, into build/bench.json as flat keys.

    python -m rotocap.tools.benchmark [--only capture hands_face solve worker ...] [--minutes 20]

Ratios are measured in turns within one run, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from ...inference.errors import RotocapError
from . import hands_face, memory, solve, speed

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
MEDIA = ROOT.parent / "shared" / "media"
CLIP = "sports2d_lateral_raise_720p.mp4"
SAMPLE = ROOT / "tests" / "data" / "sample" / "sample.mp4"
PARTS = ("capture", "hands_face", "solve", "worker", "graphs", "keys", "retarget")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the worker's video (20)")
    parser.add_argument("--frames", type=int, default=180, help="frames in a block of the capture (180)")
    parser.add_argument("--rounds", type=int, default=3, help="blocks of the capture, and solves (3)")
    parser.add_argument("--media", type=Path, default=MEDIA, help="folder of the clips")
    options = parser.parse_args()
    clip = options.media / CLIP
    if not clip.is_file():
        print(f"SKIPPED {clip}: not there; measuring on the sample clip, which is 540 x 720", flush=True)
        clip = SAMPLE
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    if "graphs" in options.only:
        subprocess.run([sys.executable, "-m", "rotocap.tools.bench_graphs"], check=True)
    if "keys" in options.only:
        subprocess.run([sys.executable, "-m", "rotocap.tools.bench_keys"], check=True)
    if "retarget" in options.only:
        subprocess.run([sys.executable, "-m", "rotocap.tools.bench_retarget"], check=True)
    if "capture" in options.only:
        _merge(speed.against_holistic(clip, frames=options.frames, rounds=options.rounds, say=_say))
    if "hands_face" in options.only:
        _merge(hands_face.measure(clip, frames=options.frames, rounds=options.rounds, say=_say))
    if "solve" in options.only:
        _merge(solve.measure(SAMPLE, rounds=options.rounds, say=_say))
    if "worker" in options.only:
        _merge(memory.of_worker(clip, minutes=options.minutes, folder=folder, say=_say))
    print(f"\n{platform.machine()}, {platform.processor() or platform.platform()}")
    for key, value in json.loads((BUILD / "bench.json").read_text(encoding="utf-8")).items():
        print(f"{key:36} {value if isinstance(value, str) else format(value, '10.3f')}")
    return 0


def _merge(figures: dict[str, float]) -> None:
    """Into build/bench.json; what was not measured now stays."""
    path = BUILD / "bench.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    merged = {**old, **{name: round(value, 4) for name, value in figures.items()}}
    path.write_text(json.dumps(dict(sorted(merged.items())), indent=1) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RotocapError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

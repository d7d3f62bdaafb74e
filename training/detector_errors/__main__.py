# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the errors of our landmark networks on rendered people, and write them down.

    python -m rotocap.training.detector_errors [--motion FOLDER] [--again] [--try CLIPS]

Renders short clips for jitter and swaps, and long sparse takes for what lasts; runs the
networks on them; fits `measured.json`; prints where on the skeleton the networks put their
points, and model beside measurement. About five minutes on one quiet core. What was observed
is kept in build/detector_errors, so a second run only fits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..motion_data import SHARED, MotionSet
from .check import compare, table
from .fit import fit
from .model import PATH, ErrorModel
from .observe import Observations, observe
from .picture import contact_sheet
from .placement import placements
from .scenes import draw_clips

CACHE = Path(__file__).parents[2] / "build" / "detector_errors"
_MOTION = "train_00"  # 226 takes of all kinds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--motion", type=Path, default=SHARED, help="folder of train_00.npz and hand_bank.npz"
    )
    parser.add_argument("--again", action="store_true", help="render and detect anew")
    parser.add_argument(
        "--try", type=int, metavar="CLIPS", dest="clips", help="so few clips, and leave measured.json alone"
    )
    options = parser.parse_args()
    folder = CACHE if options.clips is None else CACHE / "try"
    clips, takes = (240, 24) if options.clips is None else (options.clips, max(options.clips // 10, 1))
    short = _observations(folder / "short.npz", options, clips, seed=7, frames=12, step=1)
    long = _observations(folder / "long.npz", options, takes, seed=8, frames=40, step=5)
    print(_placement_table(short))
    data = {"source": f"{len(short.clip)} and {len(long.clip)} rendered frames", **fit(short, long)}
    print("\nObserved / modelled:\n" + table(compare(ErrorModel.of(data), short)))
    if options.clips is None:
        PATH.write_text(_compact(data) + "\n", encoding="utf-8")
        print(f"\n{PATH}")


def _observations(
    path: Path, options: argparse.Namespace, count: int, *, seed: int, frames: int, step: int
) -> Observations:
    if path.exists() and not options.again:
        return Observations.load(path)
    motion = MotionSet.load(options.motion, [_MOTION])
    with np.load(options.motion / "hand_bank.npz", allow_pickle=False) as bank:
        hands = bank["left"].astype(np.float64)
    clips = list(draw_clips(motion, hands, count, np.random.default_rng(seed), frames=frames, step=step))
    seen = observe(clips)
    seen.save(path)
    if step == 1:
        contact_sheet(clips[:12], seen, path.with_suffix(".jpg"))
    return seen


def _placement_table(seen: Observations) -> str:
    lines = [
        "| point | carried by | offset from the joint, mm (x, y, z) | error before and after, mm | points |",
        "|---|---|---|---|---|",
    ]
    for one in placements(seen):
        offset = ", ".join(f"{1000 * v:.0f}" for v in one.offset)
        errors = f"{1700 * one.before:.0f}, {1700 * one.after:.0f}"
        lines.append(f"| {one.kind} | {one.carrier} | {offset} | {errors} | {one.count} |")
    return "\n".join(lines)


def _compact(data: dict[str, Any]) -> str:
    """JSON with a line for each point, so that a change can be read in a diff."""
    lines = []
    for name, value in data.items():
        if name == "points":
            inner = ",\n".join(f'  "{kind}": {json.dumps(figures)}' for kind, figures in value.items())
            lines.append(f' "{name}": {{\n{inner}\n }}')
        elif name == "together":
            inner = ",\n".join(f"  {json.dumps(row)}" for row in value)
            lines.append(f' "{name}": [\n{inner}\n ]')
        else:
            lines.append(f' "{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    main()

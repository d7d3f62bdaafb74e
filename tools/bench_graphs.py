# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the networks are, against TFLite with XNNPACK on the graphs that they were made from.

    python -m rotocap.tools.bench_graphs

Both get the same threads and take turns, call by call, so that whatever else the machine does
meets both. What is compared is the median time of a call; a whole-body frame is one body, two
hands (in one call of ours, in two of TFLite's, whose graph takes one) and one face. Writes
`graphs.vs_tflite` (TFLite's time over ours, for that frame) and `graphs.NAME.vs_tflite`,
`graphs.NAME.ms` into build/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..inference.errors import ModelError
from ..inference.models import embedded, session
from .build_models import check, pictures, recipes, wheel
from .build_models.__main__ import WHEELS

RESULTS = Path(__file__).parents[1] / "build" / "bench.json"
# Pictures in one call, for the networks of a whole-body frame.
FRAME = {"pose_landmark": 1, "hand_landmark": 2, "face_landmark": 1}


@dataclass(frozen=True)
class Timing:
    """Median milliseconds for the pictures of one frame."""

    name: str
    pictures: int
    ours_ms: float
    tflite_ms: float

    @property
    def ratio(self) -> float:
        return self.tflite_ms / self.ours_ms


def _pair(
    recipe: recipes.Recipe, archive: Path, threads: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """One call of ours and one of TFLite's, for the pictures of a frame."""
    count = FRAME.get(recipe.name, 1)
    images = pictures.crops(recipe)[:count]
    ours = session(embedded(recipe.name), threads=threads)
    batch = np.concatenate(images)
    interpreter = check.tflite_interpreter(wheel.read_member(archive, recipe), threads=threads)
    index = interpreter.get_input_details()[0]["index"]
    nhwc = [np.ascontiguousarray(image.transpose(0, 2, 3, 1)) for image in images]

    def tflite() -> None:
        for image in nhwc:
            interpreter.set_tensor(index, image)
            interpreter.invoke()

    return lambda: ours.run(None, {"image": batch}), tflite


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(*, threads: int, rounds: int, wheels: Path = WHEELS) -> list[Timing]:
    """One row a network. Raises ModelError if networks or wheel are missing."""
    archive = wheel.fetch(wheels)
    # TFLite cannot run the end of a graph by itself.
    pairs = {recipe.name: _pair(recipe, archive, threads) for recipe in recipes.RECIPES if not recipe.begins}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
    for round_ in range(rounds + 3):
        for name, (ours, tflite) in pairs.items():
            # Who goes first finds colder caches: take turns in that as well.
            if round_ % 2:
                row = (_seconds(ours), _seconds(tflite))
            else:
                late = _seconds(tflite)
                row = (_seconds(ours), late)
            if round_ >= 3:  # the first calls allocate
                times[name].append(row)
    medians = {name: np.median(np.array(rows), axis=0) * 1e3 for name, rows in times.items()}
    return [Timing(name, FRAME.get(name, 1), float(m[0]), float(m[1])) for name, m in medians.items()]


def figures(timings: list[Timing]) -> dict[str, float]:
    """The flat keys for bench.json."""
    frame = [t for t in timings if t.name in FRAME]
    ours, tflite = sum(t.ours_ms for t in frame), sum(t.tflite_ms for t in frame)
    out = {"graphs.vs_tflite": tflite / ours, "graphs.frame.ms": ours, "graphs.frame.tflite_ms": tflite}
    for t in timings:
        out |= {
            f"graphs.{t.name}.vs_tflite": t.ratio,
            f"graphs.{t.name}.ms": t.ours_ms,
            f"graphs.{t.name}.tflite_ms": t.tflite_ms,
        }
    return {key: round(value, 3) for key, value in out.items()}


def merge(found: dict[str, float], path: Path = RESULTS) -> None:
    """Adds the figures to a JSON file, next to those of other benchmarks."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(known | found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench_graphs", description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    try:
        timings = measure(threads=options.threads, rounds=options.rounds)
    except ModelError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} threads, load {load:.1f} before")
    print(f"{'network':16} {'pictures':>8} {'ours ms':>8} {'TFLite ms':>9} {'ratio':>6}")
    for t in timings:
        print(f"{t.name:16} {t.pictures:8} {t.ours_ms:8.2f} {t.tflite_ms:9.2f} {t.ratio:6.2f}")
    found = figures(timings)
    print(
        f"{'whole-body frame':25} {found['graphs.frame.ms']:8.2f} {found['graphs.frame.tflite_ms']:9.2f} "
        f"{found['graphs.vs_tflite']:6.2f}"
    )
    merge(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

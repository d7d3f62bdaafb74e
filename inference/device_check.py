# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks really run on here, and how fast: measured in a process of its own.

    python -I inference/device_check.py [--site-packages FOLDER ...] [--threads N]

Prints one JSON object: {"runtime", "providers", "used", "threads", "ms"} or {"error"}.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

_NETWORK = "pose_landmark"  # the one that runs for every person in every frame
_RUNS = 15


def measure(threads: int) -> dict[str, object]:
    """Runs the body network on an empty picture. ms: the median time of a run."""
    # Not at the top: as a script, this file has to be told first where these are.
    import numpy as np
    import onnxruntime

    from .models import embedded, session

    network = session(embedded(_NETWORK), threads=threads)
    picture = np.zeros((1, 3, 256, 256), np.float32)
    times = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        network.run(["landmarks"], {"image": picture})
        times.append(time.perf_counter() - begun)
    return {
        "runtime": onnxruntime.__version__,
        "providers": onnxruntime.get_available_providers(),
        "used": network.get_providers(),
        "threads": threads,
        "ms": 1000.0 * sorted(times)[_RUNS // 2],
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="device_check")
    parser.add_argument("--site-packages", action="append", default=[])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    sys.path += [path for path in options.site_packages if path not in sys.path]
    try:
        print(json.dumps(measure(options.threads)))
    except Exception as error:  # whatever keeps the networks from running is the answer
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        return 1
    return 0


if __name__ == "__main__":
    # As inference/worker.py: this file is also the script that makes the package importable.
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(Path(__file__).parent))
    load_package = importlib.import_module("worker").load_package
    sys.path.pop(0)
    load_package(root)
    raise SystemExit(importlib.import_module("rotocap.inference.device_check").main(sys.argv[1:]))

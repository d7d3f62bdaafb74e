# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a trained network as the ONNX file that ships, with its model card.

    python -m rotocap.training.export [--run DIR] [--out DIR]

Weights are rounded to half precision, in which they are stored (so that the file stays
small); the arithmetic is single precision. The file is compared with torch before it is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ..inference import models
from ..inference.lift import layout
from ..inference.lift.network import FOLDER
from .measure import measure
from .model import CALM_FRAMES, Lift, ModelOptions
from .motion_data import SHARED, MotionSet

ROOT = Path(__file__).parents[1]
_LARGEST_MB = 20
_AGREES = 1e-4  # between ONNX Runtime and torch
_LARGE = 256  # numbers: smaller tensors stay as they are


def load(run: Path) -> Lift:
    """The averaged network of a run, with weights rounded to what is stored."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    known = {field.name for field in fields(ModelOptions)}
    model = Lift(ModelOptions(**{k: v for k, v in state["options"].items() if k in known}))
    model.load_state_dict(state["average"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model.eval()


def export(model: Lift, path: Path) -> float:
    """Write `path`; returns the largest difference from torch over lengths of 1 to 150 tokens.

    Raises ValueError if the file is too large or does not agree.
    """
    width = layout.FRAMES_PER_TOKEN * layout.INPUTS
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.randn(1, 40, width),),
        str(path),
        input_names=["tokens"],
        output_names=["body"],
        dynamic_axes={"tokens": {0: "batch", 1: "length"}, "body": {0: "batch", 1: "length"}},
        opset_version=17,
        dynamo=False,
    )
    _store_half(path)
    size = path.stat().st_size / 1e6
    if size > _LARGEST_MB:
        raise ValueError(
            f"{path}: {size:.1f} MB, at most {_LARGEST_MB} MB may ship; make the network narrower"
        )
    session = models.session(path)
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    for length in (1, 2, 7, 40, 150):
        tokens = torch.randn(1, length, width, generator=generator)
        with torch.inference_mode():
            expected = model(tokens).numpy()
        (found,) = session.run(["body"], {"tokens": tokens.numpy()})
        worst = max(worst, float(np.abs(found - expected).max()))
    if not worst < _AGREES:
        raise ValueError(f"{path}: differs from torch by {worst:g}, at most {_AGREES:g} may be")
    return worst


def _store_half(path: Path) -> None:
    graph_file = onnx.load(path)
    graph = graph_file.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _LARGE:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue  # not one of the rounded weights
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + "_half"))
        casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        graph.node.insert(0, node)
    onnx.checker.check_model(graph_file)
    onnx.save(graph_file, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=ROOT / "build" / "training" / "lift")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--motion", type=Path, default=SHARED)
    given = parser.parse_args()
    model = load(given.run)
    path = given.out / "lift.onnx"
    difference = export(model, path)
    options = model.options
    layers = max(options.layers, options.side_layers)
    about = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "halo_frames": layers * options.reach * layout.FRAMES_PER_TOKEN + CALM_FRAMES,
        "parameters": sum(p.numel() for p in model.parameters()),
        "differs_from_torch": difference,
        "model": options.to_dict(),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip(),
        "held_out": measure(model, MotionSet.load(given.motion, ["heldout"], purpose="evaluation")),
    }
    run = given.run / "options.json"
    if run.is_file():
        about["run"] = json.loads(run.read_text(encoding="utf-8"))
    (given.out / "lift.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (given.out / "MODEL_CARD.md").write_text(card(about), encoding="utf-8")
    print(json.dumps(about, indent=1))


def card(about: dict[str, Any]) -> str:
    """The model card beside the network."""
    run = about.get("run", {})
    train = run.get("train", {})
    figures = "\n".join(f"| `{name}` | {value:.2f} |" for name, value in about["held_out"].items())
    return f"""# Model card: lift.onnx
Rotocap's own network: 35 of the COCO-WholeBody points over time in, SMPL-X body joints with
their doubt, rotations, distance, contacts and gravity out. `docs/lift.md` describes it.

- **Licence**: GPL-3.0-or-later, as the project. Made by `python -m rotocap.training.train` and
  `python -m rotocap.training.export` at commit {about["commit"]}.
- **Size**: {about["parameters"]:,} parameters, stored in half precision; float32 arithmetic.
  Differs from torch by {about["differs_from_torch"]:.1g} at most.
- **Data**: motion of the CMU Graphics Lab Motion Capture Database (and 1,663 CC0 frames of
  Mesh2Motion), projected by synthetic cameras, with errors as measured on our landmark networks.
  No pictures, no one's likeness. Credit: the data used in this project was obtained from
  mocap.cs.cmu.edu. The database was created with funding from NSF EIA-0196217.
- **Never trained on**: CMU subjects 03, 05 and 12, and anything under a non-commercial licence.
- **Run**: {run.get("steps", "?")} steps, {run.get("frames", 0):,} frames,
  {train.get("minutes", "?")} minutes of a CPU, seed {train.get("seed", "?")}.{_beginning(run)}

| held-out people, motion as recorded, all cameras, detector-like errors | |
|---|---|
{figures}

Known weaknesses: motion is Western adults' of the years 2000 to 2010, mostly walking, dancing and
sports; children, floor acrobatics and other people's hands on the body are hardly in it.
"""


def _beginning(run: dict[str, Any]) -> str:
    out = f" It began from an earlier run's weights ({run['begin']})." if run.get("begin") else ""
    drawn = " Takes that an earlier network read worst were drawn oftener (`examine`)."
    return out + (drawn if run.get("emphasis") else "")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The two texts beside the networks: `models.json` for programs, MODEL_CARD.md for people.

models.json holds what is the same in every build, and is committed: it is what the files are
checked against when they are used. What was measured goes into the card.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version

from . import recipes
from .check import LIMIT
from .recipes import Recipe


@dataclass(frozen=True)
class Built:
    """One network. errors: by kind of picture, then by output (see `check.errors`)."""

    recipe: Recipe
    model: bytes
    errors: dict[str, dict[str, float]]


def manifest(built: list[Built]) -> str:
    models = {
        b.recipe.name: {
            "sha256": hashlib.sha256(b.model).hexdigest(),
            "bytes": len(b.model),
            "source": b.recipe.member,
            "source_sha256": b.recipe.sha256,
            "licence": recipes.LICENCE,
        }
        for b in built
    }
    wheel = {"file": recipes.WHEEL_FILE, "sha256": recipes.WHEEL_SHA256}
    return json.dumps({"wheel": wheel, "models": models}, indent=2) + "\n"


def card(built: list[Built]) -> str:
    made_with = ", ".join(
        f"{name} {version(name)}" for name in ("onnx", "onnxruntime", "ai-edge-litert", "numpy")
    )
    lines = [
        "# Model card: the networks that come with Rotocap",
        "",
        f"Google's MediaPipe graphs ({recipes.LICENCE}), read out of `{recipes.WHEEL_FILE}` "
        f"(SHA-256 `{recipes.WHEEL_SHA256}`) and converted to ONNX with the same weights, kept as the "
        f"source has them (fp16, or fp32 for hand_recrop). Made with {made_with}.",
        "",
        "What they were trained on, for whom they work and where they fail is in Google's own cards, "
        "linked from https://ai.google.dev/edge/mediapipe/solutions/guide. They locate people, bodies, "
        "hands and faces in pictures; they do not recognise who somebody is.",
        "",
        "Input of each, unless it says otherwise: `image` (N, 3, S, S) float32, RGB. The error is the "
        "largest difference from the source run by the TFLite interpreter (its own kernels), relative to "
        f"the output's largest value, a probability's being 1; above {LIMIT:g} the build fails. Noise is "
        "uniform; the crops are of the project's sample clip.",
    ]
    for b in built:
        r = b.recipe
        lines += [
            "",
            f"## {r.name}",
            f"{r.about[0].upper()}{r.about[1:]}.",
            "",
            f"- S {r.size}, values {r.low:g} to {r.high:g}",
            f"- SHA-256 `{hashlib.sha256(b.model).hexdigest()}`, {len(b.model)} bytes",
            f"- from `{r.member}`, SHA-256 `{r.sha256}`",
            "",
            "| output | error on noise | on crops |",
            "|---|---|---|",
            *(
                f"| {n} | {b.errors['noise'][n]:.1e} | {b.errors['crops'][n]:.1e} |"
                for n, _ in (*r.outputs, *r.inner)
            ),
        ]
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the networks, unless they are there with the right bytes already."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...inference.errors import ModelError
from ...inference.models import MANIFEST, MODELS, hashes, sha256_file
from . import check, onnx_writer, pictures, rewrite, tflite_reader, wheel
from .card import Built, card, manifest
from .recipes import RECIPES, Recipe

WHEELS = Path(__file__).parents[2] / "build" / "wheels"


def up_to_date(folder: Path) -> bool:
    """Whether every network is in `folder` with the bytes that its models.json asks for."""
    try:
        known = hashes(folder)
    except ModelError:  # no list, or a damaged one: it is written anew
        return False
    paths = {recipe.name: folder / f"{recipe.name}.onnx" for recipe in RECIPES}
    return known.keys() == paths.keys() and all(
        path.is_file() and sha256_file(path) == known[name] for name, path in paths.items()
    )


def convert(recipe: Recipe, source: bytes) -> bytes:
    """The ONNX file of one graph."""
    graph = rewrite.convolve_before_enlarging(tflite_reader.read(source))
    return onnx_writer.write(graph, recipe).SerializeToString(deterministic=True)


def build_one(recipe: Recipe, source: bytes) -> Built:
    """Converts one graph and compares it with its source. Raises ModelError where they differ."""
    model = convert(recipe, source)
    measured = {
        "noise": check.errors(recipe, source, model, pictures.noise(recipe)),
        "crops": check.errors(recipe, source, model, pictures.crops(recipe)),
    }
    for kind, found in measured.items():
        check.require(recipe, kind, found)
    return Built(recipe, model, measured)


def build(folder: Path, wheels: Path) -> bool:
    """Makes all networks in `folder`; whether their bytes are the ones that were expected."""
    archive = wheel.fetch(wheels)
    built = []
    for recipe in RECIPES:
        built.append(build_one(recipe, wheel.read_member(archive, recipe)))
        worst = max(max(found.values()) for found in built[-1].errors.values())
        print(
            f"{recipe.name:15} {len(built[-1].model) / 1e6:5.1f} MB, differs from TFLite by {worst:.0e}",
            flush=True,
        )
    folder.mkdir(parents=True, exist_ok=True)
    texts = {MANIFEST: manifest(built), "MODEL_CARD.md": card(built)}
    path = folder / MANIFEST
    same = path.is_file() and path.read_text(encoding="utf-8") == texts[MANIFEST]
    contents = {f"{b.recipe.name}.onnx": b.model for b in built}
    contents |= {name: text.encode() for name, text in texts.items()}
    for name, data in contents.items():
        # Renamed into place, so that nobody reads half a network.
        part = folder / f"{name}.part"
        part.write_bytes(data)
        part.replace(folder / name)
    return same


def main() -> int:
    parser = argparse.ArgumentParser(prog="build_models", description=__doc__)
    parser.add_argument("--force", action="store_true", help="build even if everything is there")
    parser.add_argument("--out", type=Path, default=MODELS, help="folder to write to")
    parser.add_argument("--wheels", type=Path, default=WHEELS, help="where the fetched wheel is kept")
    options = parser.parse_args()
    try:
        if not options.force and up_to_date(options.out):
            return 0
        if not build(options.out, options.wheels):
            print(f"{options.out / MANIFEST} was written anew: the networks' bytes are not those it named.")
    except ModelError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

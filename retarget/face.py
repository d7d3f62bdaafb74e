# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape keys of a mesh show which of the 52 ARKit coefficients.

A name is compared without its case, its separators and what stands before it: eyeBlinkLeft,
EyeBlink_L, "A14_Eye_Blink_Left" and "Face.eyeBlink.L" are one. Other names are data
(`face_presets/*.toml`): a weighted sum of coefficients each.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError
from ..inference.sequence import ARKIT

Array = NDArray[np.float64]

FOLDER = Path(__file__).parent / "face_presets"
_INDEX = {name: i for i, name in enumerate(ARKIT)}
_LOOKS = tuple(name for name in ARKIT if name.startswith("eyeLook"))
# A preset with fewer of its shapes on the mesh is there by chance: many a rig has a shape named "A" or "O".
_LEAST = 3
_COPY = re.compile(r"\.\d{3}$")  # what Blender adds to a name that is taken


@dataclass(frozen=True, eq=False)
class FaceMap:
    """Shape keys of one mesh, and what each is made of."""

    title: str  # of the preset
    shapes: tuple[str, ...]  # names of the mesh's shape keys
    weights: Array  # (S, 52)

    def values(self, arkit: NDArray[np.floating[Any]]) -> Array:
        """Values (T, S) from 0 to 1 for coefficients (T, 52); NaN where one that counts is not known."""
        arkit = np.asarray(arkit, dtype=np.float64)
        unknown = np.isnan(arkit).astype(np.float64) @ (self.weights != 0).T.astype(np.float64) > 0
        values = np.clip(np.nan_to_num(arkit) @ self.weights.T, 0.0, 1.0)
        return np.asarray(np.where(unknown, np.nan, values))

    def covers(self, *coefficients: str) -> bool:
        """Whether the mesh shows all of these coefficients by shape keys."""
        shown = (self.weights != 0).any(axis=0)
        return all(bool(shown[_INDEX[name]]) for name in coefficients)

    @property
    def opens_jaw(self) -> bool:
        return self.covers("jawOpen")

    @property
    def turns_eyes(self) -> bool:
        return self.covers(*_LOOKS)


def find(names: Sequence[str]) -> FaceMap | None:
    """The map of a mesh whose shape keys have these names. None if too few are known.

    The preset that knows most of them; shapes that it leaves are not added from another, as
    the same movement would be there twice. Raises RigError if a preset's file is damaged.
    """
    return _find(tuple(names))


@lru_cache(maxsize=64)  # panels ask at every redraw
def _find(names: tuple[str, ...]) -> FaceMap | None:
    best: FaceMap | None = None
    for title, known in _presets():
        found = [(name, weights) for name in names if (weights := _look_up(name, known)) is not None]
        if len(found) >= _LEAST and (best is None or len(found) > len(best.shapes)):
            best = FaceMap(title, tuple(name for name, _ in found), np.stack([w for _, w in found]))
    return best


def _look_up(name: str, known: dict[str, Array]) -> Array | None:
    plain = _plain(name)
    if plain in known:
        return known[plain]
    # What stands before the name: "Face.M_F00_", "A14_", "blendShape1.".
    parts = re.split(r"[^A-Za-z0-9]+", _COPY.sub("", name))
    for first in range(1, len(parts)):
        rest = _plain("_".join(parts[first:]))
        if len(rest) > 2 and rest in known:
            return known[rest]
    return None


def _plain(name: str) -> str:
    """A name as it is compared: without case and separators, its side written out."""
    name = _COPY.sub("", name)
    side = re.search(r"(?:[_.\- ]|(?<=[a-z]))(L|R|l|r)$", name)
    if side and (side.group(1).isupper() or not name[side.start()].isalpha()):
        name = name[: side.start()] + ("Left" if side.group(1) in "Ll" else "Right")
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _presets() -> tuple[tuple[str, dict[str, Array]], ...]:
    out = []
    for path in sorted(FOLDER.glob("*.toml")):
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            known = {_plain(shape): _weights(parts) for shape, parts in data["shapes"].items()}
            title = str(data["title"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RigError(f"{path}: is damaged ({error}); install Rotocap again") from error
        if path.stem == "arkit":
            known |= {_plain(name): _weights({name: 1.0}) for name in ARKIT}
        out.append((title, known))
    return tuple(out)


def _weights(parts: dict[str, float]) -> Array:
    out = np.zeros(len(ARKIT))
    for name, weight in parts.items():
        out[_INDEX[name]] = float(weight)
    return out

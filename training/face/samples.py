# SPDX-License-Identifier: GPL-3.0-or-later
"""What the face graph says of heads in known expressions.

    python -m rotocap.training.face.samples --heads 150 --seed 1 --out build/training/face

A file every two heads. Of each head some neutral pictures are kept, in other turns and lights
than its expressions, for its neutral face to be known as roughly as in a real take.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...inference.body import FreeBody
from ...inference.landmarks.crop import Picture, Roi
from ...inference.landmarks.face import FaceNetworks
from .heads import random_head
from .pictures import face_region, picture, random_look

Array = NDArray[np.float64]

NEUTRAL, EXPRESSIONS = 3, 17
_A_FILE = 2
_MOUTH_OPEN = 0.4  # how often the jaw is open
# Muscles that often move together (Ekman and Friesen's action units 6 and 12, 1 and 2, 1 and 5, 9 and
# 10, 4 and 7, 6 and 7).
_TOGETHER = (
    ("mouthSmile", "cheekSquint"), ("browOuterUp", "eyeWide"), ("noseSneer", "mouthUpperUp"),
    ("browDown", "eyeSquint"), ("cheekSquint", "mouthSmile"), ("cheekSquint", "eyeSquint"),
    ("eyeWide", "browOuterUp"),
)  # fmt: skip


def random_expression(names: tuple[str, ...], rng: np.random.Generator) -> Array:
    """Coefficients (52,) as faces have them: a few at a time, most on both sides, some of them strong."""
    value = np.zeros(len(names))
    index = {name: i for i, name in enumerate(names)}
    pairs = [name[:-4] for name in names if name.endswith("Left") and name[:-4] not in ("jaw", "mouth")]
    pairs = [name for name in pairs if not name.startswith("eyeLook")]
    single = [name for name in names if not name.endswith(("Left", "Right")) and name != "tongueOut"]
    single += ["jawLeft", "jawRight", "mouthLeft", "mouthRight"]

    def strength() -> float:
        return float(rng.choice([rng.uniform(0, 1), rng.beta(2, 2), 1.0], p=[0.5, 0.4, 0.1]))

    chosen = [pairs[k] for k in rng.integers(len(pairs), size=rng.integers(1, 5))]
    with_them = [b for a, b in _TOGETHER if a in chosen and rng.random() < 0.5]
    for name in dict.fromkeys(chosen + with_them):
        one = strength()
        both = rng.random() < 0.7
        other = float(np.clip(one + rng.normal(0, 0.1), 0, 1)) if both else 0.0
        sides = ("Left", "Right") if rng.random() < 0.5 else ("Right", "Left")
        value[index[name + sides[0]]], value[index[name + sides[1]]] = one, other
    for _ in range(rng.integers(0, 3)):
        value[index[single[rng.integers(len(single))]]] = strength()
    if value[index["browOuterUpLeft"]] > 0 and rng.random() < 0.6:
        value[index["browInnerUp"]] = np.clip(value[index["browOuterUpLeft"]] + rng.normal(0, 0.15), 0, 1)
    if rng.random() < _MOUTH_OPEN:
        value[index["jawOpen"]] = strength()
    value[index["mouthClose"]] = min(value[index["mouthClose"]], value[index["jawOpen"]])
    if rng.random() < 0.15:
        value[index["eyeBlinkLeft"]] = value[index["eyeBlinkRight"]] = strength()
    if rng.random() < 0.05:
        value[index["tongueOut"]] = strength() * (value[index["jawOpen"]] > 0.2)
    # Both eyes look the same way, all but a little.
    # The free body's shapes turn them by 9 to 14 degrees, people more than twice as far.
    across, up = np.clip(rng.normal(0, (0.7, 0.5)), -1.8, 1.8) * (rng.random() < 0.45)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        x = (across + rng.normal(0, 0.03)) * sign
        value[index[f"eyeLookOut{side}"]], value[index[f"eyeLookIn{side}"]] = max(x, 0), max(-x, 0)
        value[index[f"eyeLookUp{side}"]], value[index[f"eyeLookDown{side}"]] = max(up, 0), max(-up, 0)
    return value


def random_turn(rng: np.random.Generator) -> Rotation:
    """A head's turn from facing the camera."""
    angles = rng.normal(0, (14, 9, 7)) if rng.random() < 0.88 else rng.normal(0, (32, 16, 14))
    return Rotation.from_euler("YXZ", np.clip(angles, -60, 60), degrees=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="samples", description=__doc__)
    parser.add_argument("--heads", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names = FreeBody.load().face_names
    networks = FaceNetworks(threads=1)
    kept: dict[str, list[NDArray[np.generic]]] = {"face": [], "arkit": [], "head": [], "presence": []}
    for number in range(options.heads):
        rng = np.random.default_rng([options.seed, number])
        head, look = random_head(rng), random_look(rng)
        for k in range(NEUTRAL + EXPRESSIONS):
            arkit = np.zeros(len(names)) if k < NEUTRAL else random_expression(names, rng)
            image = Picture(picture(head, arkit, random_turn(rng), look, rng))
            x, y, side = face_region(look)
            face = networks.read(image, Roi(x, y, side, 0.0))
            face = networks.read(image, face.next_roi)
            kept["face"].append(face.mesh.astype(np.float32))
            kept["arkit"].append(arkit.astype(np.float32))
            kept["head"].append(np.array(options.seed * 100_000 + number))
            kept["presence"].append(np.array(face.presence, np.float32))
        if (number + 1) % _A_FILE == 0 or number + 1 == options.heads:
            path = options.out / f"faces_{options.seed:03d}_{number:04d}.npz"
            np.savez(path, **{name: np.stack(values) for name, values in kept.items()})
            print(path, flush=True)
            kept = {name: [] for name in kept}


if __name__ == "__main__":
    main()

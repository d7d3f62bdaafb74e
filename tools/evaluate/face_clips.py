# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered faces that speak, blink and look about, with known ARKit coefficients.

Heads and scripts are drawn from seeds that nothing is trained or tuned on (`training/face` uses
others). The face graph reads the pictures as it reads a video: it follows its own points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from ...inference import wholebody
from ...inference.body import FreeBody
from ...inference.landmarks.crop import Picture, Roi
from ...inference.landmarks.face import FaceNetworks
from ...training.face.heads import random_head
from ...training.face.pictures import face_region, picture, random_look

Array = NDArray[np.float64]

SEED = 900_001
FPS = 30.0
KINDS = ("speech", "brows and eyes", "smiles", "looks", "everything")


@dataclass(frozen=True)
class FaceClip:
    """A clip as the fit is given it, and its truth."""

    kind: str
    time_s: Array  # (T,)
    face: NDArray[np.float16]  # (T, 204, 3)
    keypoints: Array  # (T, 133, 3)
    arkit: Array  # (T, 52)
    blinks: NDArray[np.int64]  # (B,) frames in which the eyes are shut
    pictures: NDArray[np.uint8]  # (P, S, S, 3) some of them

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> FaceClip:
        with np.load(path, allow_pickle=False) as data:
            return cls(str(data["kind"]), **{name: data[name] for name in data.files if name != "kind"})


def clip(
    number: int, networks: FaceNetworks, *, frames: int = 90, keep: int = 6, seed: int = SEED
) -> FaceClip:
    """Clip `number`, of a head and a script of its own; every `keep`-th picture stays for looking at."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    head, look = random_head(rng), random_look(rng, face_px=(120.0, 155.0))
    arkit, blinks = script(kind, frames, rng)
    turns = Rotation.from_euler("YXZ", _wander(frames, rng, (14.0, 7.0, 5.0)), degrees=True)
    shifts = _wander(frames, rng, (6.0, 5.0))
    points, keypoints, pictures = [], np.zeros((frames, wholebody.COUNT, 3)), []
    x, y, side = face_region(look)
    roi = Roi(x, y, side, 0.0)
    for t in range(frames):
        image = picture(head, arkit[t], turns[t], look, rng, shift=shifts[t])
        face = networks.read(Picture(image), roi)
        roi = face.next_roi
        points.append(face.mesh.astype(np.float16))
        keypoints[t, wholebody.FACE, :2] = face.points
        keypoints[t, wholebody.FACE, 2] = face.presence
        if t % keep == 0:
            pictures.append(image)
    return FaceClip(
        kind,
        np.arange(frames) / FPS,
        np.stack(points),
        keypoints,
        np.clip(arkit, 0, 1),
        blinks,
        np.stack(pictures),
    )


def script(kind: str, frames: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Coefficients (T, 52) of a performance, and the frames of its blinks. It begins at rest."""
    names = FreeBody.load().face_names
    out = np.zeros((frames, len(names)))

    def add(value: Array, *shapes: str) -> None:
        for shape in shapes:
            for name in (shape,) if shape in names else (f"{shape}Left", f"{shape}Right"):
                out[:, names.index(name)] = np.maximum(out[:, names.index(name)], value)

    if kind in ("speech", "everything"):
        t = np.arange(frames) / FPS
        beat = np.clip(np.sin(2 * np.pi * (rng.uniform(2.2, 3.5) * t + rng.random())), 0, 1)
        open_ = beat * gaussian_filter1d(rng.uniform(0.1, 1.0, frames), 5)
        add(np.clip(open_ * 1.1, 0, 0.9), "jawOpen")
        for shape in ("mouthFunnel", "mouthPucker", "mouthStretch", "mouthLowerDown", "mouthUpperUp"):
            add(_bumps(frames, rng, count=3, width=4.0), shape)
        add(0.6 * _bumps(frames, rng, count=2, width=3.0), "mouthRollLower")
    if kind in ("brows and eyes", "everything"):
        add(_bumps(frames, rng, count=2, width=10.0), "browInnerUp", "browOuterUp")
        add(_bumps(frames, rng, count=2, width=8.0), "browDown")
        add(_bumps(frames, rng, count=1, width=8.0), "eyeWide")
        add(_bumps(frames, rng, count=1, width=8.0), "eyeSquint")
    if kind in ("smiles", "everything"):
        add(_bumps(frames, rng, count=2, width=10.0), "mouthSmile", "cheekSquint")
        add(_bumps(frames, rng, count=1, width=8.0), "mouthFrown")
        add(_bumps(frames, rng, count=1, width=7.0), "noseSneer")
        add(_bumps(frames, rng, count=1, width=8.0), "jawOpen")
        add(_bumps(frames, rng, count=1, width=7.0), "mouthLeft")
    if kind in ("looks", "everything"):
        across = np.clip(_wander(frames, rng, (0.6,), width=4.0)[:, 0], -1, 1)
        up = np.clip(_wander(frames, rng, (0.45,), width=4.0)[:, 0], -1, 1)
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            for shape, value in (("Out", sign * across), ("In", -sign * across), ("Up", up), ("Down", -up)):
                add(np.maximum(value, 0.0), f"eyeLook{shape}{side}")
    fade = np.clip((np.arange(frames) - 4) / 6.0, 0, 1)[:, None]
    out *= fade
    blinks = np.sort(rng.choice(np.arange(12, frames - 8, 9), 4, replace=False)) + rng.integers(0, 4, 4)
    for frame in blinks:  # three frames: closing, shut, opening
        shut = np.zeros(frames)
        shut[frame - 1 : frame + 2] = (0.55, 1.0, 0.45)
        add(shut, "eyeBlink")
    return out, blinks


def _bumps(frames: int, rng: np.random.Generator, *, count: int, width: float) -> Array:
    out = np.zeros(frames)
    for centre in rng.uniform(12, frames - 6, count):
        size = width * rng.uniform(0.7, 1.3)
        out = np.maximum(out, rng.uniform(0.4, 1.0) * np.exp(-(((np.arange(frames) - centre) / size) ** 2)))
    return out


def _wander(frames: int, rng: np.random.Generator, size: tuple[float, ...], *, width: float = 12.0) -> Array:
    """Smooth ways (T, n) about 0 with standard deviations `size`."""
    long = gaussian_filter1d(rng.normal(0, 1, (frames + 120, len(size))), width, axis=0)
    return np.asarray(long[60 : 60 + frames] / long.std(axis=0) * size)

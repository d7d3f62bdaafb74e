# SPDX-License-Identifier: GPL-3.0-or-later
"""What the graphs are compared on: noise, and crops of the sample clip."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.errors import ModelError
from .recipes import Recipe

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "sample"
_FRAMES = (10, 50, 90)
# Joints of SMPL-X: jaw and eyes.
_HEAD = slice(22, 25)
# The joints at what a graph looks at, and how much wider than them its square is.
_PARTS: dict[str, tuple[slice, float]] = {
    "pose_detection": (slice(55), 1.8),
    "pose_landmark": (slice(55), 1.35),
    "pose_mask": (slice(55), 1.35),
    "palm_detection": (slice(55), 1.1),
    "hand_landmark": (slice(25, 40), 2.0),
    "hand_recrop": (slice(40, 55), 2.7),
    "face_landmark": (_HEAD, 3.0),
    "face_detection": (_HEAD, 6.0),
    "iris_landmark": (_HEAD, 1.2),
}


def noise(recipe: Recipe, count: int = 3) -> list[NDArray[np.float32]]:
    """Pictures (1, 3, S, S) of independent values, the same in every build."""
    rng = np.random.default_rng(zlib.crc32(recipe.name.encode()))
    shape = (1, 3, recipe.size, recipe.size)
    return [rng.uniform(recipe.low, recipe.high, shape).astype(np.float32) for _ in range(count)]


def crops(recipe: Recipe) -> list[NDArray[np.float32]]:
    """Pictures (1, 3, S, S): the part that the graph is for, cut out of the sample by its truth."""
    part, margin = _PARTS[recipe.name]
    with np.load(SAMPLE / "truth.npz") as truth:
        joints = truth["joints_camera"] @ truth["camera_K"].T
    points = joints[..., :2] / joints[..., 2:]
    clip = cv2.VideoCapture(str(SAMPLE / "sample.mp4"))
    out = []
    try:
        for index in range(_FRAMES[-1] + 1):
            ok, frame = clip.read()
            if not ok:
                raise ModelError(f"{SAMPLE / 'sample.mp4'}: ended at frame {index}. Get the file again.")
            if index in _FRAMES:
                out.append(_square(frame, points[index, part], margin, recipe))
    finally:
        clip.release()
    return out


def _square(
    frame: NDArray[np.uint8], points: NDArray[np.float32], margin: float, recipe: Recipe
) -> NDArray[np.float32]:
    low, high = points.min(axis=0), points.max(axis=0)
    scale = recipe.size / (float((high - low).max()) * margin)
    shift = recipe.size / 2 - scale * (low + high) / 2
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    square = cv2.warpAffine(frame, place, (recipe.size, recipe.size))
    rgb = cv2.cvtColor(square, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    values = recipe.low + rgb * (recipe.high - recipe.low)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)

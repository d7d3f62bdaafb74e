# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing the 133 points over a picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import wholebody

_LEFT = (255, 160, 40)  # BGR: blue
_RIGHT = (40, 140, 255)  # orange
_MIDDLE = (120, 230, 120)
_FACE = (230, 230, 230)
_SHIFT = 4  # fixed-point bits: lines are drawn between sixteenths of pixels

# Runs of the 68 face points, and whether their ends meet.
_FACE_RUNS = (
    (0, 17, False), (17, 22, False), (22, 27, False), (27, 31, False), (31, 36, False),
    (36, 42, True), (42, 48, True), (48, 60, True), (60, 68, True),
)  # fmt: skip


def draw_keypoints(
    image: NDArray[np.uint8], keypoints: NDArray[np.floating[Any]], *, size: float | None = None
) -> None:
    """Draw one person's (133, 3) onto `image` (H, W, 3) BGR, in place.

    Left limbs blue, right ones orange, the face white; an uncertain point is faint, one of
    certainty 0 is not drawn. `size` is the width of limbs in pixels, by default from the
    person's size.
    """
    points = np.asarray(keypoints, dtype=np.float64)
    if size is None:
        certain = points[:23][points[:23, 2] > 0.3, :2]
        extent = float(np.ptp(certain, axis=0).max()) if len(certain) > 1 else 100.0
        size = max(1.0, extent / 150.0)
    fine = max(1.0, size / 2.5)
    for a, b in wholebody.BODY_EDGES:
        _line(image, points, a, b, _side_colour(a, b), size)
    for part, colour in ((wholebody.LEFT_HAND, _LEFT), (wholebody.RIGHT_HAND, _RIGHT)):
        for a, b in wholebody.HAND_EDGES:
            _line(image, points, part.start + a, part.start + b, colour, fine)
    for start, end, closed in _FACE_RUNS:
        first, last = wholebody.FACE.start + start, wholebody.FACE.start + end - 1
        for k in range(first, last):
            _line(image, points, k, k + 1, _FACE, max(1.0, fine / 2))
        if closed:
            _line(image, points, last, first, _FACE, max(1.0, fine / 2))
    for k in range(23):
        _dot(image, points[k], _side_colour(k, k), size)


def _side_colour(a: int, b: int) -> tuple[int, int, int]:
    sides = {wholebody.NAMES[k].partition("_")[0] for k in (a, b)}
    if "left" in sides and "right" not in sides:
        return _LEFT
    return _RIGHT if "right" in sides and "left" not in sides else _MIDDLE


def _line(
    image: NDArray[np.uint8],
    points: NDArray[np.float64],
    a: int,
    b: int,
    colour: tuple[int, int, int],
    width: float,
) -> None:
    certainty = float(min(points[a, 2], points[b, 2]))
    if certainty <= 0.0:
        return
    margin = width + 2
    low = np.minimum(points[a, :2], points[b, :2]) - margin
    high = np.maximum(points[a, :2], points[b, :2]) + margin

    def paint(patch: NDArray[np.uint8], origin: NDArray[np.float64]) -> None:
        start, end = (_fixed(points[k, :2] - origin) for k in (a, b))
        cv2.line(patch, start, end, colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)

    _blend(image, low, high, certainty, paint)


def _dot(
    image: NDArray[np.uint8], point: NDArray[np.float64], colour: tuple[int, int, int], width: float
) -> None:
    if point[2] <= 0.0:
        return
    radius = 1.2 * width + 0.5

    def paint(patch: NDArray[np.uint8], origin: NDArray[np.float64]) -> None:
        middle = _fixed(point[:2] - origin)
        cv2.circle(patch, middle, round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)

    _blend(image, point[:2] - radius - 2, point[:2] + radius + 2, float(point[2]), paint)


def _blend(
    image: NDArray[np.uint8],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    opacity: float,
    paint: Any,
) -> None:
    """Paint on a copy of the part from `low` to `high`, and mix it in."""
    height, width = image.shape[:2]
    x0, y0 = (int(v) for v in np.clip(np.floor(low), 0, (width, height)))
    x1, y1 = (int(v) for v in np.clip(np.ceil(high) + 1, 0, (width, height)))
    if x0 >= x1 or y0 >= y1:
        return
    patch = image[y0:y1, x0:x1].copy()
    paint(patch, np.array([x0, y0], dtype=np.float64))
    opacity = min(1.0, opacity)
    image[y0:y1, x0:x1] = cv2.addWeighted(patch, opacity, image[y0:y1, x0:x1], 1.0 - opacity, 0.0)


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.round(point * 2**_SHIFT)
    return int(x), int(y)

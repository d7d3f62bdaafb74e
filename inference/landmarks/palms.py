# SPDX-License-Identifier: GPL-3.0-or-later
"""Palms: MediaPipe's palm_detection_full (192, 2016 anchors), in any square region of a picture.

It knows a hand where the body does not: at the end of a forearm whose wrist was guessed
wrong, half outside the picture, or with no body at all. A look costs more than following
a hand, so it is asked only for hands that are not followed or doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from . import anchors
from .crop import Picture, Roi, planes, upright_angle

SIDE = 192
FOUND = 0.5

_WRIST, _MIDDLE_KNUCKLE = 0, 2


@dataclass(frozen=True)
class Palm:
    """A palm in one picture, before any finger."""

    points: NDArray[np.float64]  # (7, 2) pixels: wrist, knuckles from index to little finger, thumb's base
    size: float  # pixels, the side of its box
    score: float  # 0 to 1: that a palm is there

    @property
    def middle(self) -> NDArray[np.float64]:
        return np.asarray(self.points[:5].mean(axis=0), dtype=np.float64)

    def roi(self) -> Roi:
        """Where the hand network is to look: upright from wrist to knuckles, fingers included."""
        wrist, knuckle = self.points[_WRIST], self.points[_MIDDLE_KNUCKLE]
        middle = (self.points.min(axis=0) + self.points.max(axis=0)) / 2
        region = Roi(float(middle[0]), float(middle[1]), self.size, upright_angle(wrist, knuckle))
        return region.scaled(2.6, up=0.5)


class PalmDetector:
    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("palm_detection"), threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._anchors = anchors.grid(SIDE, (8, 16, 16, 16))

    def __call__(self, picture: Picture, region: Roi, *, threshold: float = FOUND) -> list[Palm]:
        """Palms in the region, best first, each once."""
        inputs = planes(picture.cut(region, SIDE, replicate=False))
        values, logits = self._session.run(["boxes", "scores"], {self._input: inputs})
        boxes, points, scores = anchors.decode(
            values[0], logits.reshape(-1), self._anchors, threshold=threshold
        )
        scale = region.size / SIDE
        return [
            Palm(region.to_image(spots, SIDE), float((box[2:] - box[:2]).max()) * scale, float(score))
            for box, spots, score in zip(boxes, points, scores, strict=True)
        ]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding people in a whole picture: MediaPipe's pose_detection (224, 2254 anchors)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from . import anchors
from .crop import Picture, Roi, planes, upright_angle

SIDE = 224
THRESHOLD = 0.4
# Two finds whose regions are this alike are one person whom two grid cells found.
SAME_PERSON = 0.6


@dataclass(frozen=True)
class Detection:
    """A person in one picture, before any landmark."""

    box: NDArray[np.float32]  # (4,) x0, y0, x1, y1 pixels, about the whole person
    roi: Roi  # where the pose network is to look
    score: float  # 0 to 1


class PersonDetector:
    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("pose_detection"), threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._anchors = anchors.grid(SIDE, (8, 16, 32, 32, 32))

    def __call__(self, picture: Picture) -> list[Detection]:
        """People in the picture, best first."""
        found = self._within(picture, whole(picture))
        return distinct(found)

    def _within(self, picture: Picture, region: Roi) -> list[Detection]:
        inputs = planes(picture.cut(region, SIDE, replicate=False), symmetric=True)
        values, logits = self._session.run(["boxes", "scores"], {self._input: inputs})
        return self._detections(values[0], logits.reshape(-1), region)

    def _detections(
        self, values: NDArray[np.float32], logits: NDArray[np.float32], region: Roi
    ) -> list[Detection]:
        # Its boxes hold the face only; the points are what counts: the middle of the hips,
        # and one that lies as far from it as the body reaches, straight up the body.
        _, points, scores = anchors.decode(values, logits, self._anchors, threshold=THRESHOLD)
        out = []
        for spot, score in zip(points, scores, strict=True):
            hips, reach = region.to_image(spot[:2], SIDE)
            roi = region_from_points(hips, reach)
            box = roi.scaled(0.8).box().astype(np.float32)
            out.append(Detection(box=box, roi=roi, score=float(score)))
        return out


def whole(picture: Picture) -> Roi:
    """The whole picture, letterboxed."""
    return Roi(
        (picture.width - 1) / 2, (picture.height - 1) / 2, float(max(picture.width, picture.height)), 0.0
    )


def region_from_points(hips: NDArray[np.floating[Any]], reach: NDArray[np.floating[Any]]) -> Roi:
    """The body's region as the pose network was trained on it: its circle, and a quarter more."""
    size = 2.0 * float(np.hypot(*(reach - hips)))
    return Roi(float(hips[0]), float(hips[1]), 1.25 * size, upright_angle(hips, reach))


def distinct(found: list[Detection]) -> list[Detection]:
    """Without the weaker ones of finds that are the same person."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        for other in kept:
            size = max(one.roi.size, other.roi.size)
            apart = np.hypot(one.roi.x - other.roi.x, one.roi.y - other.roi.y) / size
            alike = min(one.roi.size, other.roi.size) / size * max(0.0, 1.0 - 3.0 * apart)
            if alike > SAME_PERSON:
                break
        else:
            kept.append(one)
    return kept

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
THRESHOLD = 0.5
BODY_REGION_M = 2.2  # metres across a grown person's region
# Hips nearer than this, in parts of the larger region, are one person found twice.
SAME_PERSON = 0.1


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
        """People in the picture, best first, each once."""
        return distinct([one for region in regions(picture) for one in self._within(picture, region)])

    def _within(self, picture: Picture, region: Roi) -> list[Detection]:
        inputs = planes(picture.cut(region, SIDE, replicate=False), symmetric=True)
        values, logits = self._session.run(["boxes", "scores"], {self._input: inputs})
        # Its boxes hold the face only; the points are what counts: the middle of the hips,
        # and one that lies as far from it as the body reaches, straight up the body.
        _, points, scores = anchors.decode(values[0], logits.reshape(-1), self._anchors, threshold=THRESHOLD)
        out = []
        for spot, score in zip(points, scores, strict=True):
            hips, reach = region.to_image(spot[:2], SIDE)
            if _inside(hips, picture) and not ((spot[0] > 0) & (spot[0] < SIDE)).all():
                continue  # cut off by the region's edge; another region shows the person whole
            roi = region_from_points(hips, reach)
            box = roi.scaled(0.8).box().astype(np.float32)
            out.append(Detection(box=box, roi=roi, score=float(score)))
        return out


def regions(picture: Picture) -> list[Roi]:
    """Where to look: the whole picture letterboxed, and overlapping squares along an oblong one.

    In a wide picture the network sees the whole at a quarter of its sharpness or less, and of
    five people in a gym it found two; with the squares it found all.
    """
    width, height = picture.width, picture.height
    long, short = max(width, height), min(width, height)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    out = [Roi(float(middle[0]), float(middle[1]), float(long), 0.0)]
    if long < 1.25 * short:
        return out
    along = np.array([1.0, 0.0]) if width > height else np.array([0.0, 1.0])
    count = int(np.ceil(1.5 * long / short))
    for offset in np.linspace(-(long - short) / 2, (long - short) / 2, count):
        x, y = middle + offset * along
        out.append(Roi(float(x), float(y), float(short), 0.0))
    return out


def _inside(point: NDArray[np.floating[Any]], picture: Picture) -> bool:
    return bool(((point > 0) & (point < (picture.width, picture.height))).all())


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
            if np.hypot(one.roi.x - other.roi.x, one.roi.y - other.roi.y) < SAME_PERSON * size:
                break
        else:
            kept.append(one)
    return kept

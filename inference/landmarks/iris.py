# SPDX-License-Identifier: GPL-3.0-or-later
"""Both eyes: MediaPipe's iris_landmark (64, 71 points of lids and brow, 5 of the iris).

The face mesh knows where the eyes are and little of how far they are open; this graph looks at
each closely. It was made for right eyes: a left one is shown to it in the mirror.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from .crop import Picture, Roi, middle_of, planes, upright_angle
from .face_points import EYE, INNER, LIDS_LEFT, LIDS_RIGHT, OUTER

SIDE = 64
# Corners of an eye, from the person's right to their left.
_RIGHT, _LEFT = LIDS_RIGHT[[OUTER, INNER]], LIDS_LEFT[[INNER, OUTER]]
# The region's side over the distance of the eye's corners, as in MediaPipe's own graph.
_REGION = 2.3
# Eyes of fewer pixels from corner to corner say nothing of iris and lids.
_LEAST_PX = 8.0


class IrisNetwork:
    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("iris_landmark"), threads=threads)

    def __call__(self, picture: Picture, mesh: NDArray[np.float64]) -> list[NDArray[np.float64] | None]:
        """Points (21, 2) in pixels of the right and the left eye, of a mesh (468, 2) in pixels.

        None for an eye that is too small or lies outside the picture.
        """
        eyes: list[NDArray[np.float64] | None] = [None, None]
        regions = []
        for number, corners in enumerate((mesh[_RIGHT], mesh[_LEFT])):
            roi = _region(corners)
            inside = 0 <= roi.x <= picture.width - 1 and 0 <= roi.y <= picture.height - 1
            if inside and roi.size >= _REGION * _LEAST_PX:
                regions.append((number, roi))
        if not regions:
            return eyes
        # The left eye in a mirror: the network knows right ones.
        cuts = (picture.cut(roi, SIDE)[:, :: -1 if number else 1] for number, roi in regions)
        contours, irises = self._session.run(["contour", "iris"], {"image": planes(*cuts)})
        for (number, roi), contour, iris in zip(regions, contours, irises, strict=True):
            seen = np.concatenate([contour[:48], iris]).reshape(EYE, 3).astype(np.float64)
            if number:
                seen[:, 0] = SIDE - seen[:, 0]
            eyes[number] = roi.to_image(seen, SIDE)
        return eyes


def _region(corners: NDArray[np.float64]) -> Roi:
    """Around an eye whose corners (2, 2) are given from the person's right to their left."""
    middle = middle_of(corners)
    angle = upright_angle(corners[0], corners[1]) - np.pi / 2
    size = _REGION * math.dist(corners[0], corners[1])
    return Roi(float(middle[0]), float(middle[1]), size, angle)

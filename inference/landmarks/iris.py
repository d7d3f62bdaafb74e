# SPDX-License-Identifier: GPL-3.0-or-later
"""Both eyes: MediaPipe's iris_landmark (64, 71 points of lids and brow, 5 of the iris).

The face mesh knows where the eyes are and little of how far they are open; this graph looks at
each closely. It was made for right eyes: a left one is shown to it in the mirror.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from .crop import Picture, Roi, planes, upright_angle
from .face_points import EYE, LIDS_LEFT, LIDS_RIGHT

SIDE = 64
# The region's side over the distance of the eye's corners, as in MediaPipe's own graph.
_REGION = 2.3
# Eyes of fewer pixels from corner to corner say nothing of iris and lids.
_LEAST_PX = 8.0


class IrisNetwork:
    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("iris_landmark"), threads=threads)

    def __call__(
        self, picture: Picture, mesh: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Points (21, 2) in pixels of the right and the left eye, of a mesh (468, 2) in pixels.

        NaN for an eye that is too small or lies outside the picture.
        """
        right, left = np.full((EYE, 2), np.nan), np.full((EYE, 2), np.nan)
        regions = []
        for points, corners, mirrored in (
            (right, mesh[LIDS_RIGHT[[0, 8]]], False),
            (left, mesh[LIDS_LEFT[[8, 0]]], True),
        ):
            roi = _region(corners)
            inside = 0 <= roi.x <= picture.width - 1 and 0 <= roi.y <= picture.height - 1
            if inside and roi.size >= _REGION * _LEAST_PX:
                regions.append((points, roi, mirrored))
        if not regions:
            return right, left
        cuts = (picture.cut(roi, SIDE)[:, :: -1 if mirrored else 1] for _, roi, mirrored in regions)
        contours, irises = self._session.run(["contour", "iris"], {"image": planes(*cuts)})
        for (points, roi, mirrored), contour, iris in zip(regions, contours, irises, strict=True):
            seen = np.concatenate([contour.reshape(71, 3)[:16], iris.reshape(5, 3)])[:, :2].astype(np.float64)
            if mirrored:
                seen[:, 0] = SIDE - seen[:, 0]
            points[:] = roi.to_image(seen, SIDE)
        return right, left


def _region(corners: NDArray[np.float64]) -> Roi:
    """Around an eye whose corners (2, 2) are given from the person's right to their left."""
    middle = corners.mean(axis=0)
    angle = upright_angle(corners[0], corners[1]) - np.pi / 2
    size = _REGION * float(np.hypot(*(corners[1] - corners[0])))
    return Roi(float(middle[0]), float(middle[1]), size, angle)

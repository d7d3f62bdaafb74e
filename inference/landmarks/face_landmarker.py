# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's face_landmarker, if the user has it: 478 points (256), and 52 coefficients from 146 of them.

Its two graphs are expected as ONNX files in one folder, `face_landmarks_detector.onnx` and
`face_blendshapes.onnx`: the bundle that Google publishes holds them as TFLite.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..models import FACE_LANDMARKER, has_face_landmarker, session, sha256_file
from .crop import Picture, Roi, planes
from .face_points import MESH

SIDE = 256
COUNT = 52
PRESENT = 0.5
_POINTS = 478
# The points that the coefficients are read from: of the mesh in this order, then both irises.
_READ = np.concatenate([MESH[:136], np.arange(468, 478)])
# Its coefficients are in ARKit's alphabetical order behind "neutral", and lack the tongue.
_KNOWN = 51


def hashes(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of its files. ModelError if one is missing."""
    try:
        return {Path(name).stem: sha256_file(folder / name) for name in FACE_LANDMARKER}
    except OSError as error:
        raise ModelError(f"{folder}: expected {' and '.join(FACE_LANDMARKER)} ({error.strerror})") from error


class FaceLandmarker:
    def __init__(self, folder: Path, *, threads: int) -> None:
        """ModelError if a file is missing or is another graph."""
        if not has_face_landmarker(folder):
            raise ModelError(
                f"{folder}: expected {' and '.join(FACE_LANDMARKER)}; choose the folder that holds both"
            )
        self._points, self._coefficients = (
            session(folder / name, threads=threads) for name in FACE_LANDMARKER
        )
        wanted = ([SIDE, SIDE, 3], [len(_READ), 2])
        for one, name, shape in zip((self._points, self._coefficients), FACE_LANDMARKER, wanted, strict=True):
            got = list(one.get_inputs()[0].shape[1:])
            if got != shape:
                raise ModelError(
                    f"{folder / name}: expected an input of {shape}, got {got}; is it this graph?"
                )

    def __call__(self, picture: Picture, roi: Roi) -> NDArray[np.float64]:
        """Coefficients (52,) of the face in the region, in ARKit's order; NaN if none is there."""
        image = planes(picture.cut(roi, SIDE)).transpose(0, 2, 3, 1)
        name = self._points.get_inputs()[0].name
        landmarks, presence = self._points.run(None, {name: np.ascontiguousarray(image)})[:2]
        if 1.0 / (1.0 + np.exp(-float(presence.reshape(-1)[0]))) < PRESENT:
            return np.full(COUNT, np.nan)
        points = roi.to_image(landmarks.reshape(_POINTS, 3).astype(np.float64), SIDE)[_READ]
        name = self._coefficients.get_inputs()[0].name
        (values,) = self._coefficients.run(None, {name: points[None].astype(np.float32)})
        out = np.zeros(COUNT)
        out[:_KNOWN] = values.reshape(-1)[1 : 1 + _KNOWN]
        return out

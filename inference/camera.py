# SPDX-License-Identifier: GPL-3.0-or-later
"""The pinhole camera that stands for the phone, and rays through its picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .errors import RotocapError

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
USUAL_LENS_MM = 35.0


def intrinsics(
    width: int, height: int, *, focal_px: float | None = None, fov_deg: float | None = None
) -> NDArray[np.float64]:
    """Intrinsics K (3, 3) of an upright picture in pixels; the principal point is the picture's middle.

    `focal_px` is the focal length in pixels, or `fov_deg` the angle of view along the
    picture's longer side in degrees. Without either it is that of a 35 mm lens on a full
    frame: between phones (24 to 30 mm) and the picture's diagonal, 43 mm, which is the usual
    guess of the literature (Kissos et al., "Beyond Weak Perspective", 2020). The two cameras
    that we know of have 33 and 38 mm (docs/measurements.md).

    Raises RotocapError on a value that no camera has, and where both are given.
    """
    if width < 1 or height < 1:
        raise RotocapError(f"picture size: expected at least 1 x 1, got {width} x {height}")
    if focal_px is not None and fov_deg is not None:
        raise RotocapError("a focal length and an angle of view were both given; give one of them")
    if fov_deg is not None:
        if not 1.0 <= fov_deg <= 170.0:
            raise RotocapError(f"angle of view: expected 1 to 170 degrees, got {fov_deg:g}")
        focal_px = 0.5 * max(width, height) / math.tan(math.radians(fov_deg) / 2.0)
    elif focal_px is None:
        focal_px = USUAL_LENS_MM / FULL_FRAME_DIAGONAL_MM * math.hypot(width, height)
    if not (math.isfinite(focal_px) and focal_px > 0.0):
        raise RotocapError(f"focal length: expected pixels above 0, got {focal_px:g}")
    # Pixel centres are whole numbers, so the middle of the picture is half a pixel off.
    return np.array(
        [[focal_px, 0.0, (width - 1) / 2.0], [0.0, focal_px, (height - 1) / 2.0], [0.0, 0.0, 1.0]]
    )


def rotation_to_ray(normalised: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotations (..., 3, 3) that take the optical axis to rays through (..., 2)."""
    ray = np.concatenate([normalised, np.ones((*normalised.shape[:-1], 1))], axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    x, y, z = ray[..., 0], ray[..., 1], ray[..., 2]
    factor = 1.0 / (1.0 + z)
    rows = [
        [1.0 - x * x * factor, -x * y * factor, x],
        [-x * y * factor, 1.0 - y * y * factor, y],
        [-x, -y, z],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

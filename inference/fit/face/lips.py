# SPDX-License-Identifier: GPL-3.0-or-later
"""The jaw's opening from the gap between the inner lips, where a backend gives no mesh of the face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..smooth import smooth

Array = NDArray[np.float64]

_UPPER_LIP, _LOWER_LIP = 62, 66  # of the 68 points of iBUG 300-W
_EYE_CORNERS = (36, 45)
_CLOSED = 0.03  # lip gap over the distance of the outer eye corners, mouth closed
# Lips part by about the jaw's turn times the 9 cm from its hinge to the lips; eye corners lie 9 cm apart.
_RADIANS_PER_GAP = 1.0
_LIMIT = 0.6
_SIGMA, _ACCELERATION, _NEUTRAL_SIGMA = 0.05, 0.06, 1.0


def fit_jaw(time_s: Array, points3d: NDArray[np.floating[Any]], certainty: Array) -> Array:
    """Jaw axis-angle (T, 3), positive x opens, from the face's points (T, 68, 3) and certainty (T, 68)."""
    used = [_UPPER_LIP, _LOWER_LIP, *_EYE_CORNERS]
    upper, lower, right, left = (points3d[:, i].astype(np.float64) for i in used)
    width = np.linalg.norm(left - right, axis=-1)
    gap = np.linalg.norm(lower - upper, axis=-1) / np.maximum(width, 1e-6)
    known = np.isfinite(gap) & (width > 1e-6)
    weight = np.where(known, certainty[:, used].min(axis=1), 0.0)
    angle = np.clip((np.where(known, gap, 0.0) - _CLOSED) * _RADIANS_PER_GAP, 0.0, _LIMIT)
    angle = smooth(
        angle[:, None],
        weight / _SIGMA**2,
        time_s,
        acceleration=_ACCELERATION,
        neutral=np.zeros(1),
        neutral_sigma=_NEUTRAL_SIGMA,
    )
    return np.asarray(np.clip(angle, 0.0, _LIMIT) * np.array([1.0, 0.0, 0.0]))

# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a hand while it is not seen: over a short gap it goes on, in a long one it rests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]

_KEEP, _FADE = 0.20, 0.50  # seconds unseen until fading begins, and that it takes
_SOFT = 0.05  # seconds over which the turn from leaving to coming back is rounded


def filled(time_s: Array, rows: NDArray[np.int64], values: Array, *, resting: Array) -> Array:
    """Values (T, ...) in every frame, of those (R, ...) seen in `rows` (R > 0, increasing).

    Between seen frames they go from one side to the other without overshooting, and over
    to `resting` (broadcast to (T, ...)) the further a frame is from a seen one.
    """
    known = time_s[rows]
    if len(rows) == 1:
        between = np.repeat(values, len(time_s), axis=0)
    else:
        between = PchipInterpolator(known, values, axis=0)(np.clip(time_s, known[0], known[-1]))
    share = resting_share(time_s, known).reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray(between + share * (resting - between))


def resting_share(time_s: Array, known: Array) -> Array:
    """How far (T,) each frame has gone over to rest, 0 to 1, by its distance in time from a seen one."""
    after = np.searchsorted(known, time_s)
    since = np.abs(time_s - known[np.maximum(after - 1, 0)])
    until = np.abs(known[np.minimum(after, len(known) - 1)] - time_s)
    share = np.clip((np.minimum(since, until) - _KEEP) / _FADE, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    if len(time_s) < 3:
        return np.asarray(share)
    frames = _SOFT / max(float(np.median(np.diff(time_s))), 1e-6)
    return np.asarray(gaussian_filter1d(share, frames, mode="nearest"))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing of values over time that also fills what was not seen.

Whittaker (1923): the curve nearest to the weighted measurements whose acceleration is
cheapest. It has no lag, takes uneven times, and its cost grows linearly with the frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

Array = NDArray[np.float64]


def second_difference(time_s: Array) -> tuple[Array, Array, Array]:
    """Weights (T - 2,) of three frames' values that give acceleration per frame^2 at 30 frames/s.

    Uneven times are allowed; across a long gap the weights fade to nothing. Up to 30 frames
    a second each stands for its own time. Above that a detector errs alike in neighbouring
    frames, so their evidence is worth no more than that of 30, and each stands for a whole
    frame: then evidence and smoothness stay in proportion.
    """
    if len(time_s) < 3:
        empty = np.zeros(0)
        return empty, empty, empty
    step = np.diff(time_s) * 30.0
    first, second = step[:-1], step[1:]
    mean = 0.5 * (first + second)
    share = np.sqrt(np.maximum(mean, 1.0))
    before, after = share / (first * mean), share / (second * mean)
    return before, -(before + after), after


def smooth(
    values: Array,
    precision: Array,
    time_s: Array,
    *,
    acceleration: float,
    neutral: Array,
    neutral_sigma: float,
) -> Array:
    """Smooth values (T, D), each measured with precision (T,) = 1 / sigma^2 (0: not seen).

    `acceleration` is the standard deviation of it, per frame^2 at 30 frames/s. Where
    nothing is seen the curve goes to `neutral` (D,), known to `neutral_sigma`.
    """
    count = len(values)
    band = np.zeros((3, count))  # lower form: diagonal, first, second
    pull = 1.0 / neutral_sigma**2
    band[0] = precision + pull
    if count >= 3:
        weights = second_difference(time_s)
        for first in range(3):
            for second in range(first, 3):
                product = weights[first] * weights[second] / acceleration**2
                band[second - first, first : count - 2 + first] += product
    right = precision[:, None] * np.where(precision[:, None] > 0, values, 0.0) + pull * neutral
    if count < 3:
        return np.asarray(right / band[0][:, None])
    return np.asarray(solveh_banded(band, right, lower=True))

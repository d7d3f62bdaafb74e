# SPDX-License-Identifier: GPL-3.0-or-later
"""Least squares within bounds, for all frames at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bounded(information: Array, right: Array, *, low: Array, high: Array, sweeps: int = 60) -> Array:
    """x (T, n) that minimises x A x / 2 - b x with low <= x <= high (n,).

    information A (n, n), positive definite, right b (T, n). Coordinate descent: a step is a column
    over all frames, so that its cost is that of a product of matrices.
    """
    x = np.clip(np.linalg.solve(information, right.T).T, low, high)
    order = np.arange(len(information))
    diagonal = np.diag(information)
    for _ in range(sweeps):
        largest = 0.0
        for i in order:
            change = (right[:, i] - x @ information[i]) / diagonal[i]
            new = np.clip(x[:, i] + change, low[i], high[i])
            if len(new):
                largest = max(largest, float(np.abs(new - x[:, i]).max()))
            x[:, i] = new
        if largest < 1e-4:
            break
    return np.asarray(x)

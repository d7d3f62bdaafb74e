# SPDX-License-Identifier: GPL-3.0-or-later
"""Products of many rotation matrices, fast enough for long takes.

numpy multiplies stacks of small matrices one by one; what has a constant on either side
is one multiplication of a long table instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sandwich(left: Array, many: Array, right: Array) -> Array:
    """left @ many @ right with constants (3, 3) around many (N, 3, 3)."""
    table = np.ascontiguousarray(many).reshape(-1, 9)
    return np.asarray(table @ np.kron(left.T, right)).reshape(-1, 3, 3)


def turned(many: Array, vector: Array) -> Array:
    """many (N, 3, 3) @ vector (3,): (N, 3)."""
    return np.asarray(np.ascontiguousarray(many).reshape(-1, 3) @ vector).reshape(-1, 3)


def between(first: Array, second: Array) -> Array:
    """From first to second (N, 3, 3): transposed first @ second."""
    return np.asarray(np.swapaxes(first, -1, -2) @ second)

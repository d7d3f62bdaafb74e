# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a hand that was found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# So many points of so much certainty: fewer are the body's own knuckles, which stand in for a lost hand.
POINTS, CERTAINTY = 12, 0.25


def found_in(hand: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """In which frames of (T, 21, 3) there is a hand."""
    return np.asarray((hand[..., 2] > CERTAINTY).sum(axis=-1) >= POINTS)

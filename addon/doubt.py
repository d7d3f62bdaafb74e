# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure the capture is of each limb, and where it is least sure. Arrays only, no Blender."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX, LEFT_HAND, RIGHT_HAND

Floats = NDArray[np.floating[Any]]

# A limb's doubt is the mean over its joints of how far each may be off (one standard deviation).
LIMBS: dict[str, tuple[int, ...]] = {
    "head": tuple(INDEX[name] for name in ("neck", "head")),
    "trunk": tuple(
        INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar")
    ),
    **{
        f"{side} arm": tuple(INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        for side in ("left", "right")
    },
    "left hand": tuple(range(55)[LEFT_HAND]),
    "right hand": tuple(range(55)[RIGHT_HAND]),
    **{
        f"{side} leg": tuple(INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot"))
        for side in ("left", "right")
    },
}
_FINE = ("left hand", "right hand")  # small in the picture and seldom sure: not what makes a frame doubtful


def by_limb(sigma: Floats) -> NDArray[np.float32]:
    """(T, 8) metres, in the order of LIMBS, from sigma (T, 55)."""
    return np.stack([sigma[:, joints].mean(axis=1) for joints in LIMBS.values()], axis=1).astype(np.float32)


def of_frame(limbs: Floats) -> NDArray[np.float32]:
    """(T,) metres: the most doubtful of head, trunk, arms and legs, from limbs (T, 8)."""
    coarse = [column for column, name in enumerate(LIMBS) if name not in _FINE]
    return np.asarray(limbs[:, coarse].max(axis=1), dtype=np.float32)


def worst_limb(limbs: Floats, row: int) -> tuple[str, float]:
    """Which of head, trunk, arms and legs is the most doubtful in a row of limbs (T, 8), and its doubt."""
    names = [name for name in LIMBS if name not in _FINE]
    values = {name: float(limbs[row, list(LIMBS).index(name)]) for name in names}
    worst = max(values, key=values.__getitem__)
    return worst, values[worst]


def spans(high: NDArray[np.bool_], frame: NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """First and last row of every run of `high` (T,) without a gap in increasing frame numbers (T,)."""
    if not len(high):
        return []
    usual = int(np.median(np.diff(frame))) if len(frame) > 1 else 1
    breaks = np.concatenate([[True], (high[1:] != high[:-1]) | (np.diff(frame) > usual)])
    starts = np.flatnonzero(breaks)
    ends = np.append(starts[1:], len(high)) - 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if high[a]]


def worst_rows(doubt: Floats, frame: NDArray[np.integer[Any]], *, limit: float) -> NDArray[np.int64]:
    """The worst row of each stretch in which doubt (T,) is above a limit, in their order."""
    found = [a + int(np.argmax(doubt[a : b + 1])) for a, b in spans(doubt > limit, frame)]
    return np.array(found, dtype=np.int64)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A face or a hand belongs to one person only.

Where two people are near, the networks of both may follow the same face or hand. It is
left to the one whose body has its nose or wrist nearer to it; the other one's is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from .backend import PersonLandmarks

_NOSE_TIP = 30  # of the face's points
# Kind, points, the point among them that lies at the body's own point, and that one.
_PARTS: tuple[tuple[str, slice, int, int], ...] = (
    ("face", wholebody.FACE, _NOSE_TIP, wholebody.INDEX["nose"]),
    ("hand", wholebody.LEFT_HAND, 0, wholebody.INDEX["left_wrist"]),
    ("hand", wholebody.RIGHT_HAND, 0, wholebody.INDEX["right_wrist"]),
)
_SAME = 0.5  # of the smaller one's extent: parts whose middles lie nearer are one part


def settle(people: Sequence[PersonLandmarks]) -> None:
    """Leave, in place, each face and hand with one of the people only."""
    for i, first in enumerate(people):
        for second in people[i + 1 :]:
            for kind, points, root, anchor in _PARTS:
                for other_kind, other_points, other_root, other_anchor in _PARTS:
                    if kind != other_kind or not _one(first, points, second, other_points):
                        continue
                    miss = _miss(first, points, root, anchor)
                    if miss > _miss(second, other_points, other_root, other_anchor):
                        _forget(first, points)
                    else:
                        _forget(second, other_points)


def _one(first: PersonLandmarks, points: slice, second: PersonLandmarks, others: slice) -> bool:
    """Whether a part of each is the same thing in the picture."""
    a, b = first.keypoints[points], second.keypoints[others]
    # All of its points: single knuckles are the body's own, which stand in for a hand.
    if not ((a[:, 2] > 0).all() and (b[:, 2] > 0).all()):
        return False
    extent = min(float(np.ptp(a[:, :2], axis=0).max()), float(np.ptp(b[:, :2], axis=0).max()))
    return _apart(a[:, :2].mean(axis=0), b[:, :2].mean(axis=0)) < _SAME * extent


def _miss(person: PersonLandmarks, points: slice, root: int, anchor: int) -> float:
    return _apart(person.keypoints[points][root, :2], person.keypoints[anchor, :2])


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b))


def _forget(person: PersonLandmarks, points: slice) -> None:
    person.keypoints[points, 2] = 0.0
    person.points3d[points] = np.nan
    if points == wholebody.FACE:
        person.face[:] = np.nan

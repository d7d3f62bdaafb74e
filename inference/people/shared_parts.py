# SPDX-License-Identifier: GPL-3.0-or-later
"""A face or a hand belongs to one person only.

Where two people are near, the networks of both may follow the same face or hand. It is
left to the one whom it fits better: whose body has its nose or wrist nearer to it, and who has
been seen with it, on that side, for longer. The other one has lost it, and is to look elsewhere.
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
PARTS = ("face", "left_hand", "right_hand")
_SAME = 0.5  # of the smaller one's extent: parts whose middles lie nearer are one part
_WHOLE = 12  # points that are more than the body's own knuckles, which stand in for a hand
_DOUBT = 1.0  # a part of no certainty counts as so much of its extent further away


def settle(
    people: Sequence[PersonLandmarks], newcomers: Sequence[PersonLandmarks] = ()
) -> list[tuple[PersonLandmarks, str]]:
    """Leave, in place, each face and hand with one of the people only. Returns who lost which part.

    Newcomers, who may be a second look at somebody known, only ever lose.
    """
    lost: list[tuple[PersonLandmarks, str]] = []
    pairs = [(a, b) for i, a in enumerate(people) for b in people[i + 1 :]]
    pairs += [(known, new) for known in people for new in newcomers]
    for first, second in pairs:
        new = any(second is newcomer for newcomer in newcomers)
        for name, (kind, points, root, anchor) in zip(PARTS, _PARTS, strict=True):
            for other_name, (other_kind, other_points, other_root, other_anchor) in zip(
                PARTS, _PARTS, strict=True
            ):
                if kind != other_kind or not _one(first, points, second, other_points):
                    continue
                miss = _miss(first, points, root, anchor)
                if not new and miss > _miss(second, other_points, other_root, other_anchor):
                    _forget(first, points)
                    lost.append((first, name))
                else:
                    _forget(second, other_points)
                    lost.append((second, other_name))
    return lost


def _one(first: PersonLandmarks, points: slice, second: PersonLandmarks, others: slice) -> bool:
    """Whether a part of each is the same thing in the picture."""
    a, b = first.keypoints[points], second.keypoints[others]
    # Not all of its points, for some may lie outside the picture.
    if (a[:, 2] > 0).sum() < _WHOLE or (b[:, 2] > 0).sum() < _WHOLE:
        return False
    extent = min(_extent(a), _extent(b))
    return _apart(a[:, :2].mean(axis=0), b[:, :2].mean(axis=0)) < _SAME * extent


def _miss(person: PersonLandmarks, points: slice, root: int, anchor: int) -> float:
    """How badly a part fits its person, in the part's extents."""
    part = person.keypoints[points]
    apart = _apart(part[root, :2], person.keypoints[anchor, :2]) / max(_extent(part), 1e-6)
    return apart + _DOUBT * (1.0 - float(part[:, 2].max()))


def _extent(part: NDArray[np.float32]) -> float:
    return float(np.ptp(part[:, :2], axis=0).max())


def _apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b))


def _forget(person: PersonLandmarks, points: slice) -> None:
    person.keypoints[points, 2] = 0.0
    person.points3d[points] = np.nan
    if points == wholebody.FACE:
        person.face[:] = np.nan
        person.expression[:] = np.nan

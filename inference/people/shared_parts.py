# SPDX-License-Identifier: GPL-3.0-or-later
"""A face or a hand belongs to one person only.

Where two people are near, the networks of both may follow the same face or hand. It is
left to the one whom it fits better: whose body has its nose or wrist nearer to it, and who has
lately been seen with such a part. Who turns his back has had no face; the face that his networks
find where he bends over somebody else is not his. The other one has lost it, and is to look elsewhere.
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
Familiar = NDArray[np.float32]  # (3,) 0 to 1: how often, of late, a person was seen with each of PARTS
_SAME = 0.5  # of the smaller one's extent: parts whose middles lie nearer are one part
_WHOLE = 12  # points that are more than the body's own knuckles, which stand in for a hand
_DOUBT = 1.0  # a part of no certainty counts as so much of its extent further away
_STRANGE = 0.5  # and one that the person has not been seen with of late
_FORGETS = 0.1  # how much of what was seen before a frame says anew


def settle(
    people: Sequence[tuple[PersonLandmarks, Familiar]], newcomers: Sequence[PersonLandmarks] = ()
) -> list[tuple[PersonLandmarks, str]]:
    """Leave, in place, each face and hand with one of the people only. Returns who lost which part.

    people: landmarks of a frame, and how `familiar` each part is to the person. Newcomers, who may be
    a second look at somebody known, only ever lose.
    """
    lost: list[tuple[PersonLandmarks, str]] = []
    parts = [(k, name, *part) for k, (name, part) in enumerate(zip(PARTS, _PARTS, strict=True))]
    for place, (first, known) in enumerate(people):
        rivals = [*people[place + 1 :], *((landmarks, None) for landmarks in newcomers)]
        for second, other_known in rivals:
            for k, name, kind, points, root, anchor in parts:
                for m, other_name, other_kind, other_points, other_root, other_anchor in parts:
                    if kind != other_kind or not _one(first, points, second, other_points):
                        continue
                    miss = _miss(first, points, root, anchor, known[k])
                    if other_known is not None and miss > _miss(
                        second, other_points, other_root, other_anchor, other_known[m]
                    ):
                        _forget(first, points)
                        lost.append((first, name))
                    else:
                        _forget(second, other_points)
                        lost.append((second, other_name))
    return lost


def familiar(before: Familiar, person: PersonLandmarks) -> Familiar:
    """How familiar (3,), 0 to 1, each part is after a frame in which the person was seen so."""
    seen = np.array([_there(person, points) for _, points, _, _ in _PARTS], np.float32)
    return np.asarray(before + _FORGETS * (seen - before), np.float32)


def _one(first: PersonLandmarks, points: slice, second: PersonLandmarks, others: slice) -> bool:
    """Whether a part of each is the same thing in the picture."""
    if not _there(first, points) or not _there(second, others):
        return False
    a, b = first.keypoints[points], second.keypoints[others]
    extent = min(_extent(a), _extent(b))
    return _apart(a[:, :2].mean(axis=0), b[:, :2].mean(axis=0)) < _SAME * extent


def _there(person: PersonLandmarks, points: slice) -> bool:
    # Not all of its points, for some may lie outside the picture.
    return bool((person.keypoints[points, 2] > 0).sum() >= _WHOLE)


def _miss(person: PersonLandmarks, points: slice, root: int, anchor: int, known: float) -> float:
    """How badly a part fits its person, in the part's extents."""
    part = person.keypoints[points]
    apart = _apart(part[root, :2], person.keypoints[anchor, :2]) / max(_extent(part), 1e-6)
    return apart + _DOUBT * (1.0 - float(part[:, 2].max())) + _STRANGE * (1.0 - float(known))


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
    else:
        person.fingers[int(points == wholebody.RIGHT_HAND)] = np.nan

# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a person from one frame to the next: where to look, and whose hand is which.

All of it is plain numbers, so that a capture that was stopped goes on exactly.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .crop import Roi

Floats = NDArray[np.floating[Any]]
Place = tuple[float, float]


@dataclass(frozen=True)
class Followed:
    """A region that moves along with a point of the body."""

    roi: Roi
    point: Place  # where that point of the body was, pixels

    def at(self, point: Floats) -> Roi:
        """The region, when the point of the body is here now."""
        return self.roi.moved(np.asarray(point) - self.point)


@dataclass(frozen=True)
class HandMemory:
    """A hand as it was seen last."""

    roi: Roi  # where to look in the next frame
    anchor: Place  # pixels: the body's wrist then; without a body the hand's own
    wrist: Place  # pixels: the hand's own wrist then
    velocity: Place  # pixels a frame
    rightness: float  # 0 to 1: that it is a right hand, over the frames in which it was seen
    palm: float  # pixels from wrist to knuckles, over the same frames
    presence: float  # 0 to 1: that it is a hand
    trust: float  # 0 to 1: rises while it is seen, falls while it is not
    lost: int  # frames since it was seen
    apart: int  # frames in a row in which it was away from the body's wrist
    shape: tuple[float, ...]  # 21 x (x, y pixels and x, y, z metres, from its wrist)

    LENGTH = 4 + 3 * 2 + 6 + 21 * 5

    @property
    def held(self) -> bool:
        return self.lost == 0

    def expected(self) -> Place:
        """Pixels: where its wrist should be in the next frame if it goes on as it went."""
        return self.wrist[0] + self.velocity[0], self.wrist[1] + self.velocity[1]

    def to_array(self) -> NDArray[np.float64]:
        """(121,) in the order of the fields."""
        roi, *places_and_numbers, shape = astuple(self)
        return np.concatenate([roi, np.hstack(places_and_numbers), shape])

    @classmethod
    def from_array(cls, values: Floats) -> HandMemory:
        v = [float(x) for x in values]
        return cls(
            Roi(*v[:4]), (v[4], v[5]), (v[6], v[7]), (v[8], v[9]),
            v[10], v[11], v[12], v[13], int(v[14]), int(v[15]), tuple(v[16:]),
        )  # fmt: skip


@dataclass(frozen=True)
class PersonState:
    """Regions for the next frame. A part that was lost has none and is found afresh."""

    pose: Roi | None  # None: there are hands only
    hands: tuple[HandMemory | None, HandMemory | None] = (None, None)  # left, right
    face: Followed | None = None
    lost_hands: tuple[int, int] = (0, 0)  # frames since the hands were seen last
    lost_face: int = 0
    exchanged: int = 0  # frames in a row in which the body's wrists were at each other's hand

    LENGTH = 4 + 2 * HandMemory.LENGTH + 6 + 4

    @property
    def fresh(self) -> bool:
        """Whether nobody has looked for the hands yet."""
        return self.hands == (None, None) and self.lost_hands == (0, 0)

    def to_array(self) -> NDArray[np.float64]:
        """(256,) for a file: regions and hands, NaN for a lost part's, then the counts."""
        pose = np.full(4, np.nan) if self.pose is None else self.pose.to_array()
        hands = [
            np.full(HandMemory.LENGTH, np.nan) if hand is None else hand.to_array() for hand in self.hands
        ]
        face = (
            np.full(6, np.nan) if self.face is None else np.append(self.face.roi.to_array(), self.face.point)
        )
        return np.concatenate([pose, *hands, face, [*self.lost_hands, self.lost_face, self.exchanged]])

    @classmethod
    def from_array(cls, values: Floats) -> PersonState:
        """What `to_array` wrote; exactly, so that a capture goes on as if it had never stopped."""
        if values.shape != (cls.LENGTH,):
            raise ValueError(f"person state: expected ({cls.LENGTH},), got {values.shape}")
        pose, left, right, face, counts = np.split(
            values, np.cumsum([4, HandMemory.LENGTH, HandMemory.LENGTH, 6])
        )
        hands = [None if np.isnan(hand).any() else HandMemory.from_array(hand) for hand in (left, right)]
        return cls(
            pose=None if np.isnan(pose).any() else Roi.from_array(pose),
            hands=(hands[0], hands[1]),
            face=None
            if np.isnan(face).any()
            else Followed(Roi.from_array(face[:4]), (float(face[4]), float(face[5]))),
            lost_hands=(int(counts[0]), int(counts[1])),
            lost_face=int(counts[2]),
            exchanged=int(counts[3]),
        )

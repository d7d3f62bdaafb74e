# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a person from one frame to the next: where to look. Nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .crop import Roi


@dataclass(frozen=True)
class Followed:
    """A region that moves along with a point of the body."""

    roi: Roi
    point: tuple[float, float]  # where that point of the body was, pixels

    def at(self, point: NDArray[np.floating[Any]]) -> Roi:
        """The region, when the point of the body is here now."""
        return self.roi.moved(np.asarray(point) - self.point)


@dataclass(frozen=True)
class PersonState:
    """Regions for the next frame. A part that was lost has none and is found afresh."""

    pose: Roi
    left_hand: Followed | None = None
    right_hand: Followed | None = None
    face: Followed | None = None
    lost_hands: tuple[int, int] = (0, 0)  # frames since the hands, left and right, were found last
    lost_face: int = 0

    LENGTH = 4 + 3 * 6 + 3

    def to_array(self) -> NDArray[np.float64]:
        """(25,) for a file: regions, NaN for a lost part's, then the counts."""
        parts = [
            np.full(6, np.nan) if part is None else np.append(part.roi.to_array(), part.point)
            for part in (self.left_hand, self.right_hand, self.face)
        ]
        return np.concatenate([self.pose.to_array(), *parts, [*self.lost_hands, self.lost_face]])

    @classmethod
    def from_array(cls, values: NDArray[np.floating[Any]]) -> PersonState:
        """What `to_array` wrote; exactly, so that a capture goes on as if it had never stopped."""
        if values.shape != (cls.LENGTH,):
            raise ValueError(f"person state: expected ({cls.LENGTH},), got {values.shape}")
        followed = [
            None
            if np.isnan(part).any()
            else Followed(Roi.from_array(part[:4]), (float(part[4]), float(part[5])))
            for part in values[4:22].reshape(3, 6)
        ]
        return cls(
            pose=Roi.from_array(values[:4]),
            left_hand=followed[0],
            right_hand=followed[1],
            face=followed[2],
            lost_hands=(int(values[22]), int(values[23])),
            lost_face=int(values[24]),
        )

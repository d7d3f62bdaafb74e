# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a face is to be believed, frame by frame: small, turned away, or with a hand before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import wholebody
from .reader import NAMES

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_LEAST_PX, _ENOUGH_PX = 16.0, 60.0  # between the outer ends of the face: nothing is known, all that is to be
_PRESENT, _SURE = 0.05, 0.4  # certainty
_TURNED, _PROFILE = np.radians(35.0), np.radians(62.0)  # from where it is worth less, and nothing
_SIDEWAYS, _SIDEWAYS_LEFT = np.radians(80.0), 0.1  # the same of the head's turn: it is never worth nothing
_FAR_EYE = np.radians(42.0)  # from here the nose hides much of the eye on the far side
_COVERED = 0.02  # what is left of a region's weight behind a hand
_HAND_SURE = 0.4

# Points among the face's 68: which of them lie in a region that a hand may hide.
_REGIONS = {
    "right_eye": range(36, 42),
    "left_eye": range(42, 48),
    "mouth": range(48, 68),
    "brows": range(17, 27),
}


def _region(name: str) -> str:
    if name.startswith(("eye", "cheekSquint")):
        return "left_eye" if name.endswith("Left") else "right_eye"
    return "brows" if name.startswith("brow") else "mouth"


_OF_REGION = {region: np.array([_region(name) == region for name in NAMES]) for region in _REGIONS}


@dataclass(frozen=True)
class Seen:
    whole: Array  # (T,) 0 to 1: what the face is worth; 0: nothing is known of it
    part: Array  # (T, 52) the same of what each coefficient is read from
    turn: Array  # (T,) 0 to 1: what the head's own turn is worth, which is seen in profile as well

    def only(self, frames: NDArray[np.bool_]) -> Seen:
        """The same, with nothing known in other frames (T,)."""
        return replace(
            self,
            whole=np.where(frames, self.whole, 0.0),
            part=np.where(frames[:, None], self.part, 0.0),
        )


def seen(keypoints: Floats, turn: Array, known: NDArray[np.bool_]) -> Seen:
    """From keypoints (T, 133, 3), the head's turn (T, 3, 3) and the frames that have a mesh (T,)."""
    face = np.asarray(keypoints[:, wholebody.FACE], dtype=np.float64)
    certainty = face[..., 2].max(axis=1)  # points outside the picture have none, but the others have
    size = np.ptp(face[..., :2], axis=1).max(axis=1)
    yaw = np.arctan2(turn[:, 0, 2], turn[:, 2, 2])
    ramp = np.clip((certainty - _PRESENT) / (_SURE - _PRESENT), 0.0, 1.0)
    ramp = ramp * np.clip((size - _LEAST_PX) / (_ENOUGH_PX - _LEAST_PX), 0.0, 1.0)
    sure = np.where(known, ramp, 0.0)
    facing = sure * np.clip((_SIDEWAYS - np.abs(yaw)) / (_SIDEWAYS - _TURNED), _SIDEWAYS_LEFT, 1.0)
    ramp = ramp * np.clip((_PROFILE - np.abs(yaw)) / (_PROFILE - _TURNED), 0.0, 1.0)
    whole = np.where(known, ramp, 0.0)
    part = np.tile(whole[:, None], (1, len(NAMES)))
    # A head that turns to its left (its nose to the picture's right, yaw > 0) hides its left eye.
    for region, far in (("left_eye", yaw > _FAR_EYE), ("right_eye", yaw < -_FAR_EYE)):
        part[far[:, None] & _OF_REGION[region]] = 0.0
    for region, points in _REGIONS.items():
        part[_covered(keypoints, face[:, list(points)])[:, None] & _OF_REGION[region]] *= _COVERED
    return Seen(whole, part, facing)


def _covered(keypoints: Floats, region: Array) -> NDArray[np.bool_]:
    """(T,) whether points of a hand, or of the bones between them, lie in the region's box."""
    low, high = region[..., :2].min(axis=1), region[..., :2].max(axis=1)
    out = np.zeros(len(keypoints), bool)
    for hand in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND):
        points = np.asarray(keypoints[:, hand], dtype=np.float64)
        fingers = points[:, 1:].reshape(len(points), 5, 4, 3)
        between = 0.5 * (fingers[:, :, 1:] + fingers[:, :, :-1])
        places = np.concatenate([points, between.reshape(len(points), -1, 3)], axis=1)
        inside = ((places[..., :2] >= low[:, None]) & (places[..., :2] <= high[:, None])).all(axis=-1)
        out |= (inside & (places[..., 2] > _HAND_SURE)).sum(axis=1) >= 2
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands: MediaPipe's hand_recrop (256, where the hand is) and hand_landmark (224, 21 points, metres).

A hand belongs to a wrist of the body. It is looked for where it was in the frame before,
moved along with that wrist, and found afresh by the re-crop network when it was lost.
A find that is not at its own wrist (a face, the other hand) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from . import pose as body
from .crop import Picture, Roi, planes, upright_angle
from .pose import Pose

RECROP_SIDE = 256
SIDE = 224
PRESENT = 0.5

# An adult's hand from the wrist to the knuckle of the middle finger, metres.
_PALM_M = 0.09
_MIDDLE_KNUCKLE = 9
# Below this fit of left and right, a find between two near wrists is the other hand.
_OTHER_HAND = 0.2
# The points that hardly move when the fingers do; the region is drawn around them.
_PALM = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])


class Side(IntEnum):
    LEFT = 0
    RIGHT = 1


_WRIST = (body.LEFT_WRIST, body.RIGHT_WRIST)
_PINKY = (body.LEFT_PINKY, body.RIGHT_PINKY)
_INDEX = (body.LEFT_INDEX, body.RIGHT_INDEX)


@dataclass(frozen=True)
class Hand:
    """A hand's 21 points in one frame: wrist, then thumb to little finger, four each."""

    points: NDArray[np.float64]  # (21, 2) pixels
    metres: NDArray[np.float64]  # (21, 3) camera axes, origin in its wrist
    presence: float  # 0 to 1: that a hand is there
    rightness: float  # 0 to 1: that it is a right hand

    @property
    def palm(self) -> float:
        """Pixels from the wrist to the knuckles, as if the palm lay parallel to the picture."""
        flat = self.metres[:, :2]
        spread = float(np.sqrt((flat - flat.mean(axis=0)).var()))
        scale = float(np.sqrt((self.points - self.points.mean(axis=0)).var())) / max(spread, 1e-6)
        return scale * float(np.linalg.norm(self.metres[_MIDDLE_KNUCKLE]))

    def next_roi(self) -> Roi:
        """Where to look in the next frame: upright from the wrist to the middle joints, twice the palm."""
        p = self.points
        angle = upright_angle(p[0], (p[6] + p[14]) / 4 + p[10] / 2)
        turn = Roi(0.0, 0.0, 1.0, angle).rotation
        local = p[_PALM] @ turn
        low, high = local.min(axis=0), local.max(axis=0)
        middle = turn @ ((low + high) / 2)
        return Roi(float(middle[0]), float(middle[1]), float((high - low).max()), angle).scaled(2.0, up=0.1)


class HandNetworks:
    def __init__(self, *, threads: int) -> None:
        self._recrop = session(embedded("hand_recrop"), threads=threads)
        self._landmark = session(embedded("hand_landmark"), threads=threads)
        self._recrop_input = self._recrop.get_inputs()[0].name
        self._landmark_input = self._landmark.get_inputs()[0].name

    def locate(self, picture: Picture, pose: Pose, side: Side) -> Roi:
        """Where the hand is, guessed from the body's wrist and knuckles, then by the re-crop network."""
        guess = region_from_pose(pose, side)
        inputs = planes(picture.cut(guess, RECROP_SIDE))
        (found,) = self._recrop.run(["crop"], {self._recrop_input: inputs})
        middle, below = guess.to_image(found.reshape(2, 2).astype(np.float64), RECROP_SIDE)
        size = 2.0 * float(np.hypot(*(below - middle)))
        return Roi(float(middle[0]), float(middle[1]), size, upright_angle(below, middle)).scaled(1.0, up=0.1)

    def read(self, picture: Picture, roi: Roi) -> Hand:
        """The hand in the region, whether or not one is there."""
        inputs = planes(picture.cut(roi, SIDE))
        landmarks, presence, handedness, world = self._landmark.run(
            ["landmarks", "presence", "handedness", "world"], {self._landmark_input: inputs}
        )
        metres = roi.turn(world.reshape(21, 3).astype(np.float64))
        return Hand(
            points=roi.to_image(landmarks.reshape(21, 3).astype(np.float64), SIDE),
            metres=metres - metres[0],
            presence=float(presence.reshape(-1)[0]),
            rightness=float(handedness.reshape(-1)[0]),
        )


def region_from_pose(pose: Pose, side: Side) -> Roi:
    """The region for the re-crop network, from the body's wrist and knuckles."""
    wrist, pinky, index = (pose.points[k[side]] for k in (_WRIST, _PINKY, _INDEX))
    middle = (2 * index + pinky) / 3
    # A hand that points at the camera has its knuckles on its wrist; the body knows its true size.
    reach = max(float(np.hypot(*(middle - wrist))), 0.6 * _PALM_M * pose.pixels_per_metre)
    roi = Roi(float(middle[0]), float(middle[1]), 2.0 * reach, upright_angle(wrist, middle))
    moved = roi.scaled(1.0, up=0.1)
    return Roi(moved.x, moved.y, 2.7 * roi.size, roi.angle)


def at_its_wrist(hand: Hand, pose: Pose, side: Side) -> bool:
    """Whether this can be the hand of that wrist: of a hand's size, near it, not the other hand."""
    usual = _PALM_M * pose.pixels_per_metre
    palm = max(hand.palm, 0.7 * usual)
    if not 0.3 * usual < hand.palm < 3.0 * usual:
        return False
    own, other = (float(np.hypot(*(hand.points[0] - pose.points[_WRIST[s]]))) for s in (side, 1 - side))
    if own > 0.9 * palm:
        return False
    # Where the wrists are near each other, distance means nothing: left and right decide, as far
    # as the network can tell them.
    fits = looks_like(hand, side)
    apart = float(np.hypot(*(pose.points[_WRIST[0]] - pose.points[_WRIST[1]])))
    if apart < palm:
        return fits >= 0.5
    if fits < _OTHER_HAND and (apart < 2.0 * palm or pose.certainty[_WRIST[side]] < 0.5):
        return False
    return own <= other


def same_place(one: Hand, two: Hand) -> bool:
    """Whether two hands are one and the same, read twice."""
    apart: Any = np.median(np.hypot(*(one.points - two.points).T))
    return bool(apart < 0.35 * (one.palm + two.palm) / 2)


def looks_like(hand: Hand, side: Side) -> float:
    """0 to 1: how well left and right of the hand fit the wrist it was found at."""
    return hand.rightness if side is Side.RIGHT else 1.0 - hand.rightness

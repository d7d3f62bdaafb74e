# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands: MediaPipe's hand_recrop (256, where the hand is) and hand_landmark (224, 21 points, metres).

What a picture shows in a region; whose hand it is, and whether it is one at all, is
`hand_sides`' matter, and when to look where `hand_finding`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from . import pose as body
from .crop import Picture, Roi, middle_of, planes, upright_angle
from .pose import Pose
from .second_look import at_points, numbers, second_look

RECROP_SIDE = 256
SIDE = 224
PRESENT = 0.5

# An adult's hand from the wrist to the knuckle of the middle finger, metres.
PALM_M = 0.09
MIDDLE_KNUCKLE = 9
# The points that hardly move when the fingers do; the region is drawn around them.
_PALM = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])


class Side(IntEnum):
    LEFT = 0
    RIGHT = 1


WRIST = (body.LEFT_WRIST, body.RIGHT_WRIST)
ELBOW = (body.LEFT_ELBOW, body.RIGHT_ELBOW)
_PINKY = (body.LEFT_PINKY, body.RIGHT_PINKY)
_INDEX = (body.LEFT_INDEX, body.RIGHT_INDEX)


@dataclass(frozen=True)
class Sight:
    """What the hand network saw in its region, for a second look when the side is known."""

    roi: Roi
    places: NDArray[np.float64]  # (21, 2) shares of the region from its top left
    world: NDArray[np.float64]  # (21, 3) metres, the region's axes
    inner: NDArray[np.float32]  # (112, 14, 14)


@dataclass(frozen=True)
class Hand:
    """A hand's 21 points in one frame: wrist, then thumb to little finger, four each."""

    points: NDArray[np.float64]  # (21, 2) pixels
    metres: NDArray[np.float64]  # (21, 3) camera axes, origin in its wrist
    presence: float  # 0 to 1: that a hand is there
    rightness: float  # 0 to 1: that it is a right hand
    # (20, 2) angles of the fingers and how far off each may be, radians; None before a second look
    fingers: NDArray[np.float64] | None = None
    sight: Sight | None = field(default=None, repr=False, compare=False)

    def of(self, side: Side) -> Hand:
        """The same hand, its points in space read once more now that it is known whose they are."""
        hands = looked_again([self, None] if side is Side.LEFT else [None, self])
        return hands[side] or self

    @property
    def wrist(self) -> NDArray[np.float64]:
        return np.asarray(self.points[0], dtype=np.float64)

    @cached_property
    def palm(self) -> float:
        """Pixels from the wrist to the knuckles, as if the palm lay parallel to the picture."""
        scale = _spread(self.points) / max(_spread(self.metres[:, :2]), 1e-6)
        return scale * math.hypot(*self.metres[MIDDLE_KNUCKLE])

    @property
    def middle(self) -> NDArray[np.float64]:
        """(2,) pixels, of the palm."""
        return middle_of(self.points[_PALM])

    def next_roi(self) -> Roi:
        """Where to look in the next frame: upright from the wrist to the middle joints, twice the palm."""
        p = self.points
        angle = upright_angle(p[0], (p[6] + p[14]) / 4 + p[10] / 2)
        turn = Roi(0.0, 0.0, 1.0, angle).rotation
        local = p[_PALM] @ turn
        low, high = np.minimum.reduce(local), np.maximum.reduce(local)
        x, y = (turn @ ((low + high) / 2)).tolist()
        return Roi(x, y, max((high - low).tolist()), angle).scaled(2.0, up=0.1)


def looked_again(hands: Sequence[Hand | None]) -> list[Hand | None]:
    """Left and right hand, their points in space read once more, both at once."""
    seen = [(side, hand, hand.sight) for side, hand in zip(Side, hands, strict=True) if hand and hand.sight]
    out = list(hands)
    if not seen:
        return out
    about = numbers(
        np.stack([sight.world for _, _, sight in seen]),
        np.stack([sight.places for _, _, sight in seen]),
        np.array([hand.presence for _, hand, _ in seen]),
        np.array([hand.rightness for _, hand, _ in seen]),
        np.array([sight.roi.size for _, _, sight in seen]),
        left=np.array([side is Side.LEFT for side, _, _ in seen]),
    )
    looked = second_look()(about, np.stack([at_points(sight.inner, sight.places) for _, _, sight in seen]))
    for (side, hand, sight), solid, fingers in zip(seen, looked.points, looked.fingers, strict=True):
        points = sight.roi.turn(solid)
        out[side] = replace(hand, metres=points - points[0], fingers=fingers, sight=None)
    return out


def _spread(points: NDArray[np.float64]) -> float:
    """Root mean square of the coordinates (N, 2), from their middle."""
    away = points - middle_of(points)
    return math.sqrt(float(np.vdot(away, away)) / away.size)


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
        return self.read_all(picture, [roi])[0]

    def read_all(self, picture: Picture, regions: Sequence[Roi]) -> list[Hand]:
        """The hand in each region, whether or not one is there; one call of the network."""
        if not regions:
            return []
        inputs = planes(*(picture.cut(roi, SIDE) for roi in regions))
        values = self._landmark.run(
            ["landmarks", "presence", "handedness", "world", "inner"], {self._landmark_input: inputs}
        )
        return [_hand(roi, *(value[i] for value in values)) for i, roi in enumerate(regions)]


def _hand(roi: Roi, landmarks: Any, presence: Any, handedness: Any, world: Any, inner: Any) -> Hand:
    landmarks, world = (value.reshape(21, 3).astype(np.float64) for value in (landmarks, world))
    metres = roi.turn(world)
    return Hand(
        points=roi.to_image(landmarks, SIDE),
        metres=metres - metres[0],
        presence=float(presence.reshape(-1)[0]),
        rightness=float(handedness.reshape(-1)[0]),
        sight=Sight(roi, landmarks[:, :2] / SIDE, world, inner),
    )


def region_from_pose(pose: Pose, side: Side) -> Roi:
    """The region for the re-crop network, from the body's wrist and knuckles."""
    wrist, pinky, index = (pose.points[k[side]] for k in (WRIST, _PINKY, _INDEX))
    middle = (2 * index + pinky) / 3
    # A hand that points at the camera has its knuckles on its wrist; the body knows its true size.
    reach = max(float(np.hypot(*(middle - wrist))), 0.6 * PALM_M * pose.pixels_per_metre)
    roi = Roi(float(middle[0]), float(middle[1]), 2.0 * reach, upright_angle(wrist, middle))
    moved = roi.scaled(1.0, up=0.1)
    return Roi(moved.x, moved.y, 2.7 * roi.size, roi.angle)


def region_at_forearm(pose: Pose, side: Side, picture: Picture) -> Roi:
    """Where the palm detector looks: around the forearm's end, the forearm pointing up.

    Where that lies outside the picture, as much of it as is inside, and upright: there it is a guess.
    """
    elbow, wrist = pose.points[ELBOW[side]], pose.points[WRIST[side]]
    along = wrist - elbow
    length = float(np.hypot(*along))
    palm = PALM_M * pose.pixels_per_metre
    # A forearm that points at the camera shows no direction.
    ahead = along / length if length > palm else np.zeros(2)
    angle = upright_angle(elbow, wrist) if length > palm else 0.0
    place = wrist + 0.7 * palm * ahead
    x, y = np.clip(place, 0, (picture.width - 1, picture.height - 1))
    if (x, y) != tuple(place):
        angle = 0.0
    return Roi(float(x), float(y), 7.0 * palm, angle)


def same_place(one: Hand, two: Hand) -> bool:
    """Whether two hands are one and the same, read twice."""
    apart = np.sort(np.hypot(*(one.points - two.points).T))[len(one.points) // 2]
    return bool(apart < 0.35 * (one.palm + two.palm) / 2)


def same_region(one: Roi, two: Roi) -> bool:
    """Whether a hand that is seen in the one region is seen in the other just as well."""
    near = math.hypot(one.x - two.x, one.y - two.y) < 0.2 * max(one.size, two.size)
    alike = 0.7 < one.size / max(two.size, 1e-6) < 1 / 0.7
    turned = abs(math.remainder(one.angle - two.angle, 2 * math.pi))
    return near and alike and turned < 0.6


def fits(rightness: float, side: Side) -> float:
    """0 to 1: how well left and right, as the network has it, fit a side."""
    return rightness if side is Side.RIGHT else 1.0 - rightness

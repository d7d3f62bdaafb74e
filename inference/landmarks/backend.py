# SPDX-License-Identifier: GPL-3.0-or-later
"""Body, hands and face of one person, put together as 133 points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from . import pose as body
from .crop import Image, Picture
from .face import PRESENT as FACE_PRESENT
from .face import Face, FaceNetworks, on_its_head
from .hands import PRESENT as HAND_PRESENT
from .hands import Hand, HandNetworks, Side, at_its_wrist, looks_like, same_place
from .person_detector import Detection, PersonDetector
from .pose import Pose, PoseNetwork
from .state import Followed, PersonState

# Below this the body's own wrist or nose is too uncertain to look for a hand or face at it.
_IN_SIGHT = 0.1
# A part that stays lost is looked for in every frame at first, then in every third.
_EAGER, _EVERY = 10, 3
# What the body's own knuckles are worth beside those of the hand network.
_STAND_IN = 0.5
# Thumb, first and little finger: the body's points, and their places in a hand.
_KNUCKLES = ((body.LEFT_INDEX, 5), (body.LEFT_PINKY, 17), (body.LEFT_THUMB, 2))


@dataclass(frozen=True)
class PersonLandmarks:
    """One person in one frame, as `wholebody` describes the arrays."""

    keypoints: NDArray[np.float32]  # (133, 3)
    points3d: NDArray[np.float32]  # (133, 3)
    box: NDArray[np.float32]  # (4,) x0, y0, x1, y1 pixels around the body's certain points
    score: float  # 0 to 1: that a person is there


class MediapipeBackend:
    """The embedded networks. Keeps nothing of a person between calls: that is in PersonState."""

    name = "mediapipe"

    def __init__(self, *, threads: int = 2) -> None:
        self._detector = PersonDetector(threads=threads)
        self._pose = PoseNetwork(threads=threads)
        self._hands = HandNetworks(threads=threads)
        self._face = FaceNetworks(threads=threads)
        self._picture: Picture | None = None

    def detect(self, image: Image) -> list[Detection]:
        """People in the picture (H, W, 3) BGR, best first, each once."""
        return self._detector(self._of(image))

    def begin(self, detection: Detection) -> PersonState:
        """The state of a person who was just detected."""
        return PersonState(pose=detection.roi)

    def track(self, image: Image, state: PersonState) -> tuple[PersonLandmarks, PersonState] | None:
        """The person's landmarks, and the state to look with in the next frame. None if lost."""
        picture = self._of(image)
        pose = self._pose(picture, state.pose)
        if pose is None:
            return None
        hands, state = self._find_hands(picture, pose, replace(state, pose=pose.next_roi))
        face, state = self._find_face(picture, pose, state)
        return assemble(pose, hands, face, size=(picture.width, picture.height)), state

    def pack(self, state: PersonState) -> dict[str, NDArray[Any]]:
        """The state as arrays, for a file."""
        return {"regions": state.to_array()}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> PersonState:
        """The state that `pack` wrote."""
        return PersonState.from_array(arrays["regions"])

    def _of(self, image: Image) -> Picture:
        """The picture with its halves, made once for all the people in it."""
        if self._picture is None or self._picture.image is not image:
            self._picture = Picture(image)
        return self._picture

    def _find_hands(
        self, picture: Picture, pose: Pose, state: PersonState
    ) -> tuple[list[Hand | None], PersonState]:
        before = (state.left_hand, state.right_hand)
        hands: list[Hand | None] = []
        for side in Side:
            hand = None
            wrist = (body.LEFT_WRIST, body.RIGHT_WRIST)[side]
            if pose.certainty[wrist] >= _IN_SIGHT:
                followed = before[side]
                if followed is not None:
                    hand = self._hand_at(picture, pose, side, followed.at(pose.points[wrist]))
                if hand is None and _worth_looking(state.lost_hands[side]):
                    hand = self._hand_at(picture, pose, side, self._hands.locate(picture, pose, side))
            hands.append(hand)
        left, right = hands
        if left is not None and right is not None and same_place(left, right):
            weaker = Side.LEFT if left.rightness > 0.5 else Side.RIGHT
            hands[weaker] = None
        after = [
            None
            if hand is None
            else Followed(hand.next_roi(), _point(pose, (body.LEFT_WRIST, body.RIGHT_WRIST)[side]))
            for side, hand in zip(Side, hands, strict=True)
        ]
        lost = [
            0 if hand is not None else count + 1 for hand, count in zip(hands, state.lost_hands, strict=True)
        ]
        return hands, replace(state, left_hand=after[0], right_hand=after[1], lost_hands=(lost[0], lost[1]))

    def _hand_at(self, picture: Picture, pose: Pose, side: Side, roi: Any) -> Hand | None:
        hand = self._hands.read(picture, roi)
        if hand.presence < HAND_PRESENT or not at_its_wrist(hand, pose, side):
            return None
        return hand

    def _find_face(self, picture: Picture, pose: Pose, state: PersonState) -> tuple[Face | None, PersonState]:
        face = None
        if pose.certainty[body.NOSE] >= _IN_SIGHT:
            if state.face is not None:
                face = self._face_at(picture, pose, state.face.at(pose.points[body.NOSE]))
            if face is None and _worth_looking(state.lost_face):
                roi = self._face.locate(picture, pose)
                face = None if roi is None else self._face_at(picture, pose, roi)
        followed = None if face is None else Followed(face.next_roi, _point(pose, body.NOSE))
        return face, replace(state, face=followed, lost_face=0 if face else state.lost_face + 1)

    def _face_at(self, picture: Picture, pose: Pose, roi: Any) -> Face | None:
        face = self._face.read(picture, roi)
        return face if face.presence >= FACE_PRESENT and on_its_head(face, pose) else None


def assemble(
    pose: Pose, hands: list[Hand | None], face: Face | None, *, size: tuple[int, int]
) -> PersonLandmarks:
    """133 points of a person in a picture of `size` (width, height)."""
    keypoints = np.zeros((wholebody.COUNT, 3))
    points3d = np.full((wholebody.COUNT, 3), np.nan)
    known = np.flatnonzero(body.WHOLEBODY >= 0)
    source = body.WHOLEBODY[known]
    keypoints[known, :2] = pose.points[source]
    keypoints[known, 2] = pose.certainty[source]
    points3d[known] = pose.metres[source]

    for side, part in ((Side.LEFT, wholebody.LEFT_HAND), (Side.RIGHT, wholebody.RIGHT_HAND)):
        hand = hands[side]
        if hand is not None:
            keypoints[part, :2] = hand.points
            keypoints[part, 2] = hand.presence * min(1.0, 0.5 + looks_like(hand, side))
            points3d[part] = hand.metres
        else:
            _stand_in(keypoints[part], points3d[part], pose, side)
    if face is not None:
        keypoints[wholebody.FACE, :2] = face.points
        keypoints[wholebody.FACE, 2] = face.presence
        points3d[wholebody.FACE] = face.metres

    outside = ~((keypoints[:, :2] >= -0.5) & (keypoints[:, :2] <= np.array(size) - 0.5)).all(axis=1)
    keypoints[outside, 2] = 0.0
    return PersonLandmarks(
        keypoints=keypoints.astype(np.float32),
        points3d=points3d.astype(np.float32),
        box=_box(keypoints[:23], pose).astype(np.float32),
        score=pose.presence,
    )


def _stand_in(keypoints: NDArray[np.float64], points3d: NDArray[np.float64], pose: Pose, side: Side) -> None:
    """The body's wrist and knuckles in place of a lost hand, so that it still points somewhere."""
    wrist = body.LEFT_WRIST + side
    for source, place in ((body.LEFT_WRIST, 0), *_KNUCKLES):
        source += side  # the body's right points follow its left ones
        keypoints[place, :2] = pose.points[source]
        keypoints[place, 2] = _STAND_IN * pose.certainty[source]
        points3d[place] = pose.metres[source] - pose.metres[wrist]


def _box(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    certain = points[points[:, 2] > 0.3, :2]
    if len(certain) < 3:
        return pose.next_roi.scaled(0.8).box()
    return np.concatenate([certain.min(axis=0), certain.max(axis=0)])


def _point(pose: Pose, index: int) -> tuple[float, float]:
    return float(pose.points[index, 0]), float(pose.points[index, 1])


def _worth_looking(lost: int) -> bool:
    return lost < _EAGER or lost % _EVERY == 0

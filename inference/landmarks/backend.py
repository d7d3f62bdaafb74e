# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded networks together: people are found, and each is followed with hands and face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from . import pose as body
from .assembly import PersonLandmarks, assemble
from .crop import Image, Picture
from .face import PRESENT as FACE_PRESENT
from .face import Face, FaceNetworks, on_its_head
from .hands import PRESENT as HAND_PRESENT
from .hands import Hand, HandNetworks, Side, at_its_wrist, same_place
from .person_detector import Detection, PersonDetector
from .pose import Pose, PoseNetwork
from .state import Followed, PersonState

# Below this the body's own wrist or nose is too uncertain to look for a hand or face at it.
_IN_SIGHT = 0.1
# A part that stays lost is looked for in every frame at first, then in every third.
_EAGER, _EVERY = 10, 3


class MediapipeBackend:
    """The embedded networks. Keeps nothing of a person between calls: that is in PersonState."""

    name = "mediapipe"

    def __init__(self, *, threads: int = 2, hands: bool = True, face: bool = True) -> None:
        """hands, face: whether they are looked for; a body without them is found in less time."""
        self._wants_hands, self._wants_face = hands, face
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
        state = replace(state, pose=pose.next_roi)
        hands: list[Hand | None] = [None, None]
        face: Face | None = None
        if self._wants_hands:
            hands, state = self._find_hands(picture, pose, state)
        if self._wants_face:
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
                face = self._face_at(picture, pose, self._face.locate(picture, pose))
        followed = None if face is None else Followed(face.next_roi, _point(pose, body.NOSE))
        return face, replace(state, face=followed, lost_face=0 if face else state.lost_face + 1)

    def _face_at(self, picture: Picture, pose: Pose, roi: Any) -> Face | None:
        face = self._face.read(picture, roi)
        return face if face.presence >= FACE_PRESENT and on_its_head(face, pose) else None


def _point(pose: Pose, index: int) -> tuple[float, float]:
    return float(pose.points[index, 0]), float(pose.points[index, 1])


def _worth_looking(lost: int) -> bool:
    return lost < _EAGER or lost % _EVERY == 0

# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded networks together: people are found, and each is followed with hands and face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from ..errors import TakeError
from . import pose as body
from .assembly import PersonLandmarks, assemble, assemble_hands
from .crop import Image, Picture, Roi
from .crossing import Masked, PersonMask, covering, meet, painted_out
from .face import PRESENT as FACE_PRESENT
from .face import Face, FaceNetworks, on_its_head
from .hand_finding import LOST_TO_ANOTHER, HandFinder
from .hands import Hand, Side
from .hands_alone import HandsFound, LoneHands, imagined
from .hands_alone import box as hands_box
from .person_detector import Detection, PersonDetector
from .pose import Look, Pose, PoseNetwork
from .state import Followed, PersonState

Result = TypeVar("Result")

# Below this the body's own nose is too uncertain to look for a face at it.
_IN_SIGHT = 0.1
# A part that stays lost is looked for in every frame at first, then in every third.
_EAGER, _EVERY = 10, 3


# A body whose region is so many times the picture's shorter side is a close-up of its head.
_CLOSE = 4.0


class MediapipeBackend:
    """The embedded networks. Keeps nothing of a person between calls: that is in PersonState.

    The networks are small, and a second thread in one of them gains little. So there are two lanes:
    while the caller's thread reads the hands, the other one reads the face, and then the body in the
    next picture, where this picture's body says that it will be. That is a bet on what will be asked:
    a body that is asked for elsewhere is read there, so that only time is lost.
    """

    name = "mediapipe"

    def __init__(
        self, *, threads: int = 2, hands: bool = True, face: bool = True, landmarker: Path | None = None
    ) -> None:
        """threads: in both lanes together. With one, there is one lane and no bet.

        hands, face: whether they are looked for; a body without them is found in less time.

        landmarker: the folder of Google's `face_landmarker` as ONNX, if it is to read expressions.
        """
        self._wants_hands, self._wants_face = hands, face
        self._other_lane = ThreadPoolExecutor(1, "rotocap-landmarks") if threads > 1 else None
        a_lane = max(1, threads // 2)
        self._detector = PersonDetector(threads=threads)
        self._pose = PoseNetwork(threads=a_lane)
        self._mask = PersonMask(threads=a_lane)
        self._hands = HandFinder(threads=a_lane)
        self._lone_hands = LoneHands(self._hands.networks, self._hands.palms)
        self._face = FaceNetworks(threads=a_lane, landmarker=landmarker)
        self._picture: Picture | None = None
        self._next_picture: Picture | None = None
        # Bodies in the picture at hand and in the next one, by where they are looked for.
        self._bodies: dict[Roi, Future[Look]] = {}
        self._next_bodies: dict[Roi, Future[Look]] = {}
        # Whose their pixels are, where people are near one another.
        self._masks: dict[Roi, Future[Masked]] = {}
        self._next_masks: dict[Roi, Future[Masked]] = {}

    def turn_to(self, image: Image, following: Image | None = None) -> None:
        """Say which picture will be asked about now, and which one after it if that is known."""
        if self._next_picture is not None and self._next_picture.image is image:
            self._picture, self._bodies, self._masks = (
                self._next_picture,
                self._next_bodies,
                self._next_masks,
            )
        else:
            self._picture, self._bodies, self._masks = Picture(image), {}, {}
        known = following is not None and self._other_lane is not None
        self._next_picture = Picture(following) if following is not None and known else None
        self._next_bodies, self._next_masks = {}, {}

    def detect(self, image: Image) -> Sequence[Detection | HandsFound]:
        """People in the picture (H, W, 3) BGR, best first, each once.

        Where there is nobody, a face or hands that fill a good part of it are somebody all the same.
        """
        picture = self._of(image)
        people = self._detector(picture)
        palms = self._lone_hands.palms(picture) if self._wants_hands else []
        people = [one for one in people if not imagined(one.roi, palms)]
        close = _CLOSE * min(picture.width, picture.height)
        if self._wants_face and (not people or (palms and all(one.roi.size > close for one in people))):
            # So near there must be a face; skin beside a hand reads as a body as well.
            face = self._face.somebody(picture)
            people = people if people and face else face
        return people or self._lone_hands.somebody(picture, palms)

    def begin(self, detection: Detection | HandsFound) -> PersonState:
        """The state of a person who was just detected."""
        return PersonState(pose=None if isinstance(detection, HandsFound) else detection.roi)

    def track(
        self, image: Image, state: PersonState, others: Sequence[PersonState] = ()
    ) -> tuple[PersonLandmarks, PersonState] | None:
        """The person's landmarks, and the state to look with in the next frame. None if lost.

        others: the states of those who are followed besides, and may be in front of the person.
        """
        picture = self._of(image)
        size = (picture.width, picture.height)
        if state.pose is None:
            alone = self._lone_hands(picture, state)
            if alone is None or alone[1].hands == (None, None):
                return None
            found, state = alone
            return assemble_hands(found, state.hands, size=size, box=hands_box(picture)), state
        looks = [self._look(picture, other.pose) for other in others if other.pose is not None]
        look = self._look(picture, state.pose)
        near = [other for other in looks if meet(look, other)]
        pose = self._behind(picture, look, near) if near else look.pose
        if pose is None:
            return None
        state = replace(state, pose=pose.next_roi)
        face = self._start(self._find_face, picture, pose, state)
        if self._next_picture is not None:
            ahead = self._start(self._pose, self._next_picture, pose.next_roi)
            self._next_bodies[pose.next_roi] = ahead
            if near:
                self._next_masks[pose.next_roi] = self._start(lambda: self._mask(ahead.result()))
        hands: list[Hand | None] = [None, None]
        if self._wants_hands:
            hands, state = self._find_hands(picture, pose, lambda: face.result()[0], state)
        seen, after = face.result()
        state = replace(state, face=after.face, lost_face=after.lost_face)
        return assemble(pose, hands, seen, state.hands, size=size), state

    def _look(self, picture: Picture, roi: Roi) -> Look:
        """A look at a region of the picture at hand, taken once."""
        if roi not in self._bodies:
            self._bodies[roi] = Future()
            self._bodies[roi].set_result(self._pose(picture, roi))
        return self._bodies[roi].result()

    def _behind(self, picture: Picture, look: Look, others: Sequence[Look]) -> Pose | None:
        """The body of a look, read again with those painted out who are in front of it."""
        one, *masked = (self._masked(each) for each in (look, *others))
        covered = covering(one, masked)
        if not covered.any():
            return look.pose
        return self._pose(picture, look.roi, painted_out(picture.cut(look.roi, body.SIDE), covered)).pose

    def _masked(self, look: Look) -> Masked:
        """Whose the pixels of a look at the picture at hand are, found out once."""
        if look.roi not in self._masks:
            self._masks[look.roi] = Future()
            self._masks[look.roi].set_result(self._mask(look))
        return self._masks[look.roi].result()

    def without(self, state: PersonState, part: str) -> PersonState:
        """The state when a part of the person turned out to be somebody else's."""
        if part == "face":
            return replace(state, face=None, lost_face=state.lost_face + 1)
        side = Side.LEFT if part == "left_hand" else Side.RIGHT
        hands, lost = list(state.hands), list(state.lost_hands)
        hands[side] = None
        lost[side] = max(lost[side] + 1, LOST_TO_ANOTHER[side])
        return replace(state, hands=(hands[0], hands[1]), lost_hands=(lost[0], lost[1]))

    def pack(self, state: PersonState) -> dict[str, NDArray[Any]]:
        """The state as arrays, for a file."""
        return {"regions": state.to_array()}

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> PersonState:
        """The state that `pack` wrote. TakeError if another version of Rotocap did."""
        try:
            return PersonState.from_array(arrays["regions"])
        except (KeyError, ValueError) as error:
            raise TakeError(
                f"this capture was begun by another version of Rotocap and cannot go on ({error}); "
                "choose another name for the take, or overwrite it"
            ) from error

    def _of(self, image: Image) -> Picture:
        """The picture with its halves, made once for all the people in it."""
        if self._picture is None or self._picture.image is not image:
            self.turn_to(image)
            assert self._picture is not None
        return self._picture

    def _start(self, work: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Let the other lane do it, or do it now if there is none."""
        if self._other_lane is not None:
            return self._other_lane.submit(work, *arguments)
        done: Future[Result] = Future()
        done.set_result(work(*arguments))
        return done

    def _find_hands(
        self, picture: Picture, pose: Pose, find_face: Callable[[], Face | None], state: PersonState
    ) -> tuple[list[Hand | None], PersonState]:
        return self._hands(picture, pose, find_face, state)

    def _find_face(self, picture: Picture, pose: Pose, state: PersonState) -> tuple[Face | None, PersonState]:
        if not self._wants_face:
            return None, state
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands without a body: close-ups that show nothing else.

They are taken for one person's. Which is the left one only the hand network says, so it is
asked over all frames in which a hand is followed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .crop import Picture, Roi
from .hand_finding import STILL_PRESENT, forgotten, known, seen_again
from .hand_sides import Candidate, assign
from .hands import PRESENT, Hand, HandNetworks, Side, looked_again
from .palms import Palm, PalmDetector
from .person_detector import BODY_REGION_M
from .state import PersonState

# A palm must be this sure, and this large beside the picture's shorter side, to be somebody.
_PALM, _LEAST = 0.7, 0.08
_MARGIN = 1.4
# A body that would have hands so many times smaller than a palm that lies on it is imagined: networks see
# a trunk in the back of a hand, and legs in its fingers.
_IMAGINED = 3.5
_PALM_SIDE_M = 0.1  # metres, the side of the detector's box
# While a hand is missing it is looked for in every n-th frame; without any for so many, nobody is there.
_EVERY, _GONE = 4, 12


@dataclass(frozen=True)
class HandsFound:
    """Somebody of whom there are only hands, before any landmark."""

    box: NDArray[np.float32]  # (4,) x0, y0, x1, y1 pixels
    score: float  # 0 to 1


class LoneHands:
    """Finds and follows the hands of somebody whose body is not in the picture."""

    def __init__(self, networks: HandNetworks, palms: PalmDetector) -> None:
        self._networks, self._palms = networks, palms

    def palms(self, picture: Picture) -> list[Palm]:
        """Palms that are a good part of the picture, surest first."""
        least = _LEAST * min(picture.width, picture.height)
        return [palm for palm in self._palms(picture, whole(picture), threshold=_PALM) if palm.size > least]

    def somebody(self, picture: Picture, palms: list[Palm]) -> list[HandsFound]:
        """One person, if these are palms of hands."""
        hands = self._networks.read_all(picture, [palm.roi() for palm in palms[:2]])
        present = [hand.presence for hand in hands if hand.presence >= PRESENT]
        return [HandsFound(box(picture), max(present))] if present else []

    def __call__(self, picture: Picture, state: PersonState) -> tuple[list[Hand | None], PersonState] | None:
        """Left and right hand, None where it is not seen, and the state for the next frame. None if lost."""
        held = [memory for memory in state.hands if memory is not None and memory.held]
        regions = [memory.roi.moved(np.array(memory.velocity)) for memory in held]
        candidates: list[Candidate] = []
        for hand in self._networks.read_all(picture, regions):
            if hand.presence >= STILL_PRESENT and not known(hand, candidates):
                candidates.append(Candidate(hand, followed=True))
        if len(candidates) < 2 and (not candidates or max(state.lost_hands) % _EVERY == 0):
            palms = self._palms(picture, whole(picture), threshold=_PALM)[:2]
            for hand in self._networks.read_all(picture, [palm.roi() for palm in palms]):
                if hand.presence >= PRESENT and not known(hand, candidates):
                    candidates.append(Candidate(hand, palm_score=1.0))
        chosen = assign(candidates, None, state.hands)
        hands = looked_again([None if c is None else c.hand for c in chosen])
        after = [
            forgotten(state.hands[side], None, side)
            if hand is None
            else seen_again(hand, None, state.hands, side, first=state.fresh)
            for side, hand in zip(Side, hands, strict=True)
        ]
        lost = [0 if hand is not None else n + 1 for hand, n in zip(hands, state.lost_hands, strict=True)]
        if min(lost) > _GONE:
            return None
        return hands, replace(state, hands=(after[0], after[1]), lost_hands=(lost[0], lost[1]))


def imagined(body: Roi, palms: list[Palm]) -> bool:
    """Whether a body in this region (the pose network's) is a hand that was taken for one."""
    palm_px = _PALM_SIDE_M * body.size / BODY_REGION_M
    for palm in palms:
        hand = palm.roi()
        touching = float(np.hypot(hand.x - body.x, hand.y - body.y)) < 0.7 * (hand.size + body.size) / 2
        if palm.size > _IMAGINED * palm_px and touching:
            return True
    return False


def whole(picture: Picture) -> Roi:
    """The whole picture with a margin: a palm that fills the detector's sight is none to it."""
    side = _MARGIN * max(picture.width, picture.height)
    return Roi((picture.width - 1) / 2, (picture.height - 1) / 2, side, 0.0)


def box(picture: Picture) -> NDArray[np.float32]:
    """(4,) the place of somebody without a body: always the same, so that no hand seems to leap away."""
    middle = np.array([picture.width - 1, picture.height - 1]) / 2
    half = min(picture.width, picture.height) / 4
    return np.asarray(np.concatenate([middle - half, middle + half]), dtype=np.float32)

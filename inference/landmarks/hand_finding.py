# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and following a person's hands: where to look, how often, and what to believe.

A hand that was seen is looked for where it went on to. One that is lost is looked for where the
body has it (the re-crop network), and, seldomer because a look costs more, by the palm
detector around the forearm's end. What is read is given to the sides by `hand_sides`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .crop import Picture, Roi
from .face import Face
from .hand_sides import Arms, Candidate, Memories, assign, may_belong, on_head, read_exchanged, remember
from .hands import (
    PALM_M,
    PRESENT,
    WRIST,
    Hand,
    HandNetworks,
    Side,
    looked_again,
    region_at_forearm,
    same_place,
    same_region,
)
from .palms import FOUND, Palm, PalmDetector
from .pose import Pose
from .state import HandMemory, PersonState

# A hand that is followed may look less like one for a while: half hidden, blurred.
STILL_PRESENT = 0.4
# A hand that the palm detector saw as well.
_PRESENT_PALM, _PALM = 0.4, 0.7
# On a face a hand must be beyond doubt.
_PRESENT_ON_HEAD, _PALM_ON_HEAD = 0.8, 0.8
# The region of a hand that is followed has so many of the body's palms at least. It is drawn around the
# points that were read in the last one, and around a fist that is badly seen it shrinks to nothing in a
# few frames.
_LEAST_REGION = 1.4
# Below this the body's own wrist is too uncertain to look for a hand at it.
_IN_SIGHT = 0.1
# A hand that stays lost is looked for where the body has it: at once, then in every n-th frame, and half as
# often after `_LONG` of them.
_EVERY, _LONG = 4, 12
# The palm detector looks in the next frame (for somebody new at once), again after so many, and then seldom:
# by then the body's wrist finds the hand first.
_PALM_EAGER, _PALM_AGAIN, _PALM_EVERY = 1, 6, 24
# For so long a hand counts as lost, left and right, that turned out to be somebody else's: the next look is
# a whole interval away, since the body's wrist, which led to it, has not changed.
LOST_TO_ANOTHER = (2 * _EVERY + 1, 2 * _EVERY)
# A hand that was read and refused, so many palms from the body's wrist, is what the palm detector would see.
_AT_END = 1.0
# Of a wrist outside the picture, this many palms away, the fingers may be inside. The body guesses such
# a wrist, so only the palm detector is asked, and oftener.
_EDGE, _EDGE_EVERY, _EDGE_PALM = 2.0, 5, 0.35
# The body may have its wrists at each other's hand for so many frames; then it is believed.
_EXCHANGED_FRAMES = 8
# Trust of a hand just found, its rise a frame, its fall a frame while it is lost.
_FOUND, _RISE, _FALL = 0.4, 0.3, 0.45
_FORGOTTEN = 0.1


class HandFinder:
    def __init__(self, *, threads: int) -> None:
        self.networks = HandNetworks(threads=threads)
        self.palms = PalmDetector(threads=threads)

    def __call__(
        self, picture: Picture, pose: Pose, find_face: Callable[[], Face | None], state: PersonState
    ) -> tuple[list[Hand | None], PersonState]:
        """Left and right hand, None where it is not seen, and the state for the next frame.

        The person's face is asked for when hands have been read: meanwhile it may be read as well.
        """
        arms, exchanged = Arms.of(pose), 0
        if state.exchanged < _EXCHANGED_FRAMES and read_exchanged(arms, state.hands):
            arms, exchanged = arms.exchanged(), state.exchanged + 1
        followed = self._followed(picture, arms, state.hands)
        face = find_face()
        candidates = [
            Candidate(hand, followed=True)
            for hand in followed
            if hand.presence >= (_PRESENT_ON_HEAD if on_head(hand, pose, face) else STILL_PRESENT)
        ]
        chosen = assign(candidates, arms, state.hands)
        for look in (self._at_wrist, self._by_palm):
            sides = [side for side in Side if chosen[side] is None and _in_reach(picture, arms, side)]
            if look == self._by_palm:
                refused = [c.hand for c in candidates if all(c is not one for one in chosen)]
                sides = [side for side in sides if not _at_end(refused, pose, side)]
            found = [c for side in sides for c in look(picture, pose, face, side, state, candidates)]
            if found:
                candidates += found
                chosen = assign(candidates, arms, state.hands)
        hands = looked_again([None if c is None else c.hand for c in chosen])
        after = [
            forgotten(state.hands[side], arms, side)
            if hand is None
            else seen_again(hand, arms, state.hands, side, first=state.fresh)
            for side, hand in zip(Side, hands, strict=True)
        ]
        lost = [0 if hand is not None else n + 1 for hand, n in zip(hands, state.lost_hands, strict=True)]
        return hands, replace(
            state, hands=(after[0], after[1]), lost_hands=(lost[0], lost[1]), exchanged=exchanged
        )

    def _followed(self, picture: Picture, arms: Arms, before: Memories) -> list[Hand]:
        """What is seen where hands were going."""
        held = [(side, before[side]) for side in Side]
        regions = [region_to_follow(m, arms, side) for side, m in held if m is not None and m.held]
        return self.networks.read_all(picture, regions)

    def _at_wrist(
        self,
        picture: Picture,
        pose: Pose,
        face: Face | None,
        side: Side,
        state: PersonState,
        others: list[Candidate],
    ) -> list[Candidate]:
        """The hand where the body has it."""
        lost = state.lost_hands[side]
        every = _EVERY if lost <= _LONG else 2 * _EVERY
        due = lost == 0 or (lost + side) % every == 0
        if not due or _beyond(picture, pose.points[WRIST[side]]) > 0.0:
            return []
        region = self.networks.locate(picture, pose, side)
        if any(same_region(region, other.hand.next_roi()) for other in others):
            return []  # it would be read a second time
        hand = self.networks.read(picture, region)
        if hand.presence < PRESENT or on_head(hand, pose, face):
            return []
        return [] if known(hand, others) else [Candidate(hand)]

    def _by_palm(
        self,
        picture: Picture,
        pose: Pose,
        face: Face | None,
        side: Side,
        state: PersonState,
        others: list[Candidate],
    ) -> list[Candidate]:
        """The hand where the palm detector sees one around the forearm's end."""
        lost = state.lost_hands[side]
        cut = _beyond(picture, pose.points[WRIST[side]]) > 0.0
        every = _EDGE_EVERY if cut else _PALM_EVERY
        due = state.fresh or lost == _PALM_EAGER or (lost - _PALM_AGAIN) % every == 0
        if not due:
            return []
        region = region_at_forearm(pose, side, picture)
        palms = self.palms(picture, region, threshold=_EDGE_PALM if cut else FOUND)[:2]
        palms = [
            palm
            for palm in palms
            if not any(_at_palm(c.hand, palm) for c in others)
            and may_belong(palm.points[0], palm.size, Arms.of(pose), state.hands)
        ]
        found = []
        hands = self.networks.read_all(picture, [palm.roi() for palm in palms])
        for palm, hand in zip(palms, hands, strict=True):
            least = _PRESENT_PALM if palm.score >= _PALM else PRESENT
            if on_head(hand, pose, face):
                least = _PRESENT_ON_HEAD if palm.score >= _PALM_ON_HEAD else np.inf
            if hand.presence >= least and not known(hand, others):
                found.append(Candidate(hand, palm_score=palm.score))
        return found


def region_to_follow(memory: HandMemory, arms: Arms, side: Side) -> Roi:
    """Where a hand that was seen in the frame before is looked for now."""
    roi = memory.roi.moved(_moved(memory, arms, side))
    return replace(roi, size=max(roi.size, _LEAST_REGION * arms.palm))


def faded(memory: HandMemory) -> Hand:
    """A hand that was lost just now, as it was and where it is thought to be."""
    shape = np.array(memory.shape).reshape(21, 5)
    return Hand(
        points=shape[:, :2] + memory.wrist,
        metres=shape[:, 2:],
        presence=memory.presence,
        rightness=memory.rightness,
    )


def seen_again(
    hand: Hand, arms: Arms | None, before: Memories, side: Side, *, first: bool = False
) -> HandMemory:
    """What to remember of a hand that was seen: the longer it is, the more it is trusted.

    `first` says that the person was not seen before: then it has not come back from anywhere.
    """
    memory = before[side]
    trust = (1.0 if first else _FOUND) if memory is None else min(1.0, memory.trust + _RISE)
    return remember(hand, arms, before, side, trust=trust)


def forgotten(memory: HandMemory | None, arms: Arms | None, side: Side) -> HandMemory | None:
    """What to remember of a hand that was not seen: it is carried along and fades. None in the end."""
    if memory is None or memory.trust * _FALL < _FORGOTTEN:
        return None
    moved = np.array(memory.velocity) if arms is None else _moved(memory, arms, side)
    x, y = np.array(memory.wrist) + moved
    return replace(
        memory,
        wrist=(float(x), float(y)),
        velocity=(0.7 * memory.velocity[0], 0.7 * memory.velocity[1]),
        anchor=memory.anchor if arms is None else (float(arms.wrists[side][0]), float(arms.wrists[side][1])),
        trust=memory.trust * _FALL,
        lost=memory.lost + 1,
    )


def _moved(memory: HandMemory, arms: Arms, side: Side) -> NDArray[np.float64]:
    """How far a hand went since the frame before: as the body's wrist, or as before where that is unsure."""
    moved = arms.wrists[side] - memory.anchor
    course = np.array(memory.velocity)
    # A wrist that leaps away from the hand's course is a mistake of the body's more often than a throw.
    if arms.certainty[side] < _IN_SIGHT or float(np.hypot(*(moved - course))) > 2.0 * memory.palm:
        moved = course
    return np.asarray(moved, dtype=np.float64)


def _in_reach(picture: Picture, arms: Arms, side: Side) -> bool:
    """Whether it is worth looking for the hand: at a wrist in sight, or one just outside the picture."""
    return bool(arms.certainty[side] >= _IN_SIGHT) or _just_outside(picture, arms, side)


def _just_outside(picture: Picture, arms: Arms, side: Side) -> bool:
    """Whether a wrist is outside the picture and so near to it that its fingers may be inside."""
    beyond = _beyond(picture, arms.wrists[side])
    return 0.0 < beyond < _EDGE * arms.palm


def _beyond(picture: Picture, place: NDArray[np.float64]) -> float:
    """Pixels from a place to the picture, 0 inside."""
    inside = np.clip(place, 0, (picture.width - 1, picture.height - 1))
    return float(np.hypot(*(place - inside)))


def known(hand: Hand, candidates: list[Candidate]) -> bool:
    """Whether the hand was read before."""
    return any(same_place(hand, other.hand) for other in candidates)


def _at_end(hands: list[Hand], pose: Pose, side: Side) -> bool:
    """Whether one of these lies at the forearm's end: then the palm detector sees it and no other there."""
    wrist, least = pose.points[WRIST[side]], 0.7 * PALM_M * pose.pixels_per_metre
    return any(math.dist(hand.wrist, wrist) < _AT_END * max(hand.palm, least) for hand in hands)


def _at_palm(hand: Hand, palm: Palm) -> bool:
    return float(np.hypot(*(hand.middle - palm.middle))) < 0.5 * palm.size

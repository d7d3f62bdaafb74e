# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose hand is which: hands that were read in a frame, given to the left and to the right arm.

Four things speak, each of which is wrong at times: the body's wrist (exchanged in crossings
and back views), where the hand was going, how large it was (the nearer one of two crossing
hands is larger), and the hand network's own left and right (a fist or an edge-on hand reads as
either, for seconds). Of all ways to give the hands to the sides the one with the least
disagreement is taken; a hand that fits nowhere is nobody's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from . import pose as body
from .face import Face
from .hands import ELBOW, MIDDLE_KNUCKLE, PALM_M, PRESENT, WRIST, Hand, Side, fits, same_place
from .pose import Pose
from .state import HandMemory

Memories = tuple[HandMemory | None, HandMemory | None]

# Costs. Distances count in palms (wrist to middle knuckle).
_PLACE = 0.7  # a palm between the hand's wrist and the body's
_COURSE, _FARTHEST = 0.4, 2.0  # a palm between the hand and where it was going
_SIZE = 0.5  # a hand e times as large as it was
_SIDE = 0.6  # left and right of the wrong side
_FRESH = 0.25  # a hand where none was followed
_NOBODY = 1.2  # a side without a hand
# The same while its hand goes on as it went and cannot be the other one: a fist reads as the wrong side's
# for seconds, and is still the hand.
_LET_GO, _GOES_ON = 1.6, 0.5
# How far from the body's wrist a hand may be: read where the body says; seen by other means.
_REACH, _REACH_SEEN, _REACH_UNSURE = 0.9, 1.4, 2.0
# What the palm detector's wrist is off, in palms.
_DETECTED = 0.3
# A hand that goes on as it went is believed without the body for so many frames, if it is on its course.
_ALONE_FRAMES, _ON_COURSE = 12, 1.0
_SURE = 0.5  # certainty of the body's wrist
_BENT_BACK = -0.4  # cosine between forearm and hand
# A hand this many times smaller or larger than the body says is somebody else's or none.
_SMALLEST, _LARGEST = 0.5, 2.2
_SMALLEST_UNSURE, _LARGEST_UNSURE = 0.3, 3.0  # where the body is hardly seen
# Of a new frame in what is remembered.
_NEW_SIDE, _NEW_SIZE, _NEW_SPEED = 0.15, 0.2, 0.5
# A hand on a face must look like a hand; faces have read as hands of 0.7.
_ON_HEAD = 0.5
_HEAD_M = 0.11  # metres from its middle to its edge


@dataclass(frozen=True)
class Candidate:
    """A hand that was read, before it is known whose it is."""

    hand: Hand
    palm_score: float = 0.0  # the palm detector's; 0 where it was not asked
    followed: bool = False  # read where a hand was in the frame before


@dataclass(frozen=True)
class Arms:
    """What the body says about its hands."""

    wrists: NDArray[np.float64]  # (2, 2) pixels, left and right
    certainty: NDArray[np.float64]  # (2,)
    forearms: NDArray[np.float64]  # (2, 3) directions from elbow to wrist, camera axes
    palm: float  # pixels from wrist to knuckles

    @classmethod
    def of(cls, pose: Pose) -> Arms:
        wrists, elbows = list(WRIST), list(ELBOW)
        forearms = pose.metres[wrists] - pose.metres[elbows]
        forearms /= np.maximum(np.linalg.norm(forearms, axis=1, keepdims=True), 1e-9)
        return cls(pose.points[wrists], pose.certainty[wrists], forearms, PALM_M * pose.pixels_per_metre)

    def exchanged(self) -> Arms:
        return Arms(self.wrists[::-1], self.certainty[::-1], self.forearms[::-1], self.palm)

    def apart(self, hand: Hand, side: Side) -> float:
        """From the hand's wrist to the body's, in palms."""
        return math.dist(hand.wrist, self.wrists[side]) / max(hand.palm, 0.7 * self.palm)

    def bent_back(self, hand: Hand, side: Side) -> bool:
        """Whether the hand points back along its forearm, as no wrist bends: then it is misread."""
        along = hand.metres[MIDDLE_KNUCKLE] / max(math.hypot(*hand.metres[MIDDLE_KNUCKLE]), 1e-9)
        return self.certainty[side] > _SURE and float(along @ self.forearms[side]) < _BENT_BACK


def read_exchanged(arms: Arms, before: Memories) -> bool:
    """Whether the body has its wrists at each other's hand: where both hands went says so.

    The hands' own course is continuous; a body that exchanges its arms makes both wrists leap.
    """
    straight = crossed = 0.0
    for side in Side:
        memory = before[side]
        if memory is None or not memory.held:
            continue
        # Where the body's wrist should be, if the hand went on as it went.
        x, y = (memory.anchor[i] + memory.velocity[i] for i in range(2))
        straight += math.dist(arms.wrists[side], (x, y))
        crossed += math.dist(arms.wrists[1 - side], (x, y))
    return crossed + arms.palm < straight


def may_belong(wrist: NDArray[np.float64], size: float, arms: Arms, before: Memories) -> bool:
    """Whether a palm of this size (pixels), not read yet, could be given to either side at all."""
    for side in Side:
        reach = _REACH_SEEN if arms.certainty[side] > _SURE else _REACH_UNSURE
        if math.dist(wrist, arms.wrists[side]) < (reach + _DETECTED) * max(size, arms.palm):
            return True
        memory = before[side]
        course = (_ON_COURSE + _DETECTED) * max(size, arms.palm)
        if memory is not None and memory.held and math.dist(wrist, memory.expected()) < course:
            return True
    return False


def assign(candidates: Sequence[Candidate], arms: Arms | None, before: Memories) -> list[Candidate | None]:
    """For the left and the right side the candidate that is its hand, or None.

    `arms` is None where no body is seen, only hands.
    """
    costs = [[_cost(candidate, side, arms, before) for candidate in candidates] for side in Side]
    nobody = [
        _LET_GO
        if any(
            np.isinf(other) and _goes_on(candidate, before[side])
            for candidate, other in zip(candidates, costs[1 - side], strict=True)
        )
        else _NOBODY
        for side in Side
    ]
    choices = [*range(len(candidates)), None]
    one = {
        (i, j)
        for i, j in combinations(range(len(candidates)), 2)
        if same_place(candidates[i].hand, candidates[j].hand)
    }
    best: tuple[float, tuple[int | None, int | None]] = (np.inf, (None, None))
    for left, right in product(choices, choices):
        if left is not None and right is not None:
            pair = min(left, right), max(left, right)
            if left == right or pair in one:
                continue
        cost = sum(
            nobody[side] if chosen is None else costs[side][chosen]
            for side, chosen in ((Side.LEFT, left), (Side.RIGHT, right))
        )
        if cost < best[0]:
            best = cost, (left, right)
    return [None if chosen is None else candidates[chosen] for chosen in best[1]]


def _cost(candidate: Candidate, side: Side, arms: Arms | None, before: Memories) -> float:
    """Disagreement of a hand with being this side's; inf where it cannot be."""
    hand, memory = candidate.hand, before[side]
    cost = 0.0
    if arms is not None:
        apart, sure = arms.apart(hand, side), float(arms.certainty[side])
        least, most = (_SMALLEST, _LARGEST) if sure > _SURE else (_SMALLEST_UNSURE, _LARGEST_UNSURE)
        if not least * arms.palm < hand.palm < most * arms.palm:
            return np.inf
        reach = _REACH_SEEN if candidate.followed or candidate.palm_score > 0.0 else _REACH
        if sure < _SURE:
            reach = max(reach, _REACH_UNSURE * candidate.palm_score)
        if apart > reach:
            if not _on_course(hand, memory):
                return np.inf
            apart = reach
        elif arms.bent_back(hand, side):
            return np.inf
        cost += _PLACE * apart * min(max(1.5 * sure, 0.4), 1.0)
    if memory is not None and memory.held:
        cost += _COURSE * min(_astray(hand, memory), _FARTHEST)
        cost += _SIZE * min(abs(math.log(max(hand.palm, 1e-9) / max(memory.palm, 1e-6))), 1.0)
    else:
        cost += _FRESH
    return cost + _SIDE * (1.0 - fits(_rightness(hand, before), side))


def _astray(hand: Hand, memory: HandMemory) -> float:
    """From where the hand was going to where it is, in palms."""
    return math.dist(hand.wrist, memory.expected()) / max(memory.palm, 1.0)


def _on_course(hand: Hand, memory: HandMemory | None) -> bool:
    return (
        memory is not None
        and memory.held
        and memory.apart < _ALONE_FRAMES
        and hand.presence >= PRESENT
        and _astray(hand, memory) < _ON_COURSE
    )


def _goes_on(candidate: Candidate, memory: HandMemory | None) -> bool:
    """Whether this is the hand of a side that was followed, where it was going and as large as it was."""
    return (
        candidate.followed
        and memory is not None
        and memory.held
        and candidate.hand.presence >= PRESENT
        and _astray(candidate.hand, memory) < _GOES_ON
    )


def _rightness(hand: Hand, before: Memories) -> float:
    """Left or right of a hand over the frames in which it was followed, this one included."""
    nearest, history = 1.0, None
    for memory in before:
        if memory is not None and memory.held:
            apart = _astray(hand, memory)
            if apart < nearest:
                nearest, history = apart, memory
    if history is None:
        return hand.rightness
    return (1.0 - _NEW_SIDE) * history.rightness + _NEW_SIDE * hand.rightness


def remember(hand: Hand, arms: Arms | None, before: Memories, side: Side, *, trust: float) -> HandMemory:
    """The side's memory of a hand that was given to it."""
    memory = before[side]
    anchor = hand.wrist if arms is None else arms.wrists[side]
    away = arms is not None and arms.apart(hand, side) > _REACH_SEEN
    velocity, palm = np.zeros(2), hand.palm
    if memory is not None and memory.held:
        velocity = (1.0 - _NEW_SPEED) * np.array(memory.velocity) + _NEW_SPEED * (hand.wrist - memory.wrist)
        palm = (1.0 - _NEW_SIZE) * memory.palm + _NEW_SIZE * palm
    shape = np.concatenate([hand.points - hand.wrist, hand.metres], axis=1)
    return HandMemory(
        roi=hand.next_roi(),
        anchor=(float(anchor[0]), float(anchor[1])),
        wrist=(float(hand.wrist[0]), float(hand.wrist[1])),
        velocity=(float(velocity[0]), float(velocity[1])),
        rightness=_rightness(hand, before),
        palm=palm,
        presence=hand.presence,
        trust=trust,
        lost=0,
        apart=0 if not away else 1 + (memory.apart if memory is not None and memory.held else 0),
        shape=tuple(shape.ravel().tolist()),
    )


def on_head(hand: Hand, pose: Pose, face: Face | None) -> bool:
    """Whether most of the hand lies on the head: a face that reads as a hand, or a hand before it."""
    if face is not None:
        middle, reach = face.middle, 0.55 * face.span
    else:
        middle, reach = pose.points[: body.MOUTH_END].mean(axis=0), _HEAD_M * pose.pixels_per_metre
    inside = np.add.reduce((hand.points - middle) ** 2, axis=1) < reach**2
    return bool(np.count_nonzero(inside) > _ON_HEAD * len(inside))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that rest: a hand that stays in its place for a while is held there, by the whole arm.

Which hands rest is seen by their speed, or said by somebody. A hand that is said to rest keeps
its turn as well as its place: a palm on a wall does not wander.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from . import contact_spans as runs
from .contact_spans import Span
from .contacts import ContactOptions, Hold
from .ik import Bent, two_bone

Array = NDArray[np.float64]

_SPEED = 0.15  # m/s below which a hand may be resting
_DRIFT = 0.04  # of the arm: who moves further did not rest
_SETTLED = 0.02  # of the arm


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm as the transfer posed it, N frames in the scene's world, metres."""

    shoulder: Array  # (N, 3)
    elbow: Array  # (N, 3)
    wrist: Array  # (N, 3)
    bends: Array  # (N, 3) the way the elbow goes
    hand: Array  # (N, 3, 3) how the hand is turned in the world
    said: Array | None = None  # (N,) 0 to 1, where somebody says that the hand rests


@dataclass(frozen=True, eq=False)
class HeldArm:
    """An arm after its hand was held."""

    target: Array  # (N, 3) where the wrist should be
    turn: Array | None  # (N, 3, 3) what the hand is turned by beyond what it was, world; None: by nothing
    bent: Bent
    holds: tuple[Hold, ...]


def hold_hands(
    arms: Mapping[str, Arm], *, spans: Sequence[Span], fps: float, options: ContactOptions
) -> dict[str, HeldArm]:
    """Hold the hands of arms (by limb, "left_arm") while they are said to rest, or seen to if asked for."""
    out = {}
    ease = max(1, round(options.ease_s * fps))
    for name, arm in arms.items():
        said: list[Span] = []
        if arm.said is not None:
            said = runs.find(arm.said, spans=spans, on=options.on, off=options.off, shortest=1, join=0)
        found = said
        if options.hands:
            seen = _rests(arm, spans, fps, options, ease)
            found = sorted([*said, *(rest for rest in seen if not _meets(rest, said))])
        moved = np.zeros_like(arm.wrist)
        holds = []
        for first, last in found:
            # A frame of coming or going at an end of it does not pull the place along.
            place = np.median(arm.wrist[first : last + 1], axis=0)
            moved[first : last + 1] = place - arm.wrist[first : last + 1]
            holds.append(Hold(name, "hand", first, last, place))
        known = runs.flags(found, len(moved))
        target = arm.wrist + runs.eased(moved, known, spans=spans, ease=ease)
        bent = two_bone(arm.shoulder, arm.elbow, arm.wrist, target=target, bends=arm.bends)
        out[name] = HeldArm(target, _turn(arm, said, spans, ease), bent, tuple(holds))
    return out


def _rests(arm: Arm, spans: Sequence[Span], fps: float, options: ContactOptions, ease: int) -> list[Span]:
    """When a hand rests, seen by its speed."""
    shortest = max(3, round(2.0 * options.shortest_s * fps))
    upper = np.linalg.norm(arm.elbow - arm.shoulder, axis=-1)
    length = float(np.median(upper + np.linalg.norm(arm.wrist - arm.elbow, axis=-1)))
    rests = _resting(arm.wrist, spans, fps)
    slow = runs.find(
        rests, spans=spans, on=options.on, off=options.off, shortest=shortest, join=int(options.join_s * fps)
    )
    return [
        part
        for span in slow
        for part in runs.standing(
            span, arm.wrist, drift=_DRIFT * length, settled=_SETTLED * length, shortest=shortest, pause=ease
        )
    ]


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(first <= span[1] and span[0] <= last for first, last in others)


def _turn(arm: Arm, said: Sequence[Span], spans: Sequence[Span], ease: int) -> Array | None:
    """What a hand is turned by (N, 3, 3) so that it keeps its turn where it is said to rest."""
    if not said:
        return None
    count = len(arm.hand)
    correction = np.zeros((count, 3))
    for first, last in said:
        here = arm.hand[first : last + 1]
        correction[first : last + 1] = axis_angle_from_matrix(_mean(here) @ np.swapaxes(here, -1, -2))
    eased = runs.eased(correction, runs.flags(said, count), spans=spans, ease=ease)
    return matrix_from_axis_angle(eased)


def _mean(rotations: Array) -> Array:
    """The rotation (3, 3) nearest to all of (n, 3, 3)."""
    u, _, vt = np.linalg.svd(rotations.sum(axis=0))
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)


def _resting(places: Array, spans: Sequence[Span], fps: float) -> Array:
    """How surely (N,) a point at places (N, 3) rests, by its speed."""
    out = np.ones(len(places))
    for first, last in spans:
        if last > first:
            speed = np.linalg.norm(np.gradient(places[first : last + 1], 1.0 / fps, axis=0), axis=-1)
            out[first : last + 1] = np.clip(2.0 - speed / _SPEED, 0.0, 1.0)
    return out

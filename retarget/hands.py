# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that rest: a hand that stays in its place for a while is held there, by the whole arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, eq=False)
class HeldArm:
    """An arm after its hand was held."""

    target: Array  # (N, 3) where the wrist should be
    bent: Bent
    holds: tuple[Hold, ...]


def hold_hands(
    arms: Mapping[str, Arm], *, spans: Sequence[Span], fps: float, options: ContactOptions
) -> dict[str, HeldArm]:
    """Hold the hands of arms (by limb, "left_arm") while they rest."""
    out = {}
    ease = max(1, round(options.ease_s * fps))
    shortest = max(3, round(2.0 * options.shortest_s * fps))
    for name, arm in arms.items():
        length = float(
            np.median(
                np.linalg.norm(arm.elbow - arm.shoulder, axis=-1)
                + np.linalg.norm(arm.wrist - arm.elbow, axis=-1)
            )
        )
        rests = _resting(arm.wrist, spans, fps)
        found = [
            part
            for span in runs.find(
                rests, spans=spans, on=options.on, off=options.off, shortest=shortest,
                join=int(options.join_s * fps),
            )
            for part in runs.standing(
                span, arm.wrist, drift=_DRIFT * length, settled=_SETTLED * length, shortest=shortest,
                pause=ease,
            )
        ]  # fmt: skip
        moved = np.zeros_like(arm.wrist)
        holds = []
        for first, last in found:
            place = arm.wrist[first : last + 1].mean(axis=0)
            moved[first : last + 1] = place - arm.wrist[first : last + 1]
            holds.append(Hold(name, "hand", first, last, place))
        known = runs.flags(found, len(moved))
        target = arm.wrist + runs.eased(moved, known, spans=spans, ease=ease)
        bent = two_bone(arm.shoulder, arm.elbow, arm.wrist, target=target, bends=arm.bends)
        out[name] = HeldArm(target, bent, tuple(holds))
    return out


def _resting(places: Array, spans: Sequence[Span], fps: float) -> Array:
    """How surely (N,) a point at places (N, 3) rests, by its speed."""
    out = np.ones(len(places))
    for first, last in spans:
        if last > first:
            speed = np.linalg.norm(np.gradient(places[first : last + 1], 1.0 / fps, axis=0), axis=-1)
            out[first : last + 1] = np.clip(2.0 - speed / _SPEED, 0.0, 1.0)
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""How the pelvis goes along with feet that are held, so that it is not the knees that make up for everything.

Three movements, one upon the other: with the feet that stand, by as much as they were
corrected; down, where a leg would not reach; and a millimetre here and there against the
shaking of the knees. A source shakes as a whole, and its feet with it; once they are held,
a leg that is almost straight turns each millimetre between hip and foot into degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import contact_spans as runs
from . import ik
from .contact_spans import Span

Array = NDArray[np.float64]

# How much the pelvis moves for calmer knees: 3.5 radians at the knee weigh as much as the pelvis
# a whole leg away, that is, a degree as much as 4.5 mm of a 0.9 m leg.
_STIFF = 3.5
_SHAKE = np.radians(1.5)  # what is more is a movement, and is not the pelvis's to jump for
_STRAIGHT = 0.05  # sine of the bend below which a knee is taken as this much bent: there it has no derivative


@dataclass(frozen=True, eq=False)
class Support:
    """One leg as it was posed, and where its foot is to be. N frames, metres, the scene's world."""

    hip: Array  # (N, 3)
    knee: Array  # (N, 3)
    ankle: Array  # (N, 3)
    target: Array  # (N, 3) the ankle with its foot held
    weight: Array  # (N,) 1 where the foot stands, 0 where it is free


def pelvis_shift(
    legs: Sequence[Support], *, spans: Sequence[Span], follow: int, sink: int, calm: int
) -> Array:
    """How far the pelvis moves (N, 3). In frames: averaged over `follow`, `sink` and `calm` to each side."""
    weights = np.stack([leg.weight for leg in legs])  # (L, N)
    moved = np.stack([leg.target - leg.ankle for leg in legs])
    shift = (weights[..., None] * moved).sum(axis=0) / np.maximum(weights.sum(axis=0), 1.0)[:, None]
    shift = runs.smoothed(shift, spans=spans, radius=follow)
    shift[:, 2] -= runs.envelope(_too_high(legs, shift), spans=spans, radius=sink)
    for _ in range(2):  # Gauss-Newton steps: the knee's angle is not linear in the pelvis
        shift = shift + _against_shakes(legs, shift, spans, calm)
    return np.asarray(shift)


def _too_high(legs: Sequence[Support], shift: Array) -> Array:
    """How far (N,) the pelvis is above where every standing leg reaches its foot."""
    need = np.zeros(len(shift))
    for leg in legs:
        a, b = _distance(leg.hip, leg.knee), _distance(leg.knee, leg.ankle)
        far = ik.free_reach(a=a, b=b, posed=_distance(leg.hip, leg.ankle))
        apart = leg.hip + shift - leg.target
        highest = np.sqrt(np.maximum(far**2 - (apart[:, :2] ** 2).sum(axis=-1), 0.0))
        need = np.maximum(need, leg.weight * np.maximum(apart[:, 2] - highest, 0.0))
    return need


def _against_shakes(legs: Sequence[Support], shift: Array, spans: Sequence[Span], calm: int) -> Array:
    """The small movements (N, 3) that take the shaking out of what the knees of standing legs do more."""
    normal = np.zeros((len(shift), 3, 3))
    right = np.zeros((len(shift), 3))
    for leg in legs:
        a, b = _distance(leg.hip, leg.knee), _distance(leg.knee, leg.ankle)
        chord = leg.hip + shift - leg.target
        length = np.linalg.norm(chord, axis=-1)
        bend = _bend(a, b, length)
        more = (bend - _bend(a, b, _distance(leg.hip, leg.ankle)))[:, None]
        shake = (more - runs.smoothed(more, spans=spans, radius=calm))[:, 0]
        shake = np.clip(shake, -_SHAKE, _SHAKE)
        slope = -chord / (a * b * np.maximum(np.sin(bend), _STRAIGHT))[:, None]
        normal += leg.weight[:, None, None] * slope[:, :, None] * slope[:, None, :]
        normal += (0.5 * (_STIFF / (a + b)) ** 2)[:, None, None] * np.eye(3)
        right -= (leg.weight * shake)[:, None] * slope
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0])


def _distance(a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.norm(a - b, axis=-1))


def _bend(a: Array, b: Array, length: Array) -> Array:
    """How far (N,) a limb of bones a and b is bent, from the distance of its ends; 0 is straight."""
    return np.asarray(np.arccos(np.clip((length**2 - a**2 - b**2) / (2.0 * a * b), -1.0, 1.0)))

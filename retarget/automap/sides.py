# SPDX-License-Identifier: GPL-3.0-or-later
"""Which side of a body is its left: decided by where it faces.

Toes point forwards, faces lie in front of heads, thumbs lie in front of hands, knees bend
forwards and elbows backwards. Each of them has a vote, as strong as it is plain to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tree import Tree

Array = NDArray[np.float64]

SURE = 0.35  # of all votes: below, names may decide


@dataclass(frozen=True)
class Landmarks:
    """Bones that tell where a body faces; the first of a pair are all on one side of it."""

    thighs: tuple[int, int]
    shanks: tuple[int, int]
    feet: tuple[int, int]
    toes: tuple[int | None, int | None]
    shoulders: tuple[int, int]
    elbows: tuple[int, int]
    hands: tuple[int, int]
    thumbs: tuple[Sequence[int], Sequence[int]]
    head: int | None


def first_is_left(tree: Tree, marks: Landmarks) -> tuple[bool, float]:
    """Whether the first bones of the pairs are the body's left ones, and how sure that is, 0 to 1."""
    h = tree.heads
    across = _unit(h[marks.thighs[0]] - h[marks.thighs[1]])
    across = _unit(across + _unit(h[marks.shoulders[0]] - h[marks.shoulders[1]]))
    up = h[list(marks.shoulders)].mean(axis=0) - h[list(marks.thighs)].mean(axis=0)
    up = _unit(up - (up @ across) * across)
    # If the first is the left one, the body faces this way (Blender's: left +X, up +Z, front -Y).
    front = np.cross(across, up)
    leg = float(np.linalg.norm(h[marks.feet[0]] - h[marks.thighs[0]])) or 1e-9
    votes = [
        *_feet(tree, marks, front, leg),
        *_bends(tree, marks, front),
        *_thumbs(tree, marks, front),
        *_face(tree, marks, front, leg),
    ]
    total = sum(abs(weight) * most for weight, most in votes)
    if total <= 0.0:
        return True, 0.0
    balance = sum(weight * most for weight, most in votes)
    return balance >= 0.0, min(1.0, abs(balance) / max(total, 1.0))


def _unit(vector: Array) -> Array:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))


def _feet(tree: Tree, marks: Landmarks, front: Array, leg: float) -> list[tuple[float, float]]:
    """(vote from -1 to 1, its weight) of each foot."""
    out = []
    for foot, toes in zip(marks.feet, marks.toes, strict=True):
        ends = [toes] if toes is not None else list(tree.below(foot))
        if ends:
            steps = np.array([tree.heads[end] - tree.heads[foot] for end in ends])
            step = steps[np.argmax(np.linalg.norm(steps, axis=1))]
            out.append((_clear(float(step @ front) / leg, 0.05), 2.0))
        else:
            # A foot bone's tail says something only where it does not just go on along the shank.
            step = _unit(tree.tails[foot] - tree.heads[foot])
            out.append((_clear(float(step @ front), 0.5), 0.7))
    return out


def _bends(tree: Tree, marks: Landmarks, front: Array) -> list[tuple[float, float]]:
    out = []
    for joints, way in (
        *((limb, 1.0) for limb in zip(marks.thighs, marks.shanks, marks.feet, strict=True)),
        *((limb, -1.0) for limb in zip(marks.shoulders, marks.elbows, marks.hands, strict=True)),
    ):
        first, middle, last = (tree.heads[bone] for bone in joints)
        line = last - first
        size = float(np.linalg.norm(line)) or 1e-9
        off = middle - first - ((middle - first) @ line) / size**2 * line
        out.append((_clear(way * float(off @ front) / size, 0.06), 0.6))
    return out


def _thumbs(tree: Tree, marks: Landmarks, front: Array) -> list[tuple[float, float]]:
    out = []
    for elbow, hand, thumb in zip(marks.elbows, marks.hands, marks.thumbs, strict=True):
        if thumb:
            along = _unit(tree.heads[hand] - tree.heads[elbow])
            step = tree.heads[thumb[-1]] - tree.heads[hand]
            step = step - (step @ along) * along
            out.append((_clear(float(_unit(step) @ front), 0.5), 0.8))
    return out


def _face(tree: Tree, marks: Landmarks, front: Array, leg: float) -> list[tuple[float, float]]:
    if marks.head is None:
        return []
    below = list(tree.below(marks.head))
    if len(below) < 2:
        return []
    ahead = (tree.heads[below] - tree.heads[marks.head]) @ front
    return [(_clear(float(np.median(ahead)) / leg, 0.05), 1.0)]


def _clear(value: float, plain: float) -> float:
    """A vote: -1 to 1, full from `plain` on."""
    return float(np.clip(value / plain, -1.0, 1.0))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers by their shape: which chains of a hand are fingers, and which finger each is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .tree import Tree

Array = NDArray[np.float64]

IN_ORDER = {
    1: ("middle",),
    2: ("index", "pinky"),
    3: ("index", "middle", "pinky"),
    4: ("index", "middle", "ring", "pinky"),
}
METACARPAL = 0.3  # of the way to the tip: a chain that starts nearer to the wrist starts with a metacarpal
THUMB = 0.75  # of the other fingers' way to the wrist: the thumb starts nearer


def find_fingers(tree: Tree, hand: int) -> dict[str, tuple[int, ...]]:
    """`index`, `index_metacarpal` ... -> bones from root to tip. Chains of a single bone are left out."""
    wrist = tree.heads[hand]
    chains = [way[1:] for way in tree.ways(hand) if len(way) >= 3]
    far = max((_away(tree, chain[-1], wrist) for chain in chains), default=0.0)
    chains = [chain for chain in chains if _away(tree, chain[-1], wrist) > 0.4 * far]
    if far <= 0.0:
        return {}
    metacarpals: list[int | None] = []
    fingers: list[list[int]] = []
    for chain in chains:
        first = _away(tree, chain[0], wrist) / max(_away(tree, chain[-1], wrist), 1e-9)
        # A bone that carries two fingers lies in the palm, too.
        shared = sum(chain[0] in other for other in chains) > 1
        palm = len(chain) >= 3 and (first < METACARPAL or shared)
        metacarpals.append(chain[0] if palm else None)
        fingers.append((chain[1:] if palm else chain)[:3])
    thumb = _thumb(tree, wrist, fingers)
    rest = [k for k in range(len(fingers)) if k != thumb]
    if len(rest) not in IN_ORDER or (thumb is None and len(rest) > 1):
        return {}
    knuckles = np.array([tree.heads[fingers[k][0]] for k in rest])
    across = np.linalg.svd(knuckles - knuckles.mean(axis=0))[2][0]
    if thumb is not None and (tree.heads[fingers[thumb][0]] - knuckles.mean(axis=0)) @ across > 0.0:
        across = -across  # from the thumb's side to the other
    names = IN_ORDER[len(rest)]
    out: dict[str, tuple[int, ...]] = {}
    used: set[int] = set()
    for name, k in zip(names, (rest[i] for i in np.argsort(knuckles @ across)), strict=True):
        out[name] = tuple(fingers[k])
        palm = metacarpals[k]
        if palm is not None and palm not in used:
            out[f"{name}_metacarpal"] = (palm,)
            used.add(palm)
    if thumb is not None:
        out["thumb"] = tuple(fingers[thumb])
    return out


def _away(tree: Tree, bone: int, wrist: Array) -> float:
    return float(np.linalg.norm(tree.heads[bone] - wrist))


def _thumb(tree: Tree, wrist: Array, fingers: list[list[int]]) -> int | None:
    """The chain that starts much nearer to the wrist than the others, or None."""
    if len(fingers) < 2:
        return None
    starts = [_away(tree, finger[0], wrist) for finger in fingers]
    nearest = int(np.argmin(starts))
    others = [start for k, start in enumerate(starts) if k != nearest]
    return nearest if starts[nearest] < THUMB * float(np.median(others)) else None

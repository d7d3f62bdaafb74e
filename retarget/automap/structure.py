# SPDX-License-Identifier: GPL-3.0-or-later
"""A body found by its shape alone, whatever its bones are called.

Two pairs of chains that mirror each other are looked for, one pair legs, the other arms;
what lies between them is the spine, what goes on above the arms is neck and head. Which
of a pair is the left one is decided elsewhere (`sides`): here they are just two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .proportions import LONGEST_CHAIN, Fit, fit_arm, fit_leg
from .tree import Tree

Array = NDArray[np.float64]

SHORTEST_LIMB = 0.18  # of the rig's size: fingers and ears are no limbs
COSTLIEST = 40.0  # a body stranger than this is none
LEAST_STRAIGHT = 0.35  # of a limb's length along its bones: hair and ropes curl more
MOST_PAIRS = 40  # of chains that mirror each other, the longest ones
MOST_TRIED = 40  # of the ways to take them as legs and arms, the likeliest ones


@dataclass(frozen=True)
class Pair:
    """Two chains that hang on one bone and mirror each other."""

    on: int
    chains: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Limb:
    """One arm or leg."""

    chain: tuple[int, ...]
    joints: tuple[int, int, int]  # bones: hip, knee, ankle or shoulder, elbow, wrist

    @property
    def beyond(self) -> tuple[int, ...]:
        """Bones of the chain after the last joint."""
        return self.chain[self.chain.index(self.joints[2]) + 1 :]

    @property
    def before(self) -> tuple[int, ...]:
        """Bones of the chain before the first joint."""
        return self.chain[: self.chain.index(self.joints[0])]


@dataclass(frozen=True, eq=False)
class Body:
    """Bones by part; legs and arms in pairs whose first members are on one side of the body."""

    pelvis: int
    spine: tuple[int, ...]
    neck: tuple[int, ...]
    head: int | None
    legs: tuple[Limb, Limb]
    arms: tuple[Limb, Limb]
    up: Array  # (3,) from hips to shoulders, the scene's world
    cost: float  # 0 is a human as in the books


def find_body(tree: Tree) -> Body | None:
    """The body that is most like a human one, or None."""
    pairs = _pairs(tree)
    rough = [(_rough(tree, legs, arms), legs, arms) for legs in pairs for arms in pairs if legs is not arms]
    likely = sorted((one for one in rough if one[0] < np.inf), key=lambda one: one[0])[:MOST_TRIED]
    best: tuple[float, Pair, Pair, Fit, Fit, Array] | None = None
    for _, legs, arms in likely:
        found = _fits(tree, legs, arms)
        if found is not None and (best is None or found[0] < best[0]):
            best = (found[0], legs, arms, *found[1:])
    if best is None or best[0] > COSTLIEST:
        return None
    cost, legs, arms, leg_fit, arm_fit, up = best
    both_legs, both_arms = _limbs(legs, leg_fit), _limbs(arms, arm_fit)
    # The first leg and the first arm are to be on the same side.
    across_legs = tree.heads[both_legs[0].joints[0]] - tree.heads[both_legs[1].joints[0]]
    across_arms = tree.heads[both_arms[0].joints[0]] - tree.heads[both_arms[1].joints[0]]
    if across_legs @ across_arms < 0.0:
        both_arms = (both_arms[1], both_arms[0])
    return _with_trunk(tree, legs.on, arms.on, both_legs, both_arms, up, cost)


def _pairs(tree: Tree) -> list[Pair]:
    """Siblings with about the same chain, each long and straight enough for a limb; the longest ones."""
    found: list[tuple[float, Pair]] = []
    least = SHORTEST_LIMB * tree.size
    for bone, children in enumerate(tree.children):
        long = [c for c in children if tree.free[c] and tree.reach[c] >= least and tree.count[c] >= 3]
        ways = [tree.longest_way(c)[:LONGEST_CHAIN] for c in long]
        straight = [tree.length(way[0], way[-1]) for way in ways]
        kept = [k for k, c in enumerate(long) if straight[k] > LEAST_STRAIGHT * tree.reach[c]]
        for first, second in combinations(kept, 2):
            count = min(len(ways[first]), len(ways[second]))
            a, b = ways[first][:count], ways[second][:count]
            if count >= 3 and _mirrored(tree, bone, a, b):
                found.append((straight[first] + straight[second], Pair(bone, (tuple(a), tuple(b)))))
    return [pair for _, pair in sorted(found, key=lambda one: -one[0])[:MOST_PAIRS]]


def _mirrored(tree: Tree, bone: int, first: list[int], second: list[int]) -> bool:
    """Whether two chains have the same lengths, and lie apart."""
    a, b = (np.diff(tree.heads[[bone, *chain]], axis=0) for chain in (first, second))
    sizes = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    whole = float(sizes[0].sum() + sizes[1].sum())
    if whole <= 0.0 or float(np.abs(sizes[0] - sizes[1]).sum()) > 0.15 * whole:
        return False
    apart = float(np.linalg.norm(tree.heads[first[-1]] - tree.heads[second[-1]]))
    return apart > 0.05 * whole


def _rough(tree: Tree, legs: Pair, arms: Pair) -> float:
    """A quick guess of what `_fits` finds, to order what it tries; infinite if it cannot be a body."""
    leg_bones, arm_bones = ({bone for chain in pair.chains for bone in chain} for pair in (legs, arms))
    if leg_bones & arm_bones or legs.on in arm_bones or arms.on in leg_bones:
        return float("inf")
    starts, ends = (tree.heads[[chain[place] for chain in (*legs.chains, *arms.chains)]] for place in (0, -1))
    trunk = 0.5 * (starts[2] + starts[3] - starts[0] - starts[1])
    height = float(np.linalg.norm(trunk))
    leg, arm = float(np.linalg.norm(ends[0] - starts[0])), float(np.linalg.norm(ends[2] - starts[2]))
    if min(height, leg, arm) < 1e-6 or tree.common(legs.on, arms.on) is None:
        return float("inf")
    down = float((ends[0] - starts[0]) @ trunk) / (leg * height)
    across = [ends[k] - ends[k + 1] for k in (0, 2)]
    width = float(np.linalg.norm(across[0]) * np.linalg.norm(across[1]))
    aligned = abs(float(across[0] @ across[1])) / width if width > 0.0 else 0.0
    return float(
        abs(np.log(arm / leg / 0.8))
        + abs(np.log(height / leg / 0.56))
        + 3.0 * (1.0 + down)
        + 3.0 * (1.0 - aligned)
    )


def _fits(tree: Tree, legs: Pair, arms: Pair) -> tuple[float, Fit, Fit, Array] | None:
    """How human two pairs are as legs and arms: cost, joints and the direction up. None if they cannot be."""
    points = [tree.heads[list(chain)] for chain in (*legs.chains, *arms.chains)]
    # A first idea of up, to find the joints by; then from the joints themselves.
    low, high = points[0][0] + points[1][0], points[2][0] + points[3][0]
    up = 0.5 * (high - low)
    if np.linalg.norm(up) < 1e-6:
        return None
    forks = [tuple(_forks(tree, bone) for bone in chain) for chain in arms.chains]
    leg = _surer(fit_leg(points[0], points[1], up), fit_leg(points[1], points[0], up))
    arm = _surer(fit_arm(points[2], points[3], forks[0]), fit_arm(points[3], points[2], forks[1]))
    if leg is None or arm is None:
        return None
    joints = [chain[list(fit.joints)] for chain, fit in zip(points, (leg, leg, arm, arm), strict=True)]
    trunk = 0.5 * (joints[2][0] + joints[3][0] - joints[0][0] - joints[1][0])
    height = float(np.linalg.norm(trunk))
    sizes = [float(np.linalg.norm(np.diff(limb, axis=0), axis=1).sum()) for limb in (joints[0], joints[2])]
    if min(*sizes, height) < 1e-6:
        return None
    up = trunk / height
    cost = leg.cost + arm.cost
    cost += (np.log(sizes[1] / sizes[0] / 0.62) / 0.3) ** 2 + (np.log(height / sizes[0] / 0.56) / 0.35) ** 2
    cost += 10.0 * max(0.0, 1.0 + 2.0 * float((joints[0][2] - joints[0][0]) @ up) / sizes[0])
    cost += 3.0 * (1.0 - float(up @ (0.0, 0.0, 1.0)))  # characters stand, mostly
    # Legs reach the ground: skirts and hands do not.
    ground = float((tree.heads @ up).min())
    lift = float(joints[0][2] @ up) - ground
    cost += (max(0.0, lift / (lift + sizes[0]) - 0.15) / 0.12) ** 2
    # Both pairs lie across the same plane.
    across = [joints[k][2] - joints[k + 1][2] for k in (0, 2)]
    width = float(np.linalg.norm(across[0]) * np.linalg.norm(across[1]))
    cost += 10.0 * (1.0 - abs(float(across[0] @ across[1])) / width) if width > 0.0 else 10.0
    return float(cost), leg, arm, up


def _surer(first: Fit | None, second: Fit | None) -> Fit | None:
    """One fit for both limbs of a pair."""
    return min((fit for fit in (first, second) if fit is not None), key=lambda fit: fit.cost, default=None)


def _forks(tree: Tree, bone: int) -> bool:
    """Whether at least two chains of fingers part below a bone, near each other."""
    return sum(1 for child in tree.children[bone] if tree.count[child] >= 2) >= 2


def _limbs(pair: Pair, fit: Fit) -> tuple[Limb, Limb]:
    hip, knee, ankle = fit.joints
    first, second = (Limb(chain, (chain[hip], chain[knee], chain[ankle])) for chain in pair.chains)
    return first, second


def _with_trunk(
    tree: Tree, low: int, high: int, legs: tuple[Limb, Limb], arms: tuple[Limb, Limb], up: Array, cost: float
) -> Body | None:
    pelvis = tree.common(low, high)
    if pelvis is None:
        return None
    hips = tree.heads[[limb.joints[0] for limb in legs]].mean(axis=0)
    shoulders = tree.heads[[limb.joints[0] for limb in arms]].mean(axis=0)
    trunk = float((shoulders - hips) @ up)

    def height(bone: int) -> float:
        """Above the shoulders, as a share of the trunk."""
        return float((tree.heads[bone] - shoulders) @ up) / trunk

    spine = tree.path(pelvis, high) if high != pelvis else []
    neck: list[int] = []
    if spine and height(spine[-1]) > 0.12:  # the arms hang on the neck, as in Biped
        neck = [spine.pop()]
    if pelvis == low and spine and tree.parents_alone(pelvis, hips, 0.25 * trunk):
        # The legs hang on the first bone of the spine; the hips bone is above it.
        spine.insert(0, pelvis)
        pelvis = tree.rig.parents[pelvis]
    taken = {limb.chain[0] for limb in (*legs, *arms)}
    way = _upwards(tree, neck[-1] if neck else high, taken, up)
    head = _head(tree, way, height) if way else None
    while way and head != way[0] and height(way[0]) < 0.08:
        spine.append(way.pop(0))  # the arms hang on a bone below the chest's last one
    if head is not None:
        neck += way[: way.index(head)]
    return Body(pelvis, tuple(spine), tuple(neck), head, legs, arms, up, cost)


def _upwards(tree: Tree, start: int, taken: set[int], up: Array) -> list[int]:
    """The bones that lead from `start` up to the head, over the middle of the body."""
    way: list[int] = []
    here = start
    while True:
        rising = [
            child
            for child in tree.children[here]
            if child not in taken and _goes_up(tree, here, child, up, way)
        ]
        if not rising:
            return way
        here = max(rising, key=lambda child: (tree.count[child], float(tree.heads[child] @ up)))
        way.append(here)


def _goes_up(tree: Tree, here: int, child: int, up: Array, way: list[int]) -> bool:
    step = tree.heads[child] - tree.heads[here]
    size = float(np.linalg.norm(step))
    if size < 1e-6:
        return not way and bool(tree.children[child])
    return float(step @ up) >= 0.55 * size


def _head(tree: Tree, way: list[int], height: Callable[[int], float]) -> int:
    """Which of the bones above the arms is the head. height: above the shoulders, as a share of the trunk."""
    for bone in way[1:] if len(way) > 1 and height(way[0]) < 0.3 else way:
        if len(tree.children[bone]) > 1:  # a face
            return bone
    return min(way, key=lambda bone: abs(height(bone) - 0.42))

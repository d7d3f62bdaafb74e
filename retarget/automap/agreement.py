# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a choice of bones can be a body at all, and which way round its sides are."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from ..bone_map import SIDES
from .sides import SURE, Landmarks, first_is_left
from .tree import Tree

Roles = dict[str, tuple[int, ...]]

LIMBS = (("upper_arm", "forearm", "hand"), ("thigh", "shank", "foot"))
SHORTEST = 0.01  # of the rig's size: less than this is no segment of a limb


def faults(tree: Tree, roles: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What speaks against a choice, each a sentence without the rig's name; empty if it can be a body."""
    found = []
    for side in SIDES:
        for parts in LIMBS:
            chain = [
                (f"{side}_{part}", roles[f"{side}_{part}"][0]) for part in parts if f"{side}_{part}" in roles
            ]
            for (upper, first), (lower, second) in pairwise(chain):
                names = f"{upper} {_name(tree, first)!r} and {lower} {_name(tree, second)!r}"
                if not tree.rig.is_below(second, first):
                    found.append(f"{names} do not hang on each other")
                elif tree.length(first, second) < SHORTEST * tree.size:
                    found.append(f"{names} are in one place: the segment has no length")
    for part in ("thigh", "upper_arm"):
        pair = [roles[f"{side}_{part}"][0] for side in SIDES if f"{side}_{part}" in roles]
        if len(pair) == 2 and tree.length(*pair) < SHORTEST * tree.size:
            found.append(f"both sides' {part} ({', '.join(_name(tree, k) for k in pair)}) are in one place")
    return found


def _name(tree: Tree, bone: int) -> str:
    return tree.rig.bones[bone].name


def left_is_left(tree: Tree, roles: Mapping[str, tuple[int, ...]]) -> bool | None:
    """Whether what is called left is the body's left; None if its shape does not tell."""
    needed = [f"{side}_{part}" for parts in LIMBS for part in parts for side in SIDES]
    if any(role not in roles for role in needed):
        return None

    def both(part: str) -> tuple[int, int]:
        return roles[f"left_{part}"][0], roles[f"right_{part}"][0]

    toes = [roles.get(f"{side}_toes", (None,))[0] for side in SIDES]
    thumbs = [roles.get(f"{side}_thumb", ()) for side in SIDES]
    marks = Landmarks(
        thighs=both("thigh"), shanks=both("shank"), feet=both("foot"), toes=(toes[0], toes[1]),
        shoulders=both("upper_arm"), elbows=both("forearm"), hands=both("hand"),
        thumbs=(thumbs[0], thumbs[1]), head=roles.get("head", (None,))[0],
    )  # fmt: skip
    left, sure = first_is_left(tree, marks)
    return left if sure >= SURE else None


def arms_on_the_legs_sides(tree: Tree, roles: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the left arm is on the side of the left leg."""
    across = []
    for part in ("thigh", "upper_arm"):
        if any(f"{side}_{part}" not in roles for side in SIDES):
            return True
        left, right = (tree.heads[roles[f"{side}_{part}"][0]] for side in SIDES)
        across.append(left - right)
    return bool(np.dot(across[0], across[1]) >= 0.0)


def swapped(role: str) -> str:
    """The same role on the other side."""
    side, _, part = role.partition("_")
    return f"{SIDES[1 - SIDES.index(side)]}_{part}" if side in SIDES else role

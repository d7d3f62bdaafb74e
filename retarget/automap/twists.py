# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones: what lies along a limb's segment between its two joints, in the limb's line or beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..bone_map import LONGEST, SEGMENTS, SIDES
from .names import Said
from .tree import Tree

OFF_THE_LINE = 0.06  # of the segment's length
ENDS = (0.03, 0.97)  # along the segment: at its ends a bone belongs to a joint, unless its name says twist


def find_twists(
    tree: Tree, roles: Mapping[str, tuple[int, ...]], said: Sequence[Said]
) -> dict[str, tuple[int, ...]]:
    """Twist role -> bones from root to tip, for the segments of `roles`; bones in use are left out."""
    used = {bone for bones in roles.values() for bone in bones}
    out: dict[str, tuple[int, ...]] = {}
    for side in SIDES:
        for upper, lower in SEGMENTS:
            first, second = roles.get(f"{side}_{upper}"), roles.get(f"{side}_{lower}")
            if first and second:
                found = _along(tree, first[0], second[0], used, said)
                if found:
                    role = f"{side}_{upper}_twist"
                    out[role] = found[: LONGEST[role]]
    return out


def _along(tree: Tree, first: int, second: int, used: set[int], said: Sequence[Said]) -> tuple[int, ...]:
    start, line = tree.heads[first], tree.heads[second] - tree.heads[first]
    size = float(np.linalg.norm(line))
    if size < 1e-6:
        return ()
    inside = set(tree.path(first, second)[:-1])
    beyond = {second, *tree.below(second)}
    places: dict[int, float] = {}
    for bone in tree.below(first):
        if bone in used or bone in beyond or not tree.free[bone] or not tree.rig.bones[bone].deform:
            continue
        step = tree.heads[bone] - start
        along = float(step @ line) / size**2
        off = float(np.linalg.norm(step - along * line)) / size
        if said[bone].ignored or off > OFF_THE_LINE or not -0.02 < along < ENDS[1]:
            continue
        if bone in inside or said[bone].twist or (along > ENDS[0] and tree.count[bone] <= 2):
            places[bone] = along
    return tuple(sorted(places, key=lambda bone: places[bone]))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the source's joints a bone follows, when a chain has another number of bones.

As many bones as joints: one to one. Otherwise the turn is spread: every joint of a chain
answers for the length around it, and a bone's turn is the source's at the same share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX
from .bone_map import FINGERS, JOINTS, SIDES, TWISTED, BoneMap
from .rig import Rig

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Follow:
    """A bone turns as the source between two joints: weight 0 as the first, 1 as the second."""

    role: str
    first: int
    second: int
    weight: float


def follows(rig: Rig, bone_map: BoneMap, rest_joints: Array) -> dict[str, Follow]:
    """For every mapped bone but root, twist bones and metacarpals: what it follows."""
    out: dict[str, Follow] = {}
    spread = {"spine", "neck", *(f"{side}_{finger}" for side in SIDES for finger in FINGERS)}
    still = {f"{side}_{finger}_metacarpal" for side in SIDES for finger in FINGERS}
    twists = {f"{side}_{part}_twist" for side in SIDES for part in TWISTED}
    for role, bones in bone_map.roles.items():
        if role == "root" or role in still or role in twists:
            continue
        if role in spread and len(bones) != len(JOINTS[role]):
            out |= _spread(role, rig, bone_map, rest_joints)
        else:
            out |= {
                bone: Follow(role, joint, joint, 0.0)
                for bone, joint in zip(bones, JOINTS[role], strict=False)
            }
    return out


def _spread(role: str, rig: Rig, bone_map: BoneMap, rest_joints: Array) -> dict[str, Follow]:
    bones, joints = bone_map[role], JOINTS[role]
    if role == "spine":
        base, before, end, next_role = INDEX["pelvis"], "pelvis", INDEX["neck"], "neck"
    elif role == "neck":
        # The head is the last of this chain: a long neck shares the head's turn as well.
        base, before, end, next_role = INDEX["spine3"], "spine", INDEX["head"], "head"
    else:
        side = role.split("_")[0]
        base, before, end, next_role = INDEX[f"{side}_wrist"], f"{side}_hand", joints[-1], ""
        if len(bones) == 1:
            # All the turns of a closed fist in one bone would go through the palm: its middle stands for all.
            return {bones[0]: Follow(role, joints[1], joints[1], 0.0)}
    mine = [rig.heads[rig.index(bone)] for bone in bones]
    theirs = [rest_joints[joint] for joint in joints]
    last = rig.index(bones[-1])
    following = bone_map.first(next_role) if next_role else None
    tip = rig.heads[rig.index(following)] if following else rig.bones[last].tail
    start = bone_map[before][-1] if bone_map[before] else None
    root = rig.heads[rig.index(start)] if start else mine[0]
    if role == "neck":
        joints = (*joints, INDEX["head"])
        theirs = [*theirs, rest_joints[INDEX["head"]]]
        if following:
            mine = [*mine, tip]
            tip = 2.0 * tip - mine[-2]
    elif not next_role:  # fingers: from their root, the palm does not bend; the tip goes on as before
        root = mine[0]
        tip = mine[-1] + (mine[-1] - mine[-2])
    far = theirs[-1] + (theirs[-1] - theirs[-2]) if end == joints[-1] else rest_joints[end]
    begin = theirs[0] if not next_role else rest_joints[base]
    knots = np.concatenate([[0.0], _shares([begin, *theirs, far])])
    around = (base, *joints)
    out = {}
    for bone, share in zip(bones, _shares([root, *mine, tip]), strict=False):
        upper = int(np.clip(np.searchsorted(knots, share), 1, len(knots) - 1))
        weight = (share - knots[upper - 1]) / max(knots[upper] - knots[upper - 1], 1e-9)
        out[bone] = Follow(role, around[upper - 1], around[upper], float(np.clip(weight, 0.0, 1.0)))
    return out


def _shares(points: list[Array]) -> Array:
    """For the joints points[1:-1]: how much of the chain's turn is done after each, the last one 1.

    A joint answers for half the length to its neighbour on either side.
    """
    lengths = np.linalg.norm(np.diff(np.array(points), axis=0), axis=1)
    own = 0.5 * (lengths[:-1] + lengths[1:])
    if own.sum() <= 0.0:
        own = np.ones(len(own))
    return np.asarray(np.cumsum(own) / own.sum())

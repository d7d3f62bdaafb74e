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
    mine = [rig.heads[rig.index(bone)] for bone in bones]
    if role == "spine":
        base, ends = INDEX["pelvis"], rest_joints[INDEX["neck"]]
        neck = bone_map.first("neck") or bone_map.first("head")
        tip = rig.heads[rig.index(neck)] if neck else rig.bones[rig.index(bones[-1])].tail
    elif role == "neck":
        # The head is the last of this chain: a long neck shares the head's turn as well.
        base, joints = INDEX["spine3"], (*joints, INDEX["head"])
        ends = None
        head = bone_map.first("head")
        if head is not None:
            mine.append(rig.heads[rig.index(head)])
        tip = _as_before(mine)
    else:
        base, ends = INDEX[f"{role.split('_')[0]}_wrist"], None
        if len(bones) == 1:
            # All the turns of a closed fist in one bone would go through the palm: its middle stands for all.
            return {bones[0]: Follow(role, joints[1], joints[1], 0.0)}
        tip = _as_before(mine)
    theirs = [rest_joints[joint] for joint in joints]
    knots = np.concatenate([[0.0], _shares([*theirs, _as_before(theirs) if ends is None else ends])])
    around = (base, *joints)
    out = {}
    for bone, share in zip(bones, _shares([*mine, tip]), strict=False):
        upper = int(np.clip(np.searchsorted(knots, share), 1, len(knots) - 1))
        weight = (share - knots[upper - 1]) / max(knots[upper] - knots[upper - 1], 1e-9)
        out[bone] = Follow(role, around[upper - 1], around[upper], float(np.clip(weight, 0.0, 1.0)))
    return out


def _as_before(points: list[Array]) -> Array:
    """Where a chain ends that goes on as its last bone does."""
    return np.asarray(2.0 * points[-1] - points[-2] if len(points) > 1 else points[-1])


def _shares(points: list[Array]) -> Array:
    """For the joints points[:-1]: how much of the chain's turn is done after each, the last one 1.

    A joint answers for half the length to its neighbour on either side.
    """
    lengths = np.linalg.norm(np.diff(np.array(points), axis=0), axis=1)
    own = 0.5 * (lengths + np.concatenate([[0.0], lengths[:-1]]))
    if own.sum() <= 0.0:
        own = np.ones(len(own))
    return np.asarray(np.cumsum(own) / own.sum())

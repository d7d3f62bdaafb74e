# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of a body that was found by its shape (`structure`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..bone_map import SIDES
from .fingers import find_fingers
from .sides import Landmarks, first_is_left
from .structure import Body, Limb
from .tree import Tree

Array = NDArray[np.float64]
Roles = dict[str, tuple[int, ...]]


def landmarks(tree: Tree, body: Body) -> Landmarks:
    """What of the body tells where it faces."""
    pairs = [[limb.joints[k] for limb in limbs] for limbs in (body.legs, body.arms) for k in range(3)]
    thighs, shanks, feet, shoulders, elbows, hands = ((a, b) for a, b in pairs)
    fingers = [find_fingers(tree, hand) for hand in hands]
    return Landmarks(
        thighs=thighs, shanks=shanks, feet=feet, shoulders=shoulders, elbows=elbows, hands=hands,
        toes=(_toes(tree, body.legs[0]), _toes(tree, body.legs[1])),
        thumbs=(fingers[0].get("thumb", ()), fingers[1].get("thumb", ())), head=body.head,
    )  # fmt: skip


def roles_of(tree: Tree, body: Body) -> tuple[Roles, float]:
    """Role -> bones by position, from root to tip; and how sure left and right are, 0 to 1."""
    left, sure = first_is_left(tree, landmarks(tree, body))
    out: Roles = {"pelvis": (body.pelvis,), "spine": body.spine, "neck": body.neck}
    if body.head is not None:
        out["head"] = (body.head,)
    ground = root_bone(tree, body.pelvis, [limb.joints[2] for limb in body.legs], body.up)
    if ground is not None:
        out["root"] = (ground,)
    for side, k in zip(SIDES, (0, 1) if left else (1, 0), strict=True):
        out |= {f"{side}_{part}": bones for part, bones in _leg(tree, body.legs[k]).items()}
        out |= {f"{side}_{part}": bones for part, bones in _arm(tree, body.arms[k]).items()}
    return {role: bones for role, bones in out.items() if bones}, sure


def root_bone(tree: Tree, pelvis: int, feet: Sequence[int], up: Array) -> int | None:
    """The bone above the pelvis that lies on the ground, or None."""
    low = float((tree.heads[list(feet)] @ up).mean())
    high = float(tree.heads[pelvis] @ up)
    for bone in tree.ancestors(pelvis):
        if tree.free[bone] and float(tree.heads[bone] @ up) - low < 0.15 * (high - low):
            return bone
    return None


def _leg(tree: Tree, limb: Limb) -> Roles:
    out = _joints(limb, ("thigh", "shank", "foot"))
    toes = _toes(tree, limb)
    if toes is not None:
        out["toes"] = (toes,)
    return out


def _toes(tree: Tree, limb: Limb) -> int | None:
    """The one bone of all toes; None without one, or where each toe has its own from the foot on."""
    foot = limb.joints[2]
    whole = tree.length(limb.joints[0], limb.joints[1]) + tree.length(limb.joints[1], foot)
    for above, bone in zip((foot, *limb.beyond), limb.beyond, strict=False):
        beside = [c for c in tree.children[above] if tree.length(c, bone) < 0.1 * whole]
        if len(beside) > 2:
            return None
        # The ball is about half as far as the toes' tips; bones of the instep lie nearer.
        if tree.length(foot, bone) > 0.11 * whole:
            end = float(np.linalg.norm(tree.heads[bone] - tree.heads[foot]))
            last = not tree.children[bone] and bone != limb.beyond[0]
            return None if last and end > 0.3 * whole else bone
    return None


def _arm(tree: Tree, limb: Limb) -> Roles:
    out = _joints(limb, ("upper_arm", "forearm", "hand"))
    if limb.before:
        out["collar"] = (limb.before[0],)
    return out | find_fingers(tree, limb.joints[2])


def _joints(limb: Limb, names: tuple[str, str, str]) -> Roles:
    return {name: (bone,) for name, bone in zip(names, limb.joints, strict=True)}

# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a body that an animator names, and their joints."""

from __future__ import annotations

from collections.abc import Iterable

from ..inference.errors import SequenceError
from ..inference.skeleton import INDEX, JOINT_COUNT, LEFT_HAND, PARENTS, RIGHT_HAND

_LIMBS = {
    "arm": ("collar", "shoulder", "elbow", "wrist"),
    "leg": ("hip", "knee", "ankle", "foot"),
}


def _limb(kind: str, side: str) -> tuple[int, ...]:
    return tuple(INDEX[f"{side}_{name}"] for name in _LIMBS[kind])


def _hand(side: str) -> tuple[int, ...]:
    return tuple(range(JOINT_COUNT)[LEFT_HAND if side == "left" else RIGHT_HAND])


PARTS: dict[str, tuple[int, ...]] = {
    "root": (0,),  # and where it is in the room
    "trunk": (INDEX["spine1"], INDEX["spine2"], INDEX["spine3"]),
    "head": (INDEX["neck"], INDEX["head"]),
    "face": (INDEX["jaw"], INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]),  # and the face's shapes
    "left_arm": _limb("arm", "left"),
    "right_arm": _limb("arm", "right"),
    "left_hand": _hand("left"),
    "right_hand": _hand("right"),
    "left_leg": _limb("leg", "left"),
    "right_leg": _limb("leg", "right"),
}
"""Every joint is in exactly one part."""

GROUPS: dict[str, tuple[str, ...]] = {
    "all": tuple(PARTS),
    "arms": ("left_arm", "right_arm"),
    "hands": ("left_hand", "right_hand"),
    "legs": ("left_leg", "right_leg"),
    **{name: (name,) for name in PARTS},
}
"""What can be chosen: a part, or several of them under one name."""


def joints_of(group: str) -> tuple[int, ...]:
    """The joints of a part or a group, increasing. SequenceError for a name that is none."""
    if group not in GROUPS:
        raise SequenceError(f"part: expected one of {', '.join(GROUPS)}, got {group!r}")
    return tuple(sorted(joint for part in GROUPS[group] for joint in PARTS[part]))


def has(group: str, part: str) -> bool:
    """Whether a group contains a part."""
    return part in GROUPS[group]


def carried_by(joints: Iterable[int]) -> tuple[int, ...]:
    """Every joint that changes its place when these joints turn: those that hang on them."""
    moving = set(joints)
    out = []
    for joint in range(1, JOINT_COUNT):
        if PARENTS[joint] in moving:
            moving.add(joint)
            out.append(joint)
    return tuple(out)

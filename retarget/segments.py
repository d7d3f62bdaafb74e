# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a posed rig points away from its source, limb by limb, by the places of joints alone.

Nothing of the transfer's own alignment is used, so that it can be judged: a limb's direction
is the line between two joints, in the source and in the rig.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX
from .bone_map import FINGERS, SIDES, BoneMap
from .motion import Motion
from .rig import Rig
from .solve import Solved

Array = NDArray[np.float64]

# Role, the roles one of which its limb ends in, and the source's joints at both ends.
_LIMBS = (
    ("upper_arm", ("forearm",), "shoulder", "elbow"),
    ("forearm", ("hand",), "elbow", "wrist"),
    ("thigh", ("shank",), "hip", "knee"),
    ("shank", ("foot",), "knee", "ankle"),
)
_UP = np.array([0.0, 0.0, 1.0])
_FLAT = np.array([1.0, 1.0, 0.0])


def direction_errors(solved: Solved, motion: Motion, *, fingers: bool = True) -> dict[str, Array]:
    """Angle (N,) in degrees between each mapped limb of the rig and the source's, in the world.

    Fingers as `left_index`, `left_index.2`; `left_palm` is the way the palm faces, `left_foot` where
    the foot points and `left_sole` how its sole lies, both beyond rest; `chest` and `head` are turns
    beyond rest, since a character's trunk has its own posture.
    """
    return {name: angle(mine, theirs) for name, mine, theirs in _pairs(solved, motion, fingers)} | dict(
        _turns(solved, motion)
    )


def angle(a: Array, b: Array) -> Array:
    """Degrees (N,) between vectors (N, 3)."""
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(sine, np.sum(a * b, axis=-1))))


def _pairs(solved: Solved, motion: Motion, fingers: bool) -> Iterator[tuple[str, Array, Array]]:
    rig, bones = solved.plan.rig, solved.plan.bone_map
    for side in SIDES:
        for part, ends, start_joint, end_joint in _LIMBS:
            end = next((e for e in ends if f"{side}_{e}" in bones), None)
            if f"{side}_{part}" not in bones or end is None:
                continue
            mine = _line(solved, bones[f"{side}_{part}"][0], bones[f"{side}_{end}"][0])
            yield f"{side}_{part}", mine, _source(motion, f"{side}_{start_joint}", f"{side}_{end_joint}")
        yield from _hand(solved, motion, side, FINGERS if fingers else ())
        yield from _foot(solved, motion, side, rig, bones)


def _hand(
    solved: Solved, motion: Motion, side: str, fingers: tuple[str, ...]
) -> Iterator[tuple[str, Array, Array]]:
    bones = solved.plan.bone_map
    hand, wrist = bones.first(f"{side}_hand"), f"{side}_wrist"
    if hand is None:
        return
    roots = {finger: bones.first(f"{side}_{finger}") for finger in FINGERS}
    if roots["middle"] is not None:
        yield (
            f"{side}_hand", _line(solved, hand, roots["middle"]),
            _source(motion, wrist, f"{side}_middle1"),
        )  # fmt: skip
    across = [finger for finger in FINGERS[1:] if roots[finger] is not None]
    if len(across) > 1:
        first, last = across[0], across[-1]
        mine = np.cross(_line(solved, hand, str(roots[first])), _line(solved, hand, str(roots[last])))
        theirs = np.cross(
            _source(motion, wrist, f"{side}_{first}1"), _source(motion, wrist, f"{side}_{last}1")
        )
        yield f"{side}_palm", mine, theirs
    for finger in fingers:
        names = bones[f"{side}_{finger}"]
        if len(names) != 3:  # other numbers of bones share the joints' turns: no bone has a joint of its own
            continue
        for k in (1, 2):
            mine = _line(solved, names[k - 1], names[k])
            theirs = _source(motion, f"{side}_{finger}{k}", f"{side}_{finger}{k + 1}")
            yield f"{side}_{finger}" + (f".{k}" if k > 1 else ""), mine, theirs


def _foot(
    solved: Solved, motion: Motion, side: str, rig: Rig, bones: BoneMap
) -> Iterator[tuple[str, Array, Array]]:
    """A shoe's sole slopes as it likes: what counts is the foot as it would be flat on the floor."""
    foot, toes = bones.first(f"{side}_foot"), bones.first(f"{side}_toes")
    if foot is None:
        return
    turn = _world_turn(solved, foot)
    theirs = motion.rotations[:, INDEX[f"{side}_ankle"]]
    if toes is not None:
        rest = (rig.heads[rig.index(toes)] - rig.heads[rig.index(foot)]) @ solved.plan.body.axes * _FLAT
        source = motion.rest_joints[INDEX[f"{side}_foot"]] - motion.rest_joints[INDEX[f"{side}_ankle"]]
        if np.linalg.norm(rest) > 1e-6 / rig.scale:
            yield f"{side}_foot", turn @ rest, theirs @ (source * _FLAT)
    yield f"{side}_sole", turn @ _UP, theirs @ _UP


def _turns(solved: Solved, motion: Motion) -> Iterator[tuple[str, Array]]:
    bones = solved.plan.bone_map
    for name, role, joint in (("chest", "spine", "spine3"), ("head", "head", "head")):
        if role in bones:
            beyond = np.swapaxes(motion.rotations[:, INDEX[joint]], -1, -2) @ _world_turn(
                solved, bones[role][-1]
            )
            yield name, np.degrees(rotation_angle(beyond))


def rotation_angle(rotations: Array) -> Array:
    """Angle (...) of rotation matrices (..., 3, 3), radians; exact for small ones too."""
    m = rotations
    sine = np.stack(
        [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], axis=-1
    )
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    return np.asarray(np.arctan2(np.linalg.norm(sine, axis=-1), trace - 1.0))


def _world_turn(solved: Solved, bone: str) -> Array:
    rig = solved.plan.rig
    return np.asarray(rig.turn @ solved.posed.turn(rig.index(bone)) @ solved.plan.body.axes)


def _line(solved: Solved, start: str, end: str) -> Array:
    rig = solved.plan.rig
    heads = solved.posed.heads([rig.index(start), rig.index(end)])
    return np.asarray((heads[:, 1] - heads[:, 0]) @ rig.turn.T)


def _source(motion: Motion, start: str, end: str) -> Array:
    return np.asarray(motion.joints[:, INDEX[end]] - motion.joints[:, INDEX[start]])

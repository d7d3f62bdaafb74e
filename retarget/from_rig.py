# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig's motion as that of the 55 joints: `solve` the other way round.

It rests on the same plan, so that what was put on a rig comes back as it was. Where the rig has fewer
bones than there are joints, the turn is shared out among the joints; where it has none, the joint goes
along with its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..inference.sequence import SmplxSequence
from ..inference.skeleton import INDEX, JOINT_COUNT, PARENTS, rest_joints
from . import quaternions
from .axes import BLENDER_FROM_SMPLX, to_blender
from .bone_map import FINGERS, SIDES, BoneMap
from .chains import Follow
from .imported import locals_of, sequence_of
from .motion import Motion
from .posed import Posed
from .rig import Rig
from .root import hip_centre
from .solve import Plan, RetargetOptions, plan

Array = NDArray[np.float64]

_BLOCK = 2000  # frames at once
# Chains whose bones may be more or fewer than their joints, with the joint before them.
_CHAINS: dict[str, tuple[int, ...]] = {
    "spine": tuple(INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3")),
    "neck": tuple(INDEX[name] for name in ("spine3", "neck", "head")),
}
for _side, _finger in product(SIDES, FINGERS):
    _names = ("wrist", *(f"{_finger}{k}" for k in (1, 2, 3)))
    _CHAINS[f"{_side}_{_finger}"] = tuple(INDEX[f"{_side}_{name}"] for name in _names)


def joints_of(
    ready: Plan, turns: Mapping[str, Array], pelvis_heads: Array, rest: Array
) -> tuple[Array, Array]:
    """World rotations (N, 55, 3, 3) of the joints and places (N, 3) of the pelvis joint, Blender's world.

    turns: mapped bone -> its turn beyond rest (N, 3, 3); pelvis_heads (N, 3): where the head of the
    pelvis bone comes to; both in armature space. rest (55, 3): the rest joints that the plan was made
    with; the place is at their size, counted from the armature's origin.
    """
    rig, count = ready.rig, len(pelvis_heads)
    world = {
        name: rig.turn @ turns[_whole(ready, name)] @ ready.alignment.turns[name] for name in ready.follows
    }
    out = np.empty((count, JOINT_COUNT, 3, 3))
    known = _shared(ready.follows, world)
    for joint, parent in enumerate(PARENTS):
        if joint in known:
            before, after, weight = known[joint]
            first = out[:, before] if isinstance(before, int) else world[before]
            out[:, joint] = first if weight == 0.0 else _between(first, world[after], weight)
        else:
            out[:, joint] = out[:, parent] if parent >= 0 else rig.turn
    return out, _pelvis(ready, turns, pelvis_heads, out[:, 0], rest)


def _whole(ready: Plan, name: str) -> str:
    """The bone that carries all of a limb's turn: where twist bones stand in line, the last of them."""
    last = name
    for twist in ready.twists:
        if twist.limb == name and twist.outer == name and twist.share == 0.0:
            last = twist.bone
    taken_back = any(twist.bone == name and twist.share == -1.0 for twist in ready.twists)
    return last if taken_back else name


def _shared(
    follows: Mapping[str, Follow], world: Mapping[str, Array]
) -> dict[int, tuple[int | str, str, float]]:
    """For each joint that some bone tells of: from a joint or bone, to a bone, and how far."""
    known: dict[int, tuple[int | str, str, float]] = {
        follow.first: (name, name, 0.0)
        for name, follow in follows.items()
        if follow.weight == 0.0 and follow.first == follow.second
    }
    for role, chain in _CHAINS.items():
        # Places of the bones along the joints: 0 is the joint before the chain.
        places = sorted(
            (chain.index(follow.first) + follow.weight * (follow.first != follow.second), name)
            for name, follow in follows.items()
            if follow.role == role and follow.first in chain
        )
        if role == "neck" and places:
            places += [(2.0, name) for name, follow in follows.items() if follow.role == "head"]
        if not places:
            continue
        for at, joint in enumerate(chain[1:], start=1):
            if role == "neck" and joint == INDEX["head"] and joint in known:
                continue
            after = next(((place, name) for place, name in places if place >= at - 1e-9), None)
            before = [(place, name) for place, name in places if place < at - 1e-9]
            if after is None:
                # Past the last bone: on with it; a finger of one bone bends on as it began.
                place, name = before[-1]
                alone = len(places) == 1 and "_" in role and place > 0.0
                known[joint] = (chain[0], name, at / place) if alone else (name, name, 0.0)
            elif abs(after[0] - at) < 1e-9:
                known[joint] = (after[1], after[1], 0.0)
            else:
                start, first = before[-1] if before else (0.0, "")
                weight = (at - start) / (after[0] - start)
                known[joint] = (first or chain[0], after[1], float(weight))
    return known


def _between(first: Array, second: Array, weight: float) -> Array:
    a, b = quaternions.from_matrix(first), quaternions.from_matrix(second)
    return quaternions.to_matrix(quaternions.slerp(a, b, np.full(len(a), weight)))


def _pelvis(ready: Plan, turns: Mapping[str, Array], heads: Array, rotation: Array, rest: Array) -> Array:
    rig, body = ready.rig, ready.body
    bone = ready.bone_map["pelvis"][0]
    centre = hip_centre(rig, ready.bone_map) - rig.heads[rig.index(bone)]
    hips = (heads + turns[bone] @ centre) @ rig.turn.T
    ankle = body.units * float(np.mean([rest[INDEX[f"{side}_ankle"], 2] for side in SIDES]))
    hips[:, 2] -= body.floor + body.ankle - ankle
    middle = 0.5 * (rest[INDEX["left_hip"]] + rest[INDEX["right_hip"]]) - rest[0]
    return np.asarray(hips / body.units - rotation @ middle)


def motion_of(posed: Posed, ready: Plan, like: Motion) -> Motion:
    """What a posed rig does, as a Motion on the frames, contacts and rest skeleton of another.

    ready: the plan that the rig was posed with. For a round trip: solve onto a rig, read it back with
    this, solve that onto the first one.
    """
    rig = posed.rig
    names = [*ready.follows, *(twist.bone for twist in ready.twists)]
    turns = {name: posed.turn(rig.index(name)) for name in names}
    pelvis = rig.index(ready.bone_map["pelvis"][0])
    rotations, place = joints_of(ready, turns, posed.points(pelvis, rig.heads[pelvis]), like.rest_joints)
    joints = np.empty((len(rotations), JOINT_COUNT, 3))
    joints[:, 0] = place
    for joint, parent in enumerate(PARENTS[1:], start=1):
        offset = like.rest_joints[joint] - like.rest_joints[parent]
        joints[:, joint] = joints[:, parent] + rotations[:, parent] @ offset
    return Motion(like.frames, like.spans, like.fps, rotations, joints, like.rest_joints, like.contact)


def sequence_from(
    rig: Rig,
    bone_map: BoneMap,
    turns: Mapping[str, Array],
    pelvis_heads: Array,
    *,
    fps: float,
) -> tuple[SmplxSequence, tuple[str, ...]]:
    """A rig's motion, T frames evenly spaced, as a sequence, and what the animator should know.

    turns: bone -> turn beyond rest (T, 3, 3), of at least every mapped bone; pelvis_heads (T, 3); both in
    armature space. The rest skeleton has the rig's proportions. RigError if the map does not fit.
    """
    bone_map.check(rig)
    rest = proportions(rig, bone_map)
    standing = to_blender(rest)
    ready = plan(rig, bone_map, standing, RetargetOptions())
    names = [*ready.follows, *(twist.bone for twist in ready.twists)]
    count = len(pelvis_heads)
    poses, pelvis = np.empty((count, 3 * JOINT_COUNT), np.float32), np.empty((count, 3))
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        some = {name: turns[name][block] for name in names}
        world, place = joints_of(ready, some, pelvis_heads[block], standing)
        poses[block] = locals_of(BLENDER_FROM_SMPLX.T @ world @ BLENDER_FROM_SMPLX, PARENTS)
        pelvis[block] = place @ BLENDER_FROM_SMPLX
    notes = (*ready.body.notes, *ready.alignment.notes)
    return sequence_of(poses, pelvis, rest, fps=fps), notes


def proportions(rig: Rig, bone_map: BoneMap) -> Array:
    """The neutral rest joints (55, 3) with the lengths of a rig's limbs, trunk and shoulders, in metres.

    SMPL-X's axes, standing on y = 0. What the rig does not have keeps the proportion to its legs.
    """
    neutral = rest_joints()

    def head(role: str) -> Array | None:
        name = bone_map.first(role)
        return rig.heads[rig.index(name)] * rig.scale if name is not None else None

    def ratio(role: str, other: str, joint: str, child: str) -> float | None:
        a, b = head(role), head(other)
        if a is None or b is None or np.linalg.norm(b - a) < 1e-4:
            return None
        return float(np.linalg.norm(b - a) / np.linalg.norm(neutral[INDEX[child]] - neutral[INDEX[joint]]))

    def both(pairs: tuple[tuple[str, str, str, str], ...]) -> list[float]:
        found = [ratio(*(f"{side}_{name}" for name in pair)) for side in SIDES for pair in pairs]
        return [value for value in found if value is not None]

    legs = both((("thigh", "shank", "hip", "knee"), ("shank", "foot", "knee", "ankle")))
    trunk = ratio("pelvis", "neck", "pelvis", "neck") or ratio("pelvis", "head", "pelvis", "head")
    size = float(np.mean(legs)) if legs else trunk or 1.0
    scale = np.full(JOINT_COUNT, size)
    limbs = (
        ("thigh", "shank", "hip", "knee"), ("shank", "foot", "knee", "ankle"),
        ("foot", "toes", "ankle", "foot"), ("upper_arm", "forearm", "shoulder", "elbow"),
        ("forearm", "hand", "elbow", "wrist"),
    )  # fmt: skip
    for limb in limbs:
        lengths = both((limb,))
        if lengths:  # the same on both sides: a person is
            scale[[INDEX[f"{side}_{limb[3]}"] for side in SIDES]] = np.mean(lengths)
    hips = ratio("left_thigh", "right_thigh", "left_hip", "right_hip")
    shoulders = ratio("left_upper_arm", "right_upper_arm", "left_shoulder", "right_shoulder")
    scale[[INDEX[f"{side}_hip"] for side in SIDES]] = hips or size
    scale[[INDEX[name] for name in ("spine1", "spine2", "spine3", "neck")]] = trunk or size
    scale[[INDEX[f"{side}_{name}"] for side in SIDES for name in ("collar", "shoulder")]] = shoulders or size
    out = neutral * size
    for joint, parent in enumerate(PARENTS[1:], start=1):
        out[joint] = out[parent] + (neutral[joint] - neutral[parent]) * scale[joint]
    ankle = INDEX["left_ankle"]
    out[:, 1] += neutral[ankle, 1] * size - out[ankle, 1]
    return out

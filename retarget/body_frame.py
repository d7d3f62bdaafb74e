# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rig stands at rest: its left, back and up, its floor and the length of its legs.

Armature objects are turned, scaled and built facing any way, so none of this is taken
from the object: hips, shoulders, head and feet tell it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError
from ..inference.skeleton import INDEX
from .bone_map import SIDES, BoneMap
from .rig import Rig

Array = NDArray[np.float64]

# A body is built along an axis; what hips and head say of it is that, plus posture.
SNAP_UP = np.radians(25.0)
SNAP_LEFT = np.radians(3.0)
# Of the leg's length: where the origin may lie below the lowest joint of a foot to count as the floor.
_SOLE = (-0.03, 0.16)


@dataclass(frozen=True, eq=False)
class Body:
    """A rig's rest pose as a body, armature space and units."""

    axes: Array  # (3, 3) columns left, back, up: what Blender's X, Y, Z are to the source at rest
    floor: float  # height of the floor along up, from the armature's origin
    ankle: float  # height of the ankles above that floor
    units: float  # armature units for a metre of the source: the ratio of the legs' lengths
    notes: tuple[str, ...] = ()


def read_body(rig: Rig, bone_map: BoneMap, rest_joints: Array) -> Body:
    """How `rig` stands, compared with the source's rest joints (55, 3) in Blender's axes."""
    axes = _axes(rig, bone_map)
    notes = []
    forward = 0.0
    for side in SIDES:
        foot, toes = _head(rig, bone_map, f"{side}_foot"), _head(rig, bone_map, f"{side}_toes")
        if foot is not None and toes is not None:
            forward -= float((toes - foot) @ axes[:, 1])
    if forward < 0.0:
        notes.append(
            "the feet point backwards: left and right may be swapped in the bone map; swap them there"
        )
    units = _units(rig, bone_map, rest_joints)
    floor, ankle = _floor(rig, bone_map, rest_joints, axes[:, 2], units)
    return Body(axes, floor, ankle, units, tuple(notes))


def _head(rig: Rig, bone_map: BoneMap, role: str) -> Array | None:
    name = bone_map.first(role)
    return rig.heads[rig.index(name)] if name is not None else None


def _middle(rig: Rig, bone_map: BoneMap, roles: list[str]) -> Array | None:
    heads = [head for role in roles if (head := _head(rig, bone_map, role)) is not None]
    return np.mean(heads, axis=0) if heads else None


def _both(part: str) -> list[str]:
    return [f"{side}_{part}" for side in SIDES]


def _axes(rig: Rig, bone_map: BoneMap) -> Array:
    pelvis = _middle(rig, bone_map, ["pelvis"])
    assert pelvis is not None  # the map was checked
    low, high = pelvis, pelvis
    for part in ("foot", "shank", "thigh"):
        if (found := _middle(rig, bone_map, _both(part))) is not None:
            low = found
            break
    for roles in (["head"], ["neck"], _both("upper_arm"), _both("collar"), ["spine"]):
        if (found := _middle(rig, bone_map, roles)) is not None:
            high = found
            break
    left = np.zeros(3)
    for part in ("thigh", "upper_arm", "hand", "foot", "collar"):
        a, b = (_head(rig, bone_map, role) for role in _both(part))
        if a is not None and b is not None and np.linalg.norm(a - b) > 0.0:
            left += (a - b) / np.linalg.norm(a - b)
    up = high - low
    if np.linalg.norm(up) < 1e-9 or np.linalg.norm(left) < 1e-3:
        raise RigError(
            f"{rig.name}: cannot tell how it stands: the bone map needs at least the pelvis, the head or "
            "neck, and a left and a right thigh or upper arm; add them"
        )
    directions = np.concatenate([np.eye(3), -np.eye(3), rig.turn, -rig.turn])
    up = _snapped(up / np.linalg.norm(up), directions, SNAP_UP)
    left = left - (left @ up) * up
    left = _snapped(left / np.linalg.norm(left), directions, SNAP_LEFT)
    left = left - (left @ up) * up
    left /= np.linalg.norm(left)
    return np.stack([left, np.cross(up, left), up], axis=1)


def _snapped(direction: Array, candidates: Array, within: float) -> Array:
    best = candidates[int(np.argmax(candidates @ direction))]
    return np.asarray(best if best @ direction > np.cos(within) else direction, dtype=np.float64)


def _units(rig: Rig, bone_map: BoneMap, rest_joints: Array) -> float:
    """Armature units a metre: by the legs, or by the trunk of a rig without them."""
    mine = theirs = 0.0
    for side in SIDES:
        names = (("thigh", "hip"), ("shank", "knee"), ("foot", "ankle"))
        heads = [_head(rig, bone_map, f"{side}_{role}") for role, _ in names]
        joints = [rest_joints[INDEX[f"{side}_{joint}"]] for _, joint in names]
        for k in (0, 1):
            a, b = heads[k], heads[k + 1]
            if a is not None and b is not None:
                theirs += float(np.linalg.norm(b - a))
                mine += float(np.linalg.norm(joints[k + 1] - joints[k]))
    if theirs <= 0.0:
        for role, joint in (("head", "head"), ("neck", "neck")):
            pelvis, top = _head(rig, bone_map, "pelvis"), _head(rig, bone_map, role)
            if pelvis is not None and top is not None and np.linalg.norm(top - pelvis) > 0.0:
                trunk = np.linalg.norm(rest_joints[INDEX[joint]] - rest_joints[0])
                return float(np.linalg.norm(top - pelvis) / trunk)
        return 1.0 / rig.scale
    return theirs / mine


def _floor(rig: Rig, bone_map: BoneMap, rest_joints: Array, up: Array, units: float) -> tuple[float, float]:
    """Height of the floor from the armature's origin, and of the ankles above it."""
    feet = [name for part in ("foot", "toes") for role in _both(part) for name in bone_map[role]]
    leg = units * float(np.linalg.norm(rest_joints[INDEX["left_hip"]] - rest_joints[INDEX["left_ankle"]]))
    ankles = [rig.heads[rig.index(name)] @ up for role in _both("foot") for name in bone_map[role]]
    if not feet or not ankles:
        return 0.0, units * float(rest_joints[INDEX["left_ankle"], 2])
    lowest = min(float(rig.heads[rig.index(name)] @ up) for name in feet)
    if _SOLE[0] * leg <= lowest <= _SOLE[1] * leg:
        floor = 0.0  # built standing on its origin
    else:
        toes = any(bone_map[role] for role in _both("toes"))
        floor = lowest - units * float(rest_joints[INDEX["left_foot" if toes else "left_ankle"], 2])
    return floor, float(np.mean(ankles)) - floor

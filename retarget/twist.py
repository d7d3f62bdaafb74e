# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones: a limb's turn about itself, spread along the limb instead of wrung at one joint.

Forearm and shank take the twist of hand and foot, more of it towards the wrist. Upper arm
and thigh already have all of theirs at the shoulder: the twist bones take it back there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import quaternions
from .bone_map import SIDES, BoneMap
from .rig import Rig
from .turns import between

Array = NDArray[np.float64]

# Part with twist bones: the part at its far end, and the parts it may hang on.
_AROUND = {
    "upper_arm": ("forearm", ("collar",)), "forearm": ("hand", ()),
    "thigh": ("shank", ("pelvis",)), "shank": ("foot", ()),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class TwistBone:
    """A bone that takes a share of the twist between two others, beyond the limb's own turn."""

    bone: str
    limb: str  # the bone whose turn it has otherwise
    inner: str  # the twist is the turn about `axis` from this bone
    outer: str  # to this one
    axis: Array  # (3,) of the limb at rest, armature space, length 1
    share: float  # of the twist; below 0 it is taken back


def twist_bones(rig: Rig, bone_map: BoneMap) -> list[TwistBone]:
    """Every twist bone of a map, and limb bones that leave their twist to the bones after them."""
    found = []
    for side in SIDES:
        for part, (end, before) in _AROUND.items():
            bones = bone_map[f"{side}_{part}_twist"]
            limb, outer = bone_map.first(f"{side}_{part}"), bone_map.first(f"{side}_{end}")
            if not bones or limb is None or outer is None:
                continue
            start, stop = rig.heads[rig.index(limb)], rig.heads[rig.index(outer)]
            length = float(np.linalg.norm(stop - start))
            if length <= 0.0:
                continue
            axis = (stop - start) / length
            # In line: the limb goes on in its twist bones, which carry what comes after.
            in_line = rig.is_below(rig.index(outer), rig.index(bones[-1]))
            places = [float((rig.heads[rig.index(b)] - start) @ axis) / length for b in bones]
            if in_line:
                shares = [(k + 1) / len(bones) for k in range(len(bones))]
            elif max(places) - min(places) < 0.02 * (len(bones) > 1) or max(places) < 0.02:
                shares = [(k + 1) / (len(bones) + 1) for k in range(len(bones))]
            else:
                shares = [float(np.clip(place, 0.0, 1.0)) for place in places]
            if before:  # upper arm and thigh
                inner = _holder(bone_map, side, before)
                if inner is None:
                    continue
                if in_line:
                    found.append(TwistBone(limb, limb, inner, limb, axis, -1.0))
                found += [
                    TwistBone(b, limb, inner, limb, axis, s - 1.0) for b, s in zip(bones, shares, strict=True)
                ]
            else:
                found += [
                    TwistBone(b, limb, limb, outer, axis, s) for b, s in zip(bones, shares, strict=True)
                ]
    return found


def _holder(bone_map: BoneMap, side: str, parts: tuple[str, ...]) -> str | None:
    """What the shoulder or the hip turns against."""
    for part in parts:
        name = bone_map.first(f"{side}_{part}") or bone_map.first(part)
        if name is not None:
            return name
    return bone_map["spine"][-1] if bone_map["spine"] else bone_map.first("pelvis")


def twisted(twist: TwistBone, turns: Mapping[str, Array] | Callable[[str], Array]) -> Array:
    """Turn beyond rest (N, 3, 3) of a twist bone, from those of the bones that it names."""
    get = turns.__getitem__ if isinstance(turns, Mapping) else turns
    apart = quaternions.from_matrix(between(get(twist.inner), get(twist.outer)))
    angle = np.unwrap(2.0 * np.arctan2(apart[:, 1:] @ twist.axis, apart[:, 0]))
    # Of the ways to count the turns, the one that is least twisted on the whole.
    angle -= 2.0 * np.pi * np.round(np.median(angle) / (2.0 * np.pi)) if len(angle) else 0.0
    back = quaternions.from_axis_angle(twist.share * angle[:, None] * twist.axis)
    return np.asarray(get(twist.limb) @ quaternions.to_matrix(back))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rig's feet touch the floor, read off its rest pose: no rig has bones for the sole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX
from .body_frame import Body
from .bone_map import BoneMap
from .contacts import Foot
from .motion import Motion
from .rig import Rig

Array = NDArray[np.float64]

# Of the way from ankle to ball, seen from above; measured on the free body.
_HEEL_BACK = 0.35
_TIP_AHEAD = 0.5
_BALL_AHEAD = 0.18  # of the leg, for a foot whose bone does not say where it ends
_BELIEVED = (0.08, 0.40)  # of the leg: how long a foot can be, from the ankle
_TIP_BELIEVED = (0.2, 1.2)  # of the way from ankle to ball: how long toes can be
_ASIDE = 0.64  # cosine: a bone that points further away from the front than 50 degrees is none of a foot


def foot_shape(rig: Rig, bone_map: BoneMap, body: Body, side: str) -> Foot | None:
    """The sole of one foot, from the ankle, metres, upright and facing -Y. None without a foot and a leg."""
    bones = {part: bone_map.first(f"{side}_{part}") for part in ("thigh", "shank", "foot", "toes")}
    if bones["foot"] is None or bones["shank"] is None or bones["thigh"] is None:
        return None
    hip, knee, ankle = (rig.index(str(bones[part])) for part in ("thigh", "shank", "foot"))
    heads = rig.heads
    leg = rig.scale * float(
        np.linalg.norm(heads[knee] - heads[hip]) + np.linalg.norm(heads[ankle] - heads[knee])
    )
    down = np.array([0.0, 0.0, rig.scale * (body.floor - float(heads[ankle] @ body.axes[:, 2]))])
    toes = rig.index(bones["toes"]) if bones["toes"] is not None else None
    if toes is not None:
        end: Array | None = _upright(rig, body, heads[toes] - heads[ankle])
    else:
        end = _ahead(rig, body, ankle, ankle, low=_BELIEVED[0] * leg, high=_BELIEVED[1] * leg)
    flat = np.array([0.0, -_BALL_AHEAD * leg, 0.0]) if end is None else end * (1.0, 1.0, 0.0)
    if np.linalg.norm(flat) < 0.02 * leg:  # toes right under the ankle: a hoof, or a mistake
        flat = np.array([0.0, -_BALL_AHEAD * leg, 0.0])
    heel, ball = down - _HEEL_BACK * flat, down + flat
    if toes is None or end is None:
        return Foot(heel, ball)
    length = float(np.linalg.norm(flat))
    tip = _ahead(
        rig, body, toes, ankle, low=length * (1 + _TIP_BELIEVED[0]), high=length * (1 + _TIP_BELIEVED[1])
    )
    ahead = flat * (1.0 + _TIP_AHEAD) if tip is None else tip * (1.0, 1.0, 0.0)
    return Foot(heel, ball, toe_joint=end, tip=down + ahead)


def source_soles(motion: Motion, side: str) -> Array:
    """Where the source's own heel and ball are (N, 2, 3), under ankle and toes; world, metres."""
    ankle, toes = INDEX[f"{side}_ankle"], INDEX[f"{side}_foot"]
    rest = motion.rest_joints
    flat = (rest[toes] - rest[ankle]) * (1.0, 1.0, 0.0)
    down = np.array([0.0, 0.0, -rest[ankle, 2]])
    points = np.stack([down - _HEEL_BACK * flat, down + flat])
    return np.asarray(
        motion.joints[:, ankle, None] + points @ np.swapaxes(motion.rotations[:, ankle], -1, -2)
    )


def _ahead(rig: Rig, body: Body, bone: int, ankle: int, *, low: float, high: float) -> Array | None:
    """From the ankle to the end of a bone, metres, upright; None if that is nowhere that a foot can end."""
    children = [k for k, parent in enumerate(rig.parents) if parent == bone]
    ends = [rig.heads[k] for k in children] + [rig.bones[bone].tail]
    found = [_upright(rig, body, end - rig.heads[ankle]) for end in ends if np.isfinite(end).all()]
    for end in sorted(found, key=lambda e: float(e[1])):  # the one furthest to the front
        length = float(np.linalg.norm(end[:2]))
        if low <= length <= high and -end[1] >= _ASIDE * length:
            return end
    return None


def _upright(rig: Rig, body: Body, offset: Array) -> Array:
    """An offset of armature space in metres, in the axes of a body that faces -Y."""
    return np.asarray(offset @ body.axes * rig.scale)

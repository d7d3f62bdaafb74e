# SPDX-License-Identifier: GPL-3.0-or-later
"""The path through the room: where hips and root bone go.

The path is scaled by the length of the legs. Heights are counted from the floor to the
ankle and from there up, so that feet which stand at the source stand on the rig.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX
from . import quaternions
from .body_frame import Body
from .bone_map import SIDES, BoneMap
from .motion import Motion
from .rig import Rig

Array = NDArray[np.float64]

RootMotion = Literal["hips", "root", "in_place"]
"""`hips`: all of it on the hips. `root`: place on the ground and heading on the root bone, the rest on
the hips. `in_place`: nobody travels, the hips only go up and down."""


@dataclass(frozen=True, eq=False)
class Path:
    """Where to go, N frames, armature space."""

    ground: Array  # (N, 3) from the armature's origin, along the floor
    hips: Array  # (N, 3) the middle between the hip joints
    heading: Array  # (N, 3, 3) turn about the vertical


def path(rig: Rig, body: Body, motion: Motion, root_motion: RootMotion) -> Path:
    """The source's path at the rig's size. Heights stand on the rig's own floor."""
    joints = motion.joints
    hips = 0.5 * (joints[:, INDEX["left_hip"]] + joints[:, INDEX["right_hip"]]) * body.units
    ankle = body.units * float(np.mean([motion.rest_joints[INDEX[f"{side}_ankle"], 2] for side in SIDES]))
    hips[:, 2] += body.floor + body.ankle - ankle
    ground = joints[:, 0] * np.array([body.units, body.units, 0.0])
    if root_motion == "in_place":
        hips -= ground
        ground = np.zeros(ground.shape)
    pelvis = quaternions.from_matrix(motion.rotations[:, 0])
    about_up = pelvis * np.array([1.0, 0.0, 0.0, 1.0])
    size = np.linalg.norm(about_up, axis=1, keepdims=True)
    # Upside down there is no heading: keep the last one.
    known = np.flatnonzero(size[:, 0] > 0.05)
    if len(known):
        about_up = about_up[
            known[np.clip(np.searchsorted(known, np.arange(len(size)), "right") - 1, 0, None)]
        ]
    else:
        about_up = np.tile([1.0, 0.0, 0.0, 0.0], (len(size), 1))
    heading = quaternions.to_matrix(about_up / np.linalg.norm(about_up, axis=1, keepdims=True))
    # Rows: p @ turn is turn^T p, from the scene's axes to the armature's.
    return Path(ground @ rig.turn, hips @ rig.turn, np.asarray(rig.turn.T @ heading))


def hip_centre(rig: Rig, bone_map: BoneMap) -> Array:
    """Middle between the hip joints (3,) at rest, armature space; the pelvis of a rig without legs."""
    heads = [rig.heads[rig.index(name)] for side in SIDES for name in bone_map[f"{side}_thigh"]]
    return np.asarray(np.mean(heads, axis=0) if heads else rig.heads[rig.index(bone_map["pelvis"][0])])

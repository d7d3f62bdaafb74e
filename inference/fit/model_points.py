# SPDX-License-Identifier: GPL-3.0-or-later
"""Which place on the SMPL-X skeleton each COCO-WholeBody body and foot point stands for.

A point is a joint plus an offset in that joint's frame. The offsets of nose, eyes,
ears, heels and toes were read off the free body's surface (`inference/data/free_body.npz`).

The person's proportions are one log scale per group of bones, shared by left and
right: a bone's rest offset is the template's times exp(scale).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from ..skeleton import BODY_JOINT_COUNT, INDEX, JOINT_NAMES, PARENTS, rest_joints

Array = NDArray[np.float64]

GROUPS = (
    "hips", "torso", "shoulders", "upper_arm", "forearm", "hand", "thigh", "shank", "foot", "head",
)  # fmt: skip

_GROUP_OF = {
    "hip": "hips", "spine1": "torso", "spine2": "torso", "spine3": "torso", "neck": "torso",
    "collar": "torso", "shoulder": "shoulders", "elbow": "upper_arm", "wrist": "forearm",
    "knee": "thigh", "ankle": "shank", "foot": "foot", "head": "head", "jaw": "head",
    "eye_smplhf": "head",
}  # fmt: skip


def _group(name: str) -> int:
    plain = name.removeprefix("left_").removeprefix("right_")
    return GROUPS.index(_GROUP_OF.get(plain, "hand"))


# Group of the bone that ends in each joint; the pelvis ends none.
JOINT_GROUP: tuple[int, ...] = (-1, *(_group(name) for name in JOINT_NAMES[1:]))

# Rest places (metres, free body) of the surface points, and the joint that carries them.
_SURFACE = {
    "nose": ("head", (0.0, 1.558, 0.157)),
    "left_eye": ("head", (0.030, 1.596, 0.126)),
    "right_eye": ("head", (-0.030, 1.596, 0.126)),
    "left_ear": ("head", (0.085, 1.590, 0.028)),
    "right_ear": ("head", (-0.085, 1.590, 0.028)),
    "left_heel": ("left_ankle", (0.117, 0.034, -0.087)),
    "right_heel": ("right_ankle", (-0.117, 0.034, -0.087)),
    "left_big_toe": ("left_foot", (0.126, 0.015, 0.174)),
    "right_big_toe": ("right_foot", (-0.126, 0.015, 0.174)),
}

# Heel and big toe of the left foot, then of the right: what stands on the floor.
FOOT_KEYPOINTS = tuple(
    wholebody.INDEX[name] for name in ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
)


@dataclass(frozen=True)
class ModelPoints:
    """P points that the body fit compares with the picture."""

    keypoint: NDArray[np.int64]  # (P,) their COCO-WholeBody indices
    joint: NDArray[np.int64]  # (P,) the joint that carries each
    offset: Array  # (P, 3) in that joint's frame, template size
    group: NDArray[np.int64]  # (P,) the bone group that scales the offset
    moves_with: NDArray[np.bool_]  # (P, 22) does turning joint k move point p?
    bone_uses: NDArray[np.bool_]  # (P, 22) is the bone that ends in joint j on the way to point p?


def _build() -> ModelPoints:
    rest = rest_joints()
    keypoint, joint, offset, group = [], [], [], []
    for i, name in enumerate(wholebody.NAMES[: wholebody.FACE.start]):
        if name in _SURFACE:
            carrier, place = _SURFACE[name]
            j = INDEX[carrier]
            offset.append(np.asarray(place) - rest[j])
            group.append(GROUPS.index("head" if carrier == "head" else "foot"))
        elif name in INDEX:
            j = INDEX[name]
            offset.append(np.zeros(3))
            group.append(0)
        else:  # the small toes: no embedded backend sees them
            continue
        keypoint.append(i)
        joint.append(j)
    moves_with = np.zeros((len(joint), BODY_JOINT_COUNT), dtype=bool)
    bone_uses = np.zeros_like(moves_with)
    for p, j in enumerate(joint):
        k = j
        while k >= 0:
            # A joint does not move a point that lies on it.
            moves_with[p, k] = k != j or bool(np.any(offset[p]))
            bone_uses[p, k] = k > 0
            k = PARENTS[k]
    return ModelPoints(
        keypoint=np.array(keypoint),
        joint=np.array(joint),
        offset=np.array(offset),
        group=np.array(group),
        moves_with=moves_with,
        bone_uses=bone_uses,
    )


POINTS = _build()
FOOT_ROWS = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in FOOT_KEYPOINTS]  # of POINTS


def scaled_rest(log_scale: Array) -> Array:
    """Rest joints (55, 3) of a person whose bone groups are exp(log_scale (10,)) times the template.

    The lowest point of the feet stays on the floor, y = 0.
    """
    template = rest_joints()
    rest = np.empty_like(template)
    rest[0] = template[0]
    for j in range(1, len(template)):
        parent = PARENTS[j]
        rest[j] = rest[parent] + (template[j] - template[parent]) * np.exp(log_scale[JOINT_GROUP[j]])
    ankle = INDEX["left_ankle"]
    sole = rest[ankle, 1] - template[ankle, 1] * np.exp(log_scale[GROUPS.index("foot")])
    rest[:, 1] -= sole
    return rest

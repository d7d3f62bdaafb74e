# SPDX-License-Identifier: GPL-3.0-or-later
"""Which place on the SMPL-X skeleton each COCO-WholeBody body and foot point stands for.

The places are those of `lift.surface`, where the landmark networks see them.

The person's proportions are one log scale per group of bones, shared by left and
right: a bone's rest offset is the template's times exp(scale).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from ..lift.points import KEYPOINTS
from ..lift.surface import ANCHORS, CARRIERS, OFFSETS
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

# Heel and big toe of the left foot, then of the right: what stands on the floor.
FOOT_KEYPOINTS = tuple(
    wholebody.INDEX[name] for name in ("left_heel", "left_big_toe", "right_heel", "right_big_toe")
)


@dataclass(frozen=True)
class ModelPoints:
    """P points that the body fit compares with the picture."""

    keypoint: NDArray[np.int64]  # (P,) their COCO-WholeBody indices
    anchor: NDArray[np.int64]  # (P,) the joint that each lies by
    carrier: NDArray[np.int64]  # (P,) the joint that turns its offset: the anchor, or the anchor's parent
    offset: Array  # (P, 3) from the anchor in the carrier's axes, template size
    group: NDArray[np.int64]  # (P,) the bone group that scales the offset
    moves_with: NDArray[np.bool_]  # (P, 22) does turning joint k move point p?
    bone_uses: NDArray[np.bool_]  # (P, 22) is the bone that ends in joint j on the way to point p?

    def rest(self, rest_joints: Array, log_scale: Array) -> Array:
        """Places (P, 3) of the points at rest."""
        return np.asarray(rest_joints[self.anchor] + self.scaled_offset(log_scale))

    def scaled_offset(self, log_scale: Array) -> Array:
        """Offsets (P, 3) of a person with these log scales (10,)."""
        return np.asarray(self.offset * np.exp(log_scale[self.group])[:, None])

    def posed(self, joints: Array, world: Array, offset: Array) -> Array:
        """Places (T, P, 3) for joints (T, 22, 3) and their world rotations, with offsets (P, 3)."""
        return np.asarray(joints[:, self.anchor] + np.einsum("tpij,pj->tpi", world[:, self.carrier], offset))


def _build() -> ModelPoints:
    # Hands and face have fits of their own.
    rows = np.flatnonzero(wholebody.FACE.start > KEYPOINTS)
    keypoint, anchor, carrier = KEYPOINTS[rows], ANCHORS[rows], CARRIERS[rows]
    foot = [wholebody.NAMES[k].endswith(("heel", "big_toe")) for k in keypoint]
    group = [GROUPS.index("foot") if f else JOINT_GROUP[j] for f, j in zip(foot, anchor, strict=True)]
    moves_with = np.zeros((len(rows), BODY_JOINT_COUNT), dtype=bool)
    bone_uses = np.zeros_like(moves_with)
    for p in range(len(rows)):
        for start, table in ((int(carrier[p]), moves_with), (int(anchor[p]), bone_uses)):
            k = start
            while k >= 0:
                table[p, k] = True
                k = PARENTS[k]
    bone_uses[:, 0] = False
    return ModelPoints(
        keypoint=keypoint,
        anchor=anchor,
        carrier=carrier,
        offset=OFFSETS[rows],
        group=np.array(group),
        moves_with=moves_with,
        bone_uses=bone_uses,
    )


POINTS = _build()
FOOT_ROWS = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in FOOT_KEYPOINTS]  # of POINTS


_CROWN = 0.167  # metres from the head joint to the crown of the template


def stature(log_scale: Array) -> float:
    """Height in metres of a person with these log scales (10,), from sole to crown."""
    return float(scaled_rest(log_scale)[INDEX["head"], 1] + _CROWN * np.exp(log_scale[-1]))


def stature_shares(log_scale: Array) -> Array:
    """How much (10,) of a person's height each group of bones makes up; the sum is 1."""
    step = 1e-4
    bigger = log_scale + step * np.eye(len(GROUPS))
    return np.array([np.log(stature(row) / stature(log_scale)) / step for row in bigger])


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

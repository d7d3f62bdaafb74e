# SPDX-License-Identifier: GPL-3.0-or-later
"""How a hand is built: which way its joints turn, how far, and about how they rest.

A finger has a knuckle that bends and spreads and two hinges, a thumb a saddle and two
hinges: four angles each, so a joint cannot turn about any other axis. All is said of a
left hand; a right one is its mirror image. The numbers, and where they are from, stand in
`inference/data/hand_anatomy.json`, which `training/hands_anatomy.py` writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...kinematics import skew
from ...skeleton import DATA, INDEX, LEFT_HAND, rest_joints

Array = NDArray[np.float64]

FINGERS = ("thumb", "index", "middle", "ring", "pinky")  # as the 21 points have them
ANGLES = 20  # five fingers x (bend, spread, bend of the second joint, bend of the third)

MIRROR_PLACE = np.array([-1.0, 1.0, 1.0])
MIRROR_TURN = np.array([1.0, -1.0, -1.0])

# A hand's joint, 0 to 14 in SMPL-X's order, of each finger's three.
JOINTS: NDArray[np.int64] = np.array(
    [[INDEX[f"left_{finger}{k}"] - LEFT_HAND.start for k in (1, 2, 3)] for finger in FINGERS]
)


@dataclass(frozen=True)
class Anatomy:
    """One left hand of the template's size. Metres and radians, axes as at rest."""

    axes: Array  # (5, 4, 3) unit
    low: Array  # (5, 4)
    high: Array  # (5, 4)
    relaxed: Array  # (5, 4)
    mean: Array  # (5, 4)
    # From joint to joint and to the points, (5, 4, 3): wrist to first joint, then each bone.
    bones: Array
    # (5, 4, 3) from the end of each bone to the point that the network puts there.
    point_offset: Array
    wrist_offset: Array  # (3,) the network's wrist from the joint
    point_error: Array  # (21,) metres: what stays of the network's error where all is well seen


@cache
def anatomy() -> Anatomy:
    """The template hand, read once."""
    data = json.loads((DATA / "hand_anatomy.json").read_text(encoding="utf-8"))
    rest = rest_joints()
    wrist = rest[INDEX["left_wrist"]]
    joints = rest[LEFT_HAND][JOINTS]  # (5, 3, 3)
    tips = np.array(data["tip_share"])[:, None] * (joints[:, 2] - joints[:, 1])
    ends = np.concatenate([joints, (joints[:, 2] + tips)[:, None]], axis=1)
    starts = np.concatenate([np.broadcast_to(wrist, (5, 1, 3)), joints], axis=1)
    limits = np.array(data["limits"])
    offsets = np.array(data["point_offsets"])
    axes = np.array(data["axes"])
    return Anatomy(
        axes=axes / np.linalg.norm(axes, axis=-1, keepdims=True),
        low=limits[..., 0],
        high=limits[..., 1],
        relaxed=np.array(data["relaxed"]),
        mean=np.array(data["mean"]),
        bones=ends - starts,
        point_offset=offsets[1:].reshape(5, 4, 3),
        wrist_offset=offsets[0],
        point_error=np.array(data["point_errors"]),
    )


def rotation(turn: Array) -> tuple[Array, Array]:
    """Matrices (..., 3, 3) of axis-angle (..., 3), and their left Jacobians (..., 3, 3).

    A small change d of the axis-angle turns the matrix R to exp(J d) R. Sola et al., 2018.
    """
    angle = np.linalg.norm(turn, axis=-1)[..., None, None]
    safe = np.maximum(angle, 1e-4)
    sine, cosine = np.sin(safe) / safe, (1.0 - np.cos(safe)) / safe**2
    cross = skew(turn)
    square = cross @ cross
    matrix = np.eye(3) + sine * cross + cosine * square
    jacobian = np.eye(3) + cosine * cross + (1.0 - sine) / safe**2 * square
    return matrix, jacobian


def axis_angles(angles: Array, *, left: bool) -> Array:
    """SMPL-X's (..., 15, 3) axis-angle of one hand from angles (..., 5, 4)."""
    axes = anatomy().axes
    out = np.zeros((*angles.shape[:-2], 15, 3))
    first = angles[..., 0, None] * axes[:, 0] + angles[..., 1, None] * axes[:, 1]
    out[..., JOINTS[:, 0], :] = first
    for joint in (1, 2):
        out[..., JOINTS[:, joint], :] = angles[..., joint + 1, None] * axes[:, joint + 1]
    return out if left else out * MIRROR_TURN

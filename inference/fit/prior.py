# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a body before looking: neutral joint angles, their spread, and hinges.

Spreads are per axis of the joint's own frame (x, y, z of the T-pose), in radians; a
hinge has one wide axis and two narrow ones. Figures are round numbers for healthy
adults' ranges of motion (Kapandji, The Physiology of the Joints), about half a range
to one standard deviation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeleton import BODY_JOINT_COUNT, INDEX

Array = NDArray[np.float64]

_FREE = float("inf")  # the pelvis faces anywhere

# Per joint: neutral axis-angle, spread. Left side; the right is its mirror image.
_TABLE: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "pelvis": ((0.0, 0.0, 0.0), (_FREE, _FREE, _FREE)),
    "spine1": ((0.0, 0.0, 0.0), (0.20, 0.15, 0.15)),
    "spine2": ((0.0, 0.0, 0.0), (0.15, 0.15, 0.12)),
    "spine3": ((0.0, 0.0, 0.0), (0.15, 0.15, 0.12)),
    "neck": ((0.0, 0.0, 0.0), (0.25, 0.30, 0.20)),
    "head": ((0.0, 0.0, 0.0), (0.25, 0.30, 0.20)),
    "left_collar": ((0.0, 0.0, 0.0), (0.10, 0.15, 0.20)),
    "left_shoulder": ((-0.43, -0.26, -1.07), (0.8, 0.9, 0.9)),
    "left_elbow": ((0.0, -0.5, 0.0), (0.5, 1.2, 0.10)),
    "left_wrist": ((0.0, 0.0, 0.0), (0.35, 0.25, 0.45)),
    "left_hip": ((0.0, 0.0, 0.0), (0.9, 0.45, 0.45)),
    "left_knee": ((0.15, 0.0, 0.0), (1.1, 0.12, 0.06)),
    "left_ankle": ((0.0, 0.0, 0.0), (0.50, 0.20, 0.20)),
    "left_foot": ((0.0, 0.0, 0.0), (0.20, 0.05, 0.05)),
}

_MIRROR_AXIS_ANGLE = np.array([1.0, -1.0, -1.0])


def _tables() -> tuple[Array, Array]:
    neutral, spread = np.zeros((BODY_JOINT_COUNT, 3)), np.zeros((BODY_JOINT_COUNT, 3))
    for name, (mean, sigma) in _TABLE.items():
        neutral[INDEX[name]], spread[INDEX[name]] = mean, sigma
        if name.startswith("left_"):
            right = INDEX[name.replace("left_", "right_", 1)]
            neutral[right], spread[right] = _MIRROR_AXIS_ANGLE * mean, sigma
    return neutral, spread


NEUTRAL, SPREAD = _tables()

# Hinges that must not bend backwards: joint, axis, sign of the flexion about it, limit, in radians.
HINGES: tuple[tuple[int, int, float, float, float], ...] = (
    (INDEX["left_elbow"], 1, -1.0, 0.0, 2.7),
    (INDEX["right_elbow"], 1, 1.0, 0.0, 2.7),
    (INDEX["left_knee"], 0, 1.0, 0.0, 2.7),
    (INDEX["right_knee"], 0, 1.0, 0.0, 2.7),
)
HINGE_SIGMA = 0.03  # rad beyond the limit

# Who stands on a leg mostly stands on a straight one, and from the front no picture shows a bend of 20
# degrees: a network that minimises the mean error gives such a leg 15. What is bent further keeps its bend.
STANDING_KNEES: tuple[tuple[int, tuple[int, int]], ...] = (
    (INDEX["left_knee"], (0, 1)),
    (INDEX["right_knee"], (2, 3)),
)  # and the columns of heel and toe in what stands
STANDING_KNEE_SIGMA = 0.14  # rad
STANDING_KNEE_BENT = 0.6  # rad, from where on nothing straightens it

# Acceleration of each joint's rotation, rad per frame^2 at 30 frames/s, that costs one unit.
_CALM = {
    "pelvis": 0.020, "spine1": 0.008, "spine2": 0.008, "spine3": 0.008, "neck": 0.015, "head": 0.020,
    "collar": 0.010, "shoulder": 0.035, "elbow": 0.040, "wrist": 0.050,
    "hip": 0.030, "knee": 0.035, "ankle": 0.030, "foot": 0.020,
}  # fmt: skip


def _accelerations() -> Array:
    out = np.zeros(BODY_JOINT_COUNT)
    for name, j in INDEX.items():
        if j < BODY_JOINT_COUNT:
            out[j] = _CALM[name.removeprefix("left_").removeprefix("right_")]
    return out


ACCELERATION = _accelerations()
ROOT_ACCELERATION = np.array([0.006, 0.006, 0.012])  # metres per frame^2 at 30 frames/s, camera axes

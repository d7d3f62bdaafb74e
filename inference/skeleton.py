# SPDX-License-Identifier: GPL-3.0-or-later
"""The 55 joints of SMPL-X, and the neutral rest skeleton that rotations refer to.

Rest pose: a T-pose with straight limbs, metres, +Y up, facing +Z, +X is the
person's left, the floor at y = 0. Every joint frame is world-aligned at rest, so
an identity rotation everywhere is the T-pose. (The published SMPL-X template is
not straight at rest; a user's own model file needs a conversion.)

Names and order are those of the `smplx` package.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HAND = tuple(f"{finger}{k}" for finger in ("index", "middle", "pinky", "ring", "thumb") for k in (1, 2, 3))

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck",
    "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "jaw", "left_eye_smplhf", "right_eye_smplhf",
    *(f"left_{name}" for name in _HAND),
    *(f"right_{name}" for name in _HAND),
)  # fmt: skip

PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
    20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38,
    21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53,
)  # fmt: skip

JOINT_COUNT = len(JOINT_NAMES)
BODY_JOINT_COUNT = 22  # pelvis and the 21 body joints come first
LEFT_HAND = slice(25, 40)
RIGHT_HAND = slice(40, 55)

INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINT_NAMES)}

MIRROR: tuple[int, ...] = tuple(
    INDEX[
        name.replace("left_", "right_", 1) if name.startswith("left_") else name.replace("right_", "left_", 1)
    ]
    for name in JOINT_NAMES
)

DATA = Path(__file__).parent / "data"


@cache
def _rest() -> NDArray[np.float64]:
    with np.load(DATA / "free_body.npz", allow_pickle=False) as body:
        rest: NDArray[np.float64] = body["J"].astype(np.float64)
    rest.setflags(write=False)
    return rest


def rest_joints() -> NDArray[np.float64]:
    """Rest joints (55, 3) in metres of the free body, a neutral adult of 1.70 m. Read-only."""
    return _rest()

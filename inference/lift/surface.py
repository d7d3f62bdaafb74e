# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on the body a detector puts the points that the lift network reads.

A point is carried by a joint, at an offset in that joint's frame (metres, rest pose of
the template). Face, heels and toes were read off the free body's surface, hands are the
template's knuckles.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..skeleton import INDEX, MIRROR, rest_joints
from .points import POINT_NAMES

# Rest places on the free body, metres, left side; the right is its mirror image.
_FACE: Final = {
    "nose": (0.0, 1.558, 0.157), "left_eye": (0.030, 1.596, 0.126), "left_ear": (0.085, 1.590, 0.028),
    "chin": (0.0, 1.478, 0.120), "bridge": (0.0, 1.600, 0.140), "left_eye_corner": (0.046, 1.595, 0.112),
}  # fmt: skip
_FOOT: Final = {
    "left_heel": ("left_ankle", (0.117, 0.034, -0.087)),
    "left_big_toe": ("left_foot", (0.126, 0.015, 0.174)),
}
_HAND: Final = {"wrist": None, "thumb": "thumb2", "index": "index1", "middle": "middle1", "pinky": "pinky1"}


def _place(name: str) -> tuple[int, NDArray[np.float64]]:
    """Carrying joint and offset of a point."""
    rest = rest_joints()
    if name.startswith("right_") or name == "right_eye_corner":
        joint, offset = _place("left_" + name.removeprefix("right_"))
        return MIRROR[joint], offset * (-1.0, 1.0, 1.0)
    if name in _FACE:
        return INDEX["head"], np.array(_FACE[name]) - rest[INDEX["head"]]
    if name in _FOOT:
        carrier, place = _FOOT[name]
        return INDEX[carrier], np.array(place) - rest[INDEX[carrier]]
    if name.startswith("left_hand_"):
        knuckle = _HAND[name.removeprefix("left_hand_")]
        wrist = rest[INDEX["left_wrist"]]
        return INDEX["left_wrist"], np.zeros(3) if knuckle is None else rest[INDEX[f"left_{knuckle}"]] - wrist
    return INDEX[name], np.zeros(3)


_PLACES = [_place(name) for name in POINT_NAMES]
CARRIERS: Final = tuple(joint for joint, _ in _PLACES)  # (35,) of the 22 body joints
OFFSETS: Final = np.stack([offset for _, offset in _PLACES])  # (35, 3)

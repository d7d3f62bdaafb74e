# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on the body the landmark networks put their points.

A point lies at an anchor joint plus an offset that turns with a carrier joint (metres,
the carrier's axes, size of the template). The offsets are those that explain best, over
all views, where our networks see the points of rendered people in known motion: a
detector's hip lies 3 cm inside SMPL-X's, its ankle 3 cm above (docs/detector-errors.md).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ..skeleton import INDEX, MIRROR
from .points import POINT_NAMES

# Left side: anchor, carrier, offset in millimetres; the right is its mirror image.
_TABLE: Final[dict[str, tuple[str, str, tuple[float, float, float]]]] = {
    "nose": ("head", "head", (0.0, 29.5, 103.4)),
    "left_eye": ("head", "head", (24.1, 59.3, 78.5)),
    "left_ear": ("head", "head", (45.9, 41.4, 27.9)),
    "left_shoulder": ("left_shoulder", "left_collar", (-19.0, 18.0, -6.0)),
    "left_elbow": ("left_elbow", "left_shoulder", (-22.7, 3.4, 9.8)),
    "left_wrist": ("left_wrist", "left_wrist", (9.6, 3.1, 3.8)),
    "left_hip": ("left_hip", "left_hip", (-24.6, -10.7, 17.3)),
    "left_knee": ("left_knee", "left_knee", (-3.1, -4.1, -8.9)),
    "left_ankle": ("left_ankle", "left_knee", (4.5, 33.3, 2.8)),
    "left_big_toe": ("left_foot", "left_foot", (0.4, -2.9, 21.5)),
    "left_heel": ("left_ankle", "left_ankle", (-0.6, -28.4, -32.0)),
    "chin": ("head", "head", (0.0, -50.2, 102.6)),
    "bridge": ("head", "head", (0.0, 62.5, 113.5)),
    "left_eye_corner": ("head", "head", (44.0, 58.6, 91.3)),
    "left_hand_wrist": ("left_wrist", "left_wrist", (12.3, 0.5, 0.3)),
    "left_hand_thumb": ("left_wrist", "left_wrist", (58.3, -25.5, 39.7)),
    "left_hand_index": ("left_wrist", "left_wrist", (97.9, -7.2, 14.7)),
    "left_hand_middle": ("left_wrist", "left_wrist", (98.7, -5.3, -4.8)),
    "left_hand_pinky": ("left_wrist", "left_wrist", (82.8, -6.6, -36.5)),
}


def _place(name: str) -> tuple[int, int, tuple[float, float, float]]:
    if name in _TABLE:
        anchor, carrier, offset = _TABLE[name]
        return INDEX[anchor], INDEX[carrier], offset
    anchor, carrier, (x, y, z) = _TABLE[name.replace("right_", "left_", 1)]
    return MIRROR[INDEX[anchor]], MIRROR[INDEX[carrier]], (-x, y, z)


_PLACES = [_place(name) for name in POINT_NAMES]
ANCHORS: Final = np.array([anchor for anchor, _, _ in _PLACES])  # (35,) of the 22 body joints
CARRIERS: Final = np.array([carrier for _, carrier, _ in _PLACES])  # (35,)
OFFSETS: Final = np.array([offset for _, _, offset in _PLACES]) / 1000.0  # (35, 3) metres

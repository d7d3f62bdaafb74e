# SPDX-License-Identifier: GPL-3.0-or-later
"""A person who stands still, and hands to put at their wrists: geometry without a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotocap.inference.landmarks.crop import Roi
from rotocap.inference.landmarks.hand_finding import seen_again
from rotocap.inference.landmarks.hand_sides import Arms
from rotocap.inference.landmarks.hands import Hand, Side
from rotocap.inference.landmarks.pose import Pose
from rotocap.inference.landmarks.state import HandMemory

# A person of 190 pixels a metre who faces the camera with arms hanging: x, y in metres from the hips.
STANDING = {
    0: (0.0, -0.62), 2: (0.03, -0.65), 5: (-0.03, -0.65), 7: (0.07, -0.63), 8: (-0.07, -0.63),
    11: (0.17, -0.45), 12: (-0.17, -0.45), 13: (0.25, -0.2), 14: (-0.25, -0.2),
    15: (0.3, 0.05), 16: (-0.3, 0.05), 17: (0.32, 0.13), 18: (-0.32, 0.13),
    19: (0.3, 0.14), 20: (-0.3, 0.14), 21: (0.28, 0.1), 22: (-0.28, 0.1),
    23: (0.1, 0.0), 24: (-0.1, 0.0), 25: (0.1, 0.42), 26: (-0.1, 0.42), 27: (0.1, 0.84), 28: (-0.1, 0.84),
    29: (0.1, 0.88), 30: (-0.1, 0.88), 31: (0.14, 0.9), 32: (-0.14, 0.9),
}  # fmt: skip
SCALE, MIDDLE = 190.0, np.array([400.0, 300.0])
# A flat left hand that points down: 21 points in metres from its wrist.
FLAT_HAND = np.array(
    [[0.0, 0.0]] + [[0.02 * (2 - finger), 0.09 + 0.025 * joint] for finger in range(5) for joint in range(4)]
)


def standing() -> Pose:
    metres = np.zeros((33, 3))
    for index, place in STANDING.items():
        metres[index, :2] = place
    for index, like in ((1, 2), (3, 2), (4, 5), (6, 5), (9, 0), (10, 0)):
        metres[index] = metres[like]
    return Pose(
        points=metres[:, :2] * SCALE + MIDDLE,
        certainty=np.full(33, 0.9),
        metres=metres,
        presence=1.0,
        next_roi=Roi(400.0, 300.0, 480.0, 0.0),
    )


def hand_at(place: NDArray[np.float64], *, rightness: float = 0.1) -> Hand:
    metres = np.concatenate([FLAT_HAND, np.zeros((21, 1))], axis=1)
    return Hand(points=FLAT_HAND * SCALE + place, metres=metres, presence=0.95, rightness=rightness)


def remembered(hand: Hand, side: Side, *, frames: int = 4) -> HandMemory:
    """A hand that was seen for some frames, standing still at the standing person's wrist."""
    before: tuple[HandMemory | None, HandMemory | None] = (None, None)
    for _ in range(frames):
        memory = seen_again(hand, Arms.of(standing()), before, side)
        before = (memory, None) if side is Side.LEFT else (None, memory)
    return memory

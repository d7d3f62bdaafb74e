# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in which column of the lift network's input and output: one place for both sides.

Everything is in the frame of a virtual camera that looks at the person (`normalise`),
OpenCV axes, and in the lengths of a body of `STATURE` metres.

Input of a frame: x, y, certainty of every point (x, y in units of the person's spread in
the picture, 0 where the point is not seen); the ray to the person, x and y on the plane
z = 1 of the real camera; the log of the spread on that plane.

Output of a frame: see the slices.
"""

from __future__ import annotations

from typing import Final

from ..skeleton import BODY_JOINT_COUNT
from .points import KEYPOINTS

FPS: Final = 30.0  # the frame rate that the network knows
STATURE: Final = 1.70  # metres
FRAMES_PER_TOKEN: Final = 2

POINTS: Final = len(KEYPOINTS)
INPUTS: Final = 3 * POINTS + 3

JOINTS: Final = BODY_JOINT_COUNT
PLACES: Final = slice(0, 3 * JOINTS)  # joints from the pelvis, metres
SPREADS: Final = slice(PLACES.stop, PLACES.stop + 2 * JOINTS)  # log scale of the error: across, in depth
TURNS: Final = slice(SPREADS.stop, SPREADS.stop + 6 * JOINTS)  # first two columns of world rotations
ROOT: Final = slice(TURNS.stop, TURNS.stop + 3)  # pelvis: x, y in spreads; log of depth times spread
ROOT_SPREAD: Final = slice(ROOT.stop, ROOT.stop + 1)  # log scale of the error of the log depth
CONTACTS: Final = slice(ROOT_SPREAD.stop, ROOT_SPREAD.stop + 4)  # logits: left heel, toe, right heel, toe
UP: Final = slice(CONTACTS.stop, CONTACTS.stop + 3)  # against gravity, of any length
OUTPUTS: Final = UP.stop

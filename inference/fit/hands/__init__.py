# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands: fingers from 21 points, the wrist on its arm, and nothing through anything.

`anatomy` says how a hand is built, `points` where its 21 points are, `gauss_newton` solves, `fit`
goes from landmarks to a hand, `wrist` puts it on the arm, `contact` keeps it out of what it touches.
"""

from .fit import HandFit, fit_hand
from .palm import glimpse, hand_frame
from .whole import pose_hands

__all__ = ["HandFit", "fit_hand", "glimpse", "hand_frame", "pose_hands"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The points that the lift network sees: the list is the inference side's, which ships."""

from __future__ import annotations

from ..inference.lift.points import KEYPOINTS, MIRROR_POINTS, POINT_NAMES

__all__ = ["KEYPOINTS", "MIRROR_POINTS", "POINT_NAMES"]

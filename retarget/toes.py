# SPDX-License-Identifier: GPL-3.0-or-later
"""Toes that bend rather than sink into the floor, about their own joint and no faster than toes do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import matrix_from_axis_angle
from . import contact_spans as runs
from .contact_spans import Span

Array = NDArray[np.float64]

_HINGE = np.array([-1.0, 0.0, 0.0])  # of toes that face -Y: turning about it lifts their tip
_FRONT = np.array([0.0, -1.0, 0.0])
_BACKWARDS = np.radians(
    -110.0
)  # a foot that hangs beyond this lies on its instep, and its toes on their nails


def out_of_the_floor(
    toes: Array, tip: Array, *, foot: Array, height: Array, spans: Sequence[Span], step: float
) -> Array:
    """Toe rotations (N, 3, 3) with their tip above the floor, as far as their joint's own height allows.

    toes, foot: rotations (N, 3, 3), identity is flat on the floor facing -Y. tip (3,): from the joint,
    at rest, metres. height (N,): of the joint above the floor. step: radians from one frame to the next
    by which the bending may change; where more would be needed they bend before, and straighten after.
    """
    hinge = toes @ _HINGE
    along = toes @ tip
    aside = np.sum(along * hinge, axis=-1) * hinge[:, 2]  # of the tip's height: what no bending changes
    rise, ahead = along[:, 2] - aside, np.cross(hinge, along)[:, 2]
    hangs, reach = np.arctan2(rise, ahead), np.hypot(rise, ahead)  # 0 is level, -90 degrees straight down
    # A foot sunk whole is not the toes' to put right: level is enough.
    lowest = np.minimum(-height, 0.0) - aside
    free = np.arcsin(np.clip(lowest / np.maximum(reach, 1e-9), -1.0, 0.0))
    # The less the hinge lies level, the less bending lifts: a foot on its side has no up.
    level = np.clip(2.0 * reach / np.linalg.norm(tip), 0.0, 1.0)
    pointed = foot @ _FRONT  # toes of a source are often wrong, its feet are not
    backwards = np.arctan2(pointed[:, 2], np.cross(foot @ _HINGE, pointed)[:, 2]) < _BACKWARDS
    sinks = rise < lowest
    up = np.where(sinks & ~backwards, level * (free - hangs), 0.0)
    down = np.where(sinks & backwards, level * (hangs + np.pi + free), 0.0)
    bend = runs.ramped(up, spans=spans, step=step) - runs.ramped(down, spans=spans, step=step)
    return np.asarray(matrix_from_axis_angle(bend[:, None] * hinge) @ toes)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrist: the palm as it was seen, on the arm that the body fit found.

A hand turns about the forearm's length because the forearm's bones roll about each other. The
whole of that roll is shared evenly between elbow and wrist, so that a skinned forearm
turns over its length and pinches at neither end; what is left bends the wrist. Elbow and
wrist stay in their places. A palm that no arm could hold was misread, and counts as not seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from ...skeleton import BODY_JOINT_COUNT, INDEX, rest_joints
from ..smooth import smooth
from .fading import filled
from .fit import HandFit

Array = NDArray[np.float64]

_ELBOWS_SHARE = 0.5
_ROLL = np.radians(115.0)  # either way from the T-pose's, palm down; with what the upper arm's turn is off
# Bend up and down (about z) and towards thumb or little finger (about y), either way.
_BEND, _SIDEWAYS = np.radians(85.0), np.radians(40.0)
_READ_SIGMA = 0.2  # radians that a palm which is surely seen is off
_ACCELERATION = 0.08  # radians per frame^2 at 30 frames/s
_NEUTRAL_SIGMA = 3.0  # radians: weak, the body's own wrist counts where nothing is seen
_STRAY = 0.35  # radians off its neighbours at which a frame counts a quarter
_CALMINGS = 4
_MISREAD = np.radians(40.0)  # beyond those limits


def settle_wrist(time_s: Array, poses: Array, hand: HandFit, *, left: bool) -> None:
    """Turn elbow and wrist in poses (T, 55, 3), in place, so that the palm faces as it was seen.

    The pelvis is turned in the axes of the camera that saw the hand.
    """
    side = "left" if left else "right"
    elbow, wrist = INDEX[f"{side}_elbow"], INDEX[f"{side}_wrist"]
    bone = rest_joints()[wrist] - rest_joints()[elbow]
    axis = bone / np.linalg.norm(bone)
    count = len(poses)
    own, seen, bends = np.empty((count, 4)), np.empty((count, 4)), np.empty((count, 3, 3))
    for block in in_blocks(count):
        local = matrix_from_axis_angle(poses[block, :BODY_JOINT_COUNT])
        _, world = forward(local, np.zeros((len(local), 3)), rest_joints())
        roll = roll_about(local[:, elbow], axis)[:, None] * axis
        # The elbow without the forearm's roll; the hand relative to that.
        back = matrix_from_axis_angle(-roll)
        bends[block] = local[:, elbow] @ back
        own[block] = _roll_and_bend(matrix_from_axis_angle(roll) @ local[:, wrist], axis)
        unrolled = world[:, elbow] @ back
        seen[block] = _roll_and_bend(np.swapaxes(unrolled, -1, -2) @ hand.turn[block], axis)
    high = np.array([_ROLL, np.inf, _SIDEWAYS, _BEND])
    within = np.clip(seen, -high, high)
    rows = np.flatnonzero((hand.seen > 0) & (np.linalg.norm(seen - within, axis=1) < _MISREAD))
    if not len(rows):
        return
    values = own + filled(
        time_s, rows, _calmed(time_s[rows], (within - own)[rows], hand.seen[rows]), resting=np.zeros(4)
    )
    roll = values[:, :1] * axis
    poses[:, elbow] = axis_angle_from_matrix(bends @ matrix_from_axis_angle(_ELBOWS_SHARE * roll))
    rest_of_it = matrix_from_axis_angle((1.0 - _ELBOWS_SHARE) * roll)
    poses[:, wrist] = axis_angle_from_matrix(rest_of_it @ matrix_from_axis_angle(values[:, 1:]))


def _calmed(time_s: Array, values: Array, seen: Array) -> Array:
    """What is added to the body's own wrist, (T, 4), smooth; a frame far off its neighbours is left out."""
    precision = seen**4 / _READ_SIGMA**2
    out = values
    for _ in range(_CALMINGS):
        out = smooth(
            values,
            precision,
            time_s,
            acceleration=_ACCELERATION,
            neutral=np.zeros(values.shape[1]),
            neutral_sigma=_NEUTRAL_SIGMA,
        )
        stray = np.linalg.norm(values - out, axis=1)
        precision = seen**4 / _READ_SIGMA**2 * (_STRAY**2 / (_STRAY**2 + stray**2)) ** 2
    return out


def roll_about(turns: Array, axis: Array) -> Array:
    """Angles (T,), -pi to pi, by which turns (T, 3, 3) roll about axis (3,)."""
    angle = axis_angle_from_matrix(turns)
    size = np.linalg.norm(angle, axis=-1)
    half = 0.5 * size
    along = np.where(size > 1e-9, np.sin(half) * (angle @ axis) / np.maximum(size, 1e-9), 0.0)
    return np.asarray(2.0 * np.arctan2(along, np.cos(half)))


def _roll_and_bend(turns: Array, axis: Array) -> Array:
    """(T, 4): the roll about the forearm, then the axis-angle of what is left."""
    roll = roll_about(turns, axis)
    roll = (roll + np.pi) % (2.0 * np.pi) - np.pi
    bend = matrix_from_axis_angle(-roll[:, None] * axis) @ turns
    return np.concatenate([roll[:, None], axis_angle_from_matrix(bend)], axis=1)

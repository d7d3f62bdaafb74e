# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers: 21 points in 3D to 15 joint rotations a hand, by anatomical angles.

A finger has a knuckle with two axes (spread and bend) and two hinges that bend one way
only. The angles are read off the bones' directions in the palm's frame, limited to
what joints do, and smoothed; so a finger cannot flip. A hand that is not seen goes
over to a relaxed pose.

In the T-pose the left fingers point along +x with the palm down: bending is a turn
about -z, spreading a turn about y. The right hand is solved as a mirrored left one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from ..skeleton import INDEX, LEFT_HAND, rest_joints
from .smooth import smooth

Array = NDArray[np.float64]

_FINGERS = ("index", "middle", "pinky", "ring")
_FIRST_POINT = {"thumb": 1, "index": 5, "middle": 9, "ring": 13, "pinky": 17}
_BEND_LIMITS = ((-0.4, 1.6), (0.0, 1.9), (0.0, 1.4))  # knuckle, middle joint, end joint, radians
_SPREAD_LIMIT = 0.35
_THUMB_SWING_LIMIT = 0.9
_THUMB_BEND_LIMITS = ((-0.2, 1.0), (-0.2, 1.4))
_RELAXED_BEND = (0.30, 0.45, 0.25)
# The end joint follows the middle one (their tendons are shared), about two thirds of it.
_END_FOLLOWS = 0.67

_ANGLE_SIGMA = 0.15  # rad, of one frame's angle
_ACCELERATION = 0.12  # rad per frame^2 at 30 frames/s
_RELAXED_SIGMA = 1.5  # rad: weak, it only decides where nothing is seen

_MIRROR = np.array([-1.0, 1.0, 1.0])


def fit_hand(
    time_s: Array, points3d: NDArray[np.floating[Any]], certainty: Array, *, left: bool
) -> tuple[Array, Array]:
    """Axis-angle (T, 15, 3) in SMPL-X's order, and how well it was seen (T,), 0 to 1.

    points3d (T, 21, 3) metres relative to the wrist, in any axes: only their own shape
    counts. certainty (T, 21).
    """
    points3d = np.asarray(points3d, dtype=np.float64)
    rotation, weight = hand_frame(points3d, certainty, left=left)
    points = np.einsum("tji,tpj->tpi", rotation, np.where(np.isfinite(points3d), points3d, 0.0))
    if not left:
        points = points * _MIRROR
    angles = _angles(points)
    precision = weight / _ANGLE_SIGMA**2
    angles = smooth(
        angles,
        precision,
        time_s,
        acceleration=_ACCELERATION,
        neutral=_relaxed(),
        neutral_sigma=_RELAXED_SIGMA,
    )
    axis_angle = _rotations(_limited(angles))
    if not left:
        axis_angle = axis_angle * np.array([1.0, -1.0, -1.0])
    return axis_angle, weight


def hand_frame(points3d: Array, certainty: Array, *, left: bool) -> tuple[Array, Array]:
    """World rotation (T, 3, 3) of the palm, as SMPL-X's wrist joint has it, and its weight (T,)."""
    names = ("wrist", "index1", "middle1", "pinky1")
    points = [points3d[:, i] for i in (0, 5, 9, 17)]
    side = "left" if left else "right"
    template = [rest_joints()[INDEX[f"{side}_{name}"]][None] for name in names]
    rotation = _palm(*points, left=left) @ np.swapaxes(_palm(*template, left=left), -1, -2)
    weight = certainty[:, [0, 5, 9, 17]].min(axis=1)
    known = np.isfinite(rotation).all(axis=(1, 2)) & (weight > 0)
    # Points that fell together span no frame.
    safe = np.where(known[:, None, None], rotation, np.eye(3))
    known &= np.abs(np.linalg.det(safe) - 1.0) < 1e-3
    return np.where(known[:, None, None], safe, np.eye(3)), np.where(known, weight, 0.0)


def _palm(wrist: Array, index: Array, middle: Array, little: Array, *, left: bool) -> Array:
    along = _unit(middle - wrist if left else wrist - middle)
    up = _unit(np.cross(index - little, along))
    return np.stack([along, up, np.cross(along, up)], axis=-1)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _rest_bones(finger: str) -> Array:
    """Directions (3, 3) of the left hand's three bones at rest; the last goes on as the one before."""
    joints = np.stack([rest_joints()[INDEX[f"left_{finger}{k}"]] for k in (1, 2, 3)])
    bones = _unit(np.diff(joints, axis=0))
    return np.concatenate([bones, bones[1:]])


def _thumb_axis() -> Array:
    """Axis about which the left thumb bends: across it, towards the base of the little finger."""
    rest = rest_joints()
    thumb = rest[INDEX["left_thumb3"]] - rest[INDEX["left_thumb2"]]
    return _unit(np.cross(thumb, rest[INDEX["left_pinky1"]] - rest[INDEX["left_thumb2"]]))


def _knuckle(direction: Array) -> tuple[Array, Array]:
    """Spread and bend (...,) of directions (..., 3) from +x: first the bend about -z, then spread about y."""
    x, y, z = direction[..., 0], direction[..., 1], direction[..., 2]
    # A finger that is bent by a right angle shows no spread: hold the divisor up.
    spread = np.clip(np.arctan2(-z, np.maximum(np.abs(x), 0.4)), -0.6, 0.6)
    bend = np.arctan2(-y, x * np.cos(spread) - z * np.sin(spread))
    return spread, bend


def _angles(points: Array) -> Array:
    """Angles (T, 21) of a left hand from points (T, 21, 3) in the palm's frame.

    Four fingers x (spread, bend, bend, bend), then thumb: swing x, y, z, bend, bend.
    """
    out = np.zeros((len(points), 21))
    for f, finger in enumerate(_FINGERS):
        first = _FIRST_POINT[finger]
        bones = _unit(np.diff(points[:, first : first + 4], axis=1))
        rest = _rest_bones(finger)
        spread, bend = _knuckle(bones[:, 0])
        rest_spread, rest_bend = _knuckle(rest[0])
        out[:, 4 * f] = spread - rest_spread
        out[:, 4 * f + 1] = bend - rest_bend
        axis = np.stack([np.sin(spread), np.zeros_like(spread), np.cos(spread)], axis=-1) * -1.0
        for k in (1, 2):
            rest_turn = _signed_angle(rest[k - 1], rest[k], np.array([0.0, 0.0, -1.0]))
            out[:, 4 * f + 1 + k] = _signed_angle(bones[:, k - 1], bones[:, k], axis) - rest_turn
        middle, end = out[:, 4 * f + 2], out[:, 4 * f + 3]
        out[:, 4 * f + 3] = 0.5 * end + 0.5 * _END_FOLLOWS * middle
    bones = _unit(np.diff(points[:, 1:5], axis=1))
    rest = _rest_bones("thumb")
    axis = np.cross(rest[0], bones[:, 0])
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.minimum(np.arctan2(sine, bones[:, 0] @ rest[0]), _THUMB_SWING_LIMIT)
    swing = _unit(axis) * angle[:, None]
    out[:, 16:19] = swing
    turned = matrix_from_axis_angle(swing) @ _thumb_axis()
    for k in (1, 2):
        rest_turn = _signed_angle(rest[k - 1], rest[k], _thumb_axis())
        out[:, 18 + k] = _signed_angle(bones[:, k - 1], bones[:, k], turned) - rest_turn
    return out


def _signed_angle(first: Array, second: Array, axis: Array) -> Array:
    cross = np.cross(first, second)
    return np.asarray(np.arctan2((cross * axis).sum(axis=-1), (first * second).sum(axis=-1)))


def _relaxed() -> Array:
    return np.array([*((0.0, *_RELAXED_BEND) * 4), 0.0, 0.0, 0.0, 0.15, 0.15])


def _limited(angles: Array) -> Array:
    low = [*((-_SPREAD_LIMIT, *(limit[0] for limit in _BEND_LIMITS)) * 4)]
    high = [*((_SPREAD_LIMIT, *(limit[1] for limit in _BEND_LIMITS)) * 4)]
    low += [-_THUMB_SWING_LIMIT] * 3 + [limit[0] for limit in _THUMB_BEND_LIMITS]
    high += [_THUMB_SWING_LIMIT] * 3 + [limit[1] for limit in _THUMB_BEND_LIMITS]
    return np.clip(angles, low, high)


def _rotations(angles: Array) -> Array:
    """Axis-angle (T, 15, 3) of a left hand in SMPL-X's order, from angles (T, 21)."""
    out = np.zeros((len(angles), 15, 3))
    first = {name: INDEX[f"left_{name}1"] - LEFT_HAND.start for name in (*_FINGERS, "thumb")}
    for f, finger in enumerate(_FINGERS):
        spread, bend = angles[:, 4 * f], angles[:, 4 * f + 1]
        knuckle = matrix_from_axis_angle(spread[:, None] * [0.0, 1.0, 0.0]) @ matrix_from_axis_angle(
            bend[:, None] * [0.0, 0.0, -1.0]
        )
        out[:, first[finger]] = axis_angle_from_matrix(knuckle)
        out[:, first[finger] + 1, 2] = -angles[:, 4 * f + 2]
        out[:, first[finger] + 2, 2] = -angles[:, 4 * f + 3]
    out[:, first["thumb"]] = angles[:, 16:19]
    for k in (1, 2):
        out[:, first["thumb"] + k] = angles[:, 18 + k, None] * _thumb_axis()
    return out

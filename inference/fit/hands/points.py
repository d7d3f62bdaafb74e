# SPDX-License-Identifier: GPL-3.0-or-later
"""The 21 points of a posed hand in its wrist's frame, and how they move with its angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .anatomy import anatomy, rotation

Array = NDArray[np.float64]


def posed_points(angles: Array, lengths: Array) -> tuple[Array, Array]:
    """Points (T, 21, 3) of left hands at angles (T, 5, 4), and their derivatives (T, 5, 4, 4, 3).

    lengths (5, 4) are factors on the template's bones. The derivative's axes: finger, point
    of that finger, angle, x y z; a finger's angles move no other finger's points.
    """
    hand = anatomy()
    bones = hand.bones * lengths[..., None]
    offset = hand.point_offset * lengths[..., None]
    axes = hand.axes
    saddle = np.asarray(angles[..., 0, None] * axes[:, 0] + angles[..., 1, None] * axes[:, 1], np.float64)
    first, jacobian = rotation(saddle)
    second, _ = rotation(angles[..., 2, None] * axes[:, 2])
    third, _ = rotation(angles[..., 3, None] * axes[:, 3])
    turns = [first, first @ second]
    turns.append(turns[1] @ third)
    joints = [np.broadcast_to(bones[:, 0], (len(angles), 5, 3))]
    points = np.empty((len(angles), 5, 4, 3))
    points[:, :, 0] = bones[:, 0] + offset[:, 0]
    for k in (1, 2, 3):
        turn = turns[k - 1]
        place = joints[-1] + _times(turn, bones[:, k])
        points[:, :, k] = place + _times(turn, offset[:, k])
        joints.append(place)
    moves = np.zeros((len(angles), 5, 4, 4, 3))
    world = (
        _times(jacobian, axes[:, 0]), _times(jacobian, axes[:, 1]),
        _times(turns[0], axes[:, 2]), _times(turns[1], axes[:, 3]),
    )  # fmt: skip
    for angle, (axis, joint) in enumerate(zip(world, (0, 0, 1, 2), strict=True)):
        lever = points[:, :, joint + 1 :] - joints[joint][:, :, None]
        moves[:, :, joint + 1 :, angle] = np.cross(axis[:, :, None], lever)
    whole = np.empty((len(angles), 21, 3))
    whole[:, 0] = hand.wrist_offset
    whole[:, 1:] = points.reshape(len(angles), 20, 3)
    return whole, moves


def _times(matrices: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("...ij,...j->...i", matrices, vectors))

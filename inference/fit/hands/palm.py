# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a palm faces, and about how its fingers bend, read off 3D points directly.

The body fit takes the palm's turn as evidence; the hand fit starts from both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...skeleton import INDEX, rest_joints
from .anatomy import MIRROR_PLACE, anatomy, axis_angles

Array = NDArray[np.float64]


def hand_frame(points3d: Array, certainty: Array, *, left: bool) -> tuple[Array, Array]:
    """World rotation (T, 3, 3) of the palm, as SMPL-X's wrist joint has it, and its weight (T,).

    points3d (T, 21, 3) in any axes, certainty (T, 21).
    """
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


def first_angles(points3d: Array, turn: Array, *, left: bool) -> Array:
    """Angles (T, 5, 4) to start from: of points3d (T, 21, 3), with the palm turned by turn (T, 3, 3)."""
    hand = anatomy()
    local = (points3d - points3d[:, :1]) @ turn
    if not left:
        local = local * MIRROR_PLACE
    fingers = local[:, 1:].reshape(-1, 5, 4, 3)
    bones = _unit(np.diff(fingers, axis=2))  # (T, 5, 3, 3)
    angles = np.tile(hand.mean, (len(local), 1, 1))
    # Hinges of all fingers: the angle between neighbouring bones, which has no sign and needs none.
    cosine = (bones[:, :, :-1] * bones[:, :, 1:]).sum(axis=-1)
    angles[..., 2:] = np.arccos(np.clip(cosine, -1.0, 1.0))
    # Knuckles of the four fingers; the thumb's saddle starts at its mean.
    first = bones[:, 1:, 0]
    angles[:, 1:, 0] = np.arctan2(-first[..., 1], first[..., 0])
    angles[:, 1:, 0] = np.where(angles[:, 1:, 0] < -1.5, angles[:, 1:, 0] + 2 * np.pi, angles[:, 1:, 0])
    return np.asarray(np.clip(angles, hand.low, hand.high))


def glimpse(points3d: Array, certainty: Array, *, left: bool) -> Array:
    """Axis-angle (T, 15, 3) read off points3d (T, 21, 3) frame by frame: quick, for a first look."""
    known = np.where(np.isfinite(points3d), points3d, 0.0).astype(np.float64)
    turn, weight = hand_frame(known, certainty, left=left)
    angles = first_angles(known, turn, left=left)
    seen = ((certainty > 0).all(axis=1) & (weight > 0))[:, None, None]
    return axis_angles(np.where(seen, angles, anatomy().relaxed), left=left)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hand likely is, of what the hand network says of it and of where its forearm points.

The hand network draws a likely hand: its depth is off, and off alike over the whole hand. A small
network that was shown rendered hands (`training/hands_network.py`) knows how, and knows the arm besides,
which the hand network never saw. It answers with points and angles, and how far off each may be; the fit
takes both as evidence beside the picture. Two hidden layers; numpy is quick enough.

Hands are read as left ones, upright in the picture, along the ray to the palm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...camera import rotation_to_ray
from ...kinematics import in_blocks
from ...skeleton import DATA
from ...stored_network import StoredNetwork
from .anatomy import ANGLES, MIRROR_PLACE, anatomy

Array = NDArray[np.float64]

PATH = DATA / "hand_reader.npz"
PALM = (0, 5, 9, 13, 17)  # points that the fingers do not move
POINTS = 21
INPUTS = 3 * POINTS + 2 * POINTS + 2 + 4
# Answers: points, their spread across and along the line of sight, angles and theirs.
OUTPUTS = 3 * POINTS + 2 * POINTS + 2 * ANGLES
POINT_UNIT, ANGLE_UNIT = 0.03, 0.4  # metres and radians that are one in the network
SPREADS = (-4.0, 2.0)  # log of the spread in those units, least and most


@dataclass(frozen=True)
class Upright:
    """T hands as the reader sees them."""

    inputs: Array  # (T, INPUTS)
    camera_from_upright: Array  # (T, 3, 3), the mirror of a right hand not among it
    mirror: Array  # (3,) 1 for a left hand, MIRROR_PLACE for a right one


@dataclass(frozen=True)
class Reading:
    """T hands. Spreads are scales of Laplace errors: mean absolute ones."""

    points: Array  # (T, 21, 3) metres of the template's size, camera axes, from the palm's middle
    across: Array  # (T, 21) metres
    along: Array  # (T, 21)
    angles: Array  # (T, 5, 4) radians
    angle_spread: Array  # (T, 5, 4)


def upright(
    flat: Array, points3d: Array, certainty: Array, pixel: Array, forearm: Array, *, left: bool
) -> Upright:
    """The reader's view of T hands.

    flat (T, 21, 2) on the plane z = 1; points3d (T, 21, 3) metres as the hand network has them, as
    if the camera looked straight at the hand; certainty (T,); pixel (T,) pixels from the points' middle, root
    mean square; forearm (T, 3) unit, from elbow to wrist in camera axes, NaN where it is not known.
    """
    mirror = np.ones(3) if left else MIRROR_PLACE
    ray = rotation_to_ray(flat[:, PALM].mean(axis=1))
    straight = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=-1) @ ray
    straight = straight[..., :2] / np.maximum(straight[..., 2:], 0.1)
    # From the wrist to the middle joints, as the hand network's own region stands.
    up = (straight[:, 6] + straight[:, 14]) / 4 + straight[:, 10] / 2 - straight[:, 0]
    roll = _roll(np.arctan2(up[:, 0], -up[:, 1]))
    stray = straight - straight.mean(axis=1, keepdims=True)
    stray /= np.maximum(np.sqrt((stray**2).sum(axis=-1).mean(axis=-1)), 1e-9)[:, None, None]
    stray = (stray @ roll[:, :2, :2]) * mirror[:2]
    solid = (points3d - points3d[:, PALM].mean(axis=1, keepdims=True)) @ roll * mirror
    base = ray @ roll
    known = np.isfinite(forearm).all(axis=1)
    arm = np.einsum("tji,tj->ti", base, np.where(known[:, None], forearm, 0.0)) * mirror
    count = len(flat)
    inputs = np.concatenate(
        [
            solid.reshape(count, -1) / POINT_UNIT,
            stray.reshape(count, -1),
            np.stack([certainty, np.log(np.maximum(pixel, 1.0)) - 3.0], axis=1),
            arm,
            known[:, None],
        ],
        axis=1,
    )
    return Upright(inputs, base, mirror)


def _roll(angle: Array) -> Array:
    """(T, 3, 3) turns clockwise in the picture by angle (T,)."""
    out = np.tile(np.eye(3), (len(angle), 1, 1))
    out[:, 0, 0] = out[:, 1, 1] = np.cos(angle)
    out[:, 1, 0] = np.sin(angle)
    out[:, 0, 1] = -out[:, 1, 0]
    return out


@dataclass(frozen=True, eq=False)
class Reader(StoredNetwork):
    """The network. Inputs are brought to a spread of about one by `mean` and `scale`."""

    mean: Array  # (INPUTS,)
    scale: Array  # (INPUTS,)
    weight1: Array  # (INPUTS, h)
    bias1: Array
    weight2: Array  # (h, h)
    bias2: Array
    weight3: Array  # (h, OUTPUTS)
    bias3: Array

    def __call__(self, seen: Upright) -> Reading:
        """What the hands likely are."""
        out = np.empty((len(seen.inputs), OUTPUTS))
        for block in in_blocks(len(out), size=1000):
            x = (seen.inputs[block] - self.mean) * self.scale
            x = _silu(x @ self.weight1 + self.bias1)
            x = _silu(x @ self.weight2 + self.bias2)
            out[block] = x @ self.weight3 + self.bias3
        places, spread, angles, angle_spread = np.split(
            out, np.cumsum([3 * POINTS, 2 * POINTS, ANGLES]), axis=1
        )
        points = POINT_UNIT * places.reshape(-1, POINTS, 3) * seen.mirror
        points = points @ np.swapaxes(seen.camera_from_upright, -1, -2)
        points -= points[:, PALM].mean(axis=1, keepdims=True)
        wide = POINT_UNIT * np.exp(np.clip(spread, *SPREADS)).reshape(-1, POINTS, 2)
        hand = anatomy()
        return Reading(
            points=points,
            across=wide[..., 0],
            along=wide[..., 1],
            angles=np.clip(ANGLE_UNIT * angles.reshape(-1, 5, 4) + hand.mean, hand.low, hand.high),
            angle_spread=ANGLE_UNIT * np.exp(np.clip(angle_spread, *SPREADS)).reshape(-1, 5, 4),
        )


@cache
def reader() -> Reader:
    """The shipped one, read once."""
    return Reader.load(PATH)


def _silu(x: Array) -> Array:
    return np.asarray(x / (1.0 + np.exp(-np.clip(x, -60.0, 60.0))))

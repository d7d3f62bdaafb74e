# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand's points in space, read once more from what the hand network knows of the picture around each.

The hand network ends in a few numbers for the whole hand and draws a likely one. Halfway through it still
knows what each place of the picture looks like. A small network of ours (`training/hands_look.py`) takes
that at the 21 points, and whose hand it is, and answers with points in space, and with how the fingers are
bent. numpy is quick enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeleton import DATA
from ..stored_network import StoredNetwork

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

PATH = DATA / "second_look.npz"
POINTS, CHANNELS = 21, 112  # of the hand network's inner map
PALM = (0, 5, 9, 13, 17)  # points that the fingers do not move
POINT_UNIT = 0.03  # metres that are one in the network
FINGER_ANGLES = 20  # four a finger, as `fit.hands.anatomy` counts them, of a left hand or one in a mirror
SPREADS = (-4.9, 1.1)  # log of the spread of an angle in radians, least and most
NUMBERS = 3 * POINTS + 2 * POINTS + 5  # beside what lies at the points


def at_points(inner: Floats, places: Floats) -> Array:
    """What a map (C, S, S) says at places (P, 2), as shares of the region from its top left: (P, C)."""
    side = inner.shape[-1]
    place = np.clip(np.asarray(places) * side - 0.5, 0.0, side - 1.001)
    first = place.astype(np.int64)
    right, down = (place - first).T
    cell = first[:, 1] * side + first[:, 0]
    cells = np.stack([cell, cell + 1, cell + side, cell + side + 1])
    shares = np.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down])
    around = inner.reshape(len(inner), -1)[:, cells]
    return np.asarray(np.einsum("ckp,kp->pc", around, shares.astype(inner.dtype)))


def numbers(
    world: Array, places: Array, presence: Array, rightness: Array, size: Array, *, left: bool | Flags
) -> Array:
    """N readings (N, NUMBERS): the hand network's answers in its region's own axes, and the side.

    world (N, 21, 3) metres; places (N, 21, 2) as shares of the region; size (N,) of the region, pixels;
    left: whether they are left hands, each (N,) or all.
    """
    count = len(world)
    solid = (world - world[:, PALM].sum(axis=1, keepdims=True) / len(PALM)) / POINT_UNIT
    flat = places - 0.5
    stray = flat - flat.sum(axis=1, keepdims=True) / POINTS
    spread = np.sqrt((stray**2).sum(axis=(1, 2)) / POINTS) * size
    out = np.empty((count, NUMBERS))
    out[:, : 3 * POINTS] = solid.reshape(count, -1)
    out[:, 3 * POINTS : 5 * POINTS] = 6.0 * flat.reshape(count, -1)
    out[:, -5] = np.where(left, 1.0, -1.0)
    out[:, -4] = presence
    out[:, -3] = np.where(left, 1.0 - rightness, rightness)
    out[:, -2] = np.log(np.maximum(spread, 1e-3)) - 3.0
    out[:, -1] = np.log(np.maximum(size, 1e-3) / 224.0)
    return out


@dataclass(frozen=True)
class Looked:
    """N hands."""

    points: Array  # (N, 21, 3) metres from the palm's middle, the region's axes
    fingers: Array  # (N, 20, 2) angles and how far off each may be, radians


@dataclass(frozen=True, eq=False)
class SecondLook(StoredNetwork):
    """The network. What lies at a point goes through a layer that is the same for all points, all of it
    through two layers, and each finger, with that beside it, through two that are the same for all five."""

    mean: Array  # (NUMBERS,)
    scale: Array  # (NUMBERS,)
    local_weight: Array  # (CHANNELS, c), the map's mean and scale taken in
    local_bias: Array  # (c,)
    weight1: Array  # (NUMBERS + 21 c, h)
    bias1: Array
    weight2: Array  # (h, h)
    bias2: Array
    place_weight: Array  # (h, 63)
    place_bias: Array
    finger_weight1: Array  # (h + 5 c + 20 + 5, g)
    finger_bias1: Array
    finger_weight2: Array
    finger_bias2: Array
    finger_weight3: Array  # (., 20): of a finger, 4 angles and the logs of their spreads (radians), 12 places
    finger_bias3: Array
    angle_mean: Array  # (20,) radians

    def __call__(self, about: Floats, inner: Floats) -> Looked:
        """about (N, NUMBERS) as `numbers` gives it; inner (N, 21, CHANNELS) as `at_points` does."""
        count = len(about)
        known = (about.astype(self.mean.dtype) - self.mean) * self.scale
        local = _silu(inner.astype(self.mean.dtype) @ self.local_weight + self.local_bias)
        whole = _silu(np.concatenate([known, local.reshape(count, -1)], axis=1) @ self.weight1 + self.bias1)
        whole = _silu(whole @ self.weight2 + self.bias2)
        places = (whole @ self.place_weight + self.place_bias).reshape(count, POINTS, 3)
        solid, flat = known[:, : 3 * POINTS], known[:, 3 * POINTS : 5 * POINTS]
        each = np.concatenate([solid.reshape(-1, POINTS, 3), flat.reshape(-1, POINTS, 2)], axis=2)
        # The layer in parts: for all of it, for a finger's four points, the wrist, their places, which it is.
        weight, size, channels = self.finger_weight1, whole.shape[1], local.shape[2]
        wrist, place = size + 4 * channels, size + 5 * channels
        shared = whole @ weight[:size] + local[:, 0] @ weight[wrist:place] + self.finger_bias1
        own = local[:, 1:].reshape(count, 5, -1) @ weight[size:wrist]
        own += each[:, 1:].reshape(count, 5, -1) @ weight[place:-5] + weight[-5:]
        fingers = _silu(shared[:, None] + own)
        fingers = _silu(fingers @ self.finger_weight2 + self.finger_bias2)
        fingers = fingers @ self.finger_weight3 + self.finger_bias3
        places[:, 1:] += fingers[..., 8:].reshape(count, POINTS - 1, 3)
        angles = fingers[..., :4].reshape(count, FINGER_ANGLES) + self.angle_mean
        spread = np.exp(np.clip(fingers[..., 4:8], *SPREADS)).reshape(count, FINGER_ANGLES)
        return Looked(
            points=np.asarray(POINT_UNIT * places, np.float64),
            fingers=np.asarray(np.stack([angles, spread], axis=-1), np.float64),
        )


@cache
def second_look() -> SecondLook:
    """The shipped one, read once; in single precision, as a capture runs it for each hand."""
    stored = SecondLook.load(PATH)
    return SecondLook(**{name: value.astype(np.float32) for name, value in vars(stored).items()})


def _silu(x: Floats) -> Floats:
    return np.asarray(x / (1.0 + np.exp(-np.maximum(x, -60.0))))

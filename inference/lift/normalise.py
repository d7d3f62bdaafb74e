# SPDX-License-Identifier: GPL-3.0-or-later
"""From points in a picture to what the lift network reads: a virtual camera that looks at the person.

Points on the plane z = 1 are turned so that the optical axis passes through the person,
and divided by the person's spread: where in the picture someone stands and how far away
does not matter to the network, and perspective stays exact (RootNet's and AbsPoseLifter's
absolute depth comes back through the spread). The virtual camera follows the person by a
short, fixed average over time, so that a long take can be cut anywhere and gives the same.

Used by the capture and, on synthetic points, by the training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import rotation_to_ray
from . import layout
from .points import KEYPOINTS

Floats = NDArray[np.floating[Any]]

HALO = 24  # frames on each side that decide the virtual camera of a frame
_CENTRE_FRAMES = 4.0  # standard deviation in time of the average that places the virtual camera
_SPREAD_FRAMES = 8.0  # the same of the person's spread
_LEAST_CERTAINTY = 0.05  # below it a point says nothing
_FURTHEST = 8.0  # spreads: a point further away is lost
# The trunk says where a person is; hands and feet swing, the face of a close-up is all there is.
_WEIGHT = np.where(np.isin(KEYPOINTS, (5, 6, 11, 12)), 1.0, np.where(KEYPOINTS < 23, 0.3, 0.05))


@dataclass(frozen=True, eq=False)
class Normalised:
    """Input of the network and what takes its output back to the picture. Leading axes (..., T)."""

    inputs: NDArray[np.float32]  # (..., T, layout.INPUTS)
    camera_from_virtual: NDArray[np.float64]  # (..., T, 3, 3)
    spread: NDArray[np.float64]  # (..., T) of the person on the plane z = 1 of the virtual camera


def normalise(points: Floats, certainty: Floats) -> Normalised:
    """Points (..., T, 35, 2) on the plane z = 1 at layout.FPS, certainty (..., T, 35) 0 to 1.

    What is not finite or has next to no certainty is not looked at. Where nobody is seen
    for long, the virtual camera looks where the person was seen last or will be next.
    """
    good = (certainty >= _LEAST_CERTAINTY) & np.isfinite(points).all(axis=-1) & np.isfinite(certainty)
    certainty = np.where(good, certainty, 0.0).astype(np.float64)
    points = np.where(good[..., None], points, 0.0).astype(np.float64)
    mass = _WEIGHT * certainty
    moment = np.concatenate([mass.sum(-1)[..., None], (mass[..., None] * points).sum(-2)], axis=-1)
    total, middle = np.split(_averaged(moment, _CENTRE_FRAMES), [1], axis=-1)
    seen = total[..., 0] > 1e-3
    centre = _held(middle / np.maximum(total, 1e-3), seen)
    rotation = rotation_to_ray(centre)

    rays = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    turned = np.einsum("...ji,...pj->...pi", rotation, rays)
    # What lies across from the virtual camera cannot be on its picture.
    good &= turned[..., 2] > 0.1
    flat = turned[..., :2] / np.maximum(turned[..., 2:], 0.1)
    mass = np.where(good, mass, 0.0)
    square = (mass * (flat**2).sum(-1)).sum(-1)
    moment = _averaged(np.stack([mass.sum(-1), square], axis=-1), _SPREAD_FRAMES)
    seen = moment[..., 0] > 1e-3
    spread = np.sqrt(np.maximum(moment[..., 1] / np.maximum(moment[..., 0], 1e-3), 1e-8))
    spread = _held(spread[..., None], seen, empty=0.1)[..., 0]

    flat = flat / spread[..., None, None]
    good &= np.abs(flat).max(axis=-1) < _FURTHEST
    seen_points = np.concatenate([flat, certainty[..., None]], axis=-1) * good[..., None]
    shape = (*points.shape[:-2], 3 * layout.POINTS)
    inputs = np.concatenate([seen_points.reshape(shape), centre, np.log(spread)[..., None]], axis=-1)
    return Normalised(inputs.astype(np.float32), rotation, spread)


def _averaged(values: NDArray[np.float64], frames: float) -> NDArray[np.float64]:
    """Gaussian sum over the time axis of (..., T, C), at most HALO frames to each side."""
    reach = min(HALO, int(3.0 * frames), values.shape[-2] - 1)
    out = values.copy()
    for k in range(1, reach + 1):
        share = np.exp(-0.5 * (k / frames) ** 2)
        out[..., k:, :] += share * values[..., :-k, :]
        out[..., :-k, :] += share * values[..., k:, :]
    return out


def _held(values: NDArray[np.float64], seen: NDArray[np.bool_], *, empty: float = 0.0) -> NDArray[np.float64]:
    """Values (..., T, C) where not `seen` (..., T) replaced by a straight line between those seen."""
    if seen.all():
        return values
    flat, known = values.reshape(-1, *values.shape[-2:]).copy(), seen.reshape(-1, seen.shape[-1])
    times = np.arange(seen.shape[-1])
    for k in np.flatnonzero(~known.all(axis=-1)):
        row, use = flat[k], known[k]
        if not use.any():
            row[:] = empty
            continue
        for column in range(row.shape[-1]):
            row[:, column] = np.interp(times, times[use], row[use, column])
    return flat.reshape(values.shape)

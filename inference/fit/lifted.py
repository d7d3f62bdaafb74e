# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lift network says, as evidence for the fit: places and rotations, each with its doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..kinematics import in_blocks
from ..lift import layout
from ..lift.network import Lifted
from ..skeleton import PARENTS
from .evidence import Evidence
from .model_points import POINTS, stature

Array = NDArray[np.float64]

_HIPS = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in (11, 12)]


_STRAYS = 0.5  # metres a second that an unseen joint may leave where it is thought to be
_FURTHEST_ASTRAY = 0.25  # metres: limbs are not longer
_SEEN_TO_STAND = 4  # points
_FIT_ERRS = 0.8  # the fit's error over the network's (`fit.error_vs_lift`)


@dataclass(frozen=True, kw_only=True)
class LiftTrust:
    """How much the fit believes of the network."""

    spread: float = 1.15  # what the network's spreads are multiplied by
    turn_sigma: float = 0.5  # radians, of a joint whose place is known to `place_sigma`
    place_sigma: float = 0.05  # metres
    contact_slope: float = 3.0  # a foot stands from a third of certainty on, and surely from two thirds


def with_lift(
    evidence: Evidence, lifted: Lifted, log_scale: Array, trust: LiftTrust = LiftTrust()
) -> Evidence:
    """Evidence of T frames with the network's added; log_scale (10,) gives the person's size."""
    size = stature(log_scale) / layout.STATURE
    offset = POINTS.scaled_offset(log_scale)
    across, along = variances(lifted)
    relative, total = np.empty_like(evidence.relative), np.empty_like(evidence.relative_precision)
    for rows in in_blocks(len(relative)):
        places = POINTS.posed(lifted.places[rows] * size, lifted.world[rows], offset)
        places -= places[:, _HIPS].mean(axis=1, keepdims=True)
        sight = lifted.sight[rows]
        ahead = (sight[:, :, None] * sight[:, None, :])[:, None]
        precision = (np.eye(3) - ahead) / across[rows][:, POINTS.anchor, None, None]
        precision += ahead / along[rows][:, POINTS.anchor, None, None]
        precision /= (trust.spread * size) ** 2
        own = evidence.relative_precision[rows]
        own = own * _agreement(evidence.relative[rows] - places, own, precision)[..., None, None]
        total[rows] = own + precision
        pulled = _times(own, evidence.relative[rows]) + _times(precision, places)
        relative[rows] = np.linalg.solve(total[rows], pulled[..., None])[..., 0]
    # Of a body of which next to nothing is seen, nobody knows whether it stands.
    enough = (evidence.weight > 0.0).sum(axis=1, keepdims=True) >= _SEEN_TO_STAND
    doubt = np.maximum(1.0, np.sqrt((across + along) / 2.0) / trust.place_sigma)
    return replace(
        evidence,
        relative=relative,
        relative_precision=total,
        turns=local_rotations(lifted.world),
        turn_precision=1.0 / (trust.turn_sigma * doubt) ** 2,
        standing=evidence.standing * enough * np.clip(trust.contact_slope * lifted.contact - 1.0, 0.0, 1.0),
    )


def _agreement(apart: Array, own: Array, precision: Array) -> Array:
    """How far (T, P), 0 to 1, to believe a graph's 3D points that lie `apart` (T, P, 3) from the network's.

    Such points err little or wholly: behind a body they point the other way. So one that lies
    further off than both doubts allow is let go (Geman and McClure, 1987). own, precision
    (T, P, 3, 3): of the graph's point, all directions alike, and of the network's.
    """
    doubt = np.linalg.inv(precision)
    doubt += np.eye(3) / np.maximum(own[..., :1, :1], 1e-9)
    far = np.einsum("tpi,tpi->tp", apart, np.linalg.solve(doubt, apart[..., None])[..., 0]) / 3.0
    return np.asarray((1.0 + far) ** -2)


def variances(lifted: Lifted) -> tuple[Array, Array]:
    """Variance per axis across the line of sight and along it (T, 22), square metres.

    The network's spreads are scales of Laplace errors: in two dimensions a scale b has the
    variance 3 b^2 along each axis, in one 2 b^2.
    """
    return 3.0 * lifted.across**2, 2.0 * lifted.along**2


def joint_sigma(lifted: Lifted, evidence: Evidence, log_scale: Array) -> Array:
    """How far (T, 22) each joint of the fit may be off, metres: the root of the mean square distance.

    From the network's spreads, since they grow where points contradict each other, and wider
    the longer nothing was seen of a joint or of what hangs on it. The pelvis, to which the
    others are measured, has its hips' figure.
    """
    across, along = variances(lifted)
    variance = (_FIT_ERRS * stature(log_scale) / layout.STATURE) ** 2 * (2.0 * across + along)
    seen = (evidence.weight > 0.0).astype(np.float64) @ POINTS.bone_uses > 0.0
    for joint in range(1, layout.JOINTS):
        times = evidence.time_s[seen[:, joint]]
        variance[:, joint] += np.minimum(_STRAYS * _away(evidence.time_s, times), _FURTHEST_ASTRAY) ** 2
    variance[:, 0] = variance[:, [1, 2]].mean(axis=1)
    return np.asarray(np.sqrt(variance))


def _away(time_s: Array, seen_s: Array) -> Array:
    """Seconds (T,) to the nearest of the times seen; infinite without any."""
    if not len(seen_s):
        return np.full(len(time_s), np.inf)
    after = np.searchsorted(seen_s, time_s).clip(0, len(seen_s) - 1)
    before = (after - 1).clip(0)
    return np.asarray(np.minimum(np.abs(seen_s[after] - time_s), np.abs(seen_s[before] - time_s)))


def local_rotations(world: Array) -> Array:
    """Parent-relative rotations (T, 22, 3, 3) of world ones; the pelvis's is its own."""
    local = world.copy()
    parents = list(PARENTS[1 : layout.JOINTS])
    local[:, 1:] = np.swapaxes(world[:, parents], -1, -2) @ world[:, 1:]
    return local


def _times(matrices: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("tpij,tpj->tpi", matrices, vectors))

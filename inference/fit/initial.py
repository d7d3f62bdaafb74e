# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the fit starts: bone lengths as the lift network sees them, depth by least squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..lift import layout
from ..lift.network import Lifted
from ..skeleton import INDEX, rest_joints
from .evidence import Evidence
from .model_points import GROUPS, POINTS, stature
from .world_frame import placed, turned_back

Array = NDArray[np.float64]

_FURTHEST = 0.25  # log scale of a bone against the template's
# Pairs of joints whose distance measures a group of bones, left and right.
_MEASURED = {
    "hips": (("left_hip", "right_hip"),),
    "torso": (("pelvis", "neck"),),
    "shoulders": (("left_shoulder", "right_shoulder"),),
    "upper_arm": (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    "forearm": (("left_elbow", "left_wrist"), ("right_elbow", "right_wrist")),
    "thigh": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    "shank": (("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
    "foot": (("left_ankle", "left_foot"), ("right_ankle", "right_foot")),
    "head": (("neck", "head"),),
}
LOG_SCALE_SIGMA = 0.08  # how far people's bones stray from the template's share of their height
STATURE_SIGMA = 0.01  # a picture does not tell size from distance: the height stays put


def proportions(lifted: Lifted, *, height_m: float | None) -> Array:
    """Log scales (10,) of the bone groups of a person of that stature.

    A picture does not tell size from distance: without a stature it is an adult's of 1.70 m.
    The network's joints keep no bone's length exactly; each group has the median over the
    half of the frames in which both its ends are surest.
    """
    rest = rest_joints()
    out = np.zeros(len(GROUPS))
    for name, bones in _MEASURED.items():
        ratios = []
        for a, b in bones:
            i, j = INDEX[a], INDEX[b]
            doubt = np.hypot(lifted.along[:, i], lifted.along[:, j])
            sure = doubt <= np.median(doubt)
            length = np.linalg.norm(lifted.places[sure, i] - lifted.places[sure, j], axis=-1)
            ratios.append(np.log(np.median(length) / np.linalg.norm(rest[i] - rest[j])))
        out[GROUPS.index(name)] = np.clip(np.mean(ratios), -_FURTHEST, _FURTHEST)
    return np.asarray(out + np.log((height_m or layout.STATURE) / stature(out)))


def translation(evidence: Evidence, local: Array, rest: Array) -> Array:
    """Pelvis (T, 3): the depth at which the posed points fall on the 2D ones."""
    if evidence.camera is not None:
        still = replace(evidence, camera=None)
        return placed(evidence.camera, translation(still, turned_back(evidence.camera, local), rest))
    joints, world = forward(local, np.zeros((len(local), 3)), rest)
    points = POINTS.posed(joints, world, POINTS.offset)
    target, weight = evidence.normalised, evidence.weight
    # (X + tx) - u (Z + tz) = 0 is linear in t; one 3 x 3 system a frame.
    zero = np.zeros_like(weight)
    rows = np.stack(
        [
            np.stack([weight, zero, -weight * target[..., 0]], axis=-1),
            np.stack([zero, weight, -weight * target[..., 1]], axis=-1),
        ],
        axis=2,
    )
    right = weight[..., None] * (target * points[..., 2:] - points[..., :2])
    normal = np.einsum("tpri,tprj->tij", rows, rows)
    vector = np.einsum("tpri,tpr->ti", rows, right)
    good = (weight > 0.3).sum(axis=1) >= 4
    pelvis = np.zeros((len(local), 3))
    pelvis[good] = np.linalg.solve(normal[good] + 1e-9 * np.eye(3), vector[good][..., None])[..., 0]
    good &= pelvis[:, 2] > 0.2
    times = evidence.time_s
    if not good.any():
        pelvis[:] = (0.0, 0.0, 1.7 / max(float(np.median(evidence.size)), 1e-3))
        return pelvis
    for axis in range(3):
        pelvis[:, axis] = np.interp(times, times[good], pelvis[good, axis])
    return pelvis


def calmed(time_s: Array, local: Array, pelvis: Array) -> tuple[Array, Array]:
    """A start (T, ...) of which, above 30 frames a second, one frame in each thirtieth is kept.

    In between the joints turn evenly. The noise of frames that are milliseconds apart is an
    acceleration that would cost the fit most of its steps. Up to 30 frames a second nothing changes.
    """
    # A quarter of a step away from whole numbers, where the rounding of timestamps decides.
    thirtieth = np.floor((time_s - time_s[0]) * 30.0 + 0.25)
    knots = np.flatnonzero(np.diff(thirtieth, prepend=-1.0) > 0.0)
    if len(knots) == len(time_s):
        return local, pelvis
    place = np.searchsorted(knots, np.arange(len(time_s)), side="right")
    before, after = knots[place - 1], knots[np.minimum(place, len(knots) - 1)]
    share = (time_s - time_s[before]) / np.where(after > before, time_s[after] - time_s[before], np.inf)
    turn = axis_angle_from_matrix(np.swapaxes(local[before], -1, -2) @ local[after])
    local = local[before] @ matrix_from_axis_angle(share[:, None, None] * turn)
    return local, pelvis[before] + share[:, None] * (pelvis[after] - pelvis[before])

# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the fit starts: bone lengths from 3D medians, rotations in closed form, depth by least squares.

Limbs are turned by their own plane (hip-knee-ankle, shoulder-elbow-wrist), which fixes
the twist of the upper bone as long as the limb is bent; a straight limb takes the
plane of its neighbours in time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from .evidence import Evidence
from .model_points import GROUPS, POINTS, scaled_rest

Array = NDArray[np.float64]

_ROW = {int(k): p for p, k in enumerate(POINTS.keypoint)}  # COCO index -> row of the evidence
# Bones that the points measure: group, COCO indices of the two ends.
_MEASURED = (
    ("upper_arm", ((5, 7), (6, 8))),
    ("forearm", ((7, 9), (8, 10))),
    ("thigh", ((11, 13), (12, 14))),
    ("shank", ((13, 15), (14, 16))),
    ("hips", ((11, 12),)),
    ("shoulders", ((5, 6),)),
)
# Side, its sign along x, COCO indices of shoulder, elbow, wrist, hip, knee, ankle, and of the big toe.
_SIDES = (
    ("left", 1.0, (5, 7, 9, 11, 13, 15), 17),
    ("right", -1.0, (6, 8, 10, 12, 14, 16), 20),
)
LOG_SCALE_SIGMA = 0.08  # how far people's bones stray from the template's share of their height
STATURE_SIGMA = 0.01  # a picture does not tell size from distance: the mean of the scales stays put
_MEASURE_SIGMA = 0.08  # how far a median 3D length strays from the truth
_BENT = 0.2  # sine of the bend from about which on a limb's plane is trusted
_CLEARLY_BENT = 0.5  # the same where it is more than a right angle from the expected one


def proportions(evidence: Evidence, *, height_m: float | None) -> Array:
    """Log scales (10,) of the bone groups, from the medians of the 3D points over the take.

    `height_m` is the person's stature when the animator knows it; a monocular picture
    does not tell it, so without it the 3D points' own metres are drawn towards an adult.
    """
    average = np.zeros(len(GROUPS))
    template = POINTS.rest(scaled_rest(average), average)
    ratio = np.full(len(GROUPS), np.nan)
    for group, bones in _MEASURED:
        lengths: list[Array] = []
        for a, b in bones:
            use = np.minimum(evidence.relative_weight[:, _ROW[a]], evidence.relative_weight[:, _ROW[b]]) > 0.5
            span = evidence.relative[use, _ROW[a]] - evidence.relative[use, _ROW[b]]
            lengths.append(np.linalg.norm(span, axis=-1))
        measured = np.concatenate(lengths)
        if len(measured) >= 5 and np.median(measured) > 0.01:
            end_a, end_b = (template[_ROW[i]] for i in bones[0])
            reference = np.linalg.norm(end_a - end_b)
            ratio[GROUPS.index(group)] = np.log(np.median(measured) / reference)
    known = np.isfinite(ratio)
    if height_m is not None:
        overall = float(np.log(height_m / 1.705))
    else:
        # Half way between an adult of average height and what the 3D points say.
        overall = float(np.clip(0.5 * ratio[known].mean(), -0.12, 0.12)) if known.any() else 0.0
    relative = np.where(known, ratio - (ratio[known].mean() if known.any() else 0.0), 0.0)
    shrink = LOG_SCALE_SIGMA**2 / (LOG_SCALE_SIGMA**2 + _MEASURE_SIGMA**2)
    return np.asarray(overall + np.clip(shrink * relative, -0.15, 0.15))


def translation(evidence: Evidence, local: Array, rest: Array) -> Array:
    """Pelvis (T, 3) in the camera frame: the depth at which the posed points fall on the 2D ones."""
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

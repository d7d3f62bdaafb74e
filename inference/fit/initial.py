# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the fit starts: bone lengths from 3D medians, rotations in closed form, depth by least squares.

Limbs are turned by their own plane (hip-knee-ankle, shoulder-elbow-wrist), which fixes
the twist of the upper bone as long as the limb is bent; a straight limb takes the
plane of its neighbours in time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..skeleton import INDEX, rest_joints
from . import prior
from .evidence import Evidence
from .model_points import GROUPS, POINTS, scaled_rest
from .world_frame import placed, turned_back

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
    template = scaled_rest(np.zeros(len(GROUPS)))
    ratio = np.full(len(GROUPS), np.nan)
    for group, bones in _MEASURED:
        lengths: list[Array] = []
        for a, b in bones:
            use = np.minimum(evidence.relative_weight[:, _ROW[a]], evidence.relative_weight[:, _ROW[b]]) > 0.5
            span = evidence.relative[use, _ROW[a]] - evidence.relative[use, _ROW[b]]
            lengths.append(np.linalg.norm(span, axis=-1))
        measured = np.concatenate(lengths)
        if len(measured) >= 5 and np.median(measured) > 0.01:
            joint_a, joint_b = (POINTS.joint[_ROW[i]] for i in bones[0])
            reference = np.linalg.norm(template[joint_a] - template[joint_b])
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


def rotations(evidence: Evidence) -> Array:
    """Local rotations (T, 22, 3, 3) from the 3D points; the prior's neutral where they are missing."""
    count = len(evidence.time_s)
    place = {int(k): evidence.relative[:, p] for k, p in _ROW.items()}
    seen = {int(k): evidence.relative_weight[:, p] > 0.3 for k, p in _ROW.items()}
    # What is not seen starts where the prior has it: arms hang a little forward, knees give a little.
    local = np.tile(matrix_from_axis_angle(prior.NEUTRAL), (count, 1, 1, 1))

    torso_seen = seen[5] & seen[6] & seen[11] & seen[12]
    up = 0.5 * (place[5] + place[6]) - 0.5 * (place[11] + place[12])
    pelvis = _columns(x=place[11] - place[12], y_near=up)
    chest = _columns(x=place[5] - place[6], y_near=up)
    upright = np.diag([1.0, -1.0, -1.0])  # facing the camera
    pelvis = _fill(pelvis, torso_seen, default=upright)
    chest = _fill(chest, torso_seen, default=upright)
    local[:, 0] = pelvis
    bend = axis_angle_from_matrix(np.swapaxes(pelvis, -1, -2) @ chest) / 3.0
    for name in ("spine1", "spine2", "spine3"):
        local[:, INDEX[name]] = matrix_from_axis_angle(bend)

    head_seen = evidence.facing_weight[:, 0] > 0
    turn = axis_angle_from_matrix(np.swapaxes(chest, -1, -2) @ evidence.facing[:, 0])
    turn = np.where(head_seen[:, None], np.clip(turn, -1.2, 1.2), 0.0)
    for name in ("neck", "head"):
        local[:, INDEX[name]] = matrix_from_axis_angle(0.5 * turn)

    rest = rest_joints()
    for side, sign, ids, foot in _SIDES:
        shoulder, elbow, wrist, hip, knee, ankle = ids
        # Arm: rest along +-x, bends about -+y so that the forearm comes forward.
        upper, angle = _two_bone(
            place[elbow] - place[shoulder],
            place[wrist] - place[elbow],
            parent=chest,
            rest_along=np.array([sign, 0.0, 0.0]),
            rest_axis=np.array([0.0, -sign, 0.0]),
            turns=True,
        )
        use = seen[shoulder] & seen[elbow] & seen[wrist] & torso_seen
        local[use, INDEX[f"{side}_shoulder"]] = (np.swapaxes(chest, -1, -2) @ upper)[use]
        local[use, INDEX[f"{side}_elbow"]] = matrix_from_axis_angle(
            angle[:, None] * np.array([0.0, -sign, 0.0])
        )[use]
        # Leg: rest along -y, bends about +x so that the shank goes back.
        upper, angle = _two_bone(
            place[knee] - place[hip],
            place[ankle] - place[knee],
            parent=pelvis,
            rest_along=np.array([0.0, -1.0, 0.0]),
            rest_axis=np.array([1.0, 0.0, 0.0]),
            turns=False,
        )
        use = seen[hip] & seen[knee] & seen[ankle]
        local[use, INDEX[f"{side}_hip"]] = (np.swapaxes(pelvis, -1, -2) @ upper)[use]
        shank = matrix_from_axis_angle(angle[:, None] * np.array([1.0, 0.0, 0.0]))
        local[use, INDEX[f"{side}_knee"]] = shank[use]
        # Ankle: the foot's direction in the shank's frame, up and down and sideways.
        heel = 19 if side == "left" else 22
        use &= seen[foot] & seen[heel]
        toward = np.einsum("tji,tj->ti", upper @ shank, place[foot] - place[heel])
        joint = INDEX[f"{side}_foot"]
        forward_rest = (
            POINTS.offset[_ROW[foot]] + rest[joint] - rest[INDEX[f"{side}_ankle"]] - POINTS.offset[_ROW[heel]]
        )
        local[use, INDEX[f"{side}_ankle"]] = _swing(forward_rest, toward)[use]
    return local


def translation(evidence: Evidence, local: Array, rest: Array) -> Array:
    """Pelvis (T, 3): the depth at which the posed points fall on the 2D ones."""
    if evidence.camera is not None:
        still = replace(evidence, camera=None)
        return placed(evidence.camera, translation(still, turned_back(evidence.camera, local), rest))
    joints, world = forward(local, np.zeros((len(local), 3)), rest)
    points = joints[:, POINTS.joint] + np.einsum("tpij,pj->tpi", world[:, POINTS.joint], POINTS.offset)
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


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _columns(*, x: Array, y_near: Array) -> Array:
    x = _unit(x)
    z = _unit(np.cross(x, y_near))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _fill(values: Array, good: NDArray[np.bool_], *, default: Array) -> Array:
    """The nearest good frame's value for every frame."""
    if not good.any():
        return np.broadcast_to(default, values.shape).copy()
    index = np.flatnonzero(good)
    nearest = index[np.abs(np.arange(len(values))[:, None] - index).argmin(axis=1)]
    return np.asarray(values[nearest])


def _two_bone(
    upper: Array, lower: Array, *, parent: Array, rest_along: Array, rest_axis: Array, turns: bool
) -> tuple[Array, Array]:
    """World rotation (T, 3, 3) of a limb's upper bone, and the bend (T,) of its hinge in radians.

    `turns`: the upper bone can turn about itself by more than a right angle (an arm; not a leg).
    """
    along, beyond = _unit(upper), _unit(lower)
    axis = np.cross(along, beyond)
    sine = np.linalg.norm(axis, axis=-1)
    bend = np.arctan2(sine, (along * beyond).sum(axis=-1))
    # A straight limb spans no plane: turn it from the parent by the smallest rotation instead.
    carried = parent @ _swing(rest_along, np.einsum("tji,tj->ti", parent, along))
    fallback = carried @ rest_axis
    axis = _unit(axis)
    agrees = (axis * fallback).sum(axis=-1)
    # A slight bend the wrong way is noise in depth, not a limb that turned by half a turn.
    trusted = np.where(agrees > 0.0, _BENT, _CLEARLY_BENT)
    share = np.clip(sine / trusted - 0.5, 0.0, 1.0)
    share = np.where((agrees <= 0.0) & (not turns), 0.0, share)
    bend = np.where((agrees <= 0.0) & (share < 1.0), 0.0, bend)
    axis = share[:, None] * axis + (1.0 - share[:, None]) * fallback
    axis = _unit(axis - (axis * along).sum(axis=-1, keepdims=True) * along)
    observed = np.stack([along, axis, np.cross(along, axis)], axis=-1)
    rest = np.stack([rest_along, rest_axis, np.cross(rest_along, rest_axis)], axis=-1)
    return np.asarray(observed @ rest.T), np.asarray(bend)


def _swing(rest: Array, toward: Array) -> Array:
    """The smallest rotations (T, 3, 3) that take direction rest (3,) to toward (T, 3)."""
    start, end = _unit(rest), _unit(toward)
    axis = np.cross(np.broadcast_to(start, end.shape), end)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (start * end).sum(axis=-1, keepdims=True))
    # Opposite directions: any axis across the start will do.
    across = np.cross(start, np.eye(3)[np.abs(start).argmin()])
    axis = np.where(sine > 1e-6, axis / np.maximum(sine, 1e-9), _unit(across))
    return matrix_from_axis_angle(axis * angle)

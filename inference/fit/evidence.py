# SPDX-License-Identifier: GPL-3.0-or-later
"""What the picture says about a person, in the form that the fit compares with.

The landmark graphs give two views of a body: 2D points, which are accurate, and 3D
points relative to a part's own middle, which are biased in depth but say which way a
limb points. The 3D points are predicted in a crop, as if the camera looked straight
at it; here they are turned to the ray through that crop, so that a person at the
picture's edge does not lean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from ..camera import rotation_to_ray
from ..skeleton import BODY_JOINT_COUNT
from .face import FaceFit
from .hands import hand_frame
from .model_points import FOOT_KEYPOINTS, POINTS

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_MIN_CERTAINTY = 0.05  # below it a point says nothing
_DETECTOR_SIGMA = 0.08  # metres: how far the landmark graphs' own 3D points are off
_GLIDING_SPEED = 0.3  # metres a second from which on a foot surely does not stand still
_WRISTS = ((9, wholebody.LEFT_HAND.start), (10, wholebody.RIGHT_HAND.start))
_FACE_EYES = (wholebody.FACE.start + 36, wholebody.FACE.start + 45)  # outer corners, right and left
_ROUGH = 0.1  # what such a turn is worth: the chin goes where the jaw goes
_FACE_UP = (wholebody.FACE.start + 8, wholebody.FACE.start + 27)  # chin, bridge of the nose


@dataclass(frozen=True)
class Evidence:
    """Evidence about one person in T frames. Weights are certainties, 0 where there is none."""

    time_s: Array  # (T,)
    normalised: Array  # (T, P, 2) points on the plane z = 1 of the camera
    weight: Array  # (T, P)
    size: Array  # (T,) height of the person, as if upright, on the plane z = 1
    relative: Array  # (T, P, 3) metres from the middle of the hips, camera axes; 0 where unknown
    relative_weight: Array  # (T, P)
    relative_precision: Array  # (T, P, 3, 3) one over square metres
    # What the lift network takes the joints' local rotations for, and one over square radians.
    turns: Array  # (T, 22, 3, 3)
    turn_precision: Array  # (T, 22)
    # Observed world rotations, camera axes: head, left hand, right hand; identity where unknown.
    facing: Array  # (T, 3, 3, 3)
    facing_weight: Array  # (T, 3)
    standing: Array  # (T, 4) 0 to 1: heels and toes (`FOOT_KEYPOINTS`) that may stand
    # World from camera (T, 4, 4), metres, where the camera moves: `relative`, `facing` and `standing`
    # are the world's then, see `world_frame`. None: a camera that stands still is the world.
    camera: Array | None = None


def gather(
    *, time_s: Array, keypoints: Floats, points3d: Floats, camera_K: Array, face: FaceFit | None = None
) -> Evidence:
    """Evidence from keypoints (T, 133, 3) pixels + certainty, and points3d (T, 133, 3) metres.

    face: what the head's turn is taken from, if it is known; else from four of the face's points.
    """
    focal = np.array([camera_K[0, 0], camera_K[1, 1]])
    centre = camera_K[:2, 2]
    normalised = (keypoints[..., :2].astype(np.float64) - centre) / focal
    certainty = np.where(np.isfinite(keypoints).all(axis=-1), keypoints[..., 2], 0.0).astype(np.float64)
    # The root, because a limb behind the body has little certainty and yet is placed fairly well.
    certainty = np.sqrt(np.where(certainty < _MIN_CERTAINTY, 0.0, certainty))
    normalised = np.where(certainty[..., None] > 0.0, normalised, 0.0)

    body_certainty = certainty[:, POINTS.keypoint]
    # A hand graph sees a wrist that the body graph missed, at the picture's edge or close up.
    for wrist, root in _WRISTS:
        better = certainty[:, root] > certainty[:, wrist]
        certainty[better, wrist] = certainty[better, root]
        normalised[better, wrist] = normalised[better, root]

    # From the hips only: the crop that the 3D points come from is centred there.
    solid = np.asarray(points3d[:, : wholebody.FACE.start], dtype=np.float64)
    left, right = (
        np.asarray(points3d[:, hand], dtype=np.float64)
        for hand in (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)
    )
    hips = normalised[:, [11, 12]].mean(axis=1)
    hips_seen = (certainty[:, [11, 12]] > 0).all(axis=1)
    body = POINTS.keypoint
    relative = np.einsum("tij,tpj->tpi", rotation_to_ray(hips), solid[:, body])
    known = np.isfinite(relative).all(axis=-1) & hips_seen[:, None]
    relative_weight = np.where(known, body_certainty, 0.0)

    facing = np.tile(np.eye(3), (len(time_s), 3, 1, 1))
    facing_weight = np.zeros((len(time_s), 3))
    for part, (rotations, weight) in enumerate(
        (
            (face.facing, face.facing_weight) if face else _face_rotation(points3d, certainty),
            hand_frame(left, certainty[:, wholebody.LEFT_HAND], left=True),
            hand_frame(right, certainty[:, wholebody.RIGHT_HAND], left=False),
        )
    ):
        anchor = (0, wholebody.LEFT_HAND.start, wholebody.RIGHT_HAND.start)[part]
        seen = weight > 0
        turned = rotation_to_ray(normalised[:, anchor]) @ rotations
        facing[seen, part] = turned[seen]
        facing_weight[:, part] = weight
    size = _upright_size(normalised, certainty, solid)
    return Evidence(
        time_s=np.asarray(time_s, dtype=np.float64),
        normalised=normalised[:, body],
        weight=certainty[:, body],
        size=size,
        relative=np.where(known[..., None], relative, 0.0),
        relative_weight=relative_weight,
        relative_precision=relative_weight[..., None, None] / _DETECTOR_SIGMA**2 * np.eye(3),
        turns=np.tile(np.eye(3), (len(time_s), BODY_JOINT_COUNT, 1, 1)),
        turn_precision=np.zeros((len(time_s), BODY_JOINT_COUNT)),
        facing=facing,
        facing_weight=facing_weight,
        standing=_still(np.asarray(time_s, dtype=np.float64), normalised, certainty, size),
    )


def _upright_size(normalised: Array, certainty: Array, points3d: Array) -> Array:
    """Stature on the plane z = 1 (T,): 1.7 m times the ratio of 2D to 3D spread of the body's points.

    Errors are weighed relative to it, so a person who crouches or lies does not count as small.
    """
    body = slice(0, wholebody.FACE.start)
    use = (certainty[:, body] > 0) & np.isfinite(points3d[:, body]).all(axis=-1)
    mass = np.maximum(use.sum(axis=1), 1)[:, None]
    spread = []
    for points in (normalised[:, body], points3d[:, body, :2]):
        points = np.where(use[..., None], points, 0.0)
        middle = points.sum(axis=1) / mass
        spread.append(
            np.sqrt((np.where(use[..., None], points - middle[:, None], 0.0) ** 2).sum(axis=(1, 2)))
        )
    size = 1.7 * spread[0] / np.maximum(spread[1], 1e-6)
    # Points that fell together in the picture have no size either.
    good = (use.sum(axis=1) >= 4) & (spread[1] > 0.05) & (spread[0] > 1e-6)
    if not good.any():
        # No 3D at all (a backend of 2D points only): the extent of the points in each frame.
        seen = (certainty[:, body] > 0)[..., None]
        high = np.where(seen, normalised[:, body], -np.inf).max(axis=1)
        low = np.where(seen, normalised[:, body], np.inf).min(axis=1)
        extent = np.linalg.norm(high - low, axis=-1)
        good = np.isfinite(extent) & (extent > 0)
        size = np.where(good, extent, 1.0)
    times = np.arange(len(size))
    return np.interp(times, times[good], size[good]) if good.any() else np.ones(len(size))


def _still(time_s: Array, normalised: Array, certainty: Array, size: Array) -> Array:
    """Feet (T, 4) that do not cross the picture: 0 for those that clearly do, as on skates or a treadmill.

    By their speed over a fifth of a second, in body heights. What is not seen may stand.
    """
    half = 0.1
    before = np.searchsorted(time_s, time_s - half)
    after = np.minimum(np.searchsorted(time_s, time_s + half), len(time_s) - 1)
    span = time_s[after] - time_s[before]
    out = np.ones((len(time_s), len(FOOT_KEYPOINTS)))
    for column, k in enumerate(FOOT_KEYPOINTS):
        moved = np.linalg.norm(normalised[after, k] - normalised[before, k], axis=-1)
        speed = moved / np.maximum(span, 1e-6) / size * 1.7  # metres a second, about
        known = (certainty[before, k] > 0.0) & (certainty[after, k] > 0.0) & (span > 0.0)
        out[:, column] = np.where(known, np.clip(2.0 - speed / _GLIDING_SPEED, 0.0, 1.0), 1.0)
    return out


def _frame_from(x_axis: Array, up: Array) -> Array:
    """Rotations whose columns are x, y (near `up`) and z."""
    x = x_axis / np.maximum(np.linalg.norm(x_axis, axis=-1, keepdims=True), 1e-9)
    z = np.cross(x, up)
    z /= np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-9)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _face_rotation(points3d: Floats, certainty: Array) -> tuple[Array, Array]:
    right_eye, left_eye = (points3d[:, i].astype(np.float64) for i in _FACE_EYES)
    chin, bridge = (points3d[:, i].astype(np.float64) for i in _FACE_UP)
    rotations = _frame_from(left_eye - right_eye, bridge - chin)
    return _where_known(rotations, _ROUGH * certainty[:, [*_FACE_EYES, *_FACE_UP]].min(axis=1))


def _where_known(rotations: Array, weight: Array) -> tuple[Array, Array]:
    known = np.isfinite(rotations).all(axis=(1, 2)) & (weight > 0)
    # Points that fell together span no frame.
    known &= np.abs(np.linalg.det(np.where(known[:, None, None], rotations, np.eye(3))) - 1.0) < 1e-3
    rotations = np.where(known[:, None, None], rotations, np.eye(3))
    return rotations, np.where(known, weight, 0.0)

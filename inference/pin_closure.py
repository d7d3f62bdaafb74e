# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step from a solve to the animator's point: the limb turned until its point is there.

A fit weighs one point against all it knows, and comes near. Here the fewest and smallest
turns of the joints that carry a point bring it to a place in the picture, frame by
frame; elbows and knees bend about their hinge only. Damped Gauss-Newton, all frames at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import wholebody
from .fit.model_points import POINTS
from .kinematics import forward, matrix_from_axis_angle, skew
from .skeleton import BODY_JOINT_COUNT, INDEX, PARENTS

Array = NDArray[np.float64]

_STEPS = 24
_DAMPING = 1e-2  # of the square of a limb's sway in the picture
_LARGEST = 0.3  # radians or parts of a metre in one step
_MOVES = ("pelvis",)  # carried by the place of the hips, not by a turn
# The joints that bring a point to its place, and how willingly. What is not named: the whole body moves.
_WILLING: dict[str, dict[str, float]] = {
    "wrist": {"shoulder": 1.0, "elbow": 1.0, "collar": 0.1},
    "elbow": {"shoulder": 1.0, "collar": 0.2},
    "shoulder": {"collar": 1.0, "spine3": 0.3, "spine2": 0.2},
    "ankle": {"hip": 1.0, "knee": 1.0},
    "knee": {"hip": 1.0},
    "big_toe": {"ankle": 1.0, "hip": 0.5, "knee": 0.5},
    "heel": {"ankle": 1.0, "hip": 0.5, "knee": 0.5},
    "nose": {"head": 1.0, "neck": 0.7},
    "eye": {"head": 1.0, "neck": 0.7},
    "ear": {"head": 1.0, "neck": 0.7},
}
_LIMBS = (
    ("collar", "shoulder", "elbow", "wrist"),
    ("hip", "knee", "ankle", "foot"),
    ("neck", "head"),
)
_ON_LIMB = {"big_toe": "foot", "heel": "ankle", "nose": "head", "eye": "head", "ear": "head"}
_HINGE = {"knee": np.array([1.0, 0.0, 0.0]), "elbow": np.array([0.0, 1.0, 0.0])}  # axes at rest


def carriers(keypoint: int) -> tuple[int, ...]:
    """The joints of the limb that a point is on; all of the body's where it is on none."""
    side, name = _named(keypoint)
    for joints in _LIMBS:
        if name in joints or (name in _ON_LIMB and _ON_LIMB[name] in joints):
            return tuple(INDEX[joint if joint in INDEX else f"{side}_{joint}"] for joint in joints)
    return tuple(range(BODY_JOINT_COUNT))


def end_of(keypoint: int) -> int | None:
    """The point at the end of the limb that a knee or an elbow is in the middle of: it is to stay."""
    side, name = _named(keypoint)
    end = {"knee": "ankle", "elbow": "wrist"}.get(name)
    return None if end is None else wholebody.INDEX[f"{side}_{end}"]


def closed(
    local: Array,
    pelvis: Array,
    *,
    rest_joints: Array,
    camera_K: Array,
    keypoints: Sequence[int],
    targets: Array,
    weights: Array,
) -> tuple[Array, Array]:
    """Rotations (n, 22, 3, 3) and pelvis (n, 3), camera frame, with points of the body at their targets.

    keypoints (K): of one limb; targets (n, K, 2) pixels; weights (n, K), 0 to 1, how much each counts
    where not all can be met. A point out of reach comes as near as it can. Feet stay turned in the room
    as they were.
    """
    columns = [int(np.flatnonzero(POINTS.keypoint == keypoint)[0]) for keypoint in keypoints]
    willing: dict[str, float] = {}
    for keypoint in keypoints:
        willing |= _chain(keypoint)
    local, pelvis = local.copy(), pelvis.copy()
    before = forward(local, pelvis, rest_joints)[1]
    for _ in range(_STEPS):
        joints, world = forward(local, pelvis, rest_joints)
        rows, missing = [], []
        for k, column in enumerate(columns):
            place = point(joints, world, column)
            flat = _projection(place, camera_K) * weights[:, k, None, None]
            parts = [
                flat @ _sway(name, joints, world, place) * np.sqrt(share) * _moves(name, column)
                for name, share in willing.items()
            ]
            rows.append(np.concatenate(parts, axis=-1))
            missing.append(weights[:, k, None] * (targets[:, k] - project(place, camera_K)))
        jacobian, miss = np.concatenate(rows, axis=1), np.concatenate(missing, axis=1)
        normal = jacobian @ np.swapaxes(jacobian, -1, -2)
        size = np.trace(normal, axis1=-2, axis2=-1)[:, None, None] / len(keypoints)
        damped = normal + (_DAMPING * size + 1e-9) * np.eye(2 * len(keypoints))
        step = (np.swapaxes(jacobian, -1, -2) @ np.linalg.solve(damped, miss[..., None]))[..., 0]
        step *= np.minimum(1.0, _LARGEST / np.maximum(np.linalg.norm(step, axis=-1, keepdims=True), 1e-12))
        at = 0
        for name, share in willing.items():
            width = 1 if name.split("_")[-1] in _HINGE else 3
            part = np.sqrt(share) * step[:, at : at + width]
            at += width
            if name in _MOVES:
                pelvis += part
                continue
            joint = INDEX[name]
            # The world turn of a joint, seen from what it hangs on.
            above = world[:, PARENTS[joint]]
            turn = part * _hinge(name, world) if width == 1 else part
            local[:, joint] = (
                np.swapaxes(above, -1, -2) @ matrix_from_axis_angle(turn) @ above @ local[:, joint]
            )
    for side in ("left", "right"):
        ankle = INDEX[f"{side}_ankle"]
        if f"{side}_hip" in willing and f"{side}_ankle" not in willing:
            knee = forward(local, pelvis, rest_joints)[1][:, PARENTS[ankle]]
            local[:, ankle] = np.swapaxes(knee, -1, -2) @ before[:, ankle]
    return local, pelvis


def point(joints: Array, world: Array, column: int) -> Array:
    """Where (n, 3) a body has one of POINTS, for joints (n, 22, 3) and their rotations."""
    turned = world[:, int(POINTS.carrier[column])] @ POINTS.offset[column]
    return np.asarray(joints[:, int(POINTS.anchor[column])] + turned)


def project(points: Array, camera_K: Array) -> Array:
    """Pixels (..., 2) of points (..., 3) in the camera frame."""
    pixels = points @ camera_K.T
    return np.asarray(pixels[..., :2] / np.maximum(pixels[..., 2:], 1e-3))


def _named(keypoint: int) -> tuple[str, str]:
    """Side ("" for none) and name of a point: "left", "wrist"."""
    side, _, name = wholebody.NAMES[keypoint].partition("_")
    return (side, name) if name else ("", side)


def _chain(keypoint: int) -> dict[str, float]:
    """The joints that bring a point to its place, and how willingly."""
    side, name = _named(keypoint)
    shares = _WILLING.get(name, {"pelvis": 1.0})
    return {joint if joint in INDEX else f"{side}_{joint}": share for joint, share in shares.items()}


def _moves(name: str, column: int) -> float:
    """1 where a joint moves a point, 0 where it does not hang on it."""
    return 1.0 if name in _MOVES or POINTS.moves_with[column, INDEX[name]] else 0.0


def _hinge(name: str, world: Array) -> Array:
    """The axis (n, 3) in the camera frame about which an elbow or a knee bends."""
    return np.asarray(world[:, INDEX[name]] @ _HINGE[name.split("_")[-1]])


def _sway(name: str, joints: Array, world: Array, place: Array) -> Array:
    """How a point (n, 3) moves with a joint's turn (n, 3, 3), or with its hinge (n, 3, 1)."""
    if name in _MOVES:
        return np.broadcast_to(np.eye(3), (len(place), 3, 3))
    arms = -skew(place - joints[:, INDEX[name]])
    return arms if name.split("_")[-1] not in _HINGE else arms @ _hinge(name, world)[..., None]


def _projection(place: Array, camera_K: Array) -> Array:
    """Derivative (n, 2, 3) of the pixel by the place (n, 3)."""
    depth = np.maximum(place[:, 2], 1e-3)
    out = np.zeros((len(place), 2, 3))
    out[:, 0, 0], out[:, 1, 1] = camera_K[0, 0] / depth, camera_K[1, 1] / depth
    out[:, 0, 2] = -camera_K[0, 0] * place[:, 0] / depth**2
    out[:, 1, 2] = -camera_K[1, 1] * place[:, 1] / depth**2
    return out

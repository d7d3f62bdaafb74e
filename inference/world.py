# SPDX-License-Identifier: GPL-3.0-or-later
"""Gravity, floor and contacts from the people's own motion, for a camera that stands still.

For one that moves, `moving_camera` brings the people into one frame first.

Up is what the lift network takes for it, and where upright people point. The floor lies
under the lowest places that feet reach. World frame: +Y up, floor at y = 0, the first
person starts over the origin, and the camera looks along -Z (a person who faces the
camera faces +Z, as in the T-pose).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fit import FitResult
from .fit.model_points import FOOT_KEYPOINTS, FOOT_ROWS, POINTS
from .kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from .sequence import SmplxSequence
from .skeleton import BODY_JOINT_COUNT, INDEX

Array = NDArray[np.float64]

_CARRIER = POINTS.carrier[FOOT_ROWS]  # the anchor too: feet carry their own points
_MIN_STANDING = 10  # frames with a foot that stands, to believe in the floor under it
_CAMERA_UP = np.array([0.0, -1.0, 0.0])
_CAMERA_UP_WEIGHT = 0.02  # beside the network's 1: the picture's own up, for want of anything else
_UPRIGHT_WEIGHT = 0.5  # beside the network's 1: people lean, but not for long
_STANDING = 0.90  # cosine between trunk and legs from which on a person counts as upright
_UNSEEN_LEG = 0.20  # metres of sigma
_FLOOR_SHARE = 0.10  # share of the feet's places that lie at or under the floor
_CONTACT_HEIGHT = 0.07  # metres
_CONTACT_SPEED = 0.35  # metres a second


def world_from_camera(people: Sequence[FitResult]) -> Array:
    """The rigid motion (4, 4) from the camera to the world that all people share."""
    return on_floor(people, upright(people))


def upright(people: Sequence[FitResult], *, picture_up: Array = _CAMERA_UP) -> Array:
    """The rotation (3, 3) from the frame that the people are in to the world's axes.

    picture_up: where the picture's own up points in that frame, on average.
    """
    up = _up(people, picture_up)
    forward_axis = np.array([0.0, 0.0, 1.0])
    back = -(forward_axis - (forward_axis @ up) * up)
    if np.linalg.norm(back) < 1e-3:  # the camera looks straight down: the picture's top is ahead
        back = -(_CAMERA_UP - (_CAMERA_UP @ up) * up)
    back /= np.linalg.norm(back)
    return np.stack([np.cross(up, back), up, back])


def on_floor(people: Sequence[FitResult], rotation: Array) -> Array:
    """The rigid motion (4, 4) with that rotation: the floor at 0, the first person starts over the origin."""
    floor = _floor(people, rotation)
    start = rotation @ people[0].pelvis[0]
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = (-start[0], -floor, -start[2])
    return out


def _floor(people: Sequence[FitResult], rotation: Array) -> float:
    """Height of the floor: under the feet that stand, or else under the lowest places feet reach."""
    lowest_points, standing = [], []
    for person in people:
        lowest_points.append((feet_of(person) @ rotation.T)[..., 1] - soles(person))
        standing.append(person.standing > 0.5)
    height, still = np.concatenate(lowest_points), np.concatenate(standing)
    if still.any(axis=1).sum() >= _MIN_STANDING:
        # The lower foot of each frame: the other may rest on a step or a knee.
        lowest = np.where(still, height, np.inf).min(axis=1)
        return float(np.median(lowest[np.isfinite(lowest)]))
    return float(np.quantile(height.min(axis=1), _FLOOR_SHARE))


def _up(people: Sequence[FitResult], picture_up: Array) -> Array:
    """Up, from two sides: what the lift network takes for it, and where upright people point."""
    seen, upright, total = np.zeros(3), np.zeros(3), 0
    for person in people:
        joints = person.joints
        hips = joints[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=1)
        trunk = _unit(joints[:, INDEX["neck"]] - hips)
        ankles = joints[:, [INDEX["left_ankle"], INDEX["right_ankle"]]].mean(axis=1)
        legs = _unit(hips - ankles)
        standing = (trunk * legs).sum(axis=-1) > _STANDING
        # Legs that nobody saw say nothing about where down is.
        standing &= person.sigma[:, [INDEX["left_ankle"], INDEX["right_ankle"]]].max(axis=1) < _UNSEEN_LEG
        upright += _unit(joints[:, INDEX["neck"]] - ankles)[standing].sum(axis=0)
        seen += person.up.sum(axis=0)
        total += len(joints)
    up = (seen + _UPRIGHT_WEIGHT * upright) / total + _CAMERA_UP_WEIGHT * picture_up
    return np.asarray(up / np.linalg.norm(up))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def soles(person: FitResult) -> Array:
    """How high (4,) each foot point lies over the sole when the person stands at rest."""
    return np.asarray(person.rest_joints[_CARRIER, 1] + POINTS.offset[FOOT_ROWS, 1])


def feet_of(person: FitResult) -> Array:
    """Left heel, left toe, right heel, right toe (T, 4, 3) in the camera frame."""
    feet = np.empty((len(person.poses), len(FOOT_ROWS), 3))
    for block in in_blocks(len(feet)):
        local = matrix_from_axis_angle(person.poses[block, :BODY_JOINT_COUNT])
        joints, world = forward(local, person.pelvis[block], person.rest_joints)
        arms = np.einsum("tpij,pj->tpi", world[:, _CARRIER], POINTS.offset[FOOT_ROWS])
        feet[block] = joints[:, _CARRIER] + arms
    return feet


def to_sequence(
    person: FitResult,
    *,
    frame: NDArray[np.int64],
    time_s: Array,
    keypoints: NDArray[np.floating[Any]],
    camera_K: Array,
    world_from_camera: Array,
) -> SmplxSequence:
    """A person's fit as an SmplxSequence in the world that `world_from_camera` (4, 4) or (T, 4, 4) spans."""
    rotation, shift = world_from_camera[..., :3, :3], world_from_camera[..., :3, 3]
    poses = person.poses.copy()
    poses[:, 0] = axis_angle_from_matrix(rotation @ matrix_from_axis_angle(poses[:, 0]))
    pelvis = (rotation @ person.pelvis[..., None])[..., 0] + shift
    feet = (rotation[..., None, :, :] @ feet_of(person)[..., None])[..., 0] + shift[..., None, :]
    # A place that is no number was not seen: the file holds numbers only.
    keypoints = np.where(np.isfinite(keypoints).all(axis=-1, keepdims=True), keypoints, 0.0)
    count = len(frame)
    duration = float(time_s[-1] - time_s[0]) if count > 1 else 0.0
    # Per frame of the video, not per row: a gap is not a slow frame rate.
    rate = float(frame[-1] - frame[0]) / duration if duration > 0 else 30.0
    return SmplxSequence(
        poses=poses.reshape(count, -1).astype(np.float32),
        trans=(pelvis - person.rest_joints[0]).astype(np.float32),
        betas=np.zeros(10, dtype=np.float32),
        expression=np.zeros((count, 10), dtype=np.float32),
        rest_joints=person.rest_joints.astype(np.float32),
        frame=np.asarray(frame, dtype=np.int64),
        time_s=np.asarray(time_s, dtype=np.float64),
        mocap_frame_rate=rate,
        camera_K=np.asarray(camera_K, dtype=np.float64),
        world_from_camera=np.asarray(world_from_camera, dtype=np.float64),
        joints_camera=person.joints.astype(np.float32),
        sigma=person.sigma.astype(np.float32),
        # Feet that were not seen are not said to stand.
        contact=(_contacts(feet, time_s) * (keypoints[:, FOOT_KEYPOINTS, 2] > 0.2)).astype(np.float32),
        keypoints=keypoints.astype(np.float32),
        arkit=person.arkit.astype(np.float32),
    )


def _contacts(feet: Array, time_s: Array) -> Array:
    """How surely (T, 4), 0 to 1, each of four foot points (T, 4, 3) rests on the floor y = 0."""
    if len(feet) < 2:
        return np.asarray((feet[..., 1] < _CONTACT_HEIGHT).astype(np.float64))
    speed = np.linalg.norm(np.gradient(feet, time_s, axis=0), axis=-1)
    low = np.clip(2.0 - feet[..., 1] / _CONTACT_HEIGHT, 0.0, 1.0)
    slow = np.clip(2.0 - speed / _CONTACT_SPEED, 0.0, 1.0)
    return np.asarray(low * slow)

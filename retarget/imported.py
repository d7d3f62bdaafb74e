# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion that no camera saw, as an SmplxSequence: what a capture knows beside the pose is filled in.

Contacts are found by the feet's height and speed. There is no picture, so the camera is a made-up one
that has the whole path in view, and no keypoint has any certainty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT

Array = NDArray[np.float64]

SIGMA = 0.005  # m: motion capture is that good
_FEET = (INDEX["left_ankle"], INDEX["left_foot"], INDEX["right_ankle"], INDEX["right_foot"])
_HEEL_BACK, _TOE_AHEAD = 0.05, 0.05  # m from the ankle and from the ball of the foot
# Of all frames, those in which the lowest foot is at most at the floor: heels sink into soft shoes.
_FLOOR_SHARE = 0.05
# As for captured people, see inference.world.
_CONTACT_HEIGHT = 0.07  # m
_CONTACT_SPEED = 0.35  # m/s
_PICTURE = (1920, 1080)


def sequence_of(
    poses: NDArray[np.floating[Any]],
    pelvis: NDArray[np.floating[Any]],
    rest_joints: NDArray[np.floating[Any]],
    *,
    fps: float,
    betas: NDArray[np.floating[Any]] | None = None,
    expression: NDArray[np.floating[Any]] | None = None,
    gender: str = "neutral",
    find_floor: bool = True,
) -> SmplxSequence:
    """A sequence of T frames, evenly spaced.

    poses (T, 165) axis-angle, pelvis (T, 3) the pelvis joint in the world (+Y up), rest_joints (55, 3)
    standing on y = 0. find_floor: move it all up or down so that the feet stand on y = 0.
    """
    count = len(poses)
    if not count:
        raise SequenceError("the motion has no frames; export it again")
    if not 0.0 < fps < 1e5:
        raise SequenceError(f"frames a second: expected a number above 0, got {fps}")
    rest = np.asarray(rest_joints, dtype=np.float64)
    pelvis = np.array(pelvis, dtype=np.float64)
    joints, feet = _posed(np.asarray(poses, dtype=np.float64), pelvis, rest)
    if find_floor:
        floor = float(np.quantile(feet[..., 1].min(axis=1), _FLOOR_SHARE))
        for heights in (pelvis, joints, feet):
            heights[..., 1] -= floor
    camera, intrinsics = _camera(joints)
    seen = (joints - camera[:3, 3].astype(np.float32)) @ camera[:3, :3].astype(np.float32)
    return SmplxSequence(
        poses=np.asarray(poses, dtype=np.float32),
        trans=(pelvis - rest[0]).astype(np.float32),
        betas=np.zeros(10, np.float32) if betas is None else ten(betas),
        expression=np.zeros((count, 10), np.float32) if expression is None else ten(expression),
        rest_joints=rest.astype(np.float32),
        frame=np.arange(count),
        time_s=np.arange(count) / fps,
        mocap_frame_rate=float(fps),
        camera_K=intrinsics,
        world_from_camera=camera,
        joints_camera=seen,
        sigma=np.full((count, JOINT_COUNT), SIGMA, np.float32),
        contact=contacts(feet, fps=fps).astype(np.float32),
        keypoints=np.zeros((count, 133, 3), np.float32),
        arkit=np.full((count, 52), np.nan, np.float32),
        gender=gender,
    )


def contacts(feet: Array, *, fps: float) -> Array:
    """How surely (T, 4), 0 to 1, each of four foot points (T, 4, 3) rests on the floor y = 0."""
    low = np.clip(2.0 - feet[..., 1] / _CONTACT_HEIGHT, 0.0, 1.0)
    if len(feet) < 2:
        return np.asarray(low)
    speed = np.linalg.norm(np.gradient(feet, 1.0 / fps, axis=0), axis=-1)
    return np.asarray(low * np.clip(2.0 - speed / _CONTACT_SPEED, 0.0, 1.0))


def _posed(poses: Array, pelvis: Array, rest: Array) -> tuple[NDArray[np.float32], Array]:
    """Joints (T, 55, 3), and left heel, left toe, right heel, right toe (T, 4, 3), in the world."""
    joints = np.empty((len(poses), JOINT_COUNT, 3), np.float32)
    feet = np.empty((len(poses), 4, 3))
    arms = np.zeros((4, 3))
    arms[:, 1] = -rest[list(_FEET), 1]
    arms[:, 2] = (-_HEEL_BACK, _TOE_AHEAD, -_HEEL_BACK, _TOE_AHEAD)
    for block in in_blocks(len(poses)):
        local = matrix_from_axis_angle(poses[block].reshape(-1, JOINT_COUNT, 3))
        places, world = forward(local, pelvis[block], rest)
        joints[block] = places
        feet[block] = places[:, _FEET] + np.einsum("tpij,pj->tpi", world[:, _FEET], arms)
    return joints, feet


def _camera(joints: NDArray[np.float32]) -> tuple[Array, Array]:
    """(4, 4) camera to world and (3, 3) intrinsics: from the front, far enough to see all of the path."""
    body = joints[:, :BODY_JOINT_COUNT]
    low, high = body.min(axis=(0, 1)).astype(np.float64), body.max(axis=(0, 1)).astype(np.float64)
    width, height = _PICTURE
    focal = float(np.hypot(width, height))
    needed = max((high[0] - low[0]) * focal / width, (high[1] - low[1]) * focal / height)
    out = np.eye(4)
    out[:3, :3] = np.diag([1.0, -1.0, -1.0])
    out[:3, 3] = (*(0.5 * (low + high))[:2], high[2] + 1.3 * needed + 1.0)
    intrinsics = np.array([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])
    return out, intrinsics


def ten(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The first ten coefficients (..., 10); zeros where there are fewer."""
    values = np.asarray(values, dtype=np.float32)[..., :10]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, 10 - values.shape[-1])])


def locals_of(world: Array, parents: tuple[int, ...]) -> NDArray[np.float32]:
    """Axis-angle (T, 165) relative to the parents, of world rotations (T, 55, 3, 3)."""
    out = np.empty((len(world), JOINT_COUNT, 3), np.float32)
    up = list(parents)
    for block in in_blocks(len(world)):
        local = world[block].copy()
        local[:, 1:] = np.swapaxes(world[block][:, up[1:]], -1, -2) @ world[block][:, 1:]
        out[block] = axis_angle_from_matrix(local)
    return out.reshape(len(world), -1)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A walk with feet that stand exactly, and what detectors see of it through a camera that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotocap.inference import wholebody
from rotocap.inference.camera import intrinsics, rotation_to_ray
from rotocap.inference.fit.model_points import FOOT_ROWS, POINTS
from rotocap.inference.kinematics import matrix_from_axis_angle
from rotocap.retarget.axes import BLENDER_FROM_SMPLX

from .planted_feet import FPS, walk

Array = NDArray[np.float64]

SIZE = (960, 540)
K = intrinsics(*SIZE, fov_deg=65.0)


@dataclass(frozen=True, kw_only=True)
class FilmedWalk:
    """The truth in the world (+Y up, floor at 0, metres), and what is seen of it."""

    time_s: Array  # (T,)
    pelvis: Array  # (T, 3)
    feet: Array  # (T, 4, 3) heels and toes
    contact: Array  # (T, 4)
    camera: Array  # (T, 4, 4) world from camera
    keypoints: Array  # (T, 133, 3)
    points3d: Array  # (T, 133, 3)


def camera_from(place: Array, target: Array, *, shake_deg: float = 0.0) -> Array:
    """Cameras (T, 4, 4) at place (T, 3) that look at target (T, 3), upright but for some shake."""
    ahead = target - place
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    out = np.tile(np.eye(4), (len(place), 1, 1))
    out[:, :3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=-1)
    out[:, :3, 3] = place
    rng = np.random.default_rng(3)
    t = np.arange(len(place)) / FPS
    turns = np.stack(
        [np.sin(2 * np.pi * (f * t + p)) for f, p in rng.uniform((1.0, 0.0), (4.0, 1.0), (3, 2))], axis=-1
    )
    out[:, :3, :3] = out[:, :3, :3] @ matrix_from_axis_angle(np.radians(shake_deg) * turns)
    return out


def filmed(
    move: str, *, steps: int = 6, noise_px: float = 2.0, noise_m: float = 0.03, shake_deg: float = 0.5
) -> FilmedWalk:
    """So many steps. move: still, beside (walks along), around, behind, ahead (goes backwards)."""
    motion = walk(steps)
    turn = BLENDER_FROM_SMPLX.T
    joints = motion.joints @ turn.T
    world = turn @ motion.rotations @ turn.T
    points = POINTS.posed(joints, world, POINTS.offset)
    pelvis = joints[:, 0]
    count = len(pelvis)
    share = np.linspace(0.0, 1.0, count)
    chest = pelvis * [1.0, 0.0, 1.0] + [0.0, 0.9, 0.0]
    smooth = pelvis[:1] * [1.0, 0.0, 1.0] + share[:, None] * (pelvis[-1] - pelvis[0]) * [1.0, 0.0, 1.0]
    middle = np.broadcast_to(0.5 * (chest[0] + chest[-1]), chest.shape)
    high = np.array([0.0, 1.5, 0.0])
    if move == "still":
        place, target = np.broadcast_to(middle[0] + [5.0, 0.6, 0.0], chest.shape), middle
    elif move == "beside":
        place, target = smooth + high + [3.8, 0.0, 0.3], chest
    elif move == "around":
        angle = np.radians(-50.0 + 110.0 * share)
        circle = np.stack([4.5 * np.cos(angle), np.zeros(count), 4.5 * np.sin(angle)], axis=1)
        place, target = middle * [1.0, 0.0, 1.0] + high + circle, 0.5 * (middle + chest)
    elif move == "behind":
        place, target = smooth + high + [0.6, 0.0, -3.6], chest
    elif move == "ahead":
        place, target = smooth + high + [-0.4, 0.0, 3.6], chest
    else:
        raise AssertionError(move)
    camera = camera_from(np.array(place), np.array(target), shake_deg=shake_deg if move != "still" else 0.0)
    rng = np.random.default_rng(7)
    seen = (points - camera[:, None, :3, 3]) @ camera[:, :3, :3]
    keypoints = np.zeros((count, wholebody.COUNT, 3))
    pixels = seen[..., :2] / seen[..., 2:] * K[0, 0] + K[:2, 2]
    keypoints[:, POINTS.keypoint, :2] = pixels + noise_px * rng.normal(size=pixels.shape)
    keypoints[:, POINTS.keypoint, 2] = 0.95
    hips = ((joints[:, 1:3] - camera[:, None, :3, 3]) @ camera[:, :3, :3]).mean(axis=1)
    relative = seen - hips[:, None] + noise_m * rng.normal(size=seen.shape)
    crop = np.swapaxes(rotation_to_ray(hips[:, :2] / hips[:, 2:]), -1, -2)
    points3d = np.full((count, wholebody.COUNT, 3), np.nan)
    points3d[:, POINTS.keypoint] = np.einsum("tij,tpj->tpi", crop, relative)
    return FilmedWalk(
        time_s=np.arange(count) / FPS,
        pelvis=pelvis,
        feet=points[:, FOOT_ROWS],
        contact=motion.contact,
        camera=camera,
        keypoints=keypoints,
        points3d=points3d,
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances between a captured motion and the truth, and between a motion and its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.body import FreeBody
from ...inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from ...inference.sequence import SmplxSequence
from ...inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_NAMES, LEFT_HAND, RIGHT_HAND

Array = NDArray[np.float64]

# Joints of the model that are also landmarks. A detector's hip is not quite the model's.
COMPARED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_CERTAIN = 0.5


@dataclass(frozen=True)
class Accuracy:
    """A capture against the truth, over the frames that both have. Lengths in millimetres."""

    found: float  # share of the truth's frames that were captured
    mpjpe_mm: float  # 22 body joints, both moved to the same pelvis, in the camera frame
    pa_mpjpe_mm: float  # the same after the best rotation, scale and shift of each frame
    hands_mm: float  # finger joints, both moved to the same wrist
    acceleration_mm: float  # difference of second differences, per frame^2
    angle_deg: float  # angle between the parent-relative rotations, mean of the body joints
    distance_percent: float  # error of the pelvis' distance from the camera
    gravity_deg: float  # angle between the two ideas of which way is up
    foot_slide_mm: float  # how far a foot moves in a frame while the truth has it on the floor
    per_joint_mm: dict[str, float]


def against_truth(captured: SmplxSequence, truth: SmplxSequence) -> Accuracy:
    """Compare two sequences of the same video. ValueError if they share fewer than 3 frames."""
    frames, mine, real = np.intersect1d(captured.frame, truth.frame, return_indices=True)
    if len(frames) < 3:
        raise ValueError(f"{len(frames)} frames in common; a comparison needs 3")
    a = captured.joints_camera[mine].astype(np.float64)
    b = truth.joints_camera[real].astype(np.float64)
    body = slice(0, BODY_JOINT_COUNT)
    apart = np.linalg.norm((a - a[:, :1]) - (b - b[:, :1]), axis=-1)
    aligned = np.array(
        [np.linalg.norm(procrustes(p, q) - q, axis=-1) for p, q in zip(a[:, body], b[:, body], strict=True)]
    )
    hands = []
    for part, wrist in ((LEFT_HAND, "left_wrist"), (RIGHT_HAND, "right_wrist")):
        w = INDEX[wrist]
        hands.append(np.linalg.norm((a[:, part] - a[:, w, None]) - (b[:, part] - b[:, w, None]), axis=-1))
    steps = np.diff(frames) == 1
    runs = steps[1:] & steps[:-1]
    jerk = np.diff(a - a[:, :1], 2, axis=0)[runs] - np.diff(b - b[:, :1], 2, axis=0)[runs]
    turn_a = matrix_from_axis_angle(captured.poses[mine].reshape(len(mine), -1, 3)[:, 1:BODY_JOINT_COUNT])
    turn_b = matrix_from_axis_angle(truth.poses[real].reshape(len(real), -1, 3)[:, 1:BODY_JOINT_COUNT])
    angle = np.linalg.norm(axis_angle_from_matrix(turn_a.swapaxes(-1, -2) @ turn_b), axis=-1)
    per_joint = apart[:, body].mean(axis=0) * 1000
    return Accuracy(
        found=len(frames) / len(truth),
        mpjpe_mm=float(apart[:, body].mean() * 1000),
        pa_mpjpe_mm=float(aligned.mean() * 1000),
        hands_mm=float(np.concatenate(hands, axis=1).mean() * 1000),
        acceleration_mm=float(np.linalg.norm(jerk[:, body], axis=-1).mean() * 1000) if runs.any() else np.nan,
        angle_deg=float(np.degrees(angle.mean())),
        distance_percent=float(100 * (np.abs(a[:, 0, 2] - b[:, 0, 2]) / b[:, 0, 2]).mean()),
        gravity_deg=_gravity(captured, truth),
        foot_slide_mm=_slide(captured, truth, mine, real, steps),
        per_joint_mm={JOINT_NAMES[j]: float(per_joint[j]) for j in range(BODY_JOINT_COUNT)},
    )


def _gravity(captured: SmplxSequence, truth: SmplxSequence) -> float:
    """Degrees between the world's up in the first frame's camera, captured and true."""
    up = [np.asarray(s.world_from_camera, np.float64).reshape(-1, 4, 4)[0, 1, :3] for s in (captured, truth)]
    return float(np.degrees(np.arccos(np.clip(up[0] @ up[1], -1, 1))))


def _slide(captured: SmplxSequence, truth: SmplxSequence, mine: Array, real: Array, steps: Array) -> float:
    camera = np.asarray(captured.world_from_camera, np.float64)
    camera = np.broadcast_to(camera, (len(captured), 4, 4))[mine]
    moved = []
    for k, name in ((1, "left_foot"), (3, "right_foot")):
        place = captured.joints_camera[mine, INDEX[name]].astype(np.float64)
        world = np.einsum("tab,tb->ta", camera[:, :3, :3], place) + camera[:, :3, 3]
        held = (truth.contact[real, k][1:] > 0.5) & (truth.contact[real, k][:-1] > 0.5) & steps
        moved.append(np.linalg.norm(np.diff(world, axis=0)[held], axis=-1))
    return float(np.concatenate(moved).mean() * 1000)


def procrustes(points: Array, target: Array) -> Array:
    """points (J, 3) after the similarity transform that brings them nearest to target (J, 3)."""
    mean_p, mean_t = points.mean(axis=0), target.mean(axis=0)
    p, t = points - mean_p, target - mean_t
    u, s, vt = np.linalg.svd(p.T @ t)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = (s * sign).sum() / max((p**2).sum(), 1e-12)
    return np.asarray(scale * p @ rotation + mean_t)


def height_px(sequence: SmplxSequence) -> Array:
    """The person's standing height in the picture (T,), whatever the pose: stature over distance."""
    stature = float(np.ptp(FreeBody.load().shaped(sequence.rest_joints)[:, 1]))
    distance = np.maximum(sequence.joints_camera[:, 0, 2].astype(np.float64), 0.1)
    return np.asarray(stature * sequence.camera_K[1, 1] / distance)


def reprojection_percent(sequence: SmplxSequence) -> Array:
    """Distances (N,) between projected limb joints and certain landmarks, percent of `height_px`."""
    joints = np.array([INDEX[f"{side}_{name}"] for name in COMPARED for side in ("left", "right")])
    points = np.array([wholebody.INDEX[f"{side}_{name}"] for name in COMPARED for side in ("left", "right")])
    place = sequence.joints_camera[:, joints].astype(np.float64)
    pixel = place @ np.asarray(sequence.camera_K, np.float64).T
    pixel = pixel[..., :2] / np.maximum(pixel[..., 2:], 1e-3)
    landmark = sequence.keypoints[:, points].astype(np.float64)
    distance = np.linalg.norm(pixel - landmark[..., :2], axis=-1) / height_px(sequence)[:, None] * 100
    return np.asarray(distance[(landmark[..., 2] > _CERTAIN) & (place[..., 2] > 0.05)])

# SPDX-License-Identifier: GPL-3.0-or-later
"""A forearm that rolls from palm up to palm down and back, seen as points, through the whole fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.body import FreeBody
from ...inference.camera import rotation_to_ray
from ...inference.fit import solve
from ...inference.fit.hands.anatomy import MIRROR_PLACE, anatomy
from ...inference.fit.hands.points import posed_points
from ...inference.fit.hands.wrist import roll_about
from ...inference.fit.model_points import POINTS
from ...inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ...inference.skeleton import INDEX, JOINT_COUNT, rest_joints

Array = NDArray[np.float64]

_K = np.array([[1200.0, 0.0, 640.0], [0.0, 1200.0, 360.0], [0.0, 0.0, 1.0]])
_FRAMES = 120  # four seconds, there and back
_PIXELS, _METRES = 2.0, 0.010  # of the points' own trembling
# How the arms are held: shoulder (x, y, z) and bend of the elbow, radians, left side.
_HELD = {
    "forearm up": ((0.0, -0.5, -1.0), 1.7),
    "forearm ahead": ((0.0, -0.3, -1.25), 1.3),
    "arm out": ((0.0, 0.1, -0.4), 0.3),
}


def sweep(say: Callable[[str], None]) -> dict[str, float]:
    """hands.wrist_deg: what 95 % of frames stay below; and how thick the skinned forearm stays."""
    errors, girths = [], []
    for name, (shoulder, bend) in _HELD.items():
        local, pelvis, keypoints, points3d = _scene(np.array(shoulder), bend)
        count = len(local)
        found = solve(time_s=np.arange(count) / 30.0, keypoints=keypoints, points3d=points3d, camera_K=_K)
        _, truth = forward(local, pelvis, rest_joints())
        _, world = forward(matrix_from_axis_angle(found.poses), found.pelvis, found.rest_joints)
        wrists = [INDEX["left_wrist"], INDEX["right_wrist"]]
        turned = np.swapaxes(world[:, wrists], -1, -2) @ truth[:, wrists]
        error = np.degrees(np.linalg.norm(axis_angle_from_matrix(turned), axis=-1))
        girth = [_girth(found.poses[t], found.rest_joints) for t in range(0, count, 10)]
        say(
            f"hands wrist, {name:13}: {error.mean():4.1f} deg on the mean, "
            f"{np.percentile(error, 95):4.1f} for 95 %, {error.max():4.1f} at most; "
            f"the forearm's thinnest place {100 * min(girth):.0f} %"
        )
        errors.append(error)
        girths += girth
    return {
        "hands.wrist_deg": float(np.percentile(np.concatenate(errors), 95)),
        "hands.wrist_mean_deg": float(np.concatenate(errors).mean()),
        "hands.forearm_girth_percent": 100.0 * min(girths),
    }


def _scene(shoulder: Array, bend: float) -> tuple[Array, Array, Array, Array]:
    """A person who rolls both forearms: true rotations, pelvis, keypoints and points3d (T, 133, 3)."""
    rng = np.random.default_rng(3)
    rest = rest_joints()
    roll = 0.5 * np.pi * np.sin(np.linspace(0.0, 2.0 * np.pi, _FRAMES))
    pose = np.zeros((_FRAMES, JOINT_COUNT, 3))
    pose[:, 0, 0] = np.pi
    local = matrix_from_axis_angle(pose)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mirror = np.array([1.0, sign, sign])
        local[:, INDEX[f"{side}_shoulder"]] = matrix_from_axis_angle(shoulder * mirror)
        axis = rest[INDEX[f"{side}_wrist"]] - rest[INDEX[f"{side}_elbow"]]
        axis = axis / np.linalg.norm(axis) * sign
        half = matrix_from_axis_angle(0.5 * roll[:, None] * axis)
        local[:, INDEX[f"{side}_elbow"]] = matrix_from_axis_angle(np.array([0.0, -bend * sign, 0.0])) @ half
        local[:, INDEX[f"{side}_wrist"]] = half
    pelvis = np.tile([0.0, 0.1, 3.2], (_FRAMES, 1))
    joints, world = forward(local, pelvis, rest)
    places = np.full((_FRAMES, wholebody.COUNT, 3), np.nan)
    points = POINTS.posed(joints, world, POINTS.offset)
    places[:, POINTS.keypoint] = points
    points3d = np.full(places.shape, np.nan)
    hips = joints[:, 1:3].mean(axis=1)
    ray = rotation_to_ray(hips[:, :2] / hips[:, 2:])
    points3d[:, POINTS.keypoint] = np.einsum("tji,tpj->tpi", ray, points - hips[:, None])
    angles = np.tile(anatomy().relaxed, (_FRAMES, 1, 1))
    own, _ = posed_points(angles, np.ones((5, 4)))
    for side, part, mirror in (
        ("left", wholebody.LEFT_HAND, np.ones(3)), ("right", wholebody.RIGHT_HAND, MIRROR_PLACE),
    ):  # fmt: skip
        wrist = INDEX[f"{side}_wrist"]
        hand = (own * mirror) @ np.swapaxes(world[:, wrist], -1, -2)
        places[:, part] = hand + joints[:, wrist, None]
        ray = rotation_to_ray(places[:, part.start, :2] / places[:, part.start, 2:])
        points3d[:, part] = np.einsum("tji,tpj->tpi", ray, hand - hand[:, :1])
    points3d += rng.normal(0.0, _METRES, points3d.shape)
    keypoints = np.zeros((_FRAMES, wholebody.COUNT, 3))
    known = np.isfinite(places[0]).all(axis=-1)
    flat = places[:, known, :2] / places[:, known, 2:] * _K[0, 0] + _K[:2, 2]
    keypoints[:, known, :2] = flat + rng.normal(0.0, _PIXELS, flat.shape)
    keypoints[:, known, 2] = 0.95
    return local, pelvis, keypoints, points3d


def _girth(pose: Array, rest: Array) -> float:
    """The thinnest place of both skinned forearms, as a share of what it is at rest."""
    body = FreeBody.load()
    shares = []
    arms = np.zeros_like(pose)
    for side in ("left", "right"):
        for joint in ("elbow", "wrist"):
            arms[INDEX[f"{side}_{joint}"]] = pose[INDEX[f"{side}_{joint}"]]
    # Only the roll thins a forearm between its ends: the elbow's bend is taken out.
    for side in ("left", "right"):
        elbow, wrist = INDEX[f"{side}_elbow"], INDEX[f"{side}_wrist"]
        axis = rest[wrist] - rest[elbow]
        axis = axis / np.linalg.norm(axis)
        for joint in (elbow, wrist):
            arms[joint] = roll_about(matrix_from_axis_angle(arms[joint])[None], axis)[0] * axis
    vertices = [body.posed(p, np.zeros(3), rest) for p in (np.zeros_like(pose), arms)]
    for side in ("left", "right"):
        elbow, wrist = rest[INDEX[f"{side}_elbow"]], rest[INDEX[f"{side}_wrist"]]
        way = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        along = (vertices[0] - elbow) @ way / np.linalg.norm(wrist - elbow)
        off = [v - elbow - np.outer((v - elbow) @ way, way) for v in vertices]
        thick = [np.linalg.norm(o, axis=1) for o in off]
        for start in np.arange(0.0, 1.0, 0.1):
            ring = (along >= start) & (along < start + 0.1) & (thick[0] < 0.08)
            if ring.sum() > 8:
                shares.append(float(thick[1][ring].mean() / thick[0][ring].mean()))
    return min(shares)

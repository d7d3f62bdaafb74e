# SPDX-License-Identifier: GPL-3.0-or-later
"""Both hands of a person, onto the arms that the body fit found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import wholebody
from ...kinematics import forward, in_blocks, matrix_from_axis_angle
from ...side_by_side import side_by_side
from ...skeleton import BODY_JOINT_COUNT, INDEX, LEFT_HAND, RIGHT_HAND, rest_joints
from .contact import part_hands
from .fit import HandFit, fit_hand
from .wrist import settle_wrist

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]


def pose_hands(
    poses: Array,
    *,
    time_s: Array,
    keypoints: Floats,
    points3d: Floats,
    fingers: Floats | None = None,
    camera_K: Array,
    pelvis: Array,
    rest: Array,
) -> Array:
    """Fill in fingers and wrists of poses (T, 55, 3), in place; how surely each hand was seen (T, 2).

    keypoints and points3d (T, 133, 3) as in `wholebody`; fingers (T, 2, 20, 2) as in
    `landmarks.assembly`, None if nobody looked; pelvis (T, 3) and the turn of poses' pelvis in
    the camera's frame; rest (55, 3) the person's joints.
    """
    seen = np.zeros((len(poses), 2))
    parts = ((wholebody.LEFT_HAND, LEFT_HAND, True), (wholebody.RIGHT_HAND, RIGHT_HAND, False))
    arms = _forearms(poses, rest)

    def fitted(part: tuple[slice, slice, bool]) -> HandFit:
        points, _, left = part
        return fit_hand(
            time_s=time_s,
            keypoints=keypoints[:, points],
            points3d=points3d[:, points],
            fingers=None if fingers is None else fingers[:, 0 if left else 1],
            camera_K=camera_K,
            left=left,
            forearm=arms[:, 0 if left else 1],
        )

    for column, ((_, joints, left), hand) in enumerate(zip(parts, side_by_side(fitted, parts), strict=True)):
        poses[:, joints] = hand.pose
        settle_wrist(time_s, poses, hand, left=left)
        seen[:, column] = hand.seen
    head = INDEX["head"]
    part_hands(poses, pelvis, rest, seen=seen, size=float(rest[head, 1] / rest_joints()[head, 1]))
    return seen


def _forearms(poses: Array, rest: Array) -> Array:
    """Unit vectors (T, 2, 3) from left and right elbow to their wrists, in the camera's axes."""
    ends = [INDEX[f"{side}_{joint}"] for joint in ("elbow", "wrist") for side in ("left", "right")]
    out = np.empty((len(poses), 2, 3))
    for block in in_blocks(len(poses)):
        local = matrix_from_axis_angle(poses[block, :BODY_JOINT_COUNT])
        joints, _ = forward(local, np.zeros((len(local), 3)), rest)
        out[block] = joints[:, ends[2:]] - joints[:, ends[:2]]
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9))

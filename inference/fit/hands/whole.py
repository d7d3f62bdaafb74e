# SPDX-License-Identifier: GPL-3.0-or-later
"""Both hands of a person, onto the arms that the body fit found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import wholebody
from ...side_by_side import side_by_side
from ...skeleton import INDEX, LEFT_HAND, RIGHT_HAND, rest_joints
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
    camera_K: Array,
    pelvis: Array,
    rest: Array,
) -> Array:
    """Fill in fingers and wrists of poses (T, 55, 3), in place; how surely each hand was seen (T, 2).

    keypoints and points3d (T, 133, 3) as in `wholebody`; pelvis (T, 3) and the turn of poses' pelvis in
    the camera's frame; rest (55, 3) the person's joints.
    """
    seen = np.zeros((len(poses), 2))
    parts = ((wholebody.LEFT_HAND, LEFT_HAND, True), (wholebody.RIGHT_HAND, RIGHT_HAND, False))

    def fitted(part: tuple[slice, slice, bool]) -> HandFit:
        points, _, left = part
        return fit_hand(
            time_s=time_s,
            keypoints=keypoints[:, points],
            points3d=points3d[:, points],
            camera_K=camera_K,
            left=left,
        )

    for column, ((_, joints, left), hand) in enumerate(zip(parts, side_by_side(fitted, parts), strict=True)):
        poses[:, joints] = hand.pose
        settle_wrist(time_s, poses, hand, left=left)
        seen[:, column] = hand.seen
    head = INDEX["head"]
    part_hands(poses, pelvis, rest, seen=seen, size=float(rest[head, 1] / rest_joints()[head, 1]))
    return seen

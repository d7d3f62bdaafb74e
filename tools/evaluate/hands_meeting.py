# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that meet: prayers, clasps, a hand on the face, hands on the belly, misplaced as in captures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...inference.fit.hands.anatomy import anatomy, axis_angles
from ...inference.fit.hands.contact import reach
from ...inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ...inference.skeleton import INDEX, JOINT_COUNT, LEFT_HAND, RIGHT_HAND, rest_joints

Array = NDArray[np.float64]

KINDS = ("prayer", "clasp", "face", "belly")
_FRAMES, _OF_EACH = 40, 4


def meetings() -> Iterator[tuple[str, Array, Array]]:
    """Name, poses (T, 55, 3) and pelvis (T, 3) in the camera's frame, of each."""
    rng = np.random.default_rng(11)
    for kind in KINDS:
        for number in range(_OF_EACH):
            yield (f"{kind} {number + 1}", *_scene(kind, rng))


def _scene(kind: str, rng: np.random.Generator) -> tuple[Array, Array]:
    rest, hand = rest_joints(), anatomy()
    local = np.tile(np.eye(3), (_FRAMES, JOINT_COUNT, 1, 1))
    local[:, 0] = matrix_from_axis_angle(np.array([np.pi, 0.0, 0.0]))
    fingers = np.zeros((5, 4))
    fingers[:, 0], fingers[:, 2] = 0.1, 0.15
    if kind == "clasp":
        fingers[1:] += (0.6, 0.0, 0.75, 0.4)
    for side, sign, part in (("left", 1.0, LEFT_HAND), ("right", -1.0, RIGHT_HAND)):
        local[:, INDEX[f"{side}_shoulder"]] = matrix_from_axis_angle(
            np.array([0.0, -0.9 * sign, 0.0])
        ) @ matrix_from_axis_angle(np.array([0.0, 0.0, -1.0 * sign]))
        local[:, INDEX[f"{side}_elbow"]] = matrix_from_axis_angle(np.array([0.0, -1.6 * sign, 0.0]))
        drift = np.cumsum(rng.normal(0, 0.02, (_FRAMES, 5, 4)), axis=0)
        angles = np.clip(fingers + rng.normal(0, 0.1, (5, 4)) + drift, hand.low, hand.high)
        local[:, part] = matrix_from_axis_angle(axis_angles(angles, left=sign > 0))
    pelvis = np.tile([0.0, 0.2, 3.0], (_FRAMES, 1))
    joints, _ = forward(local, pelvis, rest)
    goal = joints[:, [INDEX["left_wrist"], INDEX["right_wrist"]]].copy()
    time = np.linspace(0.0, 1.0, _FRAMES)
    error = rng.normal(0, 0.015, 3)  # what a capture misplaces a hand by
    if kind == "face":
        way = np.outer(np.sin(6 * time), (0.0, 0.02, 0.06))
        goal[:, 0] = joints[:, INDEX["head"]] + (0.06, -0.02, -0.17) + error + way
    elif kind == "belly":
        belly = joints[:, INDEX["spine1"]]
        sway = [np.outer(np.sin(speed * time), (0.03, 0.0, 0.05)) for speed in (6, 5)]
        goal[:, 0] = belly + np.array([0.10, 0.00, -0.17]) + error + sway[0]
        goal[:, 1] = belly + np.array([-0.10, 0.05, -0.17]) - error + sway[1]
    else:
        middle = joints[:, INDEX["spine3"]] + (0.0, 0.05, -0.3)
        gap = np.outer(0.03 + 0.03 * np.cos(8 * time), (1.0, 0.0, 0.0))
        goal[:, 0], goal[:, 1] = middle + gap + error, middle - gap
    for _ in range(4):
        joints, _ = forward(local, pelvis, rest)
        reach(local, pelvis, rest, goal - joints[:, [INDEX["left_wrist"], INDEX["right_wrist"]]])
    _, world = forward(local, pelvis, rest)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        if kind in ("prayer", "clasp"):
            along, palm = np.array([0.0, -1.0, 0.0]), np.array([-sign, 0.0, 0.0])
        else:
            palm = np.array([0.0, 0.0, 1.0])
            along = np.array([-0.8 * sign, -0.6, 0.0] if kind == "belly" else [-0.3 * sign, -0.95, 0.0])
            along = along / np.linalg.norm(along)
        turn = np.stack([along * sign, -palm, np.cross(along * sign, -palm)], axis=-1)
        wobble = rng.normal(0, 0.15, 3) + np.cumsum(rng.normal(0, 0.01, (_FRAMES, 3)), axis=0)
        elbow = world[:, INDEX[f"{side}_elbow"]]
        local[:, INDEX[f"{side}_wrist"]] = np.swapaxes(elbow, -1, -2) @ turn @ matrix_from_axis_angle(wobble)
    return axis_angle_from_matrix(local), pelvis

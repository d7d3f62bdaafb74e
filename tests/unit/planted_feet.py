# SPDX-License-Identifier: GPL-3.0-or-later
"""Source motions whose feet stand exactly where they should: a squat and a walk, made by construction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rotocap.inference.skeleton import INDEX, JOINT_COUNT, PARENTS, rest_joints
from rotocap.retarget.axes import to_blender
from rotocap.retarget.ik import two_bone
from rotocap.retarget.motion import Motion

Array = NDArray[np.float64]

FPS = 30.0
FRONT = np.array([0.0, -1.0, 0.0])
_LEG = {side: [INDEX[f"{side}_{j}"] for j in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")}


def squat(count: int = 90, depth: float = 0.4) -> Motion:
    """Down and up again on both feet, N frames; nothing but the legs moves."""
    rest = _rest()
    pelvis = np.tile(rest[0], (count, 1))
    pelvis[:, 2] -= depth * 0.5 * (1.0 - np.cos(np.linspace(0.0, 2.0 * np.pi, count)))
    ankles = {side: np.tile(rest[leg[2]], (count, 1)) for side, leg in _LEG.items()}
    return posed(pelvis, ankles, {}, np.ones((count, 4)))


def walk(steps: int = 6, *, length: float = 0.55, frames: int = 18) -> Motion:
    """Forwards by steps of `length` metres, each of `frames` frames; feet roll off over the ball."""
    rest = _rest()
    count = steps * frames
    t = np.arange(count)
    pelvis = np.tile(rest[0], (count, 1)) + FRONT * (length * t / frames)[:, None]
    pelvis[:, 2] -= 0.05 + 0.015 * np.cos(2.0 * np.pi * t / frames)
    ankles, pitches = {}, {}
    contact = np.zeros((count, 4))
    for side, (_, _, ankle, foot) in _LEG.items():
        first = 0 if side == "left" else 1  # the steps in which it stands are first, first + 2 ...
        place = np.tile(rest[ankle], (count, 1))
        pitch = np.zeros(count)
        column = 0 if side == "left" else 2
        for step in range(-1, steps + 1):
            frame = np.arange(step * frames, (step + 1) * frames)
            inside = (frame >= 0) & (frame < count)
            share = (frame[inside] - step * frames) / frames
            if (step - first) % 2 == 0:  # stands, a little in front of the pelvis and then behind it
                place[frame[inside]] += FRONT * length * (step + 0.5)
                contact[frame[inside], column] = share < 0.75
                contact[frame[inside], column + 1] = share > 0.1
                # The heel goes up about the ball of the foot, which stays.
                pitch[frame[inside]] = np.radians(35.0) * np.clip((share - 0.75) / 0.25, 0.0, 1.0) ** 2
            else:
                ahead = share - np.sin(2.0 * np.pi * share) / (2.0 * np.pi)
                place[frame[inside]] += FRONT * length * (step - 0.5 + 2.0 * ahead)[:, None]
                place[frame[inside], 2] += 0.08 * np.sin(np.pi * share) ** 2
                pitch[frame[inside]] = np.radians(35.0) * (1.0 - share) ** 2 * (1.0 - share)
        arm = (rest[foot] - rest[ankle]) * (1.0, 1.0, 0.0) + np.array([0.0, 0.0, -rest[ankle, 2]])
        turn = about_x(pitch)
        ankles[side] = place + arm - turn @ arm  # turned about the ball
        pitches[side] = turn
    return posed(pelvis, ankles, pitches, contact)


def about_x(angle: Array) -> Array:
    """Rotations (N, 3, 3) that lift the heel of a foot that points to the front."""
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = [[one, zero, zero], [zero, c, -s], [zero, s, c]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def posed(pelvis: Array, ankles: dict[str, Array], feet: dict[str, Array], contact: Array) -> Motion:
    """A Motion with the pelvis upright at (N, 3), ankles at (N, 3) by side and feet turned (N, 3, 3)."""
    rest = _rest()
    count = len(pelvis)
    turns = np.tile(np.eye(3), (count, JOINT_COUNT, 1, 1))
    for side, (hip, knee, ankle, foot) in _LEG.items():
        joints = [pelvis + rest[joint] - rest[0] for joint in (hip, knee, ankle)]
        bent = two_bone(*joints, target=ankles[side], bends=np.tile(FRONT, (count, 1)))
        assert bent.miss.max() < 1e-9, "the source's own legs reach"
        turns[:, hip], turns[:, knee] = bent.upper, bent.lower
        turns[:, ankle] = turns[:, foot] = feet.get(side, np.eye(3))
    joints = np.empty((count, JOINT_COUNT, 3))
    joints[:, 0] = pelvis
    for joint, parent in enumerate(PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + turns[:, parent] @ (rest[joint] - rest[parent])
    return Motion(
        frames=np.arange(1, count + 1), spans=((0, count - 1),), fps=FPS, rotations=turns, joints=joints,
        rest_joints=rest, contact=contact,
    )  # fmt: skip


def _rest() -> Array:
    """The source's rest joints, with shins upright."""
    rest = to_blender(rest_joints())
    for _, knee, ankle, foot in _LEG.values():
        x = rest[ankle, 0]
        rest[knee, 0] = rest[foot, 0] = x
    return rest

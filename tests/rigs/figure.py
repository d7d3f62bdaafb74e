# SPDX-License-Identifier: GPL-3.0-or-later
"""A human figure on which rigs are laid out: where every part of the body starts and ends.

Blender's axes (+Z up, facing -Y, +X is the person's left), metres. The figure is the
project's free body, its parts made longer or shorter and posed as the rig rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from rotocap.inference.skeleton import JOINT_NAMES, PARENTS, rest_joints

Array = NDArray[np.float64]

SIDES = ("left", "right")
FINGERS = ("index", "middle", "ring", "pinky", "thumb")
SMPLX_OF = {
    "collar": "collar", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist",
    "thigh": "hip", "shank": "knee", "foot": "ankle", "toes": "foot",
}  # fmt: skip

UP, DOWN, FRONT, BACK = np.eye(3)[2], -np.eye(3)[2], -np.eye(3)[1], np.eye(3)[1]


@dataclass(frozen=True)
class Rest:
    """The rest pose, in degrees beyond a T-pose with straight limbs, and the proportions."""

    arms_down: float = 0.0
    elbows_bent: float = 0.0  # forwards
    fingers_curled: float = 0.0  # at each joint of a finger
    legs_apart: float = 0.0
    knees_bent: float = 0.0
    toes_out: float = 0.0
    stature: float = 1.0  # times 1.70 m
    legs: float = 1.0
    arms: float = 1.0
    trunk: float = 1.0
    hands: float = 1.0


def _part(name: str) -> str:
    """Which of the proportions an offset that ends in this point belongs to."""
    if any(f"_{finger}" in name for finger in FINGERS):
        return "hands"
    if name.endswith(("_elbow", "_wrist")):
        return "arms"
    if name.endswith(("_knee", "_ankle")):
        return "legs"
    return "trunk" if name.startswith("spine") or name in ("neck", "left_collar", "right_collar") else ""


class Figure:
    """Points of the posed figure by name, and the rotation of each joint beyond the T-pose."""

    def __init__(self, rest: Rest) -> None:
        joints = rest_joints()
        flat = np.stack([joints[:, 0], -joints[:, 2], joints[:, 1]], axis=-1)
        start = dict(zip(JOINT_NAMES, flat, strict=True))
        parent = {n: JOINT_NAMES[p] if p >= 0 else "" for n, p in zip(JOINT_NAMES, PARENTS, strict=True)}
        # Feet straight ahead and shins upright: the free body's stand a little askew.
        ends = {"head_top": ("head", start["head"] + 0.19 * UP)}
        for side in SIDES:
            toes, ankle = start[f"{side}_foot"], start[f"{side}_ankle"]
            ends[f"{side}_toe_tip"] = (
                f"{side}_foot",
                toes + 0.07 * FRONT - np.array([0, 0, toes[2] - 0.012]),
            )
            ends[f"{side}_heel"] = (f"{side}_ankle", ankle + 0.05 * BACK - np.array([0, 0, ankle[2]]))
            for finger in FINGERS:
                last, before = start[f"{side}_{finger}3"], start[f"{side}_{finger}2"]
                ends[f"{side}_{finger}_tip"] = (f"{side}_{finger}3", last + 0.85 * (last - before))
        for name, (of, point) in ends.items():
            start[name], parent[name] = point, of
        turns = _turns(rest)
        self.points: dict[str, Array] = {}
        self.turned: dict[str, Array] = {}
        for name, point in start.items():
            of = parent[name]
            own = turns.get(name, np.eye(3))
            if not of:
                self.points[name], self.turned[name] = point, own
                continue
            size = getattr(rest, _part(name)) if _part(name) else 1.0
            self.points[name] = self.points[of] + self.turned[of] @ (size * (point - start[of]))
            self.turned[name] = self.turned[of] @ own
        # Stand on the floor again, then grow as a whole.
        drop = self.points["left_ankle"][2] - start["left_ankle"][2]
        for name in self.points:
            self.points[name] = (self.points[name] - drop * UP) * rest.stature
        self.points["ground"] = np.zeros(3)
        self.turned["ground"] = np.eye(3)

    def line(self, role: str) -> Array:
        """The points (K, 3) along which the bones of a role lie, from root to tip."""
        p = self.points
        side, _, part = role.partition("_")
        if side not in SIDES:
            lines = {
                "root": [p["ground"], p["ground"] + 0.15 * FRONT],
                "pelvis": [p["pelvis"], p["spine1"]],
                "spine": [
                    0.7 * p["pelvis"] + 0.3 * p["spine1"],
                    p["spine1"],
                    p["spine2"],
                    p["spine3"],
                    p["neck"],
                ],
                "neck": [p["neck"], p["head"]],
                "head": [p["head"], p["head_top"]],
                "jaw": [p["jaw"], p["jaw"] + 0.07 * (0.9 * FRONT + 0.45 * DOWN)],
            }
            return np.array(lines[role])
        joint = {k: f"{side}_{v}" for k, v in SMPLX_OF.items()}
        if part in joint:
            after = {
                "collar": "upper_arm", "upper_arm": "forearm", "forearm": "hand",
                "thigh": "shank", "shank": "foot", "foot": "toes",
            }  # fmt: skip
            end = p[joint[after[part]]] if part in after else p[f"{side}_toe_tip"]
            if part == "hand":
                end = 0.5 * p[f"{side}_wrist"] + 0.5 * p[f"{side}_middle1"]
            return np.array([p[joint[part]], end])
        if part == "eye":
            eye = p[f"{side}_eye_smplhf"]
            return np.array([eye, eye + 0.03 * FRONT])
        if part.endswith("_metacarpal"):
            wrist, knuckle = p[f"{side}_wrist"], p[f"{side}_{part.removesuffix('_metacarpal')}1"]
            return np.array([wrist + 0.2 * (knuckle - wrist), knuckle])
        return np.array([*(p[f"{side}_{part}{k}"] for k in (1, 2, 3)), p[f"{side}_{part}_tip"]])

    def place(self, role: str, k: int, n: int) -> tuple[Array, Array]:
        """Start and end (3,) of bone k of n (from 1) of a role."""
        if role.endswith("_twist"):
            line, lows, highs = self.line(role.removesuffix("_twist")), k / (n + 1), (k + 1) / (n + 1)
        else:
            line, lows, highs = self.line(role), (k - 1) / n, k / n
            if len(line) == n + 1:
                return line[k - 1], line[k]
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        start, end = (
            np.array([np.interp(t * along[-1], along, line[:, axis]) for axis in range(3)])
            for t in (lows, highs)
        )
        return start, end

    def bends_towards(self, role: str) -> Array:
        """The way the bone of a role closes, as a direction of the posed figure."""
        side, _, part = role.partition("_")
        if side not in SIDES:
            return FRONT if role in ("pelvis", "spine", "neck", "head") else UP
        base = part.removesuffix("_twist").removesuffix("_metacarpal")
        joint = f"{side}_{SMPLX_OF.get(base, base)}" if base in SMPLX_OF else f"{side}_wrist"
        if base == "shank":
            way = BACK
        elif base in ("foot", "toes", "collar", "eye"):
            way = UP
        elif base in ("hand", "index", "middle", "ring", "pinky"):
            way = DOWN
        else:
            way = BACK if base == "thumb" else FRONT
        return np.asarray((np.eye(3) if base == "eye" else self.turned[joint]) @ way)


def _turns(rest: Rest) -> Mapping[str, Array]:
    """Each joint's own rotation of the rest pose."""

    def about(axis: str, degrees: float) -> Array:
        return np.asarray(Rotation.from_euler(axis, degrees, degrees=True).as_matrix())

    out: dict[str, Array] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out[f"{side}_shoulder"] = about("y", sign * rest.arms_down)
        out[f"{side}_elbow"] = about("z", -sign * rest.elbows_bent)
        hip = about("y", -sign * rest.legs_apart) @ about("x", -0.5 * rest.knees_bent)
        knee = about("x", rest.knees_bent)
        out[f"{side}_hip"], out[f"{side}_knee"] = hip, knee
        out[f"{side}_ankle"] = (hip @ knee).T @ about("z", sign * rest.toes_out)  # the sole stays level
        for finger in FINGERS[:4]:
            for k in (1, 2, 3):
                out[f"{side}_{finger}{k}"] = about("y", sign * rest.fingers_curled)
    return out

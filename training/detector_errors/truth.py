# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the points truly are in a rendered frame, and whether they are in sight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...inference.lift.points import POINT_NAMES
from ...inference.skeleton import INDEX, MIRROR, rest_joints
from .occlusion import DEEP
from .points import KIND_OF, KINDS
from .scenes import Clip, Frame

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Rest places of the free body's left side that a person would point at (metres, template).
_SURFACE = {
    "nose": ("head", (0.0, 1.558, 0.157)), "eye": ("head", (0.030, 1.596, 0.126)),
    "ear": ("head", (0.085, 1.590, 0.028)), "chin": ("head", (0.0, 1.478, 0.120)),
    "bridge": ("head", (0.0, 1.600, 0.140)), "eye_corner": ("head", (0.046, 1.595, 0.112)),
    "heel": ("ankle", (0.117, 0.034, -0.087)), "big_toe": ("foot", (0.126, 0.015, 0.174)),
}  # fmt: skip
_JOINT = {
    "hand_wrist": "wrist", "hand_thumb": "thumb2", "hand_index": "index1", "hand_middle": "middle1",
    "hand_pinky": "pinky1",
}  # fmt: skip


def _carrier(name: str) -> tuple[int, Array]:
    """Joint and offset at rest of a point of the template."""
    kind = KINDS[KIND_OF[POINT_NAMES.index(name)]]
    side = "left_" if name.startswith("left_") else "right_" if name.startswith("right_") else ""
    left = side != "right_"
    if kind not in _SURFACE:
        return INDEX[side + _JOINT.get(kind, kind)], np.zeros(3)
    joint, place = _SURFACE[kind]
    carrier = INDEX[joint if joint == "head" else f"left_{joint}"]
    offset = np.asarray(place) - rest_joints()[carrier]
    return (carrier, offset) if left else (MIRROR[carrier], offset * (-1.0, 1.0, 1.0))


_CARRIED = [_carrier(name) for name in POINT_NAMES]
CARRIER = np.array([joint for joint, _ in _CARRIED])  # (P,)
OFFSET = np.stack([offset for _, offset in _CARRIED])  # (P, 3) template size


def person_scale(rest: Array) -> float:
    """How large a person with rest joints (55, 3) is beside the template."""
    template = rest_joints()
    ends = [INDEX["head"], INDEX["left_ankle"]]
    return float(np.ptp(rest[ends, 1]) / np.ptp(template[ends, 1]))


def rest_places(rest: Array) -> Array:
    """Offsets (P, 3) from the carrying joints for a person with rest joints (55, 3)."""
    head = (rest[INDEX["head"]] - rest[INDEX["neck"]])[1] / (
        rest_joints()[INDEX["head"]] - rest_joints()[INDEX["neck"]]
    )[1]
    foot = (rest[INDEX["left_foot"]] - rest[INDEX["left_ankle"]])[2] / (
        rest_joints()[INDEX["left_foot"]] - rest_joints()[INDEX["left_ankle"]]
    )[2]
    scale = np.where(np.isin(CARRIER, INDEX["head"]), head, foot)
    return np.asarray(OFFSET * scale[:, None])


def sight(frame: Frame, clip: Clip, offsets: Array) -> tuple[Array, Flags, Flags]:
    """True places (P, 3) in camera axes; which are hidden by the body; which lie in the picture."""
    places = frame.joints[CARRIER] + np.einsum("pij,pj->pi", frame.turns[CARRIER], offsets)
    K = clip.camera.K
    pixels = places[:, :2] / np.maximum(places[:, 2:], 0.05) * K[[0, 1], [0, 1]] + K[:2, 2]
    size = np.array([clip.camera.width, clip.camera.height])
    inside = ((pixels >= -0.5) & (pixels <= size - 0.5)).all(axis=1) & (places[:, 2] > 0.1)
    column, row = np.clip(np.rint(pixels), 0, size - 1).astype(int).T
    hidden = inside & (frame.depth[row, column] < places[:, 2] - DEEP)
    return places, hidden, inside

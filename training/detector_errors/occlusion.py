# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points a body hides from the camera: seventy-four spheres in place of its surface.

The spheres fill the free body in slices, so that they go with its skeleton's joints. A
point is hidden if the surface in front of it is nearer than the depth at which such a
point lies in the body anyway; the rule is that of `truth.sight`, which reads the rendered
depth. It is right for nine points of ten (the test says how right).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...inference.body import FreeBody
from ...inference.skeleton import BODY_JOINT_COUNT, INDEX, PARENTS
from .points import KIND_OF, KINDS

# Metres: joints lie inside the body by as much as the limb is thick there.
_DEEP: Final = {
    "shoulder": 0.11, "elbow": 0.08, "wrist": 0.06, "hip": 0.16, "knee": 0.10, "ankle": 0.08,
    "ear": 0.05, "nose": 0.04, "heel": 0.06, "big_toe": 0.05,
}  # fmt: skip
_USUALLY_DEEP: Final = 0.045
DEEP: Final = np.array([_DEEP.get(KINDS[kind], _USUALLY_DEEP) for kind in KIND_OF])  # (P,)

# Parts of the body: axis along which they are sliced, slices along it and across (x).
_SLICES: Final = {
    "pelvis": (1, 2, 3), "spine1": (1, 2, 3), "spine2": (1, 2, 3), "spine3": (1, 2, 3), "neck": (1, 2, 1),
    "head": (1, 3, 2), "collar": (0, 2, 1), "shoulder": (0, 4, 1), "elbow": (0, 4, 1), "wrist": (0, 3, 1),
    "hip": (1, 4, 1), "knee": (1, 4, 1), "ankle": (2, 2, 1), "foot": (2, 1, 1),
}  # fmt: skip


# The spheres are rounder than a head or hand is: what is a little behind their surface is still on it.
_MORE: Final = {
    "nose": 0.08, "eye": 0.06, "ear": 0.06, "chin": 0.06, "bridge": 0.05, "eye_corner": 0.04,
    "hand_middle": 0.02, "hand_index": 0.02, "big_toe": 0.01,
}  # fmt: skip
_SLACK: Final = np.array([_MORE.get(KINDS[kind], 0.0) for kind in KIND_OF])
_FRAMES_AT_ONCE: Final = 64


@cache
def spheres() -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Joint (S,), middle in that joint's frame (S, 3) and radius (S,), metres, template size."""
    body = FreeBody.load()
    part = body.weights.argmax(axis=1)
    carried = np.arange(len(PARENTS))
    for joint in range(BODY_JOINT_COUNT, len(PARENTS)):
        carried[joint] = carried[PARENTS[joint]]  # fingers count as hand, jaw and eyes as head
    part = carried[part]
    joints, middles, radii = [], [], []
    for joint in range(BODY_JOINT_COUNT):
        name = next(n for n, j in INDEX.items() if j == joint)
        axis, along, across = _SLICES[name.removeprefix("left_").removeprefix("right_")]
        surface = body.vertices[part == joint]
        if not len(surface):
            continue
        for slab in _cut(surface, axis, along):
            for cell in _cut(slab, 0, across) if across > 1 else [slab]:
                low, high = np.percentile(cell, [4, 96], axis=0)
                half = np.delete((high - low) / 2, axis)
                joints.append(joint)
                middles.append((low + high) / 2 - body.joints[joint])
                flat = name.endswith("wrist")  # hands are thin
                radii.append(half.max() if across > 1 else half.min() if flat else half.mean())
    return np.array(joints), np.array(middles), np.array(radii)


def _cut(surface: NDArray[np.float64], axis: int, count: int) -> list[NDArray[np.float64]]:
    """The vertices in `count` slices of equal thickness; those with next to none are left out."""
    edges = np.linspace(surface[:, axis].min(), surface[:, axis].max() + 1e-9, count + 1)
    which = np.digitize(surface[:, axis], edges) - 1
    return [surface[which == k] for k in range(count) if (which == k).sum() >= 4]


def hidden(places: Tensor, joints: Tensor, turns: Tensor) -> Tensor:
    """Which points (..., P) the body hides.

    places (..., P, 3) of the points, joints (..., 22 or more, 3) and their rotations
    (..., 22 or more, 3, 3), all in camera axes, metres.
    """
    shape = places.shape[:-1]
    parts = [x.flatten(0, -n) for x, n in ((places, 3), (joints, 3), (turns, 4))]
    # A few frames at a time, which fit into the processor's cache.
    step = _FRAMES_AT_ONCE if places.device.type == "cpu" else len(parts[0])
    some = [_hidden(*one) for one in zip(*(part.split(step) for part in parts), strict=True)]
    return torch.cat(some).reshape(shape)


def _hidden(places: Tensor, joints: Tensor, turns: Tensor) -> Tensor:
    carrier, middle, radius = spheres()
    device = places.device
    index = torch.tensor(carrier, device=device)
    offset, radii, deep = (
        torch.tensor(x, dtype=places.dtype, device=device) for x in (middle, radius, DEEP + _SLACK)
    )
    balls = joints[:, index] + (turns[:, index] @ offset[..., None])[..., 0]
    depth = balls[..., 2].clamp(min=0.05)
    flat = balls[..., :2] / depth[..., None]
    own = places[..., 2].clamp(min=0.05)
    point = places[..., :2] / own[..., None]
    # How thick the sphere is in front of its middle there, squared: negative beside the sphere.
    apart = torch.baddbmm((flat**2).sum(-1)[:, None], point, flat.transpose(1, 2), alpha=-2)
    apart += (point**2).sum(-1)[..., None]
    thick = radii**2 - apart * (depth**2)[:, None]
    # The sphere's front is nearer than the point's own surface: depth - sqrt(thick) < own - deep.
    gap = depth[:, None] - (own - deep)[..., None]
    return ((thick > 0) & ((gap < 0) | (gap * gap < thick))).any(dim=-1)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands, head and trunk as capsules: round bars between two places that joints carry.

Their axes and girths are read off the free body's surface, so what touches here touches there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...body import FreeBody
from ...skeleton import INDEX, rest_joints
from .anatomy import FINGERS, anatomy

Array = NDArray[np.float64]

_PALM_WIDTH = 0.010  # metres either way of a palm's bone that its bar stands for
_THICKEST = 0.014  # metres: ball of the thumb and palm are wide, not deep
# Head and trunk of the template: carrier and rest place of both ends, radius, metres.
_TRUNK = (
    ("head", (0.0, 1.595, 0.047), "head", (0.0, 1.625, 0.045), 0.088),
    ("head", (0.0, 1.525, 0.080), "head", (0.0, 1.545, 0.080), 0.056),
    ("neck", (0.0, 1.420, 0.010), "neck", (0.0, 1.480, 0.025), 0.050),
    ("spine3", (0.085, 1.325, 0.015), "spine3", (-0.085, 1.325, 0.015), 0.078),
    ("spine1", (0.055, 1.020, 0.035), "spine3", (0.060, 1.270, 0.035), 0.088),
    ("spine1", (-0.055, 1.020, 0.035), "spine3", (-0.060, 1.270, 0.035), 0.088),
    ("pelvis", (0.070, 0.910, 0.010), "pelvis", (-0.070, 0.910, 0.010), 0.105),
)


@dataclass(frozen=True)
class Capsules:
    """C bars on the template."""

    joint: NDArray[np.int64]  # (C, 2) what carries the ends
    end: Array  # (C, 2, 3) from the carrier's joint, its axes
    radius: Array  # (C,)
    finger: NDArray[np.int64]  # (C,) 0 thumb to 4 little finger, -1 for palm, head and trunk
    bone: NDArray[np.int64]  # (C,) 0 to 2 along the finger


def placed(capsules: Capsules, joints: Array, world: Array, *, size: float) -> tuple[Array, Array]:
    """Ends (T, C, 2, 3) for joints (T, 55, 3), world (T, 55, 3, 3), and radii (C,), of a hand `size` times.

    `size` is the person's as a share of the template.
    """
    arms = np.einsum("tcekl,cel->tcek", world[:, capsules.joint], capsules.end * size)
    return joints[:, capsules.joint] + arms, capsules.radius * size


@cache
def hand_capsules(*, left: bool) -> Capsules:
    """Fifteen finger bones, then four of the palm."""
    side = "left" if left else "right"
    body = FreeBody.load()
    rest = rest_joints()
    own = body.weights.argmax(axis=1)
    wrist = INDEX[f"{side}_wrist"]
    tips = anatomy().bones[:, 3] * ([1, 1, 1] if left else [-1, 1, 1])
    joint, end, radius, finger, bone = [], [], [], [], []

    def add(carrier: int, start: Array, stop: Array, on: NDArray[np.bool_], f: int, b: int) -> None:
        shift, girth = _around(body.vertices[on], start, stop)
        joint.append((carrier, carrier))
        end.append((start + shift - rest[carrier], stop + shift - rest[carrier]))
        radius.append(min(girth, _THICKEST))
        finger.append(f)
        bone.append(b)

    for f, name in enumerate(FINGERS):
        chain = [INDEX[f"{side}_{name}{k}"] for k in (1, 2, 3)]
        places = [*rest[chain], rest[chain[2]] + tips[f]]
        for k in range(3):
            add(chain[k], places[k], places[k + 1], own == chain[k], f, k)
        # The round end reaches as far as the finger does.
        last = end[-1]
        way = last[1] - last[0]
        end[-1] = (last[0], last[1] - way / np.linalg.norm(way) * 0.8 * radius[-1])
    for name in FINGERS[1:]:
        knuckle = rest[INDEX[f"{side}_{name}1"]]
        on = (own == wrist) | (own == INDEX[f"{side}_{name}1"])
        share = (body.vertices[:, 0] - rest[wrist, 0]) / (knuckle[0] - rest[wrist, 0])
        beside = rest[wrist, 2] + share * (knuckle[2] - rest[wrist, 2])
        add(wrist, rest[wrist], knuckle, on & (np.abs(body.vertices[:, 2] - beside) < _PALM_WIDTH), -1, 0)
    return Capsules(np.array(joint), np.array(end), np.array(radius), np.array(finger), np.array(bone))


def _around(vertices: Array, start: Array, stop: Array) -> tuple[Array, float]:
    """How far (3,) the middle of a bone's flesh lies off its line, and its mean radius."""
    way = stop - start
    along = (vertices - start) @ way / (way @ way)
    near = vertices[(along > 0.1) & (along < 0.9)]
    off = near - start - np.outer((near - start) @ way / (way @ way), way)
    # The middle of the extent in the two directions across.
    frame = np.linalg.svd(way[None])[2][1:]
    flat = off @ frame.T
    low, high = np.percentile(flat, 3, axis=0), np.percentile(flat, 97, axis=0)
    middle = (low + high) / 2
    return middle @ frame, float(np.median(np.linalg.norm(flat - middle, axis=1)))


@cache
def trunk_capsules() -> Capsules:
    """Head, neck and trunk."""
    rest = rest_joints()
    joint = np.array([[INDEX[row[0]], INDEX[row[2]]] for row in _TRUNK])
    end = np.array([[row[1], row[3]] for row in _TRUNK]) - rest[joint]
    radius = np.array([row[4] for row in _TRUNK])
    none = np.full(len(_TRUNK), -1)
    return Capsules(joint, end, radius, none, none)


def closest(first: Array, second: Array) -> tuple[Array, Array]:
    """The places (..., 3) on two line pieces (..., 2, 3) that are nearest to each other.

    Ericson, Real-Time Collision Detection, 2005, 5.1.9.
    """
    p, q = first[..., 0, :], second[..., 0, :]
    d, e = first[..., 1, :] - p, second[..., 1, :] - q
    r = p - q
    a, b, c = (d * d).sum(-1), (d * e).sum(-1), (e * e).sum(-1)
    f, g = (d * r).sum(-1), (e * r).sum(-1)
    a, c = np.maximum(a, 1e-12), np.maximum(c, 1e-12)
    flat = a * c - b * b
    s = np.where(flat > 1e-14, np.clip((b * g - f * c) / np.maximum(flat, 1e-14), 0.0, 1.0), 0.0)
    t = (b * s + g) / c
    s = np.where(t < 0.0, np.clip(-f / a, 0.0, 1.0), np.where(t > 1.0, np.clip((b - f) / a, 0.0, 1.0), s))
    t = np.clip(t, 0.0, 1.0)
    return p + s[..., None] * d, q + t[..., None] * e

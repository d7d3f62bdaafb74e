# SPDX-License-Identifier: GPL-3.0-or-later
"""From turns to the numbers that are keyed: each bone in its own rotation mode, without jumps.

Curves that an animator can edit have no leap of a whole turn and no change of sign: of
the two Euler solutions, and of the many that differ by whole turns, the one nearest to
the frame before is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import quaternions
from .rig import EULER_ORDERS, Bone

Array = NDArray[np.float64]

_STRAIGHT = 1e-6  # cosine of the middle angle below which the two outer ones turn about the same axis


@dataclass(frozen=True, eq=False)
class Channel:
    """What is keyed of one property of a bone."""

    bone: str
    property: str  # location, rotation_quaternion, rotation_euler or rotation_axis_angle
    indices: tuple[int, ...]  # (C,) which of its values are keyed
    values: Array  # (N, C)


def location(bone: Bone, values: Array) -> Channel:
    """A bone's location (N, 3) without the axes that are locked."""
    indices = tuple(axis for axis in range(3) if not bone.locked_location[axis])
    return Channel(bone.name, "location", indices, values[:, list(indices)])


def unlocked(bone: Bone, values: Array) -> Array:
    """A location (N, 3) with zero along locked axes."""
    return np.asarray(values * np.array([0.0 if lock else 1.0 for lock in bone.locked_location]))


def rotation(bone: Bone, rotations: Array) -> Channel:
    """A bone's rotation, unit quaternions (N, 4), in its own mode, without the channels that are locked."""
    mode = bone.rotation_mode
    w, *xyz = bone.locked_rotation
    if mode in EULER_ORDERS:
        if any(xyz):
            angles = _euler_within(mode, free_axes(bone), quaternions.to_matrix(rotations))
            numbers = np.unwrap(angles, axis=0)
        else:
            numbers = values(mode, rotations)
        indices = tuple(axis for axis in range(3) if not xyz[axis])
    else:
        numbers = values(mode, rotations)
        # Blender counts w, the angle of an axis-angle, as a lock of its own.
        indices = tuple(k for k, lock in enumerate((w, *xyz)) if not lock)
    return Channel(bone.name, property_of(mode), indices, numbers[:, list(indices)])


def property_of(mode: str) -> str:
    """Blender's property that holds the rotation of a bone in this mode."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        mode, "rotation_euler"
    )


def values(mode: str, rotations: Array) -> Array:
    """Rotations, unit quaternions (N, 4), as values (N, 4 or 3) of a rotation mode, continuous over time."""
    if mode == "QUATERNION":
        return quaternions.continuous(rotations)
    if mode == "AXIS_ANGLE":
        return axis_angles(rotations)
    return eulers(mode, quaternions.to_matrix(rotations))


def rotations(mode: str, channel: Array) -> Array:
    """Rotation matrices (N, 3, 3) of values (N, 4 or 3), as Blender composes them."""
    if mode == "QUATERNION":
        return quaternions.to_matrix(channel / np.linalg.norm(channel, axis=-1, keepdims=True))
    if mode == "AXIS_ANGLE":
        return quaternions.to_matrix(quaternions.from_axis_angle(channel[:, :1] * channel[:, 1:]))
    i, j, k = ("XYZ".index(letter) for letter in mode)
    a, b, c = channel[:, i], channel[:, j], channel[:, k]
    return np.asarray(_about(k, c) @ _about(j, b) @ _about(i, a))


def axis_angles(rotations: Array) -> Array:
    """(N, 4) angle and axis of unit quaternions: the axis does not flip and the angle goes on past a turn."""
    q = quaternions.continuous(rotations)
    sine = np.linalg.norm(q[:, 1:], axis=1)
    known = np.flatnonzero(sine > 1e-6)
    out = np.zeros((len(q), 4))
    if not len(known):
        out[:, 2] = 1.0  # Blender's own axis where there is no turn
        return out
    axes = q[known, 1:] / sine[known, None]
    flips = np.cumprod(np.where(np.sum(axes[1:] * axes[:-1], axis=1) < 0.0, -1.0, 1.0))
    axes[1:] *= flips[:, None]
    # Without a turn the axis is the one before, or the first that comes.
    held = axes[np.clip(np.searchsorted(known, np.arange(len(q)), side="right") - 1, 0, None)]
    angle = 2.0 * np.arctan2(np.sum(q[:, 1:] * held, axis=1), q[:, 0])
    out[:, 0], out[:, 1:] = np.unwrap(angle), held
    return out


def eulers(order: str, matrices: Array) -> Array:
    """(N, 3) angles x, y, z of rotations (N, 3, 3) in one of EULER_ORDERS, first letter first."""
    if order not in EULER_ORDERS:
        raise ValueError(f"order: expected one of {', '.join(EULER_ORDERS)}, got {order!r}")
    i, j, k = ("XYZ".index(letter) for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = matrices
    cosine = np.hypot(m[:, i, i], m[:, j, i])
    a = np.arctan2(sign * m[:, k, j], m[:, k, k])
    b = np.arctan2(-sign * m[:, k, i], cosine)
    c = np.arctan2(sign * m[:, j, i], m[:, i, i])
    _through_the_lock(i, j, k, a, b, c, cosine, m)
    # The other solution is (a + pi, pi - b, c + pi). Which of them is nearer to the frame before depends
    # on both frames' choices only by whether they agree: so the choices follow from their differences.
    same = _far(a[1:], a[:-1]) + _far(b[1:], b[:-1]) + _far(c[1:], c[:-1])
    other = _far(a[1:] + np.pi, a[:-1]) + _far(np.pi - b[1:], b[:-1]) + _far(c[1:] + np.pi, c[:-1])
    flipped = np.concatenate([[False], np.cumsum(other < same) % 2 == 1])[: len(a)]
    # Of the two curves, the one that is nearer to no turn on the whole.
    straight = _far(a, 0.0) + np.abs(b) + _far(c, 0.0)
    round_about = _far(a + np.pi, 0.0) + _far(np.pi - b, 0.0) + _far(c + np.pi, 0.0)
    if np.where(flipped, round_about, straight).sum() > np.where(flipped, straight, round_about).sum():
        flipped = ~flipped
    out = np.empty((len(m), 3))
    out[:, i] = np.unwrap(np.where(flipped, a + np.pi, a))
    out[:, j] = np.unwrap(np.where(flipped, np.pi - b, b))
    out[:, k] = np.unwrap(np.where(flipped, c + np.pi, c))
    if len(out):  # of all that differ by whole turns, the curve around zero
        out -= 2.0 * np.pi * np.round(np.median(out, axis=0) / (2.0 * np.pi))
    return out


def _far(x: Array, y: Array | float) -> Array:
    """Distance of angles, whole turns aside."""
    return np.asarray(np.abs((x - y + np.pi) % (2.0 * np.pi) - np.pi))


def _through_the_lock(
    i: int, j: int, k: int, a: Array, b: Array, c: Array, cosine: Array, matrices: Array
) -> None:
    """Where first and last angle turn about the same axis, keep the first as it was before; in place."""
    locked = np.flatnonzero(cosine < _STRAIGHT)
    if not len(locked):
        return
    free = np.flatnonzero(cosine >= _STRAIGHT)
    a[locked] = a[free[np.clip(np.searchsorted(free, locked) - 1, 0, None)]] if len(free) else 0.0
    last = matrices[locked] @ np.swapaxes(_about(j, b[locked]) @ _about(i, a[locked]), -1, -2)
    p, q = (k + 1) % 3, (k + 2) % 3
    c[locked] = np.arctan2(last[:, q, p], last[:, p, p])


def _about(axis: int, angle: Array) -> Array:
    """Rotations (N, 3, 3) about X, Y or Z."""
    p, q = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((len(angle), 3, 3))
    out[:, axis, axis] = 1.0
    out[:, p, p] = out[:, q, q] = np.cos(angle)
    out[:, q, p] = np.sin(angle)
    out[:, p, q] = -out[:, q, p]
    return out


def free_axes(bone: Bone) -> tuple[bool, bool, bool]:
    """Which of x, y, z a bone's rotation may use."""
    _, x, y, z = bone.locked_rotation
    return not x, not y, not z


def within_locks(bone: Bone, basis: Array) -> Array:
    """The rotation (N, 3, 3) nearest to basis that a bone's free axes allow.

    Locked axes are taken to rest at zero.
    """
    free = free_axes(bone)
    if all(free):
        return basis
    if bone.rotation_mode in EULER_ORDERS:
        return rotations(bone.rotation_mode, _euler_within(bone.rotation_mode, free, basis))
    q = quaternions.from_matrix(basis) * np.array([1.0, *(1.0 if f else 0.0 for f in free)])
    size = np.linalg.norm(q, axis=1, keepdims=True)
    q = np.where(size > 1e-9, q / np.maximum(size, 1e-9), [1.0, 0.0, 0.0, 0.0])
    return quaternions.to_matrix(q)


def _euler_within(order: str, free: tuple[bool, bool, bool], basis: Array) -> Array:
    """Angles (N, 3), zero about locked axes, that come nearest to basis: one angle after the other."""
    angles = eulers(order, basis) * np.array(free, dtype=np.float64)
    axes = ["XYZ".index(letter) for letter in order]
    rounds = 1 if sum(free) == 1 else 12
    for _ in range(rounds):
        for place, axis in enumerate(axes):
            if not free[axis]:
                continue
            before, after = np.eye(3), np.eye(3)
            for other in axes[:place]:
                before = _about(other, angles[:, other]) @ before
            for other in axes[place + 1 :]:
                after = _about(other, angles[:, other]) @ after
            # The angle that makes after @ R(angle) @ before nearest to basis.
            left = np.swapaxes(np.broadcast_to(after, basis.shape), -1, -2) @ basis
            wanted = left @ np.swapaxes(np.broadcast_to(before, basis.shape), -1, -2)
            p, q = (axis + 1) % 3, (axis + 2) % 3
            angles[:, axis] = np.arctan2(wanted[:, q, p] - wanted[:, p, q], wanted[:, p, p] + wanted[:, q, q])
    return angles

# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations and forward kinematics of the 55 joints, vectorised over any leading axes.

Compared with the `smplx` package in the tests. Names: `world` rotations take a
vector from a joint's frame (world-aligned at rest) to the frame that the pelvis is
given in; `local` rotations are parent-relative, as SMPL-X stores them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .skeleton import PARENTS

Array = NDArray[np.float64]

_SMALL = 1e-7  # rad: below it, sine and cosine quotients are replaced by their series


def skew(vectors: Array) -> Array:
    """Cross-product matrices (..., 3, 3) of vectors (..., 3): skew(a) @ b = a x b."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    zero = np.zeros_like(x)
    entries = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    return np.asarray(entries.reshape(*vectors.shape[:-1], 3, 3))


def matrix_from_axis_angle(axis_angle: Array) -> Array:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) in radians (Rodrigues)."""
    axis_angle = np.asarray(axis_angle, dtype=np.float64)
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    safe = np.maximum(angle, _SMALL)
    cross = skew(axis_angle)
    sine = np.where(angle < _SMALL, 1.0, np.sin(safe) / safe)
    cosine = np.where(angle < _SMALL, 0.5, (1.0 - np.cos(safe)) / safe**2)
    return np.asarray(np.eye(3) + sine * cross + cosine * (cross @ cross))


def axis_angle_from_matrix(matrices: Array) -> Array:
    """Axis-angle vectors (..., 3), angle in [0, pi], of rotation matrices (..., 3, 3).

    By way of the quaternion's largest component, so that half turns are exact too.
    """
    m = np.asarray(matrices, dtype=np.float64)
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    # Four times the outer product of the quaternion (w, x, y, z) with itself.
    q4 = np.empty((*m.shape[:-2], 4, 4))
    q4[..., 0, 0] = 1.0 + trace
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
        q4[..., i + 1, i + 1] = 1.0 + 2.0 * m[..., i, i] - trace
        q4[..., 0, i + 1] = q4[..., i + 1, 0] = m[..., k, j] - m[..., j, k]
        q4[..., j + 1, k + 1] = q4[..., k + 1, j + 1] = m[..., j, k] + m[..., k, j]
    best = np.argmax(np.diagonal(q4, axis1=-2, axis2=-1), axis=-1)
    q = np.take_along_axis(q4, best[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    return np.asarray(
        np.where(sine < _SMALL, 2.0 * q[..., 1:], q[..., 1:] * angle / np.maximum(sine, _SMALL))
    )


def right_jacobian_inverse(axis_angle: Array) -> Array:
    """J (..., 3, 3) with log(exp(v) exp(d)) = v + J d for small d. Sola et al., 2018, eq. 144."""
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    safe = np.clip(angle, 1e-4, np.pi - 1e-3)
    factor = 1.0 / safe**2 - (1.0 + np.cos(safe)) / (2.0 * safe * np.sin(safe))
    cross = skew(axis_angle)
    return np.asarray(np.eye(3) + 0.5 * cross + factor * (cross @ cross))


def forward(local: Array, pelvis: Array, rest_joints: Array) -> tuple[Array, Array]:
    """Places and world rotations of the first J joints (J is 22 for the body, 55 for all).

    local (..., J, 3, 3) parent-relative rotations, pelvis (..., 3) the pelvis joint's
    place, rest_joints (J or more, 3) metres. Returns joints (..., J, 3), world (..., J, 3, 3).
    """
    count = local.shape[-3]
    joints = np.empty((*local.shape[:-3], count, 3))
    world = np.empty(local.shape)
    joints[..., 0, :] = pelvis
    world[..., 0, :, :] = local[..., 0, :, :]
    for j in range(1, count):
        parent = PARENTS[j]
        joints[..., j, :] = joints[..., parent, :] + world[..., parent, :, :] @ (
            rest_joints[j] - rest_joints[parent]
        )
        world[..., j, :, :] = world[..., parent, :, :] @ local[..., j, :, :]
    return joints, world


def in_blocks(count: int, *, size: int = 2000) -> Iterator[slice]:
    """The frames of a take in runs: a matrix for every joint of a long take is a gigabyte."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def forward_poses(poses: Array, trans: Array, rest_joints: Array) -> tuple[Array, Array]:
    """`forward` from what a sequence stores: poses (T, 165) or (T, 55, 3) axis-angle, trans (T, 3)."""
    local = matrix_from_axis_angle(np.asarray(poses, dtype=np.float64).reshape(len(poses), -1, 3))
    return forward(local, rest_joints[0] + np.asarray(trans, dtype=np.float64), rest_joints)

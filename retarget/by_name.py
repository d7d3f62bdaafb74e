# SPDX-License-Identifier: GPL-3.0-or-later
"""SMPL-X rotations onto a rig that has the same joint names and any rest pose.

Rotations of the capture are taken in the rig's own frame. A rig may rest in an A-pose,
face another way or have other bone axes: what must agree is where the limbs point, so
every joint carries the rotation that takes the capture's rest limb to the rig's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RigRest:
    """What of a rig's rest pose the transfer needs, for J mapped joints, in the armature's frame."""

    joints: tuple[int, ...]  # (J,) SMPL-X joint of every mapped bone, parents before children
    heads: Array  # (J, 3) bone heads
    axes: Array  # (J, 3, 3) columns are the bone's own axes at rest
    ancestor: tuple[int, ...]  # position of the nearest mapped ancestor, -1 without one
    inherits: tuple[bool, ...]  # False where the bone does not inherit rotation


def _rotation_between(old: Array, new: Array) -> Array:
    """Rotation (3, 3) that takes offsets old (K, 3) nearest to new (K, 3); the smallest one if K is 1."""
    old = old / np.linalg.norm(old, axis=1, keepdims=True)
    new = new / np.linalg.norm(new, axis=1, keepdims=True)
    if len(old) == 1:
        axis, cosine = np.cross(old[0], new[0]), float(old[0] @ new[0])
        if cosine < -1.0 + 1e-9:
            side = np.cross(old[0], np.eye(3)[np.argmin(np.abs(old[0]))])
            side /= np.linalg.norm(side)
            return np.asarray(2.0 * np.outer(side, side) - np.eye(3))
        x, y, z = axis
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + cosine))
    u, _, vt = np.linalg.svd(new.T @ old)
    return np.asarray(u @ np.diag([1.0, 1.0, float(np.linalg.det(u @ vt))]) @ vt)


def rest_alignment(source_rest: Array, rig: RigRest, parents: Sequence[int]) -> Array:
    """C (J, 3, 3): takes the capture's rest limbs to the rig's, in the armature's frame.

    source_rest (55, 3) are the capture's rest joints turned into that frame. A joint with
    one child turns by the least beyond its parent; the end of a limb follows its parent.
    """
    where = {joint: k for k, joint in enumerate(rig.joints)}
    out = np.empty((len(rig.joints), 3, 3))
    for k, joint in enumerate(rig.joints):
        inherited = out[rig.ancestor[k]] if rig.ancestor[k] >= 0 else np.eye(3)
        children = [
            child
            for child, parent in enumerate(parents)
            if parent == joint
            and child in where
            and np.linalg.norm(source_rest[child] - source_rest[joint]) > 1e-6
            and np.linalg.norm(rig.heads[where[child]] - rig.heads[k]) > 1e-6
        ]
        if not children:
            out[k] = inherited
            continue
        old = (source_rest[children] - source_rest[joint]) @ inherited.T
        new = np.stack([rig.heads[where[child]] - rig.heads[k] for child in children])
        spread = np.linalg.svd(old / np.linalg.norm(old, axis=1, keepdims=True), compute_uv=False)
        if len(children) > 1 and (len(spread) < 2 or spread[1] < 0.1):
            # Children on one line say nothing about the turn around it.
            old, new = old.mean(axis=0, keepdims=True), new.mean(axis=0, keepdims=True)
        out[k] = _rotation_between(old, new) @ inherited
    return out


def bone_rotations(world: Array, alignment: Array, rig: RigRest) -> Array:
    """Bones' own rotations (T, J, 3, 3) beyond rest, so that the limbs point as captured.

    world (T, 55, 3, 3): the capture's world rotations, turned into the armature's frame.
    Bones between mapped ones stay at rest; a bone that does not inherit rotation gets all of it.
    """
    posed = world[:, list(rig.joints)] @ np.swapaxes(alignment, -1, -2) @ rig.axes
    out = np.empty(posed.shape)
    for k in range(len(rig.joints)):
        base = rig.axes[k]
        up = rig.ancestor[k]
        if up >= 0 and rig.inherits[k]:
            base = posed[:, up] @ (rig.axes[up].T @ rig.axes[k])
        out[:, k] = np.swapaxes(base, -1, -2) @ posed[:, k]
    return out

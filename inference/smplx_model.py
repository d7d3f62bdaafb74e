# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own SMPL-X model file (`SMPLX_*.npz`, under their licence): the exact body and expressions.

Nothing else needs it. The maths are those of the `smplx` package's `lbs` (Pavlakos et al., 2019)
with `use_pca=False, flat_hand_mean=True`: poses are whole axis-angles, the hands' mean is not added.
Compared with that package in the tests.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError, SequenceError
from .kinematics import forward as forward_joints
from .kinematics import matrix_from_axis_angle
from .skeleton import JOINT_COUNT, PARENTS

Array = NDArray[np.float64]

POSE_FEATURES = (JOINT_COUNT - 1) * 9
# (coefficients in the file): (where the expression begins). The first release has 10 of each.
_EXPRESSION_AT = {20: 10, 400: 300}
_COEFFICIENTS = 10  # of shape and of expression, as a sequence stores them
_FRAMES_AT_ONCE = 32  # bounds the memory of `forward` to about 100 MB


@dataclass(frozen=True, eq=False)
class SmplxModel:
    """What moves V vertices. Metres; axes and joint order as in `skeleton`, the rest pose is the file's."""

    template: Array  # (V, 3)
    shape_directions: Array  # (V, 3, 10) metres a unit of beta
    expression_directions: Array  # (V, 3, 10)
    pose_directions: NDArray[np.float32]  # (V, 3, 486) over rotation matrices less identity, joints 1-54
    joint_regressor: Array  # (55, V)
    weights: Array  # (V, 55) skin weights, rows sum to 1
    faces: NDArray[np.int64]  # (F, 3)

    @classmethod
    def load(cls, path: Path) -> SmplxModel:
        """Read `SMPLX_*.npz`. ModelError says which array is missing or what shape was expected."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _SHAPES if name in file.files}
        except FileNotFoundError as error:
            raise ModelError(f"{path}: no such file; choose your SMPLX_NEUTRAL.npz") from error
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: not a readable SMPL-X .npz ({error}); download it again") from error
        _check(path, arrays)
        expression_at = _EXPRESSION_AT[arrays["shapedirs"].shape[2]]
        directions = arrays["shapedirs"].astype(np.float64)
        return cls(
            template=arrays["v_template"].astype(np.float64),
            shape_directions=directions[:, :, :_COEFFICIENTS],
            expression_directions=directions[:, :, expression_at : expression_at + _COEFFICIENTS],
            pose_directions=arrays["posedirs"].astype(np.float32),
            joint_regressor=arrays["J_regressor"].astype(np.float64),
            weights=arrays["weights"].astype(np.float64),
            faces=arrays["f"].astype(np.int64),
        )

    def joints(self, betas: Array) -> Array:
        """Rest joints (55, 3) in metres of shape betas (10,)."""
        _expect("betas", betas, (_COEFFICIENTS,))
        return np.asarray(self.joint_regressor @ (self.template + self.shape_directions @ betas))

    def forward(self, poses: Array, trans: Array, betas: Array, expression: Array) -> tuple[Array, Array]:
        """Vertices (T, V, 3) and joints (T, 55, 3) in the world, metres.

        poses (T, 165) axis-angle, trans (T, 3), betas (10,), expression (T, 10), as a sequence
        stores them. SequenceError if a shape is another one.
        """
        count = len(poses)
        _expect("poses", poses, (count, JOINT_COUNT * 3))
        _expect("trans", trans, (count, 3))
        _expect("betas", betas, (_COEFFICIENTS,))
        _expect("expression", expression, (count, _COEFFICIENTS))
        vertices = np.empty((count, len(self.template), 3))
        joints = np.empty((count, JOINT_COUNT, 3))
        shaped = self.template + self.shape_directions @ betas
        for first in range(0, count, _FRAMES_AT_ONCE):
            rows = slice(first, first + _FRAMES_AT_ONCE)
            vertices[rows], joints[rows] = self._posed(poses[rows], trans[rows], shaped, expression[rows])
        return vertices, joints

    def _posed(self, poses: Array, trans: Array, shaped: Array, expression: Array) -> tuple[Array, Array]:
        local = matrix_from_axis_angle(poses.reshape(-1, JOINT_COUNT, 3))
        faced = shaped + np.einsum("vce,te->tvc", self.expression_directions, expression)
        # An expression moves the jaw and the eyes a little: a rest skeleton a frame.
        rest = self.joint_regressor @ faced
        _, world = forward_joints(local, trans, rest[0])
        joints = np.empty_like(rest)
        joints[:, 0] = rest[:, 0] + trans
        for j in range(1, JOINT_COUNT):
            parent = PARENTS[j]
            bone = (rest[:, j] - rest[:, parent])[..., None]
            joints[:, j] = joints[:, parent] + (world[:, parent] @ bone)[..., 0]

        features = (local[:, 1:] - np.eye(3)).reshape(-1, POSE_FEATURES)
        corrected = faced + np.tensordot(features, self.pose_directions, axes=(1, 2))
        offsets = joints - (world @ rest[..., None])[..., 0]
        turns = np.einsum("vj,tjab->tvab", self.weights, world, optimize=True)
        vertices = (turns @ corrected[..., None])[..., 0] + self.weights @ offsets
        return vertices, joints


# What is read of the file, and its shape; V and F are the file's own.
_SHAPES: dict[str, tuple[int | str, ...]] = {
    "v_template": ("V", 3),
    "shapedirs": ("V", 3, "20 or 400"),
    "posedirs": ("V", 3, POSE_FEATURES),
    "J_regressor": (JOINT_COUNT, "V"),
    "weights": ("V", JOINT_COUNT),
    "kintree_table": (2, JOINT_COUNT),
    "f": ("F", 3),
}


def _check(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    missing = [name for name in _SHAPES if name not in arrays]
    if missing:
        raise ModelError(f"{path}: lacks {', '.join(missing)}; is it SMPL-X (not SMPL or SMPL-H), as .npz?")
    vertices = len(arrays["v_template"])
    for name, shape in _SHAPES.items():
        got = arrays[name].shape
        wanted = tuple(vertices if size == "V" else size for size in shape)
        fits = len(got) == len(wanted) and all(
            isinstance(want, str) or have == want for have, want in zip(got, wanted, strict=True)
        )
        if name == "shapedirs":
            fits = fits and got[2] in _EXPRESSION_AT
        if not fits:
            text = ", ".join(map(str, wanted))
            raise ModelError(f"{path}: {name}: expected ({text}), got {got}; is it SMPL-X?")
        if not np.isfinite(arrays[name]).all():
            raise ModelError(f"{path}: {name}: has values that are not finite; download the file again")
    # The root's parent is -1, written as an unsigned number in the published files.
    parents = tuple(int(p) for p in arrays["kintree_table"][0][1:])
    if parents != PARENTS[1:]:
        raise ModelError(f"{path}: kintree_table: the joints are not those of SMPL-X")
    faces = arrays["f"]
    if faces.size and not 0 <= int(faces.min()) <= int(faces.max()) < vertices:
        raise ModelError(f"{path}: f: expected indices below {vertices}, got {faces.min()} to {faces.max()}")


def _expect(name: str, value: Array, shape: tuple[int, ...]) -> None:
    if np.shape(value) != shape:
        raise SequenceError(f"{name}: expected {shape}, got {np.shape(value)}")

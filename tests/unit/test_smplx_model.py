# SPDX-License-Identifier: GPL-3.0-or-later
"""Our kinematics and our reader of SMPL-X files, against the `smplx` package.

The model file is made here: random numbers under the keys and shapes of the published one,
apart from fewer vertices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.errors import ModelError, SequenceError
from rotocap.inference.kinematics import forward_poses
from rotocap.inference.skeleton import JOINT_NAMES, PARENTS, rest_joints
from rotocap.inference.smplx_model import SmplxModel

VERTICES = 300
FRAMES = 40  # more than are posed at once


def model_arrays(coefficients: int) -> dict[str, NDArray[Any]]:
    """Every array of `SMPLX_NEUTRAL.npz`, for a cloud of points around the real rest joints."""
    random = np.random.default_rng(5)
    near = random.integers(0, 55, VERTICES)
    near[:55] = np.arange(55)
    weights = random.random((VERTICES, 55)) ** 8
    regressor = random.random((55, VERTICES)) * (near == np.arange(55)[:, None])
    parents = np.array(PARENTS, dtype=np.int64)
    faces = random.integers(0, VERTICES, (500, 3)).astype(np.uint32)
    barycentric = random.dirichlet(np.ones(3), 51)
    return {
        "v_template": rest_joints()[near] + random.normal(0, 0.05, (VERTICES, 3)),
        "shapedirs": random.normal(0, 0.01, (VERTICES, 3, coefficients)),
        "posedirs": random.normal(0, 0.003, (VERTICES, 3, 486)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        # Unsigned, as published: the root's parent reads 4294967295.
        "kintree_table": np.stack([parents, np.arange(55)]).astype(np.uint32),
        "f": faces,
        "ft": faces,
        "vt": random.random((VERTICES, 2)),
        "hands_componentsl": random.normal(0, 1, (45, 45)),
        "hands_componentsr": random.normal(0, 1, (45, 45)),
        "hands_meanl": random.normal(0, 0.2, 45),
        "hands_meanr": random.normal(0, 0.2, 45),
        "hands_coeffsl": random.normal(0, 1, (60, 45)),
        "hands_coeffsr": random.normal(0, 1, (60, 45)),
        "lmk_faces_idx": random.integers(0, 500, 51),
        "lmk_bary_coords": barycentric,
        "dynamic_lmk_faces_idx": random.integers(0, 500, (79, 17)),
        "dynamic_lmk_bary_coords": random.dirichlet(np.ones(3), (79, 17)),
        # Pickled dictionaries in the published file; they must not be read.
        "joint2num": np.array({name: i for i, name in enumerate(JOINT_NAMES)}, dtype=object),
        "part2num": np.array({"head": 0}, dtype=object),
    }


@pytest.fixture(scope="module", params=[20, 400], ids=["10+10", "300+100"])
def model_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz"
    np.savez(path, **model_arrays(request.param))
    return path


@pytest.fixture(scope="module")
def motion() -> dict[str, NDArray[np.float64]]:
    random = np.random.default_rng(6)
    axis = random.normal(0, 1, (FRAMES, 55, 3))
    angle = random.uniform(0, np.pi, (FRAMES, 55, 1))
    angle[0] = 0.0
    return {
        "poses": (axis / np.linalg.norm(axis, axis=-1, keepdims=True) * angle).reshape(FRAMES, 165),
        "trans": random.normal(0, 2, (FRAMES, 3)),
        "betas": random.normal(0, 1.5, 10),
        "expression": random.normal(0, 1.5, (FRAMES, 10)),
    }


def reference(
    path: Path, motion: dict[str, NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices and the 55 joints by the `smplx` package, in double precision."""
    torch = pytest.importorskip("torch", reason="needs requirements/reference.txt")
    smplx = pytest.importorskip("smplx", reason="needs requirements/reference.txt")
    # Landmarks that the package adds behind the joints; their vertices are beyond our few.
    ids = smplx.vertex_ids.vertex_ids
    monkeypatch.setitem(ids, "smplx", {name: i % VERTICES for name, i in ids["smplx"].items()})
    torch.set_num_threads(1)
    model = smplx.SMPLX(
        str(path), use_pca=False, flat_hand_mean=True, batch_size=FRAMES, dtype=torch.float64, num_betas=10
    )
    poses = torch.from_numpy(motion["poses"].copy())
    with torch.no_grad():
        out = model(
            global_orient=poses[:, :3],
            body_pose=poses[:, 3:66],
            jaw_pose=poses[:, 66:69],
            leye_pose=poses[:, 69:72],
            reye_pose=poses[:, 72:75],
            left_hand_pose=poses[:, 75:120],
            right_hand_pose=poses[:, 120:165],
            transl=torch.from_numpy(motion["trans"]),
            betas=torch.from_numpy(motion["betas"])[None].expand(FRAMES, -1),
            expression=torch.from_numpy(motion["expression"]),
        )
    return out.vertices.numpy(), out.joints.numpy()[:, :55]


def test_mesh_and_joints_are_those_of_the_reference(
    model_file: Path, motion: dict[str, NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vertices, joints = SmplxModel.load(model_file).forward(**motion)
    wanted_vertices, wanted_joints = reference(model_file, motion, monkeypatch)
    np.testing.assert_allclose(joints, wanted_joints, atol=1e-5, rtol=0)
    np.testing.assert_allclose(vertices, wanted_vertices, atol=1e-5, rtol=0)


def test_kinematics_are_those_of_the_reference(
    model_file: Path, motion: dict[str, NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    still_face = {**motion, "expression": np.zeros((FRAMES, 10))}
    rest = SmplxModel.load(model_file).joints(motion["betas"])
    joints, _ = forward_poses(motion["poses"], motion["trans"], rest)
    _, wanted = reference(model_file, still_face, monkeypatch)
    np.testing.assert_allclose(joints, wanted, atol=1e-5, rtol=0)


def damaged(tmp_path: Path, **changes: NDArray[Any] | None) -> Path:
    arrays = {**model_arrays(20), **changes}
    path = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"posedirs": None, "weights": None}, "lacks posedirs, weights"),
        (
            {"posedirs": np.zeros((VERTICES, 3, 207))},
            r"posedirs: expected \(300, 3, 486\), got \(300, 3, 207\)",
        ),
        ({"shapedirs": np.zeros((VERTICES, 3, 16))}, "shapedirs: expected .*20 or 400"),
        ({"weights": np.zeros((VERTICES - 1, 55))}, "weights: expected"),
        ({"kintree_table": np.zeros((2, 55), np.uint32)}, "kintree_table"),
        ({"v_template": np.full((VERTICES, 3), np.nan)}, "v_template: .*not finite"),
        ({"f": np.full((4, 3), VERTICES)}, "f: expected indices below 300"),
    ],
)
def test_a_file_that_is_not_smplx_is_named(
    tmp_path: Path, changes: dict[str, NDArray[Any] | None], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        SmplxModel.load(damaged(tmp_path, **changes))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        SmplxModel.load(tmp_path / "none.npz")
    whole = damaged(tmp_path).read_bytes()
    for content in (b"not a zip", whole[: len(whole) // 2]):
        path = tmp_path / "broken.npz"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"broken\.npz: not a readable"):
            SmplxModel.load(path)


def test_shapes_of_a_motion_are_checked(tmp_path: Path, motion: dict[str, NDArray[np.float64]]) -> None:
    model = SmplxModel.load(damaged(tmp_path))
    with pytest.raises(SequenceError, match=r"poses: expected \(40, 165\), got \(40, 72\)"):
        model.forward(**{**motion, "poses": motion["poses"][:, :72]})
    with pytest.raises(SequenceError, match=r"betas: expected \(10,\), got \(16,\)"):
        model.joints(np.zeros(16))

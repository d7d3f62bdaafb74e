# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.body import FreeBody
from rotocap.inference.errors import ModelError
from rotocap.inference.kinematics import forward_poses
from rotocap.inference.skeleton import INDEX, PARENTS, rest_joints


@pytest.fixture(scope="module")
def body() -> FreeBody:
    return FreeBody.load()


def longer(**factors: float) -> np.ndarray:
    """The rest joints with the bones that end in the named joints, both sides, made longer."""
    old = rest_joints()
    new = old.copy()
    for j in range(1, 55):
        name = next((k for k in factors if list(INDEX)[j].endswith(k)), None)
        new[j] = new[PARENTS[j]] + (old[j] - old[PARENTS[j]]) * factors.get(name or "", 1.0)
    return new


def edges(body: FreeBody) -> np.ndarray:
    return np.unique(np.sort(np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]]]), axis=1), axis=0)


def test_it_is_a_person_of_1_70_m_on_the_floor(body: FreeBody) -> None:
    low, high = body.vertices.min(axis=0), body.vertices.max(axis=0)
    assert low[1] == pytest.approx(0.0, abs=0.002)
    assert high[1] == pytest.approx(1.705, abs=0.01)
    assert np.allclose(body.weights.sum(axis=1), 1.0, atol=1e-5)
    assert len(body.face_names) == 52


def test_its_own_joints_leave_it_as_it_is(body: FreeBody) -> None:
    assert np.allclose(body.shaped(body.joints), body.vertices, atol=1e-5)
    assert np.allclose(body.posed(np.zeros(165), np.zeros(3), body.joints), body.vertices, atol=1e-5)


def test_a_taller_person_is_larger_all_over(body: FreeBody) -> None:
    shaped = body.shaped(body.joints * 1.2)
    assert np.allclose(shaped, body.vertices * 1.2, atol=2e-3)


def test_long_arms_reach_further_and_keep_their_girth(body: FreeBody) -> None:
    joints = longer(elbow=1.2, wrist=1.2)
    shaped = body.shaped(joints)
    reach = shaped[:, 0].max() - body.vertices[:, 0].max()
    assert reach == pytest.approx(
        joints[INDEX["left_wrist"], 0] - body.joints[INDEX["left_wrist"], 0], abs=0.01
    )
    fore = (body.vertices[:, 0] > 0.5) & (body.vertices[:, 0] < 0.6)
    thickness = np.ptp(shaped[fore, 1]) / np.ptp(body.vertices[fore, 1])
    assert 1.0 <= thickness < 1.12
    # Nothing but the arms has changed.
    legs = body.vertices[:, 1] < 0.6
    assert np.allclose(shaped[legs], body.vertices[legs], atol=0.02)


def test_reshaping_makes_no_creases(body: FreeBody) -> None:
    joints = longer(knee=1.15, ankle=0.9, elbow=0.85, wrist=1.15, spine3=1.1)
    shaped = body.shaped(joints)
    pairs = edges(body)
    before = np.linalg.norm(np.diff(body.vertices[pairs], axis=1)[:, 0], axis=1)
    after = np.linalg.norm(np.diff(shaped[pairs], axis=1)[:, 0], axis=1)
    ratio = after[before > 1e-4] / before[before > 1e-4]
    assert np.percentile(ratio, 0.1) > 0.7 and np.percentile(ratio, 99.9) < 1.45


def test_the_surface_follows_the_joints(body: FreeBody) -> None:
    rng = np.random.default_rng(3)
    poses = rng.normal(0, 0.3, (1, 55, 3))
    trans = np.array([[0.3, -0.2, 2.0]])
    joints, world = forward_poses(poses, trans, body.joints)
    moved = body.posed(poses[0], trans[0], body.joints)
    for name in ("left_wrist", "right_knee", "head", "right_index3"):
        j = INDEX[name]
        only = np.flatnonzero(body.weights[:, j] > 0.999)
        assert len(only) > 3
        expected = (body.vertices[only] - body.joints[j]) @ world[0, j].T + joints[0, j]
        assert np.allclose(moved[only], expected, atol=2e-3)


def test_an_open_jaw_goes_down_and_a_smile_leaves_the_nose(body: FreeBody) -> None:
    def moved(name: str) -> np.ndarray:
        arkit = np.zeros(52)
        arkit[body.face_names.index(name)] = 1.0
        rest = body.posed(np.zeros(165), np.zeros(3), body.joints)
        return np.asarray(body.posed(np.zeros(165), np.zeros(3), body.joints, arkit) - rest)

    jaw = moved("jawOpen")
    assert jaw[np.linalg.norm(jaw, axis=1).argmax()][1] < -0.02
    v = body.vertices
    nose = (v[:, 2] > 0.155) & (v[:, 1] > 1.55) & (v[:, 1] < 1.575)
    assert nose.sum() > 10
    for name in ("jawOpen", "mouthSmileLeft", "mouthLeft", "jawLeft"):
        assert np.abs(moved(name)[nose]).max() < 0.003, name


def test_unknown_face_coefficients_count_as_rest(body: FreeBody) -> None:
    unknown = body.posed(np.zeros(165), np.zeros(3), body.joints, np.full(52, np.nan))
    assert np.allclose(unknown, body.vertices, atol=1e-5)


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        FreeBody.load(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(ModelError, match=r"broken\.npz: damaged"):
        FreeBody.load(tmp_path / "broken.npz")


def test_wrong_joints_are_named(body: FreeBody) -> None:
    with pytest.raises(ValueError, match=r"expected \(55, 3\), got \(22, 3\)"):
        body.shaped(np.zeros((22, 3)))

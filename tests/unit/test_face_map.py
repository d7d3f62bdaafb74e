# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys found by their names, and SMPL-X's expression through a model's vertices."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rotocap.inference.body import FreeBody
from rotocap.inference.sequence import ARKIT
from rotocap.inference.skeleton import INDEX, JOINT_COUNT
from rotocap.inference.smplx_expression import expression_from_arkit
from rotocap.inference.smplx_model import SmplxModel
from rotocap.retarget.face import find


def spelt(style: str) -> list[str]:
    if style == "short sides":
        return [re.sub(r"(Left|Right)$", lambda m: f"_{m[1][0]}", name) for name in ARKIT]
    if style == "letters":
        return [re.sub(r"(Left|Right)$", lambda m: m[1][0], name) for name in ARKIT]
    if style == "numbered words":
        return [f"A{i:02d}_" + re.sub(r"([A-Z])", r"_\1", name).title() for i, name in enumerate(ARKIT)]
    if style == "behind a name":
        return [f"Head.{name}.001" for name in ARKIT]
    return [name[0].upper() + name[1:] for name in ARKIT]


@pytest.mark.parametrize("style", ["short sides", "letters", "numbered words", "behind a name", "capitals"])
def test_arkit_is_found_in_every_spelling_and_each_shape_is_its_own_coefficient(style: str) -> None:
    found = find(spelt(style))
    assert found is not None and found.title == "ARKit"
    np.testing.assert_array_equal(found.weights, np.eye(52))
    assert found.opens_jaw and found.turns_eyes


def test_vroid_and_vrm_shapes_are_sums() -> None:
    vroid = find(["Face.M_F00_000_00_Fcl_" + n for n in ("MTH_A", "MTH_U", "EYE_Close_L", "ALL_Joy")])
    assert vroid is not None and vroid.title == "VRoid"
    assert len(vroid.shapes) == 3
    arkit = np.zeros((2, 52))
    arkit[0, ARKIT.index("jawOpen")] = 0.5
    arkit[1, ARKIT.index("jawOpen")], arkit[1, ARKIT.index("mouthPucker")] = 0.5, 1.0
    values = vroid.values(arkit)
    np.testing.assert_allclose(values[0], [0.6, 0.0, 0.0])
    np.testing.assert_allclose(values[1], [0.0, 1.0, 0.0])
    vrm = find(["A", "I", "U", "E", "O", "Blink_L", "Blink_R", "Joy"])
    assert vrm is not None and vrm.title == "VRM" and len(vrm.shapes) == 7


def test_other_shape_keys_are_no_face_and_unknown_stays_unknown() -> None:
    assert find(["Key 1", "A", "fat", "thin"]) is None
    assert find([]) is None
    found = find(ARKIT)
    assert found is not None
    arkit = np.zeros((3, 52))
    arkit[1, 4] = np.nan
    assert np.isnan(found.values(arkit)).sum() == 1


def test_an_smplx_model_shows_what_its_directions_can() -> None:
    """A model made of the free body's own head, whose directions are two of its shapes."""
    body = FreeBody.load()
    directions = np.zeros((len(body.vertices), 3, 10))
    shapes = [ARKIT.index("mouthSmileLeft"), ARKIT.index("browInnerUp")]
    for k, shape in enumerate(shapes):
        directions[body.face_vertices, :, k] = body.face_deltas[shape] / 2.0
    nearest = np.abs(body.vertices[:, None, 1] - body.joints[None, :, 1]).argmin(axis=0)
    regressor = np.zeros((JOINT_COUNT, len(body.vertices)))
    regressor[np.arange(JOINT_COUNT), nearest] = 1.0
    for joint in ("left_eye_smplhf", "right_eye_smplhf"):
        eye = body.weights.argmax(axis=1) == INDEX[joint]
        regressor[INDEX[joint]] = eye / eye.sum()
    # Three places near the jaw's joint whose mean is it, all but.
    apart = np.linalg.norm(body.vertices - body.joints[INDEX["jaw"]], axis=1)
    near = apart.argsort()[:60]
    solve = np.linalg.lstsq(
        np.vstack([body.vertices[near].T, np.ones(60)]), np.append(body.joints[INDEX["jaw"]], 1.0), rcond=None
    )[0]
    regressor[INDEX["jaw"]] = 0.0
    regressor[INDEX["jaw"], near] = solve
    model = SmplxModel(
        template=body.vertices,
        shape_directions=np.zeros((len(body.vertices), 3, 10)),
        expression_directions=directions,
        pose_directions=np.zeros((len(body.vertices), 3, 486), np.float32),
        joint_regressor=regressor,
        weights=body.weights.astype(np.float64),
        faces=body.faces,
    )
    matrix = expression_from_arkit(model)
    for k, shape in enumerate(shapes):
        assert matrix[shape, k] == pytest.approx(2.0, rel=0.15)
    assert np.abs(matrix[ARKIT.index("jawOpen")]).max() == 0.0  # the jaw's joint does that
    assert np.isfinite(matrix).all()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift network's word beside the landmark graphs' own 3D points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rotocap.inference import wholebody
from rotocap.inference.fit.evidence import Evidence, gather
from rotocap.inference.fit.lifted import with_lift
from rotocap.inference.fit.model_points import GROUPS, POINTS, stature
from rotocap.inference.fit.terms import BodyOptions, State, Terms
from rotocap.inference.fit.turns import frames_last
from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.lift import layout
from rotocap.inference.lift.network import Lifted
from rotocap.inference.skeleton import rest_joints

COUNT = 3
_ROW = {k: int(np.flatnonzero(POINTS.keypoint == wholebody.INDEX[k])[0]) for k in ("left_wrist", "nose")}


@pytest.fixture
def body() -> tuple[Lifted, np.ndarray]:
    """A body at rest before the camera as the network may tell it, and its points (T, P, 3) from the hips."""
    size = layout.STATURE / stature(np.zeros(len(GROUPS)))
    local = matrix_from_axis_angle(np.zeros((COUNT, layout.JOINTS, 3)))
    local[:, 0] = np.diag([1.0, -1.0, -1.0])
    joints, world = forward(local, np.zeros((COUNT, 3)), rest_joints())
    joints, world = joints[:, : layout.JOINTS], world[:, : layout.JOINTS]
    lifted = Lifted(
        places=(joints - joints[:, :1]) * size,
        across=np.full((COUNT, layout.JOINTS), 0.02),
        along=np.full((COUNT, layout.JOINTS), 0.04),
        sight=np.tile([0.0, 0.0, 1.0], (COUNT, 1)),
        world=world,
        pelvis=np.tile([0.0, 0.0, 4.0], (COUNT, 1)),
        depth_error=np.full(COUNT, 0.1),
        contact=np.ones((COUNT, 4)),
        up=np.tile([0.0, -1.0, 0.0], (COUNT, 1)),
    )
    points = POINTS.posed(joints, world, POINTS.offset)
    hips = points[:, np.isin(POINTS.keypoint, (11, 12))].mean(axis=1, keepdims=True)
    return lifted, points - hips


def _seen(points: np.ndarray) -> Evidence:
    keypoints = np.zeros((COUNT, wholebody.COUNT, 3))
    keypoints[:, POINTS.keypoint, :2] = 500.0 + 250.0 * points[..., :2]
    keypoints[:, POINTS.keypoint, 2] = 0.95
    solid = np.full((COUNT, wholebody.COUNT, 3), np.nan)
    solid[:, POINTS.keypoint] = points
    K = np.array([[1000.0, 0.0, 500.0], [0.0, 1000.0, 500.0], [0.0, 0.0, 1.0]])
    return gather(time_s=np.arange(COUNT) / 30.0, keypoints=keypoints, points3d=solid, camera_K=K)


def _moved(body: tuple[Lifted, np.ndarray], away: float) -> np.ndarray:
    """How far (T, P, 3) evidence goes from the network when a graph has the wrist `away` metres deeper."""
    lifted, points = body
    evidence = _seen(points)
    evidence.relative[:, _ROW["left_wrist"], 2] += away
    return with_lift(evidence, lifted, np.zeros(len(GROUPS))).relative - points


def test_points_that_agree_are_averaged_by_their_doubt(body: tuple[Lifted, np.ndarray]) -> None:
    moved = _moved(body, 0.06)
    wrist = moved[:, _ROW["left_wrist"], 2]
    assert np.all((wrist > 0.005) & (wrist < 0.055)), "between the two"
    assert np.allclose(moved[:, _ROW["nose"]], 0.0, atol=0.01)


def test_a_point_that_points_the_other_way_is_let_go(body: tuple[Lifted, np.ndarray]) -> None:
    """A graph that takes an arm behind the body for one before it must not pull it to the middle."""
    assert np.linalg.norm(_moved(body, 0.8)[:, _ROW["left_wrist"]], axis=-1).max() < 0.03


def test_a_point_seen_well_is_no_outlier_where_its_joint_is_hardly_known(
    body: tuple[Lifted, np.ndarray],
) -> None:
    """A hand in a close-up whose arm nobody sees: believed if it is seen well, and only then."""
    lifted, points = body
    unsure = replace(lifted, along=lifted.along.copy(), across=lifted.across.copy())
    wrist, nose = _ROW["left_wrist"], _ROW["nose"]
    joint = int(POINTS.anchor[wrist])
    unsure.along[:, joint], unsure.across[:, joint] = 0.4, 0.4
    evidence = replace(_seen(points), relative_precision=np.zeros((COUNT, len(POINTS.keypoint), 3, 3)))
    evidence = with_lift(evidence, unsure, np.zeros(len(GROUPS)))
    local = matrix_from_axis_angle(np.zeros((COUNT, layout.JOINTS, 3)))
    state = State(frames_last(local), np.tile([[0.0], [0.0], [4.0]], COUNT), np.zeros(len(GROUPS)))
    limit = Terms(evidence, BodyOptions(), state, free_scale=False).picture_limit
    assert np.all(limit[wrist] > 50.0 * limit[nose])
    faint = evidence.weight.copy()
    faint[:, wrist] = 0.5  # a certainty of a quarter
    limit = Terms(replace(evidence, weight=faint), BodyOptions(), state, free_scale=False).picture_limit
    assert np.allclose(limit[wrist], limit[nose])

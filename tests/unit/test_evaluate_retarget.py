# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make eval` says about transfers: an error that is put in comes out, what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from planted_feet import squat, walk
from scipy.spatial.transform import Rotation

from rotocap.retarget.grounding import ground
from rotocap.retarget.solve import solve
from rotocap.tools.evaluate import retarget, retarget_pictures
from rotocap.tools.evaluate.retarget import Target


@pytest.fixture(scope="module")
def rigs() -> dict[str, Target]:
    return {target.name: target for target in retarget.targets()}


def test_every_published_rig_is_measured(rigs: dict[str, Target]) -> None:
    assert len(rigs) >= 20
    assert {"mixamo", "unreal5", "vroid", "biped"} <= set(rigs)


def test_a_wrung_forearm_is_seen(rigs: dict[str, Target]) -> None:
    """Directions cannot tell; how the rig's joints are turned at rest can."""
    motion, target = squat(4), rigs["mixamo"]
    errors = retarget.twist_errors(solve(motion, target.rig, target.bone_map), motion, target)
    assert errors["left_forearm"].max() < 0.5
    wrung = dict(target.rest_turns)
    along = wrung["left_elbow"] @ np.array([1.0, 0.0, 0.0])
    wrung["left_elbow"] = Rotation.from_rotvec(np.radians(30.0) * along).as_matrix() @ wrung["left_elbow"]
    errors = retarget.twist_errors(
        solve(motion, target.rig, target.bone_map), motion, replace(target, rest_turns=wrung)
    )
    np.testing.assert_allclose(errors["left_forearm"], 30.0, atol=0.5)
    assert errors["right_forearm"].max() < 0.5


def test_a_round_trip_brings_limbs_back(rigs: dict[str, Target]) -> None:
    trip = retarget.round_trip(walk(2), rigs["unreal4"], rigs["vroid"])
    assert trip["limbs"][1] < 0.01


def test_calm_knees_have_a_ratio_of_one(rigs: dict[str, Target]) -> None:
    motion, target = squat(40), rigs["smplx"]
    solved = solve(motion, target.rig, target.bone_map)
    assert retarget.knee_ratio(solved, ground(solved, motion)) == pytest.approx(1.0, abs=0.05)


def test_missing_motions_are_said_to_be_skipped(tmp_path: Path) -> None:
    figures, skipped = retarget.measure(tmp_path, lambda text: None)
    assert figures == {}
    assert len(skipped) == len(retarget.MOTIONS)
    assert all(str(tmp_path) in line for line in skipped)


def test_pictures_are_drawn(tmp_path: Path, rigs: dict[str, Target]) -> None:
    motions = {"walk": walk(2), "squat": squat(20)}
    files = retarget_pictures.sheets(motions, [rigs["unreal5"], rigs["smpl"]], tmp_path / "sheet.png", rows=1)
    assert [file.name for file in files] == ["sheet-1.png", "sheet-2.png"]
    for file in files:
        image = cv2.imread(str(file))
        assert image.shape == (2 * retarget_pictures.CELL[1], 4 * retarget_pictures.CELL[0], 3)
        assert (image < 250).mean() > 0.005
    skin = cv2.imread(str(retarget_pictures.skinned(motions["walk"], rigs["unreal5"], tmp_path / "skin.png")))
    source, rig = skin[:, :400].astype(int), skin[:, 400:800].astype(int)
    body = (source < 250).any(axis=-1)
    assert body.mean() > 0.03
    assert (body ^ (rig < 250).any(axis=-1)).sum() < 0.05 * body.sum()

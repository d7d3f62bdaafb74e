# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed clip and truth belong together, and move as a body can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.body import FreeBody
from rotocap.inference.kinematics import forward_poses
from rotocap.inference.raster import Surface, draw
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX
from rotocap.inference.video import VideoReader, probe

SAMPLE = Path(__file__).parents[1] / "data" / "sample"


@pytest.fixture(scope="module")
def truth() -> SmplxSequence:
    return SmplxSequence.load(SAMPLE / "truth.npz")


def test_the_clip_is_small_and_as_long_as_its_truth(truth: SmplxSequence) -> None:
    assert sum(p.stat().st_size for p in SAMPLE.iterdir()) < 1_000_000
    info = probe(SAMPLE / "sample.mp4")
    assert (info.width, info.height) == (540, 720)
    with VideoReader(SAMPLE / "sample.mp4") as reader:
        times = [frame.time_s for frame in reader]
    assert len(times) == len(truth) == 120
    assert np.allclose(times, truth.time_s, atol=2e-3)


def test_the_truth_agrees_with_itself(truth: SmplxSequence) -> None:
    places, _ = forward_poses(truth.poses, truth.trans, truth.rest_joints)
    camera = np.asarray(truth.world_from_camera)
    assert np.allclose((places - camera[:3, 3]) @ camera[:3, :3], truth.joints_camera, atol=1e-4)


def test_feet_stand_still_while_they_are_said_to(truth: SmplxSequence) -> None:
    places, _ = forward_poses(truth.poses, truth.trans, truth.rest_joints)
    for column, name in ((1, "left_foot"), (3, "right_foot")):
        held = (truth.contact[1:, column] > 0.5) & (truth.contact[:-1, column] > 0.5)
        assert held.sum() > 80
        assert np.linalg.norm(np.diff(places[:, INDEX[name]], axis=0), axis=1)[held].max() < 5e-4
    assert truth.contact.min() == 0.0  # a step is taken


def test_the_motion_made_again_is_the_committed_truth(truth: SmplxSequence) -> None:
    from rotocap.tools.make_sample import truth as make

    made = make()
    for name in ("poses", "trans", "joints_camera", "arkit", "contact"):
        assert np.allclose(getattr(made, name), getattr(truth, name), atol=2e-4), name


def test_the_picture_shows_the_body_where_the_truth_puts_it(truth: SmplxSequence) -> None:
    """The clothed figure differs from the wall and the floor exactly where the body projects to."""
    body = FreeBody.load()
    camera = np.asarray(truth.world_from_camera)
    with VideoReader(SAMPLE / "sample.mp4") as reader:
        frames = {f.index: f.image for f in reader if f.index in (0, 45, 72, 96)}
    for index, image in frames.items():
        blue = (image.astype(int) @ (1, 0, -1)) > 40  # the shirt
        posed = body.posed(truth.poses[index], truth.trans[index], truth.rest_joints, truth.arkit[index])
        seen = ((posed - camera[:3, 3]) @ camera[:3, :3]).astype(np.float32)
        white = np.full((len(posed), 3), 255, np.float32)
        drawn = draw(np.zeros_like(image), [Surface(seen, body.faces, white)], truth.camera_K).any(axis=2)
        assert blue.sum() > 5000
        assert (blue & ~drawn).sum() / blue.sum() < 0.03, index

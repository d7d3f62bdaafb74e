# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered hands: what is tuned on is not measured on, and the truth lies where the hand is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.fit.hands.anatomy import JOINTS, anatomy
from rotocap.inference.landmarks.hands import HandNetworks
from rotocap.training import hands_rendered
from rotocap.training.hands_anatomy import angles_of

MOTION = Path(__file__).resolve().parents[3] / "shared" / "motion"
needs_bank = pytest.mark.skipif(
    not (MOTION / "hand_bank.npz").is_file(), reason=f"needs {MOTION / 'hand_bank.npz'}"
)


def test_random_poses_stay_within_the_limits() -> None:
    rng = np.random.default_rng(0)
    hand = anatomy()
    poses = np.stack([hands_rendered.random_pose(rng) for _ in range(200)])
    angles = angles_of(poses, hand.axes)[:, 1:]  # the thumb's is drawn from the bank
    assert (angles >= hand.low[1:] - 1e-3).all() and (angles <= hand.high[1:] + 1e-3).all()
    assert np.ptp(angles[:, 0, 2]) > 1.0
    assert poses.shape == (200, 15, 3) and JOINTS.max() == 14


@needs_bank
def test_measured_signs_are_not_tuned_on() -> None:
    train, test = (hands_rendered.bank(MOTION, part) for part in ("train", "test"))
    assert len(train) > 50 and len(test) > 40
    apart = np.abs(train[:, None] - test).max(axis=(2, 3))
    assert apart.min() > 1e-4


@needs_bank
def test_the_network_sees_the_hand_where_the_truth_has_it() -> None:
    rng = np.random.default_rng(4)
    poses, networks = hands_rendered.bank(MOTION, "train"), HandNetworks(threads=1)
    errors = []
    for _ in range(6):
        images, truth = hands_rendered.render(poses, rng, frames=2)
        seen = hands_rendered.observe(images, truth, networks, rng)
        places = truth["truth"]
        flat = places[..., :2] / places[..., 2:] * truth["K"][0, 0] + truth["K"][:2, 2]
        errors.append(np.linalg.norm(seen["points"] - flat, axis=-1) / truth["palm_px"])
    found = np.concatenate(errors).ravel()
    assert np.isfinite(found).mean() > 0.5
    assert np.nanmedian(found) < 0.3  # of the palm's length

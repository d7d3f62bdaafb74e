# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right over time, on what the networks said about rendered people whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference import wholebody
from rotocap.inference.lift.points import INDEX, KEYPOINTS
from rotocap.inference.people.swaps import repair
from rotocap.inference.people.track import TrackLandmarks

CACHE = Path(__file__).parents[2] / "build" / "detector_errors"
LIMBS = {"trunk": ("shoulder", "hip"), "arms": ("elbow", "wrist"), "legs": ("knee", "ankle")}
APART = 0.06  # statures: sides that are nearer cannot be told


def track(seen, rows):
    """The 35 observed points as a track, without depth, which was not kept."""
    keypoints = np.zeros((len(rows), wholebody.COUNT, 3), np.float32)
    keypoints[:, KEYPOINTS] = seen.keypoints[rows]
    body = seen.keypoints[rows, :21, :2]
    box = np.concatenate([body.min(axis=1), body.max(axis=1)], axis=1).astype(np.float32)
    time = seen.time[rows]
    return TrackLandmarks(time, time / 30.0, keypoints, np.full_like(keypoints, np.nan), box)


def exchanged(seen, keypoints, names):
    """Frames (N,) in which these points of both sides lie where the other side's should."""
    left, right = ([INDEX[f"{side}_{name}"] for name in names] for side in ("left", "right"))
    both, other = left + right, right + left
    truth, size = seen.projected(seen.points), seen.size_px

    def miss(a, b):
        return np.linalg.norm(a - b, axis=-1).mean(axis=1)

    own = miss(keypoints[:, both, :2], truth[:, both])
    known = seen.inside[:, both].all(axis=1) & (miss(truth[:, left], truth[:, right]) > APART * size)
    return known & seen.found & (miss(keypoints[:, both, :2], truth[:, other]) < 0.5 * own)


@pytest.mark.parametrize("name", ["short", "long"])
def test_fewer_limbs_are_exchanged_than_before(name):
    """Clips of 12 frames at 30 a second, takes of 40 frames at 6 a second, from all sides."""
    path = CACHE / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is missing: python -m rotocap.training.detector_errors")
    from rotocap.training.detector_errors.observe import Observations

    seen = Observations.load(path)
    keypoints = seen.keypoints.copy()
    for clip in np.unique(seen.clip):
        rows = np.flatnonzero((seen.clip == clip) & seen.found)
        keypoints[rows] = repair(track(seen, rows)).landmarks.keypoints[:, KEYPOINTS]
    for limb, names in LIMBS.items():
        before, after = (exchanged(seen, k, names).sum() for k in (seen.keypoints, keypoints))
        assert after < 0.8 * before, f"{limb}: {before} frames exchanged as detected, {after} as repaired"

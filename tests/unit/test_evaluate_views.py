# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import INDEX
from rotocap.tools.evaluate import views

TRUTH = Path(__file__).parents[1] / "data" / "sample" / "truth.npz"
MARKERS = ["RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "Neck", "RShoulder", "RElbow", "RWrist"]
MARKERS += ["LShoulder", "LElbow", "LWrist"]


@pytest.fixture(scope="module")
def truth() -> SmplxSequence:
    return SmplxSequence.load(TRUTH)


def reference(truth: SmplxSequence) -> np.ndarray:
    return views._points(truth)


def test_points_lie_on_the_body_near_their_joints(truth: SmplxSequence) -> None:
    """Only hips are seen far from the joint that bears their name, by 3 cm, and ankles by as much."""
    joints = truth.joints_camera[:, [INDEX[name] for name, _ in views._JOINTS]]
    away = np.linalg.norm(views._points(truth) - joints, axis=-1)
    assert (away < 0.045).all()
    assert (away[:, [name.endswith("wrist") for name, _ in views._JOINTS]] < 0.02).all()


def test_a_reference_is_read_with_its_axes_in_the_calibrations_order(tmp_path: Path) -> None:
    places = np.arange(2 * len(MARKERS) * 3, dtype=float).reshape(2, -1)
    lines = [
        "PathFileType",
        "DataRate",
        "60",
        "Frame#\tTime\t" + "\t\t\t".join(MARKERS) + "\t\t",
        "\t\tX1\tY1\tZ1",
    ]
    lines += [f"{k}\t{k / 60}\t" + "\t".join(map(str, row)) for k, row in enumerate(places)]
    file = tmp_path / "p.trc"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    read = views._reference(file)
    assert read.shape == (2, 12, 3)
    knee = [name for name, _ in views._JOINTS].index("right_knee")
    x, y, z = places[1].reshape(-1, 3)[MARKERS.index("RKnee")]
    assert read[1, knee].tolist() == [z, x, y]


def test_the_same_motion_has_no_error_and_is_not_mirrored(truth: SmplxSequence) -> None:
    result = views._compare(truth.frame, reference(truth), reference(truth))
    assert result["found"] == 1.0
    assert result["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert result["mirrored"] == 0.0
    assert views._pixels(truth, reference(truth), np.asarray(truth.camera_K)) == pytest.approx(0, abs=1e-3)


def test_exchanged_sides_are_told(truth: SmplxSequence) -> None:
    mixed = reference(truth)
    other = [i + 1 if i % 2 == 0 else i - 1 for i in range(12)]
    mixed[:60] = mixed[:60][:, other]
    result = views._compare(truth.frame, reference(truth), mixed)
    assert result["mirrored"] == pytest.approx(0.5)
    assert result["mpjpe_mm"] > 50


def test_frames_that_the_reference_lacks_do_not_count(truth: SmplxSequence) -> None:
    holes = reference(truth)
    holes[10:20, 3] = np.nan
    assert views._compare(truth.frame, reference(truth), holes)["found"] == 1.0

# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of motion: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rotocap.training.motion_data import SHARED, MotionError, MotionSet

CMU = "CMU mocap: free for research and commercial use"


def write(folder: Path, name: str = "train_00", **changes: Any) -> Path:
    """A file of two sequences, 4 and 6 frames; `changes` replace arrays, None leaves one out."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "pose": rng.uniform(-1, 1, (10, 22, 3)).astype(np.float16),
        "trans": rng.uniform(-1, 1, (10, 3)).astype(np.float32),
        "hand_pose": rng.uniform(-1, 1, (10, 30, 3)).astype(np.float16),
        "seq_start": np.array([0, 4, 10]),
        "seq_name": np.array(["cmu/asfamc/16_15", "mesh2motion/bow"]),
        "seq_label": np.array(["walk", ""]),
        "has_hands": np.array([False, True]),
        "licence": np.array([CMU, "CC0 1.0"]),
        "source": np.array(["a/b", "c/d"]),
        "fps": np.float32(30),
        **changes,
    }
    np.savez(folder / f"{name}.npz", **{k: v for k, v in arrays.items() if v is not None})
    return folder


def test_sequences_are_the_files_frames(tmp_path: Path) -> None:
    write(tmp_path)
    motion = MotionSet.load(tmp_path)
    with np.load(tmp_path / "train_00.npz") as data:
        assert [len(s) for s in motion] == [4, 6]
        assert motion.frames == 10
        np.testing.assert_array_equal(motion.sequences[1].pose, data["pose"][4:].astype(np.float32))
        np.testing.assert_array_equal(motion.sequences[1].trans, data["trans"][4:])
        np.testing.assert_array_equal(motion.hand_pose, data["hand_pose"].astype(np.float32))
    first, second = motion
    assert (first.label, first.licence, first.has_hands, first.subject) == ("walk", CMU, False, 16)
    assert (second.has_hands, second.subject) == (True, None)
    assert first.pose.base is motion.pose or np.shares_memory(first.pose, motion.pose)
    with pytest.raises(ValueError, match="read-only"):
        first.pose[0] = 0


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    motion = MotionSet.load(write(tmp_path))
    motion.only([1]).save(tmp_path / "one.npz")
    (again,) = MotionSet.load(tmp_path, ["one"])
    np.testing.assert_array_equal(again.pose, motion.sequences[1].pose)
    np.testing.assert_array_equal(again.hand_pose, motion.sequences[1].hand_pose)
    assert (again.name, again.licence, again.source) == ("mesh2motion/bow", "CC0 1.0", "c/d")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seq_name": np.array(["bandai_nc/a", "b"]), "licence": None}, "CC BY-NC 4.0"),
        ({"licence": np.array([CMU, "CC BY-NC 4.0"])}, "CC BY-NC 4.0"),
        ({"seq_name": np.array(["cmu/daz/05_02#1", "b"])}, "subject 5 is held out"),
    ],
)
def test_what_must_not_be_trained_on_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    write(tmp_path, **changes)  # under the name of a training file
    with pytest.raises(MotionError, match=why):
        MotionSet.load(tmp_path)
    assert len(MotionSet.load(tmp_path, ["train_00"], purpose="evaluation")) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trans": None}, "lacks trans"),
        ({"pose": np.zeros((10, 55, 3))}, r"pose: expected \(10, 22, 3\), got \(10, 55, 3\)"),
        ({"pose": np.full((10, 22, 3), 90.0)}, "are these degrees"),
        ({"trans": np.full((10, 3), np.nan)}, "trans: frame 0 has values that are not finite"),
        ({"seq_start": np.array([0, 4, 11])}, "seq_start: expected an increase from 0 to 10"),
        ({"fps": np.float32(120)}, "expected 30, got 120"),
        ({"joints": np.array(["hips"])}, "joints"),
        ({"seq_name": np.array(["same", "same"])}, "same: is there twice"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write(tmp_path, **changes)
    with pytest.raises(MotionError, match=message):
        MotionSet.load(tmp_path)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match=r"no train_\*\.npz"):
        MotionSet.load(tmp_path)
    with pytest.raises(MotionError, match=r"other\.npz: no such file"):
        MotionSet.load(tmp_path, ["other"])
    (tmp_path / "train_00.npz").write_bytes(b"not a zip")
    with pytest.raises(MotionError, match="damaged"):
        MotionSet.load(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs {SHARED}")
def test_the_shared_motion_is_split_by_person() -> None:
    training = MotionSet.load(SHARED)
    heldout = MotionSet.load(SHARED, ["heldout"], purpose="evaluation")
    bandai = MotionSet.load(SHARED, ["eval_bandai_nc"], purpose="evaluation")
    assert (training.frames, heldout.frames, bandai.frames) == (161_861, 6_378, 27_874)
    assert {s.subject for s in heldout} == {3, 5, 12}
    for name in ("heldout", "eval_bandai_nc"):
        with pytest.raises(MotionError, match="must not be trained on"):
            MotionSet.load(SHARED, [name])

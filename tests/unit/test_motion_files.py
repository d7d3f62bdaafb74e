# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of motion as sources, and as takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.addon import motion_files
from rotocap.addon.motion_files import MotionOptions
from rotocap.cli.main import main
from rotocap.inference.errors import SequenceError, TakeError
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.skeleton import JOINT_NAMES, PARENTS, rest_joints
from rotocap.inference.take import Take
from rotocap.retarget import amass
from rotocap.retarget.bone_map import BoneMap
from rotocap.retarget.bvh import Bvh
from rotocap.retarget.bvh_writer import write
from rotocap.retarget.imported import sequence_of
from rotocap.retarget.rig import Rig
from tests.rigs import build

FRAMES = 12


def find_map(rig: Rig) -> BoneMap:
    return BoneMap({role: bones for role, bones in build.truth("smplx").items() if role != "root"})


def sequence() -> SmplxSequence:
    poses = np.zeros((FRAMES, 165))
    poses[:, 3 * 18] = np.linspace(0, 1, FRAMES)
    return sequence_of(poses, np.tile(rest_joints()[0], (FRAMES, 1)), rest_joints(), fps=24.0)


def bvh_file(path: Path) -> Path:
    rest = rest_joints() * 100
    offsets = np.array([rest[j] - rest[p] if p >= 0 else rest[j] for j, p in enumerate(PARENTS)])
    turns, positions = np.tile(np.eye(3), (FRAMES, 55, 1, 1)), np.tile(offsets, (FRAMES, 1, 1))
    write(path, Bvh(JOINT_NAMES, PARENTS, offsets, {}, turns, positions, 1 / 24))
    return path


def test_each_kind_is_read(tmp_path: Path) -> None:
    amass.write(tmp_path / "a.npz", sequence())
    sequence().save(tmp_path / "ours.npz")
    bvh_file(tmp_path / "a.bvh")
    for name in ("a.npz", "ours.npz", "a.bvh"):
        got, notes = motion_files.read(tmp_path / name, find_map)
        assert (len(got), got.mocap_frame_rate) == (FRAMES, pytest.approx(24.0))
        assert bool(notes) == (name == "a.npz")  # only there the rest pose is guessed
    np.testing.assert_array_equal(
        motion_files.read(tmp_path / "ours.npz", find_map)[0].poses, sequence().poses
    )
    twice, _ = motion_files.read(tmp_path / "a.bvh", find_map, MotionOptions(scale=0.02))
    assert twice.rest_joints[15, 1] == pytest.approx(2 * rest_joints()[15, 1], rel=0.02)
    with pytest.raises(SequenceError, match=r"ends in \.bvh or \.npz"):
        motion_files.read(tmp_path / "a.fbx", find_map)


def test_a_file_is_kept_as_a_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bvh_file(tmp_path / "Tanz.bvh")
    got, _ = motion_files.read(file, find_map)
    motion_files.save_take(file, tmp_path / "Tanz.take", got, ("a note",))
    take = Take.open(tmp_path / "Tanz.take")
    assert (take.status, take.people[0].name, take.warnings) == ("complete", "Tanz", ("a note",))
    assert take.video.codec == motion_files.MOTION
    np.testing.assert_array_equal(take.sequence(take.people[0]).poses, got.poses)
    # The other commands know that there is no video behind it.
    assert main(["info", str(take.path)]) == 0
    assert "imported from Tanz.bvh, 24.00 frames/s, 0.5 s" in capsys.readouterr().out
    assert main(["review", str(take.path), "--out", str(tmp_path / "a.png")]) == TakeError.exit_code
    assert "there is no video to draw it beside" in capsys.readouterr().err
    motion_files.save_take(file, tmp_path / "Tanz.take", got, ())  # again, in its place
    assert Take.open(tmp_path / "Tanz.take").warnings == ()


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    file = bvh_file(tmp_path / "a.bvh")
    got, _ = motion_files.read(file, find_map)
    (tmp_path / "a.take").mkdir()
    (tmp_path / "a.take" / "holiday.jpg").write_text("")
    with pytest.raises(TakeError, match="other things in it"):
        motion_files.save_take(file, tmp_path / "a.take", got, ())

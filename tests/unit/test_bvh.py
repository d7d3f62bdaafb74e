# SPDX-License-Identifier: GPL-3.0-or-later
"""BVH files of every shape that is met, against motion that is known."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference.errors import SequenceError
from rotocap.inference.skeleton import JOINT_NAMES, PARENTS, rest_joints
from rotocap.retarget import bvh
from rotocap.retarget.bvh_writer import euler, write

HEAD = """\
HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 10 1
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 0 5 0
    }
  }
}
"""
MOTION = """\
MOTION
Frames: 2
Frame Time: 0.025
1 2 3 10 20 30 40 50 60
4 5 6 -10 -20 -30 -40 -50 -60
"""


def angles(order: str, degrees: list[float]) -> np.ndarray:
    return Rotation.from_euler(order, degrees, degrees=True).as_matrix()


def skeleton(random: np.random.Generator, frames: int = 50) -> bvh.Bvh:
    parents = (-1, 0, 1, 2, 1, 0)
    offsets = random.normal(0.0, 10.0, (6, 3))
    turns = Rotation.from_rotvec(np.cumsum(random.normal(0, 0.3, (frames * 6, 3)), 0)).as_matrix()
    positions = np.tile(offsets, (frames, 1, 1))
    positions[:, 0] = random.normal(0, 30, (frames, 3))
    positions[:, 3] += random.normal(0, 1, (frames, 3))
    names = ("Hips", "Spine", "Left Arm", "Hand", "Head", "Tail")
    ends = {3: np.array([0.0, 1.0, 2.0]), 4: np.array([1.0, 0.0, 0.0]), 5: np.zeros(3)}
    return bvh.Bvh(names, parents, offsets, ends, turns.reshape(frames, 6, 3, 3), positions, 1 / 120)


def test_channels_come_in_the_order_of_the_file() -> None:
    motion = bvh.parse(HEAD + MOTION)
    assert motion.names == ("Hips", "Chest")
    assert motion.parents == (-1, 0)
    assert motion.frame_time == 0.025
    assert motion.end_sites[1].tolist() == [0.0, 5.0, 0.0]
    np.testing.assert_allclose(motion.rotations[0, 0], angles("ZXY", [10, 20, 30]), atol=1e-12)
    np.testing.assert_allclose(motion.rotations[1, 1], angles("YZX", [-40, -50, -60]), atol=1e-12)
    np.testing.assert_array_equal(motion.positions[:, 0], [[1, 2, 3], [4, 5, 6]])
    rotations, places = motion.world()
    np.testing.assert_allclose(rotations[0, 1], angles("ZXY", [10, 20, 30]) @ angles("YZX", [40, 50, 60]))
    np.testing.assert_allclose(places[0, 1], [1, 2, 3] + angles("ZXY", [10, 20, 30]) @ [0, 10, 1])


def test_a_position_replaces_the_offset_and_only_on_its_axes() -> None:
    text = HEAD.replace("3 Yrotation Zrotation Xrotation", "2 Yposition Xrotation")
    motion = bvh.parse(text + "MOTION\nFrames: 1\nFrame Time: .1\n0 0 0 0 0 0 12 90\n")
    assert motion.positions[0, 1].tolist() == [0.0, 12.0, 1.0]
    quarter = [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]
    np.testing.assert_allclose(motion.rotations[0, 1], quarter, atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(" 40 50 60\n", "\n40 50\n60\n\n"),
        lambda text: text.replace("60\n4", "60 4"),
        lambda text: text.replace("ROOT Hips\n{", "ROOT Hips {").replace("  }\n}", "  } }"),
        lambda text: text.replace("Frame Time: 0.025", "frame time:\t2.5e-2").replace(
            "Frames: 2", "FRAMES:2"
        ),
        lambda text: text.replace("Zrotation", "zrotation").replace("MOTION", " Motion "),
        lambda text: text.rstrip(),
    ],
)
def test_files_as_programs_write_them(change: object, tmp_path: Path) -> None:
    file = tmp_path / "a.bvh"
    file.write_bytes(change(HEAD + MOTION).encode())  # type: ignore[operator]
    ours, plain = bvh.read(file), bvh.parse(HEAD + MOTION)
    assert ours.names == plain.names
    np.testing.assert_array_equal(ours.rotations, plain.rotations)
    np.testing.assert_array_equal(ours.positions, plain.positions)


def test_a_wrong_count_of_frames_is_told() -> None:
    motion = bvh.parse(HEAD + MOTION.replace("Frames: 2", "Frames: 7"))
    assert len(motion) == 2
    assert "says 7 frames and has 2" in motion.warnings[0]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("MOTION", "", "no line MOTION"),
        ("CHANNELS 3", "CHANNELS 4", "line 9: expected CHANNELS"),
        ("Xrotation\n    End", "Wrotation\n    End", "line 9: unknown channel 'Wrotation'"),
        ("Yrotation Zrotation Xrotation", "Yrotation Yrotation Xrotation", "line 9: a channel stands twice"),
        ("OFFSET 0 5 0", "OFFSET 0 5", "line 12: expected OFFSET and three numbers"),
        ("    }\n  }", "    }", "line 14: the braces of 1 joint"),
        ("JOINT Chest", "JOINT Hips", "line 6: a second joint is named 'Hips'"),
        ("Frame Time: 0.025", "Frame Time: 0", "line 18: Frame Time"),
        ("Frames: 2", "Frame 2", "line 17: expected 'Frames: N'"),
        ("50 60\n4", "50 6,0\n4", "line 19: expected a number, got '6,0'"),
        ("-50 -60", "-50 nan", "line 20: a value is not finite"),
        ("-50 -60", "-50", "line 20: the file ends within frame 2: 8 of its 9"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, complaint: str) -> None:
    text = HEAD + MOTION
    assert old in text
    with pytest.raises(SequenceError, match=complaint):
        bvh.parse(text.replace(old, new, 1))


def test_missing_and_empty_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match="no such file"):
        bvh.read(tmp_path / "none.bvh")
    (tmp_path / "empty.bvh").write_text("")
    with pytest.raises(SequenceError, match="no line MOTION"):
        bvh.read(tmp_path / "empty.bvh")


@pytest.mark.parametrize("order", ["".join(p) for p in permutations("XYZ")])
def test_what_is_written_reads_back(order: str, tmp_path: Path) -> None:
    motion = skeleton(np.random.default_rng(1))
    write(tmp_path / "a.bvh", motion, order=order)
    back = bvh.read(tmp_path / "a.bvh")
    # Children follow their parent at once in a file, so joints may come back in another order.
    where = [back.names.index(name) for name in motion.names]
    np.testing.assert_allclose(back.rotations[:, where], motion.rotations, atol=1e-7)
    np.testing.assert_allclose(back.positions[:, where], motion.positions, atol=1e-5)
    assert back.frame_time == pytest.approx(motion.frame_time, rel=1e-8)
    np.testing.assert_array_equal(back.end_sites[where[4]], motion.end_sites[4])


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "YXZ"])
def test_angles_do_not_jump_and_survive_the_poles(order: str) -> None:
    turning = Rotation.from_euler(order, [[a, 20.0, -a] for a in range(0, 1080, 9)], degrees=True).as_matrix()
    assert np.abs(np.diff(euler(turning, order), axis=0)).max() < np.radians(9.1)
    pole = Rotation.from_euler(order, [[30.0, 90.0, 40.0], [30.0, -90.0, 40.0]], degrees=True).as_matrix()
    again = Rotation.from_euler(order, euler(pole, order)).as_matrix()
    np.testing.assert_allclose(again, pole, atol=1e-7)


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001, 0.0254, 0.3048, 0.0254 / 0.45])
@pytest.mark.parametrize("stature", [0.85, 1.0, 1.15])
def test_the_unit_is_found_from_the_size(unit: float, stature: float) -> None:
    rest = rest_joints() * stature / unit
    offsets = np.array([rest[j] - rest[p] if p >= 0 else rest[j] for j, p in enumerate(PARENTS)])
    still = np.tile(np.eye(3), (1, 55, 1, 1))
    motion = bvh.Bvh(JOINT_NAMES, PARENTS, offsets, {}, still, offsets[None], 0.1)
    assert bvh.guess_scale(motion) == pytest.approx(unit)


def test_a_unit_that_nobody_uses_makes_a_person_of_usual_size() -> None:
    rest = rest_joints() * 7e4
    offsets = np.array([rest[j] - rest[p] if p >= 0 else rest[j] for j, p in enumerate(PARENTS)])
    still = np.tile(np.eye(3), (1, 55, 1, 1))
    motion = bvh.Bvh(JOINT_NAMES, PARENTS, offsets, {}, still, offsets[None], 0.1)
    assert bvh.guess_scale(motion) * 7e4 == pytest.approx(1.0, rel=0.1)


def test_bones_without_length_have_no_size() -> None:
    with pytest.raises(SequenceError, match="no length"):
        bvh.guess_scale(bvh.parse(HEAD.replace("0 10 1", "0 0 0").replace("0 5 0", "0 0 0") + MOTION))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Acclaim's files: known angles in, known turns out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.training.asf_amc import Motion, read_amc, read_asf
from rotocap.training.motion_data import MotionError

ASF = """# made by a test
:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:documentation
   a leg and an arm
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name ltibia
     direction 0 -2 0
     length 7.5
     axis 0 0 20 XYZ
    dof rx
    limits (-10.0 170.0)
  end
  begin
     id 2
     name lfemur
     direction 0.342 -0.9397 0
     length 7.0
     axis 0 0 20 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 3
     name lhipjoint
     direction 1 0 0
     length 1.5
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root lhipjoint
    lhipjoint lfemur
    lfemur ltibia
  end
"""
AMC = """#!a comment
:FULLY-SPECIFIED
:DEGREES
1
root 1 16 -2 0 0 0
lfemur 0 0 0
ltibia 0
2
root 1.5 16 -2 10 20 30
lfemur -40 5 15
ltibia 60
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "07.asf").write_text(ASF)
    (tmp_path / "07_01.amc").write_text(AMC)
    return tmp_path


def motion(folder: Path) -> Motion:
    return read_amc(folder / "07_01.amc", read_asf(folder / "07.asf"))


def test_the_skeleton_is_what_the_file_says_parents_first(files: Path) -> None:
    skeleton = read_asf(files / "07.asf")
    assert skeleton.names == ("root", "lhipjoint", "lfemur", "ltibia")
    assert skeleton.parents == (-1, 0, 1, 2)
    np.testing.assert_allclose(skeleton.offsets[2], [1.5, 0, 0])  # begins where the hip joint ends
    np.testing.assert_allclose(skeleton.offsets[3], 7.0 * np.array([0.342, -0.9397, 0]), atol=1e-3)
    np.testing.assert_allclose(skeleton.tips[3], [0, -7.5, 0])  # whatever the direction's length
    assert skeleton.dof[2] == ("rx", "ry", "rz")


def test_known_angles_are_known_turns(files: Path) -> None:
    moved = motion(files)
    np.testing.assert_allclose(moved.rotations[0], np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(moved.root, [[1, 16, -2], [1.5, 16, -2]])

    def fixed(order: str, *degrees: float) -> np.ndarray:
        return Rotation.from_euler(order, degrees, degrees=True).as_matrix()

    frame = fixed("xyz", 0, 0, 20)
    np.testing.assert_allclose(moved.rotations[1, 0], fixed("xyz", 10, 20, 30), atol=1e-12)
    np.testing.assert_allclose(moved.rotations[1, 2], frame @ fixed("xyz", -40, 5, 15) @ frame.T, atol=1e-12)
    np.testing.assert_allclose(moved.rotations[1, 3], frame @ fixed("x", 60) @ frame.T, atol=1e-12)
    np.testing.assert_allclose(moved.rotations[:, 1], np.tile(np.eye(3), (2, 1, 1)))


def test_the_axis_and_the_values_are_taken_in_the_order_they_are_written(files: Path) -> None:
    text = ASF.replace("axis 0 0 20 XYZ\n    dof rx\n", "axis 10 20 30 ZYX\n    dof rz rx\n")
    (files / "07.asf").write_text(text)
    (files / "07_01.amc").write_text(
        AMC.replace("ltibia 0\n", "ltibia 0 0\n").replace("ltibia 60", "ltibia 25 60")
    )
    frame = Rotation.from_euler("zyx", [10, 20, 30], degrees=True).as_matrix()
    turn = Rotation.from_euler("zx", [25, 60], degrees=True).as_matrix()
    np.testing.assert_allclose(motion(files).rotations[1, 3], frame @ turn @ frame.T, atol=1e-12)


def test_radians_are_read_where_the_motion_says_so(files: Path) -> None:
    (files / "07_01.amc").write_text(AMC.replace(":DEGREES", ":RADIANS").replace("ltibia 60", "ltibia 1.1"))
    angle = Rotation.from_matrix(motion(files).rotations[1, 3]).magnitude()
    assert angle == pytest.approx(1.1)


def test_the_last_frame_of_a_cut_file_is_left_out(files: Path) -> None:
    (files / "07_01.amc").write_text(AMC[: AMC.rindex("lfemur")])
    assert len(motion(files).root) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("lfemur 0 0 0", "lfemur 0 0"), r"07_01\.amc, line 4: lfemur: expected 3 values, got 2"),
        (("ltibia 0\n", "ltibia zero\n"), "ltibia: could not convert"),
        (("lfemur 0 0 0", "rfemur 0 0 0"), r"line 6: 'rfemur' is no bone of the skeleton"),
        (("1\nroot", "root"), r"line 4: expected the number of a frame"),
        ((AMC, "#nothing\n"), "has no frames"),
    ],
)
def test_a_damaged_motion_is_named(files: Path, change: tuple[str, str], message: str) -> None:
    (files / "07_01.amc").write_text(AMC.replace(*change, 1))
    with pytest.raises(MotionError, match=message):
        motion(files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((":hierarchy", ":nothing"), "has no :hierarchy"),
        (("length 7.5", "length"), r"07\.asf, line 16: expected 1 numbers"),
        (("     direction 0 -2 0\n", ""), r"line 23: the bone has no direction"),
        (("lfemur ltibia", "lfemur rtibia"), "'rtibia' is no bone of the file"),
        (("    lfemur ltibia\n", ""), "'ltibia' hangs on nothing"),
        (("name lfemur", "name ltibia"), "a second bone is named 'ltibia'"),
        (("dof rx\n", "dof qx\n"), "unknown degree of freedom 'qx'"),
    ],
)
def test_a_damaged_skeleton_is_named(files: Path, change: tuple[str, str], message: str) -> None:
    (files / "07.asf").write_text(ASF.replace(*change, 1))
    with pytest.raises(MotionError, match=message):
        read_asf(files / "07.asf")
    with pytest.raises(MotionError, match="could not be read"):
        read_asf(files / "none.asf")

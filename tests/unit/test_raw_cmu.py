# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw motion files to files of motion: what points somewhere in the one points there in the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference.kinematics import forward, matrix_from_axis_angle
from rotocap.inference.skeleton import INDEX, rest_joints
from rotocap.training.motion_data import MotionError, MotionSequence, MotionSet
from rotocap.training.raw_cmu import DAZ, MOTION_BUILDER, convert, main
from rotocap.training.recorded import (
    Recorded,
    head_pitch,
    resampled,
    stretches,
    to_body,
    with_head_level,
    without_spikes,
)

# Bones of an .asf: name, parent, direction, length, axis, dof. The legs are spread, as CMU's are.
LEG = ((0.34202, -0.93969, 0.0), (0.0, 0.0, 20.0))
BONES: dict[str, tuple[str, tuple[float, ...], float, tuple[float, ...], str]] = {
    "lowerback": ("root", (0, 1, 0), 2, (0, 0, 0), "rx ry rz"),
    "upperback": ("lowerback", (0, 1, 0), 2, (0, 0, 0), "rx ry rz"),
    "thorax": ("upperback", (0, 1, 0), 2, (0, 0, 0), "rx ry rz"),
    "lowerneck": ("thorax", (0, 1, 0), 1.5, (0, 0, 0), "rx ry rz"),
    "upperneck": ("lowerneck", (0, 1, 0), 1.5, (0, 0, 0), "rx ry rz"),
    "head": ("upperneck", (0, 1, 0), 1.5, (0, 0, 0), "rx ry rz"),
}
for _side, _sign in (("l", 1.0), ("r", -1.0)):
    _leg, _axis = (_sign * LEG[0][0], *LEG[0][1:]), (0.0, 0.0, _sign * LEG[1][2])
    _arm = (_sign, 0.0, 0.0)
    BONES |= {
        f"{_side}hipjoint": ("root", (_sign, -0.6, 0), 2, (0, 0, 0), ""),
        f"{_side}femur": (f"{_side}hipjoint", _leg, 7, _axis, "rx ry rz"),
        f"{_side}tibia": (f"{_side}femur", _leg, 7.5, _axis, "rx"),
        f"{_side}foot": (f"{_side}tibia", (0.1 * _sign, -0.26, 0.96), 2, (-90, 0, _sign * 20), "rx rz"),
        f"{_side}toes": (f"{_side}foot", (0, 0, 1), 1, (-90, 0, _sign * 20), "rx"),
        f"{_side}clavicle": ("thorax", (_sign, 0.3, 0), 3.5, (0, 0, 0), "ry rz"),
        f"{_side}humerus": (f"{_side}clavicle", _arm, 5.3, (-180, -30 * _sign, -90 * _sign), "rx ry rz"),
        f"{_side}radius": (f"{_side}humerus", _arm, 3.3, (-180, -30 * _sign, -90 * _sign), "rx"),
        f"{_side}wrist": (f"{_side}radius", _arm, 1.6, (0, 90 * _sign, 90 * _sign), "ry"),
        f"{_side}hand": (f"{_side}wrist", _arm, 0.6, (0, 90 * _sign, 90 * _sign), "rx rz"),
        f"{_side}fingers": (f"{_side}hand", _arm, 0.5, (0, 90 * _sign, 90 * _sign), "rx"),
    }


def write_asf(path: Path) -> None:
    lines = [":units", " angle deg", ":root", " order TX TY TZ RX RY RZ", " axis XYZ", ":bonedata"]
    for name, (_, direction, length, axis, dof) in BONES.items():
        lines += [
            " begin",
            f" name {name}",
            f" direction {' '.join(map(str, direction))}",
            f" length {length}",
        ]
        lines += [f" axis {' '.join(map(str, axis))} XYZ", *([f" dof {dof}"] if dof else []), " end"]
    lines += [":hierarchy", " begin", *(f" {parent} {name}" for name, (parent, *_) in BONES.items()), " end"]
    path.write_text("\n".join(lines) + "\n")


def write_amc(path: Path, angles: dict[str, np.ndarray], place: np.ndarray, turn: np.ndarray) -> None:
    """angles: degrees (T, dof) of some bones; the others stay at zero. place, turn (T, 3) of the root."""
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(len(place)):
        lines += [str(frame + 1), "root " + " ".join(f"{v:.5f}" for v in (*place[frame], *turn[frame]))]
        for name, (_, _, _, _, dof) in BONES.items():
            if dof:
                values = angles[name][frame] if name in angles else np.zeros(len(dof.split()))
                lines.append(f"{name} " + " ".join(f"{v:.5f}" for v in values))
    path.write_text("\n".join(lines) + "\n")


def take(folder: Path, name: str, count: int = 120) -> None:
    """Somebody who strides along his own +Z, at 120 frames a second, turned by 40 degrees."""
    t = np.arange(count) / 120.0
    swing = 25.0 * np.sin(2 * np.pi * t)
    angles = {
        "lfemur": np.stack([swing, 0 * t, -20 + 0 * t], axis=1),
        "rfemur": np.stack([-swing, 0 * t, 20 + 0 * t], axis=1),
        "ltibia": 15.0 + 10.0 * np.sin(2 * np.pi * t)[:, None],
        "lradius": 40.0 + 0 * t[:, None],
        "lhumerus": np.stack([swing, 0 * t, 60 + 0 * t], axis=1),
    }
    place = np.stack([0 * t, 15.5 + 0 * t, 20.0 * t], axis=1)
    turn = np.stack([0 * t, 40.0 + 0 * t, 0 * t], axis=1)
    folder.mkdir(exist_ok=True)
    write_asf(folder / f"{name.split('_')[0]}.asf")
    write_amc(folder / f"{name}.amc", angles, place, turn)


def bones(sequence: MotionSequence) -> np.ndarray:
    """World rotations (N, 22, 3, 3) and joints (N, 22, 3) of a sequence."""
    return forward(matrix_from_axis_angle(sequence.pose), sequence.trans.astype(float), rest_joints())


def direction(joints: np.ndarray, start: str, end: str) -> np.ndarray:
    line = joints[:, INDEX[end]] - joints[:, INDEX[start]]
    return np.asarray(line / np.linalg.norm(line, axis=-1, keepdims=True))


def test_known_angles_give_known_directions(tmp_path: Path) -> None:
    take(tmp_path / "07", "07_01")
    motion, heldout = convert(tmp_path)
    assert heldout is None and motion is not None
    (sequence,) = motion
    assert (sequence.name, len(sequence)) == ("cmu/asfamc/07_01", 30)
    joints, world = bones(sequence)
    yaw = Rotation.from_euler("y", 40, degrees=True).as_matrix()
    np.testing.assert_allclose(world[:, 0], np.tile(yaw, (30, 1, 1)), atol=1e-5)
    swing = np.radians(25.0 * np.sin(2 * np.pi * np.arange(30) / 30.0))
    for side, angle in (("left", swing), ("right", -swing)):
        # About x after the spread of 20 degrees was taken back: in the plane of the walk.
        expected = np.stack([0 * angle, -np.cos(angle), -np.sin(angle)], axis=1) @ yaw.T
        np.testing.assert_allclose(direction(joints, f"{side}_hip", f"{side}_knee"), expected, atol=1e-4)
    # The knee's own angle between thigh and shank.
    bend = (direction(joints, "left_hip", "left_knee") * direction(joints, "left_knee", "left_ankle")).sum(-1)
    real = np.degrees(np.arccos(np.clip(bend, -1, 1)))
    rest = rest_joints()[None]
    straight = (direction(rest, "left_hip", "left_knee") * direction(rest, "left_knee", "left_ankle")).sum()
    assert np.degrees(np.arccos(min(straight, 1.0))) < 0.2
    np.testing.assert_allclose(real, 15.0 + 10.0 * np.sin(2 * np.pi * np.arange(30) / 30.0), atol=0.3)
    elbow = (
        direction(joints, "left_shoulder", "left_elbow") * direction(joints, "left_elbow", "left_wrist")
    ).sum(-1)
    np.testing.assert_allclose(np.degrees(np.arccos(elbow)), 40.0, atol=0.1)
    # What was not moved points where it did in the zero pose.
    arm = direction(joints, "right_shoulder", "right_elbow") @ yaw
    np.testing.assert_allclose(arm, np.tile([-1.0, 0.0, 0.0], (30, 1)), atol=1e-4)


def test_the_path_is_scaled_as_the_legs_are_and_begins_over_the_origin(tmp_path: Path) -> None:
    take(tmp_path / "07", "07_01")
    motion, _ = convert(tmp_path)
    assert motion is not None
    (sequence,) = motion
    rest = rest_joints()
    legs = np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(rest[7] - rest[4])
    np.testing.assert_allclose(sequence.trans[0, [0, 2]], 0.0, atol=1e-6)
    moved = sequence.trans[-1] - sequence.trans[0]
    np.testing.assert_allclose(moved, [0, 0, 20.0 * 116 / 120 * legs / 14.5], atol=1e-4)
    lowest = bones(sequence)[0][:, [INDEX["left_foot"], INDEX["right_foot"]], 1].min(axis=1)
    assert np.percentile(lowest, 5) == pytest.approx(rest[INDEX["left_foot"], 1], abs=1e-4)


def test_subjects_that_are_held_out_stay_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(tmp_path / "07", "07_01")
    take(tmp_path / "05", "05_02")
    (tmp_path / "07" / "07_02.amc").write_text("nothing\n")
    assert main([str(tmp_path), str(tmp_path / "train.npz"), "--heldout", str(tmp_path / "held.npz")]) == 0
    assert [s.name for s in MotionSet.load(tmp_path, ["train"])] == ["cmu/asfamc/07_01"]
    held = MotionSet.load(tmp_path, ["held"], purpose="evaluation")
    assert [s.name for s in held] == ["cmu/asfamc/05_02"]
    assert "passed over" in (out := capsys.readouterr().out) and "07_02.amc, line 1" in out
    with pytest.raises(MotionError, match="could be read"):
        convert(tmp_path / "nothing")


BVH_OFFSETS = {
    "Hips": ("", (0, 0, 0)), "LowerBack": ("Hips", (0, 0.1, 0)), "Spine": ("LowerBack", (0, 2, 0)),
    "Spine1": ("Spine", (0, 2, 0)), "Neck": ("Spine1", (0, 2, 0)), "Neck1": ("Neck", (0, 1, 0)),
    "Head": ("Neck1", (0, 1, 0)),
    **{
        f"{side}{name}": (parent if parent in ("Hips", "Spine1") else f"{side}{parent}", (sign * x, y, z))
        for side, sign in (("Left", 1), ("Right", -1))
        for name, parent, x, y, z in (
            ("UpLeg", "Hips", 1.5, -2, 0), ("Leg", "UpLeg", 2.5, -6.8, 0), ("Foot", "Leg", 2.4, -6.9, 0),
            ("ToeBase", "Foot", 0.2, -0.5, 2), ("Shoulder", "Spine1", 0.1, 0, 0),
            ("Arm", "Shoulder", 3, 1, 0),
            ("ForeArm", "Arm", 5, 0, 0), ("Hand", "ForeArm", 3.3, 0, 0), ("FingerBase", "Hand", 0, 0, 0),
            ("HandIndex1", "FingerBase", 0.7, 0, 0),
        )
    },
}  # fmt: skip


def write_bvh(path: Path, turns: dict[str, np.ndarray]) -> None:
    """turns: zyx degrees (T, 3) of some joints. The root goes along +Z by 0.1 a frame of 1/30 s."""
    count = len(next(iter(turns.values())))
    names: list[str] = []

    def joint(name: str, depth: int) -> list[str]:
        names.append(name)
        children = [child for child, (parent, _) in BVH_OFFSETS.items() if parent == name]
        position = "Xposition Yposition Zposition " if depth == 0 else ""
        out = [
            f"{'JOINT' if depth else 'ROOT'} {name}",
            "{",
            f"OFFSET {'{} {} {}'.format(*BVH_OFFSETS[name][1])}",
        ]
        out.append(f"CHANNELS {6 if depth == 0 else 3} {position}Zrotation Yrotation Xrotation")
        for child in children:
            out += joint(child, depth + 1)
        return [*out, *([] if children else ["End Site", "{", "OFFSET 0 0 0.1", "}"]), "}"]

    lines = ["HIERARCHY", *joint("Hips", 0), "MOTION", f"Frames: {count}", "Frame Time: 0.0333333"]
    for frame in range(count):
        values = [0.0, 16.0, 0.1 * frame]
        for name in names:
            values += list(turns[name][frame]) if name in turns else [0.0, 0.0, 0.0]
        lines.append(" ".join(f"{value:.5f}" for value in values))
    path.write_text("\n".join(lines) + "\n")


def test_a_bvh_release_gives_the_same_directions(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    count = 41  # the first is a T-pose that is no motion
    smooth = np.cumsum(rng.normal(size=(4, count, 3)), axis=1)
    moved = ("Hips", "LeftUpLeg", "LeftArm", "LeftForeArm")
    turns = {name: 2.0 * smooth[i] for i, name in enumerate(moved)}
    write_bvh(tmp_path / "09_01.bvh", turns)
    motion, _ = convert(tmp_path)
    assert motion is not None
    (sequence,) = motion
    assert (sequence.name, len(sequence)) == ("cmu/mb/09_01", count - 1)
    turn = {name: Rotation.from_euler("ZYX", values[1:], degrees=True) for name, values in turns.items()}
    joints, world = bones(sequence)
    np.testing.assert_allclose(world[:, 0], turn["Hips"].as_matrix(), atol=1e-4)

    def turned(chain: tuple[str, ...], child: str) -> np.ndarray:
        along = np.array(BVH_OFFSETS[child][1], float)
        out = np.tile(along / np.linalg.norm(along), (count - 1, 1))
        for name in reversed(chain):
            out = turn[name].apply(out)
        return out

    for start, end, chain, child in (
        ("left_hip", "left_knee", ("Hips", "LeftUpLeg"), "LeftLeg"),
        ("left_knee", "left_ankle", ("Hips", "LeftUpLeg"), "LeftFoot"),
        ("left_shoulder", "left_elbow", ("Hips", "LeftArm"), "LeftForeArm"),
        ("right_shoulder", "right_elbow", ("Hips",), "RightForeArm"),
    ):
        np.testing.assert_allclose(direction(joints, start, end), turned(chain, child), atol=2e-4)
    (tmp_path / "other.bvh").write_text((tmp_path / "09_01.bvh").read_text().replace("LeftLeg", "Shin_L"))
    said: list[str] = []
    convert(tmp_path, say=said.append)
    assert len(said) == 1 and "neither BVH release" in said[0]


def test_every_family_names_a_source_for_every_joint() -> None:
    for family in (MOTION_BUILDER, DAZ):
        assert len(family.source) == 22
        assert set(family.bone) == {
            f"{s}_{n}" for s in ("left", "right") for n in ("hip", "knee", "shoulder", "elbow", "wrist")
        }
    recorded = Recorded(
        ("hip",), (-1,), np.zeros((1, 3)), np.tile(np.eye(3), (9, 1, 1, 1)), np.zeros((9, 3)), 1 / 30
    )
    with pytest.raises(MotionError, match=r"lacks abdomen, chest"):
        to_body(recorded, DAZ)


@pytest.mark.parametrize("rate", [120.0, 60.0, 25.0, 24.0])
def test_any_rate_becomes_thirty(rate: float) -> None:
    times = np.arange(int(rate)) / rate
    rotations = Rotation.from_rotvec(np.outer(times, [0, 1.0, 0])).as_matrix()[:, None]
    recorded = Recorded(("root",), (-1,), np.zeros((1, 3)), rotations, np.outer(times, [1.0, 0, 0]), 1 / rate)
    turned, root = resampled(recorded)
    expected = np.arange(len(root)) / 30.0
    np.testing.assert_allclose(root[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(Rotation.from_matrix(turned[:, 0]).as_rotvec()[:, 1], expected, atol=1e-6)
    assert expected[-1] > times[-1] - 1 / 30


def standing(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(np.eye(3), (count, 22, 1, 1)), np.tile(rest_joints()[0], (count, 1))


def test_flips_are_bridged_and_glitches_cut() -> None:
    local, pelvis = standing(90)
    local[:, INDEX["left_knee"]] = Rotation.from_rotvec(
        np.outer(np.linspace(0, 1, 90), [1.0, 0, 0])
    ).as_matrix()
    flipped = local.copy()
    flipped[30:32, INDEX["left_knee"]] = Rotation.from_rotvec([0, 0, 2.5]).as_matrix()
    np.testing.assert_allclose(without_spikes(flipped), local, atol=1e-6)
    pelvis[50:, 0] += 3.0
    flipped[:, INDEX["head"]] = Rotation.from_rotvec([0, 0.2, 0]).as_matrix()
    local[70, INDEX["neck"]] = Rotation.from_rotvec([0, 0, 1.6]).as_matrix()
    parts = stretches(local, pelvis)
    assert [len(part) for part, _ in parts] == [50]  # then 20 and 19 frames, which are too few
    assert stretches(local, pelvis)[0][1][0, 0] == 0.0


def test_a_head_that_was_recorded_bent_is_put_level() -> None:
    local, _ = standing(60)
    local[:, INDEX["head"]] = Rotation.from_rotvec([0.6, 0, 0]).as_matrix()
    local[:, INDEX["neck"]] = Rotation.from_rotvec([-0.3, 0, 0]).as_matrix()
    pitch = head_pitch(local)
    assert pitch is not None
    np.testing.assert_allclose(pitch, [0.0, -0.3, 0.3], atol=1e-6)
    level = head_pitch(with_head_level(local, pitch))
    assert level is not None
    np.testing.assert_allclose(np.degrees(level), [0.0, 3.0, 6.0], atol=1e-3)
    lying = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix() @ local[:, :1]
    assert head_pitch(np.concatenate([lying, local[:, 1:]], axis=1)) is None
    assert with_head_level(local, None) is local

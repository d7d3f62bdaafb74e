# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through the room: length of step, floor, root bone, and what cannot move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference import kinematics
from rotocap.inference.errors import RigError
from rotocap.inference.skeleton import INDEX, rest_joints
from rotocap.retarget.axes import rotations_to_blender, to_blender
from rotocap.retarget.bone_map import SIDES, BoneMap
from rotocap.retarget.motion import Motion
from rotocap.retarget.rig import Bone, Rig
from rotocap.retarget.segments import direction_errors
from rotocap.retarget.solve import RetargetOptions, Solved, solve
from tests.rigs import build
from tests.rigs.definition import load
from tests.rigs.figure import Rest

COUNT = 40
HALF = Rest(arms_down=40.0, legs_apart=9.0, knees_bent=8.0, stature=0.5)


def walk(turn: float = 1.2) -> Motion:
    """Squats while it walks three metres and turns, feet flat: no leg moves but by the squat."""
    local = np.tile(np.eye(3), (COUNT, 55, 1, 1))
    bend = 0.5 - 0.5 * np.cos(np.linspace(0.0, 2.0 * np.pi, COUNT))
    x = np.array([1.0, 0.0, 0.0])
    for side in SIDES:
        for part, share in (("hip", -0.5), ("knee", 1.0), ("ankle", -0.5)):
            turns = Rotation.from_rotvec((share * 1.6 * bend)[:, None] * x)
            local[:, INDEX[f"{side}_{part}"]] = turns.as_matrix()
    local[:, 0] = Rotation.from_rotvec(np.linspace(0.0, turn, COUNT)[:, None] * [0.0, 1.0, 0.0]).as_matrix()
    joints, _ = kinematics.forward(local, np.zeros((COUNT, 3)), rest_joints())
    pelvis = np.zeros((COUNT, 3))
    # Ankles stay at the height that they stand at.
    pelvis[:, 1] = rest_joints()[INDEX["left_ankle"], 1] - joints[:, INDEX["left_ankle"], 1]
    pelvis[:, 2] = np.linspace(0.0, 3.0, COUNT)
    joints, world = kinematics.forward(local, pelvis, rest_joints())
    return Motion(
        frames=np.arange(COUNT), spans=((0, COUNT - 1),), fps=30.0, rotations=rotations_to_blender(world),
        joints=to_blender(joints), rest_joints=to_blender(rest_joints()), contact=np.ones((COUNT, 4)),
    )  # fmt: skip


def rig_of(name: str, **changes: object) -> tuple[Rig, BoneMap]:
    definition = replace(load(name), **changes)
    bones = tuple(Bone(b.name, b.parent, b.head, b.tail, b.axes) for b in build.laid(definition))
    return Rig(definition.title, bones, build.matrix(definition)), BoneMap(definition.roles)


def places(solved: Solved, *roles: str) -> np.ndarray:
    """Heads (N, len(roles), 3) in the world."""
    rig, bone_map = solved.plan.rig, solved.plan.bone_map
    return rig.to_world(solved.posed.heads([rig.index(bone_map[role][0]) for role in roles]))


def rest_of(rig: Rig, bone_map: BoneMap, role: str) -> np.ndarray:
    return rig.to_world(rig.heads[rig.index(bone_map[role][0])])


@pytest.mark.parametrize("name", ["smplx", "mixamo", "unreal5", "biped", "vrm"])
@pytest.mark.parametrize("rest", [Rest(), HALF, Rest(stature=1.8, legs=1.3)])
def test_feet_that_stand_at_the_source_stand_on_the_rig(name: str, rest: Rest) -> None:
    rig, bone_map = rig_of(name, rest=rest)
    solved = solve(walk(), rig, bone_map)
    for side in SIDES:
        heights = places(solved, f"{side}_foot")[:, 0, 2]
        assert heights == pytest.approx(rest_of(rig, bone_map, f"{side}_foot")[2], abs=3e-3 * rest.stature)


def test_the_path_is_scaled_by_the_legs_whatever_the_objects_scale() -> None:
    for scale, units in ((0.01, 100.0), (100.0, 0.01)):
        rig, bone_map = rig_of("smplx", rest=Rest(legs=0.7), object_scale=scale, units_per_metre=units)
        solved = solve(walk(), rig, bone_map)
        hips = places(solved, "left_thigh", "right_thigh").mean(axis=1)
        assert solved.plan.body.units * rig.scale == pytest.approx(0.7, abs=1e-6)
        assert np.linalg.norm((hips[-1] - hips[0])[:2]) == pytest.approx(2.1, abs=0.01)


def test_a_rig_whose_origin_is_at_its_hips_stays_where_it_stands() -> None:
    rig, bone_map = rig_of("smplx")
    down = np.array([0.0, 0.0, 0.93])
    up = rig.turn.T @ down / rig.scale
    rig = replace(rig, bones=tuple(replace(b, head=b.head - up, tail=b.tail - up) for b in rig.bones))
    solved = solve(walk(), rig, bone_map)
    assert places(solved, "left_foot")[:, 0, 2] == pytest.approx(
        rest_of(rig, bone_map, "left_foot")[2], abs=2e-3
    )


def test_the_object_carries_its_rig_along() -> None:
    rig, bone_map = rig_of("smplx")
    world = rig.world.copy()
    world[:3, 3] = (4.0, -2.0, 1.0)
    there = places(solve(walk(), replace(rig, world=world), bone_map), "pelvis")
    here = places(solve(walk(), rig, bone_map), "pelvis")
    assert there - here == pytest.approx(np.tile([4.0, -2.0, 1.0], (COUNT, 1, 1)), abs=1e-9)


@pytest.mark.parametrize("name", ["unreal5", "smplx"])
def test_the_root_bone_takes_place_and_heading(name: str) -> None:
    motion = walk()
    rig, bone_map = rig_of(name)
    plain = solve(motion, rig, bone_map)
    assert bone_map["root"][0] not in plain.bones
    split = solve(motion, rig, bone_map, RetargetOptions(root_motion="root"))
    hips = rig.index(bone_map["pelvis"][0])
    below = [k for k in range(len(rig.bones)) if k == hips or rig.is_below(k, hips)]
    assert np.abs(split.posed.heads(below) - plain.posed.heads(below)).max() < 1e-6 / rig.scale
    root = places(split, "root")[:, 0]
    assert root[:, 2] == pytest.approx(0.0, abs=1e-6)
    units = split.plan.body.units * rig.scale
    assert root[-1] - root[0] == pytest.approx([0.0, -3.0 * units, 0.0], abs=1e-6)
    turn = rig.turn @ split.posed.turn(rig.index(bone_map["root"][0])) @ split.plan.body.axes
    heading = Rotation.from_matrix(turn).as_rotvec()
    assert heading[-1] == pytest.approx([0.0, 0.0, 1.2], abs=1e-6)
    # Above the root the hips go up and down, and neither travel nor turn.
    location = split.locations[bone_map["pelvis"][0]]
    travelled = np.linalg.norm(location - location[0], axis=1) * rig.scale
    drop = places(split, "pelvis")[:, 0, 2]
    assert travelled == pytest.approx(np.abs(drop - drop[0]), abs=0.02)


def test_in_place_nobody_travels() -> None:
    rig, bone_map = rig_of("mixamo")
    motion = walk()
    solved = solve(motion, rig, bone_map, RetargetOptions(root_motion="in_place"))
    there = solve(motion, rig, bone_map)
    hips = places(solved, "pelvis")[:, 0]
    assert np.abs(hips[:, :2]).max() < 0.05
    assert hips[:, 2] == pytest.approx(places(there, "pelvis")[:, 0, 2], abs=1e-9)
    assert max(values.max() for values in direction_errors(solved, motion).values()) < 0.05


def test_a_root_that_is_asked_for_and_not_there_is_said() -> None:
    rig, bone_map = rig_of("mixamo")
    solved = solve(walk(), rig, bone_map, RetargetOptions(root_motion="root"))
    assert "no root bone in its map" in solved.warnings[0]
    assert np.ptp(places(solved, "pelvis")[:, 0, 1]) > 2.0


def test_upside_down_and_lying_the_heading_does_not_jump() -> None:
    motion = walk(turn=0.0)
    roll = Rotation.from_rotvec(np.linspace(0.0, 2.0 * np.pi, COUNT)[:, None] * [1.0, 0.0, 0.0]).as_matrix()
    motion = replace(motion, rotations=roll[:, None] @ motion.rotations)
    rig, bone_map = rig_of("unreal5")
    solved = solve(motion, rig, bone_map, RetargetOptions(root_motion="root"))
    q = solved.rotations[bone_map["root"][0]]
    assert np.sum(q[1:] * q[:-1], axis=1).min() > 0.99


def test_a_pelvis_that_is_connected_moves_by_what_it_hangs_on() -> None:
    rig, bone_map = rig_of("unreal5")
    rig = replace(rig, bones=tuple(replace(b, connected=b.name == "pelvis") for b in rig.bones))
    free = BoneMap({role: bones for role, bones in bone_map.roles.items() if role != "root"})
    solved = solve(walk(), rig, free)
    assert "pelvis is connected to its parent: root moves in its place" in solved.warnings
    assert (set(solved.locations), "pelvis" in solved.rotations) == ({"root"}, True)
    loose, _ = rig_of("unreal5")
    assert places(solved, "left_hand") == pytest.approx(
        places(solve(walk(), loose, free), "left_hand"), abs=1e-6
    )
    with pytest.raises(RigError, match="connected to its parent and cannot move"):
        solve(walk(), rig, bone_map)


def test_scales_that_differ_are_refused() -> None:
    rig, bone_map = rig_of("smplx")
    for factors in ((1.0, 1.0, 1.2), (-1.0, 1.0, 1.0)):
        with pytest.raises(RigError, match="apply its scale first"):
            solve(walk(), replace(rig, world=rig.world @ np.diag([*factors, 1.0])), bone_map)

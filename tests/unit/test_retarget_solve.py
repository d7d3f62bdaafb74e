# SPDX-License-Identifier: GPL-3.0-or-later
"""Known motion onto rigs that rest, measure, turn and count otherwise: the limbs point as the source's."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from rotocap.inference import kinematics
from rotocap.inference.errors import RigError
from rotocap.inference.skeleton import INDEX, JOINT_NAMES, rest_joints
from rotocap.retarget.axes import rotations_to_blender, to_blender
from rotocap.retarget.bone_map import FINGERS, SIDES, BoneMap
from rotocap.retarget.motion import Motion
from rotocap.retarget.posed import pose
from rotocap.retarget.quaternions import to_matrix
from rotocap.retarget.rig import Bone, Rig
from rotocap.retarget.segments import direction_errors, rotation_angle
from rotocap.retarget.solve import RetargetOptions, Solved, fit, solve
from tests.rigs import build
from tests.rigs.definition import Definition, load, parse_bones
from tests.rigs.figure import Figure, Rest

COUNT = 30
A_POSE = Rest(
    arms_down=50.0, elbows_bent=25.0, legs_apart=8.0, knees_bent=6.0, toes_out=12.0, legs=0.8, arms=1.2
)


def motion_of(local: np.ndarray, pelvis: np.ndarray) -> Motion:
    rest = rest_joints()
    joints, world = kinematics.forward(local, pelvis, rest)
    count = len(local)
    return Motion(
        frames=np.arange(1, count + 1), spans=((0, count - 1),), fps=30.0,
        rotations=rotations_to_blender(world), joints=to_blender(joints), rest_joints=to_blender(rest),
        contact=np.zeros((count, 4)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def motion() -> Motion:
    """Everything moves, smoothly: a walk round a corner by someone who waves every limb and finger."""
    random = np.random.default_rng(11)
    wild = gaussian_filter1d(random.normal(0.0, 1.0, (COUNT, 55, 3)), 4.0, axis=0) * 1.2
    wild[:, 0] = [0.1, 0.0, 0.0] + np.linspace(0.0, 2.5, COUNT)[:, None] * [0.0, 1.0, 0.0]
    pelvis = rest_joints()[0] + np.stack(
        [np.linspace(0, 2, COUNT), 0.05 * np.sin(np.arange(COUNT)), np.linspace(1, 3, COUNT)], axis=-1
    )
    return motion_of(kinematics.matrix_from_axis_angle(wild), pelvis)


@pytest.fixture(scope="module")
def standing() -> Motion:
    """The source's rest pose, where it rests."""
    return motion_of(np.tile(np.eye(3), (1, 55, 1, 1)), rest_joints()[:1])


def rig_of(definition: Definition, world: np.ndarray | None = None) -> tuple[Rig, BoneMap]:
    bones = tuple(Bone(b.name, b.parent, b.head, b.tail, b.axes) for b in build.laid(definition))
    rig = Rig(definition.name, bones, build.matrix(definition) if world is None else world)
    return rig, BoneMap(definition.roles)


def with_bone(rig: Rig, name: str, **changes: object) -> Rig:
    return replace(rig, bones=tuple(replace(b, **changes) if b.name == name else b for b in rig.bones))


def world_of(solved: Solved, bone: str) -> np.ndarray:
    """World rotation (N, 3, 3) beyond rest, of a rig that stands upright at rest."""
    rig = solved.plan.rig
    return rig.turn @ solved.posed.turn(rig.index(bone)) @ solved.plan.body.axes


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(rotation_angle(np.swapaxes(a, -1, -2) @ b)).max())


def check_directions(solved: Solved, motion: Motion, *, at_least: int = 0) -> None:
    errors = direction_errors(solved, motion)
    assert len(errors) >= at_least
    worst = {name: round(float(values.max()), 3) for name, values in errors.items() if values.max() > 0.05}
    assert worst == {}


RESTS = {
    "T": Rest(),
    "A": A_POSE,
    "N": Rest(arms_down=80.0, elbows_bent=10.0, stature=1.3, trunk=0.9),
    "arms up": Rest(arms_down=-30.0, elbows_bent=60.0),
    "curled": Rest(arms_down=35.0, fingers_curled=18.0, hands=1.4),
}


@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("axes", ["child", "scrambled", "x", "x_same", "world"])
def test_limbs_point_as_the_source_whatever_the_rest_pose_and_the_axes(
    rest: str, axes: str, motion: Motion
) -> None:
    rig, bone_map = rig_of(replace(load("smplx"), rest=RESTS[rest], axes=axes))
    check_directions(solve(motion, rig, bone_map), motion, at_least=36)


@pytest.mark.parametrize(
    ("scale", "turned", "faces"),
    [
        (0.01, (90.0, 0.0, 0.0), 0.0), (100.0, (90.0, 0.0, 90.0), 180.0), (0.01, (0.0, 0.0, 0.0), -90.0),
        (1.0, (-90.0, 0.0, 35.0), -47.0), (0.3, (0.0, 90.0, 0.0), 90.0), (1.0, (20.0, -30.0, 70.0), 130.0),
    ],
)  # fmt: skip
def test_scale_turn_and_facing_of_the_object_make_no_difference(
    scale: float, turned: tuple[float, float, float], faces: float, motion: Motion
) -> None:
    definition = replace(
        load("smplx"), rest=A_POSE, axes="scrambled", object_scale=scale, units_per_metre=1.0 / scale,
        object_turned=turned, faces=faces,
    )  # fmt: skip
    rig, bone_map = rig_of(definition)
    solved = solve(motion, rig, bone_map)
    check_directions(solved, motion)
    plain, _ = rig_of(replace(load("smplx"), rest=A_POSE))
    expected = plain.to_world(solve(motion, plain, bone_map).posed.heads(range(len(plain.bones))))
    got = rig.to_world(solved.posed.heads(range(len(rig.bones))))
    assert got == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", build.names())
def test_published_rigs(name: str, motion: Motion) -> None:
    definition = load(name)
    if "pelvis" not in definition.roles:
        pytest.skip("has controls only")
    rig, bone_map = rig_of(definition)
    check_directions(solve(motion, rig, bone_map), motion)


def test_the_known_rest_pose_is_found_with_the_turn_about_each_limb(standing: Motion) -> None:
    """The rig is the source's own body, bent: which turn it rests at is known for every bone."""
    figure = Figure(A_POSE)
    rig, bone_map = rig_of(replace(load("smplx"), rest=A_POSE))
    solved = solve(standing, rig, bone_map)
    for side in SIDES:
        for role, joint, tolerance in (
            ("upper_arm", "shoulder", 3.0), ("forearm", "elbow", 3.0), ("hand", "wrist", 0.1),
            ("thigh", "hip", 6.5), ("shank", "knee", 6.5),  # half of the feet's 12 degrees out
            ("foot", "ankle", 0.1), ("toes", "foot", 0.1),
        ):  # fmt: skip
            turn = rig.turn @ solved.plan.alignment.turns[bone_map[f"{side}_{role}"][0]]
            assert apart(turn[None], figure.turned[f"{side}_{joint}"][None]) < tolerance


@pytest.mark.parametrize("twist_bones", [False, True])
def test_palms_that_face_the_thighs_at_rest_face_as_the_source(twist_bones: bool, motion: Motion) -> None:
    definition = replace(load("smplx"), rest=Rest(arms_down=60.0))
    rig, bone_map = rig_of(definition)
    bones = list(rig.bones)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wrist = rig.heads[rig.index(f"{side}_wrist")]
        along = wrist - rig.heads[rig.index(f"{side}_elbow")]
        turn = Rotation.from_rotvec(sign * np.radians(70.0) * along / np.linalg.norm(along)).as_matrix()
        for k, bone in enumerate(rig.bones):
            if bone.name == f"{side}_wrist" or rig.is_below(k, rig.index(f"{side}_wrist")):
                bones[k] = replace(
                    bone, head=wrist + turn @ (bone.head - wrist), tail=wrist + turn @ (bone.tail - wrist),
                    axes=turn @ bone.axes,
                )  # fmt: skip
        if twist_bones:
            bones.append(
                Bone(f"{side}_twist", rig.index(f"{side}_elbow"), wrist - 0.5 * along, wrist, np.eye(3))
            )
    rig = replace(rig, bones=tuple(bones))
    if twist_bones:
        roles = {**bone_map.roles, **{f"{side}_forearm_twist": (f"{side}_twist",) for side in SIDES}}
        bone_map = BoneMap(roles)
    solved = solve(motion, rig, bone_map)
    check_directions(solved, motion)
    # The 70 degrees at the wrist are shared with the elbow, or lie along the twist bones.
    hand = solved.plan.alignment.turns["left_wrist"]
    fore = solved.plan.alignment.turns["left_elbow"]
    assert apart(hand[None], fore[None]) == pytest.approx(70.0 if twist_bones else 35.0, abs=4.0)
    if twist_bones:
        rest = motion_of(np.tile(np.eye(3), (1, 55, 1, 1)), rest_joints()[:1])
        turned = solve(rest, rig, bone_map)
        elbow, twist, wrist = (world_of(turned, f"left_{name}") for name in ("elbow", "twist", "wrist"))
        assert apart(elbow, twist) == pytest.approx(35.0, abs=2.0)
        assert apart(twist, wrist) == pytest.approx(35.0, abs=2.0)


def spine_of(bones: int, neck: int = 1) -> Definition:
    lines = ["pelvis = pelvis"]
    lines += [f"{' ' * (k + 1)}spine{k} = spine {k}/{bones}" for k in range(1, bones + 1)]
    deep = " " * (bones + 2)
    lines += [f"{deep}{' ' * k}neck{k} = neck {k}/{neck}" for k in range(1, neck + 1)]
    lines += [f"{deep}{' ' * (neck + 1)}head = head", f"{deep}{{left|right}}_arm = upper_arm"]
    lines += [
        f"{deep} {{left|right}}_fore = forearm",
        " {left|right}_leg = thigh",
        "  {left|right}_shin = shank",
    ]
    lines += ["   {left|right}_foot = foot"]
    return replace(load("smplx"), bones=tuple(parse_bones("\n".join(lines))))


@pytest.mark.parametrize("bones", [1, 2, 3, 4, 6, 9])
def test_a_spine_of_any_length_ends_as_the_source_and_bends_evenly(bones: int) -> None:
    bend = np.tile(np.eye(3), (1, 55, 1, 1))
    for name in ("spine1", "spine2", "spine3"):
        bend[:, INDEX[name]] = Rotation.from_rotvec([0.3, 0.1, 0.0]).as_matrix()
    motion = motion_of(bend, rest_joints()[:1])
    rig, bone_map = rig_of(spine_of(bones))
    solved = solve(motion, rig, bone_map)
    turns = [world_of(solved, name) for name in ("pelvis", *bone_map["spine"])]
    assert apart(turns[-1], motion.rotations[:, INDEX["spine3"]]) < 1e-6
    steps = [apart(a, b) for a, b in pairwise(turns)]
    whole = apart(turns[0], turns[-1])
    assert sum(steps) == pytest.approx(whole, abs=0.3)
    assert max(steps) < 1.9 * whole / bones
    check_directions(solved, motion)


def test_a_spine_like_the_sources_turns_bone_by_bone(motion: Motion) -> None:
    rig, bone_map = rig_of(spine_of(3))
    solved = solve(motion, rig, bone_map)
    for bone, joint in zip(bone_map["spine"], ("spine1", "spine2", "spine3"), strict=True):
        assert apart(world_of(solved, bone), motion.rotations[:, INDEX[joint]]) < 1e-6


def test_a_long_neck_shares_what_neck_and_head_do() -> None:
    nod = np.tile(np.eye(3), (1, 55, 1, 1))
    for name in ("neck", "head"):
        nod[:, INDEX[name]] = Rotation.from_rotvec([0.4, 0.0, 0.2]).as_matrix()
    motion = motion_of(nod, rest_joints()[:1])
    rig, bone_map = rig_of(spine_of(3, neck=4))
    solved = solve(motion, rig, bone_map)
    chain = [world_of(solved, name) for name in ("spine3", *bone_map["neck"], "head")]
    assert apart(chain[-1], motion.rotations[:, INDEX["head"]]) < 1e-6
    steps = [apart(a, b) for a, b in pairwise(chain)]
    assert min(steps) > 0.05 * sum(steps) and max(steps) < 0.4 * sum(steps)


def without(definition: Definition, *roles: str) -> Definition:
    """The same rig, in which what played these roles is there no more; its children hang on its parent."""
    gone = {bone.name: bone.parent for bone in definition.bones if bone.role in roles}

    def kept(parent: str) -> str:
        while parent in gone:
            parent = gone[parent]
        return parent

    bones = tuple(replace(b, parent=kept(b.parent)) for b in definition.bones if b.name not in gone)
    return replace(definition, bones=bones)


@pytest.mark.parametrize(
    "lacking",
    [
        ("left_collar", "right_collar"), ("left_toes", "right_toes"), ("neck",), ("head", "neck"), ("spine",),
        tuple(f"{side}_{finger}" for side in SIDES for finger in FINGERS),
        tuple(f"{side}_{finger}" for side in SIDES for finger in ("thumb", "middle", "pinky")),
        ("left_hand", *(f"left_{finger}" for finger in FINGERS)),
        ("left_forearm", "left_hand", *(f"left_{finger}" for finger in FINGERS)),
    ],
)  # fmt: skip
def test_what_is_missing_does_not_turn_the_rest(lacking: tuple[str, ...], motion: Motion) -> None:
    rig, bone_map = rig_of(without(replace(load("smplx"), rest=A_POSE, axes="scrambled"), *lacking))
    check_directions(solve(motion, rig, bone_map), motion, at_least=14)


@pytest.mark.parametrize("bones", [1, 2, 4])
def test_fingers_of_another_number_of_bones_end_as_the_source(bones: int, motion: Motion) -> None:
    base = without(load("smplx"), *(f"{side}_{finger}" for side in SIDES for finger in FINGERS))
    made = []
    for side in SIDES:
        for finger in FINGERS:
            text = "\n".join(
                f"{' ' * k}{side}_{finger}{k} = {side}_{finger} {k}/{bones}" for k in range(1, bones + 1)
            )
            parsed = parse_bones(text)
            parsed[0] = replace(parsed[0], parent=f"{side}_wrist")
            made += [replace(bone, side=side) for bone in parsed]
    rig, bone_map = rig_of(replace(base, bones=(*base.bones, *made)))
    solved = solve(motion, rig, bone_map)
    check_directions(solved, motion)
    for side in SIDES:
        for finger in ("index", "ring"):
            joint = 3 if bones > 1 else 2
            last = world_of(solved, bone_map[f"{side}_{finger}"][-1])
            assert apart(last, motion.rotations[:, INDEX[f"{side}_{finger}{joint}"]]) < 3.0


def test_twist_bones_share_the_turn_along_the_forearm() -> None:
    local = np.tile(np.eye(3), (30, 55, 1, 1))
    angles = np.radians(np.linspace(0.0, 90.0, 30))
    local[:, INDEX["left_wrist"]] = Rotation.from_rotvec(angles[:, None] * [1.0, 0.0, 0.0]).as_matrix()
    local[:, INDEX["left_shoulder"]] = Rotation.from_rotvec(angles[:, None] * [-0.5, 0.0, 0.0]).as_matrix()
    motion = motion_of(local, np.tile(rest_joints()[0], (30, 1)))
    rig, bone_map = rig_of(load("unreal5"))
    solved = solve(motion, rig, bone_map)
    still = solve(motion_of(local[:1], rest_joints()[:1]), rig, bone_map)

    def turn(bone: str) -> float:
        """About the forearm, which lies along X: from the first frame to the last."""
        beyond = world_of(solved, bone)[-1] @ world_of(still, bone)[0].T
        return float(np.degrees(Rotation.from_matrix(beyond).as_rotvec()[0]))

    hand, fore, upper = (turn(bone_map[f"left_{part}"][0]) for part in ("hand", "forearm", "upper_arm"))
    assert (upper, hand - fore) == pytest.approx((-45.0, 90.0), abs=1e-3)
    places = [turn(name) - fore for name in bone_map["left_forearm_twist"]]
    assert places == sorted(places) and places[0] > 0.0 and places[-1] < 90.0
    assert places == pytest.approx([30.0, 60.0], abs=3.0)
    back = [turn(name) for name in bone_map["left_upper_arm_twist"]]
    assert back == sorted(back, reverse=True) and back[-1] > -45.0 and back[0] < 0.0


def test_a_motion_is_not_changed_by_how_often_it_is_solved(motion: Motion) -> None:
    rig, bone_map = rig_of(load("unreal5"))
    first = solve(motion, rig, bone_map)
    turns = dict(first.turns)
    shank = bone_map["left_shank"][0]
    turns[shank] = turns[shank] @ Rotation.from_rotvec([0.2, 0.0, 0.0]).as_matrix()
    again, afresh = fit(first.plan, turns, first.path, first), fit(first.plan, turns, first.path)
    for name in afresh.rotations:
        assert again.rotations[name] == pytest.approx(afresh.rotations[name], abs=1e-12)
    assert again.rotations[bone_map["head"][0]] is first.rotations[bone_map["head"][0]]
    changed = {name for name in first.rotations if again.rotations[name] is not first.rotations[name]}
    assert changed == {shank, *bone_map["left_shank_twist"], bone_map["left_foot"][0]}


def test_the_channels_are_what_blender_would_make_of_them(motion: Motion) -> None:
    """Forward kinematics of the written channels brings every bone where the solve says."""
    rig, bone_map = rig_of(replace(load("metahuman"), rest=A_POSE))
    for name in (bone_map["left_forearm"][0], bone_map["right_shank"][0], bone_map["neck"][0]):
        rig = with_bone(rig, name, inherit_rotation=False)
    rig = with_bone(rig, bone_map["pelvis"][0], local_location=False)
    solved = solve(motion, rig, bone_map, RetargetOptions(root_motion="root"))
    check_directions(solved, motion)
    basis = {rig.index(name): to_matrix(q) for name, q in solved.rotations.items()}
    places = {rig.index(name): place for name, place in solved.locations.items()}
    everything = range(len(rig.bones))
    again = pose(rig, COUNT, basis, places).matrices(everything)
    assert again == pytest.approx(solved.posed.matrices(everything), abs=1e-6)
    steps = [np.sum(q[1:] * q[:-1], axis=-1).min() for q in solved.rotations.values()]
    assert min(steps) > 0.0


def test_bones_that_nobody_mapped_keep_their_rest_pose(motion: Motion) -> None:
    definition = load("metahuman")
    rig, bone_map = rig_of(definition)
    solved = solve(motion, rig, bone_map)
    mapped = {bone for _, bone in bone_map.pairs()}
    assert set(solved.bones) == mapped - {"root"} - {
        bone for role, bone in bone_map.pairs() if role.endswith("_metacarpal")
    }
    loose = rig.index("calf_knee_l")
    assert solved.posed.turn(loose) is solved.posed.turn(rig.index("calf_l"))


def test_constrained_driven_and_locked_bones_are_left_alone_and_named(motion: Motion) -> None:
    rig, bone_map = rig_of(load("smplx"))
    rig = with_bone(rig, "left_elbow", constrained=True)
    rig = with_bone(rig, "right_elbow", driven=frozenset({"rotation_quaternion"}))
    rig = with_bone(rig, "neck", locked_rotation=(True, True, True, True))
    rig = with_bone(rig, "head", driven=frozenset({"rotation_euler"}))  # not the mode it is in
    rig = with_bone(rig, "right_knee", rotation_mode="XYZ", locked_rotation=(False, False, True, True))
    rig = with_bone(rig, "pelvis", locked_location=(False, True, False))
    solved = solve(motion, rig, bone_map)
    assert not {"left_elbow", "right_elbow", "neck"} & set(solved.rotations)
    assert "head" in solved.rotations
    said = "\n".join(solved.warnings)
    for part in ("left_elbow: turned by constraints", "right_elbow: turned by drivers", "neck: locked"):
        assert part in said
    assert "right_knee: locked about some axes" in said and "pelvis: location Y is locked" in said
    written = {(c.bone, c.property): c.indices for c in solved.channels()}
    assert written["right_knee", "rotation_euler"] == (0,)
    assert written["pelvis", "location"] == (0, 2)
    # What hangs on a bone that could not turn as it should still does.
    errors = direction_errors(solved, motion)
    assert max(errors["right_foot"].max(), errors["left_palm"].max(), errors["right_palm"].max()) < 0.05


@pytest.mark.parametrize(("roles", "complaint"), [
    ({"head": ("head",)}, "no bone is the pelvis"),
    ({"pelvis": ("pelvis",), "head": ("pelvis",)}, "used twice"),
    ({"pelvis": ("hips",)}, "no bones named hips"),
    ({"pelvis": ("pelvis",), "tail": ("head",)}, "no part of the body"),
    ({"pelvis": ("pelvis",), "head": ("head", "jaw")}, "head has 2 bones"),
    ({"pelvis": ("pelvis",), "left_thigh": ("left_hip",)}, "cannot tell how it stands"),
])  # fmt: skip
def test_maps_that_do_not_fit_are_refused(
    roles: dict[str, tuple[str, ...]], complaint: str, motion: Motion
) -> None:
    rig, _ = rig_of(load("smplx"))
    with pytest.raises(RigError, match=complaint):
        solve(motion, rig, BoneMap(roles))


def test_all_55_joints_are_asked_for() -> None:
    from rotocap.retarget.bone_map import JOINTS

    assert {joint for joints in JOINTS.values() for joint in joints} == set(range(len(JOINT_NAMES)))

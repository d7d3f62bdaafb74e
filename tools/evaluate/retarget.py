# SPDX-License-Identifier: GPL-3.0-or-later
"""How well motion goes onto other people's rigs: five motions on every published rig.

The rigs are laid out from their published names and rest poses (tests/rigs), which also say how
each of their joints is turned at rest: so that not only directions but twists can be judged,
by facts that the transfer does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...inference.kinematics import forward, matrix_from_axis_angle
from ...inference.skeleton import INDEX, JOINT_COUNT, rest_joints
from ...retarget.axes import rotations_to_blender, to_blender
from ...retarget.bone_map import SIDES, BoneMap
from ...retarget.certify import certify, soles
from ...retarget.from_rig import motion_of
from ...retarget.grounding import Grounded, ground, limb_joints, read_leg
from ...retarget.ik import bend_angle
from ...retarget.imported import contacts
from ...retarget.motion import Motion
from ...retarget.rig import Bone, Rig
from ...retarget.segments import direction_errors, rotation_angle
from ...retarget.solve import Solved, solve
from ...tests.rigs import build
from ...tests.rigs.definition import Definition, load
from ...tests.rigs.figure import Figure

Array = NDArray[np.float64]
Figures = dict[str, float]

FPS = 30.0
# Motion -> file and name of the sequence. Nothing here was trained on any of them, so all files will do.
MOTIONS = {
    "walk": ("heldout", "cmu/daz/05_01"),
    "dance": ("heldout", "cmu/daz/05_12"),
    "sit": ("train_00", "cmu/asfamc/14_32"),
    "climb": ("train_00", "cmu/asfamc/14_21"),
    "punch": ("train_00", "cmu/asfamc/02_05"),
}
# Proportions that nobody's source has: what feet do on them is what contacts are for.
VARIANTS = {"short legs": {"legs": 0.6, "stature": 0.9}, "long legs": {"legs": 1.35}}
VARIED = ("mixamo", "unreal5", "vroid")
_TWISTED = {"upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist", "thigh": "hip", "shank": "knee"}


@dataclass(frozen=True, eq=False)
class Target:
    """A rig with the right bone map, and how its joints are turned at rest."""

    name: str
    rig: Rig
    bone_map: BoneMap
    rest_turns: Mapping[str, Array]  # SMPL-X joint -> rotation (3, 3) beyond the T-pose, armature space


@dataclass
class Tally:
    """The worst of each measure over motions and rigs, and where it was."""

    worst: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, key: str, value: float, where: str) -> None:
        if key not in self.worst or value > self.worst[key][0]:
            self.worst[key] = (value, where)


def measure(folder: Path, say: Callable[[str], None]) -> tuple[Figures, list[str]]:
    """Every measure of `make eval` about transfers, and what was skipped. folder: ../shared/motion."""
    found = motions(folder)
    skipped = [
        f"retarget.{name}: needs {folder / file}.npz with {sequence}"
        for name, (file, sequence) in MOTIONS.items()
        if name not in found
    ]
    if not found:
        return {}, skipped
    tally = Tally()
    everyone = list(targets())
    for target in everyone:
        own = Tally()
        for name, motion in found.items():
            solved = solve(motion, target.rig, target.bone_map)
            _directions(own, solved, motion, target, name)
            _contacts(own, solved, motion, f"{target.name}, {name}")
        _merge(tally, own)
        say(f"retarget {target.name:20} {_row(own)}")
    odd = Tally()
    for target in varied():
        own = Tally()
        for name, motion in found.items():
            _contacts(own, solve(motion, target.rig, target.bone_map), motion, f"{target.name}, {name}")
        _merge(odd, own)
        say(f"retarget {target.name:20} {_row(own)}")
    for key, worst in odd.worst.items():
        tally.add(key.replace("retarget.", "retarget.odd_legs."), *worst)
    for first, second in zip(everyone, everyone[1:] + everyone[:1], strict=True):
        for name, motion in found.items():
            where = f"{first.name} to {second.name} and back, {name}"
            for kind, (mean, largest) in round_trip(motion, first, second).items():
                key = "retarget.round_trip" + ("" if kind == "limbs" else f"_{kind}")
                tally.add(f"{key}_deg", mean, where)
                tally.add(f"{key}_max_deg", largest, where)
    for key, (value, where) in sorted(tally.worst.items()):
        say(f"{key:36} {value:8.3f}   worst: {where}")
    return {key: value for key, (value, _) in tally.worst.items()} | {
        "retarget.rigs": float(len(everyone))
    }, skipped


def motions(folder: Path) -> dict[str, Motion]:
    """Those of MOTIONS that are there."""
    out = {}
    for name, (file, sequence) in MOTIONS.items():
        path = folder / f"{file}.npz"
        if not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as data:
            names = [str(one) for one in data["seq_name"]]
            if sequence not in names:
                continue
            at = names.index(sequence)
            start, end = data["seq_start"][at : at + 2]
            poses = np.zeros((end - start, JOINT_COUNT, 3))
            poses[:, :22] = data["pose"][start:end]
            if data["has_hands"][at]:
                poses[:, 25:] = data["hand_pose"][start:end]
            trans = data["trans"][start:end].astype(np.float64)
        out[name] = motion_from(poses, trans)
    return out


def motion_from(poses: Array, pelvis: Array) -> Motion:
    """A Motion of poses (N, 55, 3) axis-angle and pelvis places (N, 3), SMPL-X's axes, 30 frames a second."""
    rest = rest_joints()
    joints, world = forward(matrix_from_axis_angle(poses), pelvis, rest)
    feet = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("ankle", "foot")]
    below = np.array([[0.0, -rest[k, 1], -0.05 if k in feet[::2] else 0.05] for k in feet])
    points = joints[:, feet] + np.einsum("tpij,pj->tpi", world[:, feet], below)
    count = len(poses)
    return Motion(
        frames=np.arange(1, count + 1), spans=((0, count - 1),), fps=FPS,
        rotations=rotations_to_blender(world), joints=to_blender(joints), rest_joints=to_blender(rest),
        contact=contacts(points, fps=FPS),
    )  # fmt: skip


def targets() -> Iterator[Target]:
    """Every published rig."""
    for name in build.names():
        yield _target(name, load(name))


def varied() -> Iterator[Target]:
    """Some rigs with other proportions."""
    for name in VARIED:
        for what, proportions in VARIANTS.items():
            definition = load(name)
            rest = replace(definition.rest, **proportions)
            yield _target(f"{name}, {what}", replace(definition, rest=rest))


def _target(name: str, definition: Definition) -> Target:
    world = build.matrix(definition)
    bones = tuple(
        Bone(name=b.name, parent=b.parent, head=b.head, tail=b.tail, axes=b.axes, deform=b.deform)
        for b in build.laid(definition)
    )
    rig = Rig(name=definition.title, bones=bones, world=world)
    faces = np.asarray(Rotation.from_euler("z", definition.faces, degrees=True).as_matrix())
    turned = Figure(definition.rest).turned
    rest_turns = {joint: rig.turn.T @ faces @ turn for joint, turn in turned.items()}
    return Target(name, rig, BoneMap(definition.roles), rest_turns)


def _directions(tally: Tally, solved: Solved, motion: Motion, target: Target, name: str) -> None:
    for limb, errors in direction_errors(solved, motion).items():
        where = f"{target.name}, {name}, {limb}"
        kind = limb.rsplit("_", 1)[-1]
        key = {"palm": "palm", "sole": "foot", "foot": "foot", "chest": "trunk", "head": "trunk"}.get(
            kind, "direction"
        )
        tally.add(f"retarget.{key}_mean_deg", float(errors.mean()), where)
        tally.add(f"retarget.{key}_max_deg", float(errors.max()), where)
    for limb, errors in twist_errors(solved, motion, target).items():
        where = f"{target.name}, {name}, {limb}"
        tally.add("retarget.twist_mean_deg", float(errors.mean()), where)
        tally.add("retarget.twist_max_deg", float(errors.max()), where)


def twist_errors(solved: Solved, motion: Motion, target: Target) -> dict[str, Array]:
    """Degrees (N,) by which skin at the end of each limb is turned about it, against the source's.

    Where twist bones carry the skin, the last of them counts: that is where the skin should be
    turned as the source's, or (forearm, shank) half way on to the hand's and the foot's.
    """
    out = {}
    rig = target.rig
    for side in SIDES:
        for part, joint_name in _TWISTED.items():
            role, joint = f"{side}_{part}", f"{side}_{joint_name}"
            bone = solved.plan.bone_map.first(role)
            if bone is None or solved.plan.bone_map[f"{role}_twist"]:
                continue
            turn = rig.turn @ solved.posed.turn(rig.index(bone)) @ target.rest_turns[joint]
            beyond = np.swapaxes(motion.rotations[:, INDEX[joint]], -1, -2) @ turn
            out[role] = np.degrees(rotation_angle(beyond))
    return out


def _contacts(tally: Tally, solved: Solved, motion: Motion, where: str) -> None:
    grounded = ground(solved, motion)
    certificate = certify(motion, solved, grounded)
    if certificate.slide is not None:
        tally.add("retarget.slide_mm", certificate.slide.largest, where)
    if certificate.penetration is not None:
        tally.add("retarget.penetration_mm", certificate.penetration.largest, where)
    tally.add("retarget.not_held", 1.0 - certificate.held, where)
    tally.add("retarget.reach_mm", max((m.largest for m in certificate.reach.values()), default=0.0), where)
    tally.add("retarget.knee_accel_ratio", knee_ratio(solved, grounded), where)
    tally.add("retarget.slide_before_mm", slide_before(solved, motion, grounded), where)
    tally.add("retarget.penetration_before_mm", _penetration(solved, motion, grounded.floor), where)


def knee_ratio(before: Solved, grounded: Grounded) -> float:
    """Angle accelerations of both knees, root mean square, after contacts over before."""
    both = []
    for solved in (before, grounded.solved):
        bends = [
            np.diff(bend_angle(limb[:, 0], limb[:, 1], limb[:, 2]), 2)
            for side in SIDES
            if (limb := limb_joints(solved, f"{side}_leg")) is not None
        ]
        both.append(float(np.sqrt(np.mean(np.concatenate(bends) ** 2))) if bends else 0.0)
    return both[1] / both[0] if both[0] > 0.0 else 1.0


def slide_before(solved: Solved, motion: Motion, grounded: Grounded) -> float:
    """What slid before, mm a frame at worst, in the frames that are held now."""
    largest = 0.0
    for hold in grounded.holds:
        leg = read_leg(solved, motion, hold.limb.split("_")[0])
        if leg is not None and hold.point != "hand":
            part = slice(hold.first, hold.last + 1)
            places = leg.ankle[part] + leg.foot[part] @ leg.shape.offset(hold.point)
            steps = np.linalg.norm(np.diff(places, axis=0), axis=-1)
            largest = max(largest, 1000.0 * float(steps.max(initial=0.0)))
    return largest


def _penetration(solved: Solved, motion: Motion, floor: float) -> float:
    legs = [leg for side in SIDES if (leg := read_leg(solved, motion, side)) is not None]
    return max((1000.0 * (floor - float(soles(leg)[..., 2].min())) for leg in legs), default=0.0)


def round_trip(motion: Motion, first: Target, second: Target) -> dict[str, tuple[float, float]]:
    """How bones of a rig differ after a trip to another and back: the worst bone's mean, and the largest.

    Degrees. `limbs` are all that end somewhere (arms, legs, fingers, chest, head); `inner` are the
    bones between pelvis and chest, chest and head, whose number is another one on every rig. What the
    other rig does not have cannot come back, and is left out.
    """
    there = solve(motion, first.rig, first.bone_map)
    seen = motion_of(there.posed, there.plan, motion)
    other = solve(seen, second.rig, second.bone_map)
    back = solve(motion_of(other.posed, other.plan, motion), first.rig, first.bone_map)
    errors: dict[str, list[Array]] = {"limbs": [], "inner": []}
    for role, names in first.bone_map.roles.items():
        chain = role in ("spine", "neck")
        shared = len(second.bone_map[role]) == len(names) or (chain and role in second.bone_map)
        if role == "root" or not shared or "twist" in role or "metacarpal" in role:
            continue
        for name in names:
            k = first.rig.index(name)
            beyond = np.swapaxes(there.posed.turn(k), -1, -2) @ back.posed.turn(k)
            inner = chain and (role == "neck" or name != names[-1])
            errors["inner" if inner else "limbs"].append(np.degrees(rotation_angle(beyond)))
    return {
        kind: (float(max(e.mean() for e in every)), float(max(e.max() for e in every)))
        for kind, every in errors.items()
        if every
    }


def _merge(tally: Tally, own: Tally) -> None:
    for key, (value, where) in own.worst.items():
        tally.add(key, value, where)


def _row(own: Tally) -> str:
    shown = (
        ("direction_max_deg", "direction"), ("palm_max_deg", "palm"), ("foot_max_deg", "foot"),
        ("twist_max_deg", "twist"), ("slide_mm", "slide"), ("penetration_mm", "floor"),
        ("knee_accel_ratio", "knees"),
    )  # fmt: skip
    return "  ".join(
        f"{label} {own.worst[f'retarget.{key}'][0]:5.2f}"
        for key, label in shown
        if f"retarget.{key}" in own.worst
    )

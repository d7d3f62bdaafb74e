# SPDX-License-Identifier: GPL-3.0-or-later
"""The transfer: any source's motion onto any rig, as turns beyond rest and the hips' path.

`plan` looks at the rest poses once, `wanted` says how each bone should be turned, `fit`
finds the channels that do it. A later step (feet that stand) changes the wanted turns or
the path and calls `fit` again; what did not change is not computed twice.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError
from . import channels, quaternions
from .alignment import Alignment, align
from .body_frame import Body, read_body
from .bone_map import FINGERS, SIDES, BoneMap
from .chains import Follow, follows
from .channels import Channel
from .motion import Motion
from .posed import PoseBuilder, Posed
from .rig import Bone, Rig
from .root import Path, RootMotion, hip_centre, path
from .turns import between, sandwich, turned
from .twist import TwistBone, twist_bones, twisted

Array = NDArray[np.float64]

FACE_ROLES = ("jaw", "left_eye", "right_eye")
FINGER_ROLES = tuple(f"{side}_{finger}" for side in SIDES for finger in FINGERS)


@dataclass(frozen=True, kw_only=True)
class RetargetOptions:
    """What the animator chooses about a transfer."""

    root_motion: RootMotion = "hips"
    fingers: bool = True  # False: fingers stay at rest
    face: bool = True  # False: jaw and eyes stay at rest


@dataclass(frozen=True, eq=False)
class Plan:
    """A rig's rest pose next to the source's: all that does not change from frame to frame."""

    rig: Rig
    bone_map: BoneMap
    options: RetargetOptions
    body: Body
    follows: Mapping[str, Follow]
    alignment: Alignment
    twists: tuple[TwistBone, ...]
    mover: int  # the bone whose location carries the hips
    kept: frozenset[str]  # mapped bones that are not written
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Solved:
    """N frames of a rig that does as the source did."""

    plan: Plan
    turns: Mapping[str, Array]  # bone -> wanted turn beyond rest (N, 3, 3), armature space
    path: Path
    rotations: Mapping[str, Array]  # bone -> its own rotation (N, 4), wxyz, continuous
    locations: Mapping[str, Array]  # bone -> its location (N, 3)
    posed: Posed  # where all bones come to

    @property
    def bones(self) -> tuple[str, ...]:
        """Every bone that is written, parents first."""
        names = {*self.rotations, *self.locations}
        return tuple(bone.name for bone in self.plan.rig.bones if bone.name in names)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the animator should know, each a sentence."""
        return self.plan.warnings

    def channels(self) -> list[Channel]:
        """All that is to be keyed, in each bone's own rotation mode; locked channels are left out."""
        out = []
        for name in self.bones:
            bone = self.plan.rig.bones[self.plan.rig.index(name)]
            if name in self.locations:
                out.append(channels.location(bone, self.locations[name]))
            if name in self.rotations:
                out.append(channels.rotation(bone, self.rotations[name]))
        return out


def solve(motion: Motion, rig: Rig, bone_map: BoneMap, options: RetargetOptions | None = None) -> Solved:
    """Make `rig` do what the source does. RigError if the map does not fit it."""
    ready = plan(rig, bone_map, motion.rest_joints, options or RetargetOptions())
    return fit(ready, wanted(ready, motion), path(rig, ready.body, motion, ready.options.root_motion))


def plan(rig: Rig, bone_map: BoneMap, rest_joints: Array, options: RetargetOptions) -> Plan:
    """Compare the rest poses. rest_joints (55, 3) of the source, Blender's axes."""
    bone_map.check(rig)
    skipped = () if options.fingers else FINGER_ROLES
    skipped += () if options.face else FACE_ROLES
    if skipped:
        roles = {role: bones for role, bones in bone_map.roles.items() if role not in skipped}
        bone_map = BoneMap(
            roles, bone_map.ik, bone_map.settings, bone_map.preset, bone_map.score, bone_map.unmatched
        )
    body = read_body(rig, bone_map, rest_joints)
    followed = follows(rig, bone_map, rest_joints)
    alignment = align(rig, bone_map, followed, body, rest_joints)
    twists = tuple(twist_bones(rig, bone_map))
    warnings = [*body.notes, *alignment.notes]
    turned = [*followed, *(twist.bone for twist in twists if twist.bone not in followed)]
    if options.root_motion == "root":
        if "root" in bone_map:
            turned.append(bone_map["root"][0])
        else:
            warnings.append(
                f"{rig.name} has no root bone in its map: the hips take the whole path; map one to split it"
            )
    kept, reasons = _kept([rig.bones[rig.index(name)] for name in turned])
    mover, moved = _mover(rig, bone_map)
    return Plan(
        rig, bone_map, options, body, followed, alignment, twists, mover, kept,
        (*warnings, *reasons, *moved),
    )  # fmt: skip


def wanted(ready: Plan, motion: Motion, *, without: Container[str] = ()) -> dict[str, Array]:
    """How every mapped bone should be turned beyond rest (N, 3, 3), armature space.

    without: bones that are left out, where only some are of interest.
    """
    back = ready.rig.turn.T
    source: dict[tuple[int, int, float], Array] = {}
    out: dict[str, Array] = {}
    for name, follow in ready.follows.items():
        if name in without:
            continue
        key = (follow.first, follow.second, follow.weight)
        if key not in source:
            source[key] = _between(motion, follow)
        out[name] = sandwich(back, source[key], ready.alignment.turns[name].T)
    # The twist of a limb is measured before the limb itself gives it away.
    out |= {twist.bone: twisted(twist, out) for twist in ready.twists}
    return out


def fit(ready: Plan, turns: Mapping[str, Array], along: Path, before: Solved | None = None) -> Solved:
    """The channels that turn the bones so and bring the hips there.

    before: an earlier result whose arrays are used again for bones that kept their turn
    (the same array object) and whose parents did.
    """
    rig, count = ready.rig, len(along.hips)
    builder = PoseBuilder(rig, count)
    root, heading = _root(ready, along)
    pelvis = rig.index(ready.bone_map["pelvis"][0])
    rotations: dict[str, Array] = {}
    locations: dict[str, Array] = {}
    same: list[bool] = []  # whether a bone is turned in the world as it was before
    for k, bone in enumerate(rig.bones):
        turn = heading if k == root else turns.get(bone.name)
        if bone.name in ready.kept:
            turn = None
        above = bone.parent < 0 or same[bone.parent]
        # A lock makes a bone turn otherwise than asked for: what it did is not kept.
        asked = before is not None and turn is before.turns.get(bone.name)
        same.append(above if turn is None else asked and not any(bone.locked_rotation))
        if turn is not None:
            if before is not None and above and same[k]:
                rotations[bone.name] = before.rotations[bone.name]
            else:
                basis = _basis(rig, builder, k, turn)
                if any(bone.locked_rotation):
                    basis = channels.within_locks(bone, basis)
                    turn = builder.turn(k, basis)
                rotations[bone.name] = quaternions.continuous(quaternions.from_matrix(basis))
        location = None
        if k == root:
            place = along.ground + (turned(heading, rig.heads[k]) if heading is not None else rig.heads[k])
            location = _location(builder, k, place, k)
        elif k == ready.mover and bone.name not in ready.kept and "location" not in bone.driven:
            centre = rig.heads[pelvis] - hip_centre(rig, ready.bone_map)
            spin = turns[rig.bones[pelvis].name]
            location = _location(builder, k, along.hips + turned(spin, centre), pelvis)
        if location is not None:
            location = channels.unlocked(bone, location)
            locations[bone.name] = location
        builder.move(k, turn, location)
    return Solved(ready, turns, along, rotations, locations, builder.finish())


def _between(motion: Motion, follow: Follow) -> Array:
    first = motion.rotations[:, follow.first]
    if follow.first == follow.second or follow.weight <= 0.0:
        return first
    second = motion.rotations[:, follow.second]
    if follow.weight >= 1.0:
        return second
    a, b = quaternions.from_matrix(first), quaternions.from_matrix(second)
    return quaternions.to_matrix(quaternions.slerp(a, b, np.full(len(a), follow.weight)))


def _basis(rig: Rig, builder: PoseBuilder, bone: int, turn: Array) -> Array:
    carried, _ = builder.carried(bone)
    axes = rig.axes[bone]
    return sandwich(axes.T, turn if carried is None else between(carried, turn), axes)


def _location(builder: PoseBuilder, bone: int, place: Array, carrying: int) -> Array:
    """Location (N, 3) of `bone` that brings the head of `carrying`, which hangs on it, to a place (N, 3)."""
    away = place - builder.carried_point(bone, carrying)
    return np.asarray((np.swapaxes(builder.location_axes(bone), -1, -2) @ away[..., None])[..., 0])


def _root(ready: Plan, along: Path) -> tuple[int, Array | None]:
    """The root bone that takes the path on the ground, -1 for none, and its turn."""
    if ready.options.root_motion != "root" or "root" not in ready.bone_map:
        return -1, None
    root = ready.rig.index(ready.bone_map["root"][0])
    return root, np.asarray(along.heading @ ready.body.axes.T)


def _mover(rig: Rig, bone_map: BoneMap) -> tuple[int, list[str]]:
    """The bone that carries the hips through the room: the pelvis, or what it is connected to."""
    pelvis = rig.index(bone_map["pelvis"][0])
    at, root = pelvis, bone_map.first("root")
    while rig.bones[at].connected:
        at = rig.bones[at].parent
        if at < 0 or rig.bones[at].constrained or rig.bones[at].name == root:
            raise RigError(
                f"{rig.name}: {rig.bones[pelvis].name} is connected to its parent and cannot move; "
                "disconnect it in edit mode, or map another bone as pelvis"
            )
    bone = rig.bones[at]
    notes = []
    if at != pelvis:
        notes.append(f"{rig.bones[pelvis].name} is connected to its parent: {bone.name} moves in its place")
    locked = "".join(axis for axis, lock in zip("XYZ", bone.locked_location, strict=True) if lock)
    if locked:
        notes.append(
            f"{bone.name}: location {locked} is locked and was left alone; unlock it and apply again"
        )
    return at, notes


def _kept(bones: list[Bone]) -> tuple[frozenset[str], list[str]]:
    """Bones that must not or cannot be written, and what to say about them and about locks."""
    constrained = [bone.name for bone in bones if bone.constrained]
    driven = [
        bone.name for bone in bones
        if not bone.constrained and channels.property_of(bone.rotation_mode) in bone.driven
    ]  # fmt: skip
    free = [bone for bone in bones if bone.name not in {*constrained, *driven}]
    locked = [bone.name for bone in free if not any(channels.free_axes(bone))]
    partly = [bone.name for bone in free if any(bone.locked_rotation) and any(channels.free_axes(bone))]
    said = (
        (constrained, "turned by constraints and not written; map the controls that they follow instead"),
        (driven, "turned by drivers and not written; map the controls that they follow instead"),
        (locked, "locked against rotation and left alone; unlock and apply again to have them move"),
        (partly, "locked about some axes, and turned as near as the others allow"),
    )
    notes = [f"{', '.join(names)}: {what}" for names, what in said if names]
    return frozenset({*constrained, *driven, *locked}), notes

# SPDX-License-Identifier: GPL-3.0-or-later
"""An armature of the scene as plain numbers. It is only looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping

import bpy
import numpy as np

from ..inference.errors import RigError
from ..retarget.bone_map import IK_STRETCH
from ..retarget.rig import Bone, Rig

# Constraints that only bound what is keyed, or do not touch where a bone is and how it is turned.
_HARMLESS = {"LIMIT_ROTATION", "LIMIT_LOCATION", "LIMIT_SCALE", "LIMIT_DISTANCE", "MAINTAIN_VOLUME"}
_OF_A_BONE = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(\w+)$')


def read_rig(armature: bpy.types.Object) -> Rig:
    """The armature at rest, and what stands in the way of keys on it. RigError if it cannot be used."""
    if armature.type != "ARMATURE":
        raise RigError(f"{armature.name}: is a {armature.type.lower()}; pick the armature of the character")
    if armature.mode == "EDIT":
        raise RigError(f"{armature.name}: is in edit mode; leave edit mode (Tab) first")
    if not armature.data.bones:
        raise RigError(f"{armature.name}: has no bones; pick the armature of the character")
    bpy.context.view_layer.update()
    driven = _driven(armature)
    pulled = _pulled_by_ik(armature)
    carriers = _carriers(armature)
    positions: dict[str, int] = {}
    bones: list[Bone] = []
    for bone in _parents_first(armature.data.bones, carriers):
        pose = armature.pose.bones[bone.name]
        matrix = np.array(bone.matrix_local, dtype=np.float64)
        bones.append(
            Bone(
                name=bone.name,
                parent=positions.get(carriers[bone.name], -1),
                head=matrix[:3, 3],
                tail=np.array(bone.tail_local, dtype=np.float64),
                axes=matrix[:3, :3],
                deform=bool(bone.use_deform),
                inherit_rotation=bool(bone.use_inherit_rotation),
                local_location=bool(bone.use_local_location),
                connected=bool(bone.use_connect),
                rotation_mode=pose.rotation_mode,
                locked_location=tuple(pose.lock_location),
                locked_rotation=(
                    bool(pose.lock_rotation_w and pose.lock_rotations_4d),
                    *(bool(lock) for lock in pose.lock_rotation),
                ),
                constrained=bone.name in pulled or any(_acts(c) for c in pose.constraints),
                driven=frozenset(driven.get(bone.name, ())),
            )
        )
        positions[bone.name] = len(bones) - 1
    return Rig(
        name=armature.name,
        bones=tuple(bones),
        world=np.array(armature.matrix_world, dtype=np.float64),
        properties={
            pose.name: names for pose in armature.pose.bones if (names := tuple(_own_properties(pose)))
        },
    )


def _own_properties(pose: bpy.types.PoseBone) -> list[str]:
    # A pose bone has keys, but cannot be walked through like a dict.
    own = [key for key in pose.keys() if not key.startswith("_")]  # noqa: SIM118
    return [*own, IK_STRETCH] if pose.ik_stretch > 0.0 else own


def setting_of(pose: bpy.types.PoseBone, name: str) -> float | int | bool:
    """A bone's custom property, or how much IK may stretch it."""
    return pose.ik_stretch if name == IK_STRETCH else pose[name]


def set_setting(pose: bpy.types.PoseBone, name: str, value: float) -> None:
    """Set what `setting_of` gives, in the type that it has."""
    if name == IK_STRETCH:
        pose.ik_stretch = value
    else:
        pose[name] = type(pose[name])(value)


def _parents_first(bones: bpy.types.ArmatureBones, carriers: Mapping[str, str]) -> list[bpy.types.Bone]:
    below: dict[str, list[str]] = {}
    for bone in bones:
        below.setdefault(carriers[bone.name], []).append(bone.name)
    out: list[bpy.types.Bone] = []
    waiting = below.get("", [])[::-1]
    while waiting:
        name = waiting.pop()
        out.append(bones[name])
        waiting.extend(reversed(below.get(name, [])))
    return out


def _carriers(armature: bpy.types.Object) -> dict[str, str]:
    """Bone -> the bone that it goes along with, "" for none: its parent, or what constraints tie it to.

    Control rigs (Rigify's) hang an arm on a bone that is no child of the shoulder's
    control, but copies it: without this, the arm would not be seen to follow.
    """
    found = {bone.name: bone.parent.name if bone.parent is not None else "" for bone in armature.data.bones}
    for pose in armature.pose.bones:
        tied = _tied_to(armature, pose)
        if tied is None:
            continue
        at = tied
        while at and at != pose.name:
            at = found[at]
        if not at:  # no circle
            found[pose.name] = tied
    return found


def _tied_to(armature: bpy.types.Object, pose: bpy.types.PoseBone) -> str | None:
    """The one bone of the same armature that constraints make this one go along with, wholly; or None."""
    copied: dict[str, set[str]] = {}
    for constraint in pose.constraints:
        if constraint.mute or constraint.influence < 1.0 or not constraint.is_valid:
            continue
        if constraint.type == "ARMATURE":
            heavy = [t for t in constraint.targets if t.weight > 0.0]
            if len(heavy) == 1 and heavy[0].target == armature:
                return str(heavy[0].subtarget)
        elif constraint.type in ("COPY_TRANSFORMS", "COPY_LOCATION", "COPY_ROTATION"):
            plain = constraint.owner_space == constraint.target_space == "WORLD"
            if plain and constraint.target == armature and constraint.subtarget in armature.data.bones:
                kinds = copied.setdefault(constraint.subtarget, set())
                kinds.add(constraint.type)
                # The first counts: a rig lists FK before IK, and is switched to FK for keys.
                if "COPY_TRANSFORMS" in kinds or len(kinds) == 2:
                    return str(constraint.subtarget)
    return None


def _acts(constraint: bpy.types.Constraint) -> bool:
    """Whether a constraint turns or moves its bone by itself."""
    on = not constraint.mute and constraint.influence > 0.0 and constraint.is_valid
    return on and constraint.type not in _HARMLESS


def _pulled_by_ik(armature: bpy.types.Object) -> set[str]:
    """Bones that a chain of inverse kinematics further down turns."""
    found: set[str] = set()
    for pose in armature.pose.bones:
        for constraint in pose.constraints:
            if constraint.type not in ("IK", "SPLINE_IK") or not _acts(constraint):
                continue
            at, left = pose, constraint.chain_count or len(armature.pose.bones)
            if constraint.type == "IK" and not constraint.use_tail:
                at = at.parent
            while at is not None and left > 0:
                found.add(at.name)
                at, left = at.parent, left - 1
    return found


def _driven(armature: bpy.types.Object) -> dict[str, set[str]]:
    """Bone -> its channels that have drivers."""
    found: dict[str, set[str]] = {}
    if armature.animation_data is not None:
        for curve in armature.animation_data.drivers:
            match = _OF_A_BONE.match(curve.data_path)
            if match and not curve.mute:
                name = match.group(1).replace('\\"', '"').replace("\\\\", "\\")
                found.setdefault(name, set()).add(match.group(2))
    return found

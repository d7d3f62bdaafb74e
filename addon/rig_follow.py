# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bones of a control rig really follow, found by moving them.

In a control rig, constraints stand between a control and the one above it: a forearm control
hangs on bones that copy other bones, and switches decide which. Reading that is guesswork,
so every mapped control is moved once, with the map's switches set, and what goes along is
watched. Everything is put back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ..retarget.bone_map import FINGERS, BoneMap, Setting
from ..retarget.posed import pose
from ..retarget.rig import Bone, Rig
from .rig_reader import set_setting, setting_of

Array = NDArray[np.float64]

_PROBE = Quaternion((1.0, 2.0, 3.0), 0.5)
_SHIFT = Vector((0.2, 0.1, 0.3))  # of the bone's length
# Blender poses in single precision.
_SAME_TURN = 2e-3  # radians
_SAME_PLACE = 5e-4  # of the rig's size


def with_followed(armature: bpy.types.Object, rig: Rig, bone_map: BoneMap, *, ik: bool = False) -> Rig:
    """The rig with the parents that its mapped bones follow in fact, and where these bones rest.

    ik: look at the IK controls as well. A rig whose bones go along with their parents, whatever
    constraints there are, is returned as it is.
    """
    mapped = {bone for _, bone in bone_map.pairs()}
    controls = set[str]()
    for limb in bone_map.ik.values() if ik else ():
        controls |= {name for name in (limb.control, limb.pole, limb.toes) if name}
    names = [bone.name for bone in rig.bones if bone.name in mapped | controls]
    if not _constrained_between(armature, rig, names):
        return rig
    with _at_rest(armature, names, _present(rig, bone_map.settings)):
        if _as_parented(armature, rig, names, mapped):
            return rig
        rest = _matrices(armature, names)
        moves = _watch(armature, bone_map, names)
    return _rebuilt(rig, names, rest, moves, _groups(bone_map, names))


def _as_parented(armature: bpy.types.Object, rig: Rig, names: list[str], turned: set[str]) -> bool:
    """Whether the named bones come to where their parents alone would bring them, with `turned` turned."""
    random = np.random.default_rng(1)
    basis: dict[int, Array] = {}
    for name in names:
        if name in turned:
            turn = Quaternion(random.normal(0.0, 1.0, 3), float(random.uniform(0.2, 0.6)))
            armature.pose.bones[name].matrix_basis = turn.to_matrix().to_4x4()
            basis[rig.index(name)] = np.array(turn.to_matrix(), dtype=np.float64)[None]
    _evaluate(armature)
    off = np.abs(
        _matrices(armature, names) - pose(rig, 1, basis, {}).matrices([rig.index(name) for name in names])[0]
    )
    for name in names:
        armature.pose.bones[name].matrix_basis = Matrix.Identity(4)
    _evaluate(armature)
    size = float(np.ptp(rig.heads, axis=0).max()) or 1.0
    return bool(off[:, :3, :3].max() < _SAME_TURN and off[:, :3, 3].max() < _SAME_PLACE * size)


def _constrained_between(armature: bpy.types.Object, rig: Rig, names: Sequence[str]) -> bool:
    """Whether a bone with constraints is on the way from one of the named bones up to the next.

    Also constraints that are off now: the map's switches may turn them on.
    """
    wanted = {rig.index(name) for name in names}
    for start in wanted:
        at = rig.bones[start].parent
        while at >= 0 and at not in wanted:
            if any(not c.mute for c in armature.pose.bones[rig.bones[at].name].constraints):
                return True
            at = rig.bones[at].parent
    return False


def _present(rig: Rig, settings: Sequence[Setting]) -> list[Setting]:
    return [s for s in settings if s.property in rig.properties.get(s.bone, ())]


@contextmanager
def _at_rest(armature: bpy.types.Object, names: Sequence[str], settings: Sequence[Setting]) -> Iterator[None]:
    """Let the named bones rest and the switches be set, for as long as this lasts."""
    bones = armature.pose.bones
    posed = {name: _channels(bones[name]) for name in names}
    switched = [(s, setting_of(bones[s.bone], s.property)) for s in settings]
    try:
        for setting, _ in switched:
            set_setting(bones[setting.bone], setting.property, setting.value)
        for name in names:
            bones[name].matrix_basis = Matrix.Identity(4)
        _evaluate(armature)
        yield
    finally:
        for setting, before in switched:
            set_setting(bones[setting.bone], setting.property, before)
        for name, channels in posed.items():
            for channel, value in channels.items():
                setattr(bones[name], channel, value)
        _evaluate(armature)


def _channels(bone: bpy.types.PoseBone) -> dict[str, tuple[float, ...]]:
    names = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")
    return {name: tuple(getattr(bone, name)) for name in names}


def _evaluate(armature: bpy.types.Object) -> None:
    armature.update_tag()  # a custom property that a script sets does not tell the drivers
    bpy.context.view_layer.update()


def _groups(bone_map: BoneMap, names: Sequence[str]) -> list[list[str]]:
    """Bones that can be moved at once, since none can follow another: the same part of several limbs."""
    parts: dict[str, list[str]] = {}
    for role, bones in bone_map.roles.items():
        part = role.removeprefix("left_").removeprefix("right_")
        part = "finger" if part in FINGERS else part
        for k, bone in enumerate(bones):
            parts.setdefault(f"{part}.{k}", []).append(bone)
    grouped = {bone for group in parts.values() for bone in group}
    return [*parts.values(), *([name] for name in names if name not in grouped)]


def _watch(armature: bpy.types.Object, bone_map: BoneMap, names: Sequence[str]) -> dict[str, Array]:
    """Where all bones come to (len(names), 4, 4) when each of them is turned, and moved if it may travel."""
    out: dict[str, Array] = {}
    still = {bone for role, bone in bone_map.pairs() if role not in ("root", "pelvis")}
    for group in _groups(bone_map, names):
        for name in group:
            bone = armature.pose.bones[name]
            # A limb's FK controls only turn; moved, they would tear off what stays connected.
            shift = Vector() if any(bone.lock_location) or name in still else bone.bone.length * _SHIFT
            bone.matrix_basis = Matrix.LocRotScale(shift, _PROBE, None)
        _evaluate(armature)
        after = _matrices(armature, names)
        for name in group:
            out[name] = after
            armature.pose.bones[name].matrix_basis = Matrix.Identity(4)
    return out


def _matrices(armature: bpy.types.Object, names: Sequence[str]) -> Array:
    """(len(names), 4, 4) as posed, armature space, without scale."""
    out = np.array([np.array(armature.pose.bones[name].matrix) for name in names], dtype=np.float64)
    u, _, vt = np.linalg.svd(out[:, :3, :3])
    out[:, :3, :3] = u @ vt
    return out


def _rebuilt(
    rig: Rig, names: list[str], rest: Array, moves: dict[str, Array], groups: list[list[str]]
) -> Rig:
    size = float(np.ptp(rest[:, :3, 3], axis=0).max()) or 1.0
    beside = {name: group for group in groups for name in group}
    turned, placed = {name: set[str]() for name in names}, {name: set[str]() for name in names}
    for mover, after in moves.items():
        at = names.index(mover)
        motion = after[at] @ np.linalg.inv(rest[at])
        if np.abs(motion[:3, :3] - np.eye(3)).max() < _SAME_TURN:
            continue  # held by its own constraints
        along = motion @ rest
        stayed = np.abs(after - rest).max(axis=(1, 2)) < 1e-6 * max(size, 1.0)
        for k, name in enumerate(names):
            if stayed[k] or name in beside[mover]:
                continue
            if np.abs(along[k, :3, :3] - after[k, :3, :3]).max() < _SAME_TURN:
                turned[name].add(mover)
            if np.abs(along[k, :3, 3] - after[k, :3, 3]).max() < _SAME_PLACE * size:
                placed[name].add(mover)
    changed: dict[str, Bone] = {}
    above: dict[str, str | None] = {}
    for k, name in enumerate(names):
        both = turned[name] & placed[name]
        # The nearest of those that it follows is the one that follows most of the others itself.
        nearest = max(placed[name], key=lambda other: len(placed[other]), default=None)
        above[name] = nearest
        bone = rig.bones[rig.index(name)]
        changed[name] = replace(
            bone, head=rest[k, :3, 3], axes=rest[k, :3, :3], tail=bone.tail + rest[k, :3, 3] - bone.head,
            inherit_rotation=nearest is None or nearest in both, connected=False,
        )  # fmt: skip
    return _in_order(rig, changed, above)


def _in_order(rig: Rig, changed: dict[str, Bone], above: dict[str, str | None]) -> Rig:
    """The bones with their new parents, parents first; who follows nobody hangs on nothing."""
    parents = {
        bone.name: above[bone.name] if bone.name in above
        else (rig.bones[bone.parent].name if bone.parent >= 0 else None)
        for bone in rig.bones
    }  # fmt: skip
    order: list[str] = []
    placed: set[str] = set()
    for bone in rig.bones:
        way, at = [], bone.name
        while at is not None and at not in placed and at not in way:
            way.append(at)
            at = parents[at]
        order.extend(reversed(way))
        placed.update(way)
    positions = {name: k for k, name in enumerate(order)}
    bones = []
    for k, name in enumerate(order):
        parent = parents[name]
        where = positions[parent] if parent is not None else -1
        bone = changed.get(name) or rig.bones[rig.index(name)]
        bones.append(replace(bone, parent=where if where < k else -1))
    return replace(rig, bones=tuple(bones))

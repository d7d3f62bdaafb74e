# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs as their makers publish them, from the definitions beside this file.

    names()          -> every rig, "mixamo" ...
    rig(name)        -> retarget.rig.Rig, for the cores
    truth(name)      -> what a right bone map is: role -> bones
    armature(name)   -> bpy object, the same rig in Blender

Which way the axes of the bones lie (`axes`):
    child       Blender's own way: y along the bone, its tail at the child
    scrambled   the same with rolls at random
    x           x along the bone, away from it on the right side (Unreal, Maya mirrored)
    x_same      x along the bone on both sides (3ds Max)
    world       all bones' axes are the armature's (SMPL, many exporters): the tails point the same way
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .definition import BoneLine, Definition, load, names
from .figure import FRONT, UP, Figure

if TYPE_CHECKING:
    from rotocap.retarget.rig import Rig

__all__ = ["LaidBone", "armature", "laid", "matrix", "names", "rig", "truth"]

Array = NDArray[np.float64]
SHORTEST = 0.01  # m: Blender deletes bones of no length


@dataclass(frozen=True, eq=False)
class LaidBone:
    """One bone in the armature's own space."""

    name: str
    parent: int
    head: Array
    tail: Array
    axes: Array
    deform: bool


def truth(name: str) -> dict[str, tuple[str, ...]]:
    """Role -> bones from root to tip, as they should be found."""
    return load(name).roles


def matrix(definition: Definition) -> Array:
    """(4, 4) of the armature object."""
    out = np.eye(4)
    out[:3, :3] = _turn(definition) * definition.object_scale
    return out


def _turn(definition: Definition) -> Array:
    return np.asarray(Rotation.from_euler("xyz", definition.object_turned, degrees=True).as_matrix())


def laid(definition: Definition) -> tuple[LaidBone, ...]:
    """The bones in the armature's own space, parents before children."""
    figure = Figure(definition.rest)
    faces = np.asarray(Rotation.from_euler("z", definition.faces, degrees=True).as_matrix())
    # Armature space from the figure's: what the object's turn and the units undo.
    turn = _turn(definition).T @ faces
    positions: dict[str, int] = {}
    out: list[LaidBone] = []
    for bone in definition.bones:
        head, tail, along, bends = _on_figure(bone, figure)
        axes = _axes(definition, bone, along, bends, turn)
        length = max(SHORTEST, float(np.linalg.norm(tail - head)))
        if definition.axes not in ("child", "scrambled"):
            length *= 0.5  # importers that keep the axes make the bones' lengths up
        start = turn @ head * definition.units_per_metre
        out.append(
            LaidBone(
                name=bone.name, parent=positions[bone.parent] if bone.parent else -1,
                head=start, tail=start + axes[:, 1] * length * definition.units_per_metre, axes=axes,
                deform=bone.role != "root",
            )
        )  # fmt: skip
        positions[bone.name] = len(out) - 1
    return tuple(out)


def _on_figure(bone: BoneLine, figure: Figure) -> tuple[Array, Array, Array, Array]:
    """Head, tail, direction and bending direction of a bone on the figure."""
    offset = np.array(bone.offset)
    if bone.place.endswith(("ground", "head_top", "_tip", "_heel")):
        head = figure.points[bone.place] + offset
        upright = bone.place in ("ground", "head_top")
        along = UP if upright else FRONT
        return head, head + 0.08 * along, along, FRONT if upright else UP
    start, end = figure.place(bone.place, bone.k, bone.n)
    along = (end - start) / np.linalg.norm(end - start)
    return start + offset, end + offset, along, figure.bends_towards(bone.place)


def _axes(definition: Definition, bone: BoneLine, along: Array, bends: Array, turn: Array) -> Array:
    if definition.axes == "world":
        return np.eye(3)
    z = bends - (bends @ along) * along
    z /= np.linalg.norm(z)
    if definition.axes in ("x", "x_same"):
        x = -along if definition.axes == "x" and bone.side == "right" else along
        return np.asarray(turn @ np.stack([x, np.cross(z, x), z], axis=-1))
    frame = np.stack([np.cross(along, z), along, z], axis=-1)
    if definition.axes == "scrambled":
        roll = np.random.default_rng(crc32(bone.name.encode())).uniform(-np.pi, np.pi)
        frame = frame @ Rotation.from_euler("y", roll).as_matrix()
    elif definition.axes != "child":
        raise ValueError(
            f"{definition.name}.toml: axes is {definition.axes!r}; see build.py for what it can be"
        )
    return np.asarray(turn @ frame)


def rig(name: str) -> Rig:
    """The rig for the cores, without Blender."""
    from rotocap.retarget.rig import Bone, Rig

    definition = load(name)
    bones = tuple(
        Bone(name=b.name, parent=b.parent, head=b.head, tail=b.tail, axes=b.axes, deform=b.deform)
        for b in laid(definition)
    )
    return Rig(name=definition.title, bones=bones, world=matrix(definition))


def armature(name: str, collection: Any = None) -> Any:
    """The rig as a bpy armature object, linked to `collection` or the scene's own."""
    import bpy
    from mathutils import Matrix, Vector

    definition = load(name)
    data = bpy.data.armatures.new(definition.title)
    built = bpy.data.objects.new(definition.title, data)
    (collection or bpy.context.scene.collection).objects.link(built)
    layer = bpy.context.view_layer
    before = layer.objects.active
    layer.objects.active = built
    with bpy.context.temp_override(active_object=built, object=built):
        bpy.ops.object.mode_set(mode="EDIT")
        for bone in laid(definition):
            made = data.edit_bones.new(bone.name)
            made.head, made.tail = Vector(bone.head), Vector(bone.tail)
            made.align_roll(Vector(bone.axes[:, 2]))
            made.use_deform = bone.deform
            if bone.parent >= 0:
                made.parent = data.edit_bones[bone.parent]
        bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = before
    built.matrix_world = Matrix(matrix(definition).tolist())
    return built

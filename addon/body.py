# SPDX-License-Identifier: GPL-3.0-or-later
"""The free body as a skinned mesh: the person's proportions, UVs, weights, 52 face shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy
import numpy as np
from mathutils import Color
from numpy.typing import NDArray

from ..inference.body import FreeBody
from ..inference.skeleton import JOINT_NAMES
from ..retarget.axes import to_blender
from ..retarget.timeline import Timeline
from . import keys, tracks
from .blender_versions import Channels

_LEAST_WEIGHT = 1e-4
_FACE = "face"  # the source of what a face of ours plays: what is written anew replaces it


def new_body(
    name: str,
    rest_joints: NDArray[np.floating],
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
    *,
    colour: tuple[float, float, float],
) -> bpy.types.Object:
    """The body for a person with rest_joints (55, 3), bound to `armature` (see `armature`)."""
    free = FreeBody.load()
    vertices = free.shaped(np.asarray(rest_joints, dtype=np.float64))
    mesh = _mesh(name, free, to_blender(vertices))
    layer = mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", free.uv[free.uv_faces].astype(np.float32).ravel())
    mesh.validate()
    body = bpy.data.objects.new(name, mesh)
    collection.objects.link(body)
    mesh.materials.append(_material(name, colour))
    for joint in range(len(JOINT_NAMES)):
        _weights(body, free, joint)
    _face_shapes(body, free, vertices)
    _bind(body, armature)
    return body


def body_in_steps(
    name: str,
    rest_joints: NDArray[np.floating],
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
    *,
    colour: tuple[float, float, float],
) -> Iterator[bpy.types.Object]:
    """As `new_body`, without UVs and face shapes, a few milliseconds at a time: for a window that is used.

    Yields the body after each step. It is whole, and bound, after the last.
    """
    free = FreeBody.load()
    mesh = _mesh(name, free, to_blender(free.shaped(np.asarray(rest_joints, dtype=np.float64))))
    body = bpy.data.objects.new(name, mesh)
    collection.objects.link(body)
    mesh.materials.append(_material(name, colour))
    yield body
    for joint in range(len(JOINT_NAMES)):
        _weights(body, free, joint)
        yield body
    _bind(body, armature)


def _bind(body: bpy.types.Object, armature: bpy.types.Object) -> None:
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def _mesh(name: str, free: FreeBody, vertices: NDArray[np.float64]) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    faces = len(free.faces)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(3 * faces)
    mesh.loops.foreach_set("vertex_index", free.faces.astype(np.int32).ravel())
    mesh.polygons.add(faces)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * faces, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(faces, dtype=bool))
    mesh.update(calc_edges=True)
    return mesh


def _weights(body: bpy.types.Object, free: FreeBody, joint: int) -> None:
    group = body.vertex_groups.new(name=JOINT_NAMES[joint])
    column = free.weights[:, joint]
    members = np.flatnonzero(column > _LEAST_WEIGHT)
    # One call for every distinct weight (they are 16-bit numbers) instead of one a vertex.
    order = members[np.argsort(column[members], kind="stable")]
    cuts = np.flatnonzero(np.diff(column[order])) + 1
    for part in np.split(order, cuts):
        if len(part):
            group.add(part.tolist(), float(column[part[0]]), "REPLACE")


def _face_shapes(body: bpy.types.Object, free: FreeBody, vertices: NDArray[np.float64]) -> None:
    """Shape keys named as ARKit's coefficients, as large as this person's head is."""
    moved = free.face_vertices
    head = np.ptp(vertices[moved], axis=0) / np.ptp(free.vertices[moved], axis=0)
    body.shape_key_add(name="Basis", from_mix=False)
    for name, deltas in zip(free.face_names, free.face_deltas, strict=True):
        shape = vertices.copy()
        shape[moved] += head * deltas
        key = body.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", to_blender(shape).astype(np.float32).ravel())
        key.value = 0.0


def linear(colour: Iterable[float]) -> tuple[float, float, float]:
    """A colour as seen on a screen as materials have it: theirs is proportional to light."""
    red, green, blue = Color(tuple(colour)).from_srgb_to_scene_linear()
    return red, green, blue


def _material(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    colour = linear(colour)
    material.diffuse_color = (*colour, 1.0)
    if material.node_tree is None:  # newer versions give every material one, and the property is to go
        material.use_nodes = True
    shader = material.node_tree.nodes.get("Principled BSDF")
    if shader is not None:
        shader.inputs["Base Color"].default_value = (*colour, 1.0)
        shader.inputs["Roughness"].default_value = 0.7
    return material


def write_presence(body: bpy.types.Object, timeline: Timeline, *, name: str, source: str = "") -> None:
    """Hide the body while the person is out of the picture, in the viewport and in renders."""
    frames, hidden = [], []
    for n, (first, last) in enumerate(timeline.spans):
        if n == 0:
            frames.append(int(timeline.frames[first]) - 1)
            hidden.append(1.0)
        frames.append(int(timeline.frames[first]))
        hidden.append(0.0)
        after = int(timeline.frames[last]) + 1
        if n + 1 == len(timeline.spans) or after < int(timeline.frames[timeline.spans[n + 1][0]]):
            frames.append(after)
            hidden.append(1.0)
    channels = Channels(name, body)
    for path in ("hide_viewport", "hide_render"):
        keys.write(
            channels, path, np.array(hidden), frames=np.array(frames), kinds=keys.stepped(len(frames)),
            group="Presence",
        )  # fmt: skip
    tracks.play(body, channels, track=name, source=source)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured face on the shape keys of any mesh that has them, see `retarget.face`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np

from ..inference.sequence import SmplxSequence
from ..inference.skeleton import INDEX, JOINT_COUNT
from ..retarget.face import FaceMap, find
from ..retarget.timeline import Timeline
from . import keys, tracks
from .blender_versions import Channels

_EYES = (INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"])


def map_of(mesh: bpy.types.Object | None) -> FaceMap | None:
    """Which shape keys of a mesh object a face drives. None if it has none that are known."""
    if mesh is None or mesh.type != "MESH" or mesh.data.shape_keys is None:
        return None
    shape_keys = mesh.data.shape_keys
    basis = shape_keys.reference_key
    return find([block.name for block in shape_keys.key_blocks if block != basis])


def meshes_of(armature: bpy.types.Object, scene: bpy.types.Scene) -> list[tuple[bpy.types.Object, FaceMap]]:
    """Meshes of the scene that an armature moves or carries and whose shape keys a face drives."""
    out = []
    for thing in scene.objects:
        if thing.type == "MESH" and _belongs(thing, armature):
            found = map_of(thing)
            if found is not None:
                out.append((thing, found))
    return out


def _belongs(mesh: bpy.types.Object, armature: bpy.types.Object) -> bool:
    if any(m.type == "ARMATURE" and m.object == armature for m in mesh.modifiers):
        return True
    parent = mesh.parent
    while parent is not None:
        if parent == armature:
            return True
        parent = parent.parent
    return False


def write(
    mesh: bpy.types.Object,
    shapes: FaceMap,
    sequence: SmplxSequence,
    timeline: Timeline,
    *,
    name: str,
    source: str = "",
) -> int:
    """Keys on the shape keys for which the capture knows the face. Returns how many have keys.

    Frames in which nothing is known get no key. source: an earlier result from it is replaced, see
    `tracks.play`.
    """
    values = shapes.values(sequence.arkit)
    known = np.isfinite(values)
    shape_keys = mesh.data.shape_keys
    kinds = keys.interpolation(len(timeline), timeline.spans)
    channels, written = None, 0
    for column, shape in enumerate(shapes.shapes):
        # A frame blended from two is known where both are.
        seen = known[timeline.before, column] & known[timeline.after, column]
        if not seen.any():
            continue
        channels = channels or Channels(name, shape_keys)
        keys.write(
            channels, f'key_blocks["{bpy.utils.escape_identifier(shape)}"].value',
            timeline.sample(np.nan_to_num(values[:, column]))[seen],
            frames=timeline.frames[seen], kinds=kinds[seen], group="Face",
        )  # fmt: skip
        written += 1
    if channels is not None:
        tracks.play(shape_keys, channels, track=name, source=source)
    return written


def without_bones(sequence: SmplxSequence, maps: Sequence[FaceMap]) -> SmplxSequence:
    """The sequence with jaw and eyes at rest where shape keys move them: else they would move twice."""
    if not np.isfinite(sequence.arkit).any():
        return sequence
    poses = np.array(sequence.poses).reshape(-1, JOINT_COUNT, 3)
    if any(shapes.opens_jaw for shapes in maps):
        poses[:, INDEX["jaw"]] = 0.0
    if any(shapes.turns_eyes for shapes in maps):
        poses[:, _EYES] = 0.0
    return replace(sequence, poses=poses.reshape(len(poses), -1))

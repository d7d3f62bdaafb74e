# SPDX-License-Identifier: GPL-3.0-or-later
"""A BVH file as a source: its skeleton as a rig, mapped and read like any other.

With all rotations zero most files stand in a T-pose or an A-pose. Some are folded onto one line
instead (each bone along its own axis); then a frame of the motion in which the person stands is
taken as their rest pose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError, SequenceError
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import INDEX, rest_joints
from .alignment import smallest_turn
from .axes import to_blender
from .body_frame import read_body
from .bone_map import SIDES, BoneMap
from .bvh import Bvh, guess_scale, unit_of
from .from_rig import proportions, sequence_from
from .rig import Bone, Rig

Array = NDArray[np.float64]

# Cosines: what counts as standing, of legs under the trunk, and of a trunk along the vertical.
_STANDING = 0.7
STATURE = 1.70  # m, of the neutral skeleton
_TRIED = 200  # frames that are looked at for somebody who stands
_SHORTEST = 1e-3  # of the skeleton's size: a tail where a bone has no length


def to_sequence(
    bvh: Bvh, find_map: Callable[[Rig], BoneMap], *, scale: float | None = None
) -> tuple[SmplxSequence, BoneMap, tuple[str, ...]]:
    """The motion of a BVH as a sequence, the map that was used, and what the user should know.

    find_map: finds the bones' roles (retarget.automap, or one that is known). scale: metres a unit of
    the file; guessed from the person's size without it. RigError if no person is found in the skeleton.
    """
    if scale is not None and not 0.0 < scale < 1e6:
        raise SequenceError(f"scale: expected metres a unit, above 0, got {scale}")
    rotations, places = bvh.world()
    rig, bone_map, rest = _standing_rig(bvh, rotations, places, find_map, scale or guess_scale(bvh))
    if scale is None:
        scale = _scale_of_person(rig, bone_map)
        world = rig.world.copy()
        world[:3, :3] *= scale / rig.scale
        rig = replace(rig, world=world)
    back = None if rest is None else np.swapaxes(rotations[rest], -1, -2)
    turns: Mapping[str, Array] = {
        name: rotations[:, j] if back is None else rotations[:, j] @ back[j]
        for j, name in enumerate(bvh.names)
    }
    pelvis = bvh.names.index(bone_map["pelvis"][0])
    sequence, notes = sequence_from(rig, bone_map, turns, places[:, pelvis], fps=1.0 / bvh.frame_time)
    if rest is not None:
        notes += (f"its rest pose does not stand, so frame {rest + 1}, which does, was taken for it",)
    if bone_map.unmatched:
        notes += (f"no bone was found for {', '.join(bone_map.unmatched)}",)
    return sequence, bone_map, (*bvh.warnings, *notes)


def rig_of(
    bvh: Bvh, *, scale: float, up: Array | None = None, heads: Array | None = None, axes: Array | None = None
) -> Rig:
    """The skeleton as a rig whose armature space is the file's own axes and unit.

    up (3,): the file's vertical, +Y without it. heads (J, 3) and axes (J, 3, 3): another pose than the
    file's own as rest pose.
    """
    heads = bvh.rest() if heads is None else heads
    size = float(np.ptp(heads, axis=0).max()) or 1.0
    children: dict[int, list[int]] = {}
    for joint, parent in enumerate(bvh.parents):
        children.setdefault(parent, []).append(joint)
    bones = []
    for joint, (name, parent) in enumerate(zip(bvh.names, bvh.parents, strict=True)):
        turn = np.eye(3) if axes is None else axes[joint]
        below = children.get(joint, [])
        tail = (
            heads[below].mean(axis=0)
            if below
            else heads[joint] + turn @ bvh.end_sites.get(joint, np.zeros(3))
        )
        if np.linalg.norm(tail - heads[joint]) < _SHORTEST * size:
            tail = heads[joint] + turn[:, 1] * _SHORTEST * size
        bones.append(Bone(name=name, parent=parent, head=heads[joint], tail=tail, axes=turn))
    world = np.eye(4)
    world[:3, :3] = scale * smallest_turn(
        np.array([0.0, 1.0, 0.0]) if up is None else up, np.array([0.0, 0.0, 1.0])
    )
    return Rig(name="BVH", bones=tuple(bones), world=world)


def _standing_rig(
    bvh: Bvh, rotations: Array, places: Array, find_map: Callable[[Rig], BoneMap], scale: float
) -> tuple[Rig, BoneMap, int | None]:
    """A rig in a pose in which the person stands, its map, and the frame of that pose (None: the rest)."""
    why: RigError | None = None
    try:
        rig = rig_of(bvh, scale=scale)
        bone_map = find_map(rig)
        bone_map.check(rig)
        up = _up(rig, bone_map, bvh.rest())
        if up is not None:
            return rig_of(bvh, scale=scale, up=up), bone_map, None
    except RigError as error:
        why = error
    # The tallest of the poses: nobody is taller than upright. Of both verticals that files use.
    tried = np.unique(np.linspace(0, len(bvh) - 1, _TRIED).astype(int))
    spans = np.ptp(places[tried], axis=1)
    axis = 1 if np.median(spans[:, 1]) >= np.median(spans[:, 2]) else 2
    for frame in tried[np.argsort(-spans[:, axis], kind="stable")][:5]:
        rig = rig_of(bvh, scale=scale, up=np.eye(3)[axis], heads=places[frame], axes=rotations[frame])
        try:
            bone_map = find_map(rig)
            bone_map.check(rig)
        except RigError as error:
            why = why or error
            continue
        up = _up(rig, bone_map, places[frame])
        if up is not None:
            again = rig_of(bvh, scale=scale, up=up, heads=places[frame], axes=rotations[frame])
            return again, bone_map, int(frame)
    if why is not None:
        raise why
    raise RigError(
        "the BVH's skeleton never stands with the head above the hips and these above the feet; "
        "give a bone map, or another file"
    )


def _scale_of_person(rig: Rig, bone_map: BoneMap) -> float:
    """Metres a unit, from the legs: a skeleton may have props and controls far away from the person."""
    mine, neutral = proportions(rig, bone_map) / rig.scale, rest_joints()
    ankle, hip = INDEX["left_ankle"], INDEX["left_hip"]
    ratio = float((mine[hip, 1] - mine[ankle, 1]) / (neutral[hip, 1] - neutral[ankle, 1]))
    return unit_of(STATURE * ratio)


def _up(rig: Rig, bone_map: BoneMap, heads: Array) -> Array | None:
    """The axis of the file that is vertical in a pose in which the person stands; None if they do not."""

    def middle(*roles: str) -> Array | None:
        found = [heads[rig.index(name)] for role in roles for name in bone_map[role][:1]]
        return np.asarray(np.mean(found, axis=0)) if found else None

    hips = middle("pelvis")
    top = middle("head")
    if top is None:
        top = middle("neck", *(f"{side}_upper_arm" for side in SIDES))
    feet = middle(*(f"{side}_foot" for side in SIDES))
    if hips is None or top is None or np.linalg.norm(top - hips) == 0.0:
        return None
    trunk = (top - hips) / np.linalg.norm(top - hips)
    if feet is not None:
        legs = (hips - feet) / max(float(np.linalg.norm(hips - feet)), 1e-12)
        if trunk @ legs < _STANDING:
            return None
    body = read_body(rig, bone_map, to_blender(rest_joints()))
    up = body.axes[:, 2]
    axis = int(np.argmax(np.abs(up)))
    if abs(up[axis]) < _STANDING:
        return None
    return np.asarray(np.eye(3)[axis] * np.sign(up[axis]))

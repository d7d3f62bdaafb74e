# SPDX-License-Identifier: GPL-3.0-or-later
"""An animated armature to a file for other programs: FBX and GLB by Blender's own exporters, BVH by ours.

What is written is what the scene shows, frame by frame: keys of any layer, constraints and all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import addon_utils
import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError, TakeError
from ..inference.take import Take
from ..retarget import amass
from ..retarget.axes import BLENDER_FROM_SMPLX
from ..retarget.bvh import Bvh
from ..retarget.bvh_writer import write
from .apply_take import read_people

Array = NDArray[np.float64]

FORMATS = ("fbx", "glb", "bvh")
BVH_UNITS_PER_METRE = 100.0  # centimetres: what most programs take a BVH for
_EXPORTERS = {"fbx": "io_scene_fbx", "glb": "io_scene_gltf2"}


def export(
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    path: Path,
    *,
    frames: tuple[int, int] | None = None,
) -> None:
    """Write the armature's motion (and in FBX and GLB the meshes on it) to `path`, .fbx, .glb or .bvh.

    frames: first and last; the scene's range without it. The scene is left as it was.
    RigError if the armature cannot be exported, TakeError if the file cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise RigError(f"{path.name}: expected a name that ends in .fbx, .glb or .bvh")
    if armature.type != "ARMATURE":
        raise RigError(f"{armature.name}: is a {armature.type.lower()}; pick the armature of the character")
    first, last = frames or (scene.frame_start, scene.frame_end)
    if last < first:
        raise RigError(
            f"frames: expected the last ({last}) not before the first ({first}); set the "
            "scene's End after its Start"
        )
    part = path.with_name(f".part-{path.name}")  # the exporters want their own ending
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "bvh":
            write(part, motion(scene, armature, range(first, last + 1)))
        else:
            _by_blender(kind, scene, armature, part, first, last)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise TakeError(f"{path}: could not be written ({why}); choose another folder") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def require(armature: bpy.types.Object | None) -> bpy.types.Object:
    """The armature. RigError if there is none."""
    if armature is None:
        raise RigError("No armature: click the character's armature first")
    return armature


def take_as_npz(take: Path, path: Path) -> list[str]:
    """The main person of a take as SMPL-X `.npz`; what the user should know. RotocapError if it cannot be."""
    opened = Take.open(take)
    people = read_people(opened, "main")
    return amass.write(path, people[0].sequence)


def _by_blender(
    kind: str, scene: bpy.types.Scene, armature: bpy.types.Object, path: Path, first: int, last: int
) -> None:
    if not addon_utils.check(_EXPORTERS[kind])[1] and addon_utils.enable(_EXPORTERS[kind]) is None:
        raise RigError(
            f"Blender's own {kind.upper()} exporter ({_EXPORTERS[kind]}) cannot be enabled; "
            "install it in Preferences > Add-ons"
        )
    meshes = meshes_on(scene, armature)
    with _only(scene, [armature, *meshes], armature), _range(scene, first, last):
        _show(scene, meshes, first, last)
        if kind == "fbx":
            bpy.ops.export_scene.fbx(
                filepath=str(path), use_selection=True, object_types={"ARMATURE", "MESH"},
                use_armature_deform_only=True, add_leaf_bones=False, mesh_smooth_type="FACE", bake_anim=True,
                bake_anim_use_nla_strips=False, bake_anim_use_all_actions=False,
                bake_anim_simplify_factor=0.0,
            )  # fmt: skip
        else:
            bpy.ops.export_scene.gltf(
                filepath=str(path), export_format="GLB", use_selection=True, export_animations=True,
                export_animation_mode="SCENE", export_frame_range=True, export_force_sampling=True,
                export_optimize_animation_size=False, export_current_frame=True,
            )  # fmt: skip


def _show(scene: bpy.types.Scene, meshes: list[bpy.types.Object], first: int, last: int) -> None:
    """Go to a frame that shows the meshes: the GLB exporter leaves out what is hidden at the current one.

    A body is hidden before its person is there, so that is not frame 0, where the exporter would look.
    """
    for frame in range(first, last + 1):
        scene.frame_set(frame)
        if not any(mesh.hide_viewport for mesh in meshes):
            return
    scene.frame_set(first)


def meshes_on(scene: bpy.types.Scene, armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes that an armature deforms."""
    return [
        thing
        for thing in scene.objects
        if thing.type == "MESH"
        and any(m.type == "ARMATURE" and m.object == armature for m in thing.modifiers)
    ]


@contextmanager
def _only(scene: bpy.types.Scene, things: list[bpy.types.Object], active: bpy.types.Object) -> Iterator[None]:
    """Only these objects selected, in object mode; as it was after."""
    layer = bpy.context.view_layer
    before_active, before = layer.objects.active, list(layer.objects.selected)
    mode = before_active.mode if before_active is not None else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for thing in before:
        thing.select_set(False)
    for thing in things:
        if thing.name in layer.objects:
            thing.select_set(True)
    if not active.select_get():
        raise RigError(f"{active.name}: is hidden or not in this view layer; show it first")
    layer.objects.active = active
    try:
        yield
    finally:
        for thing in things:
            thing.select_set(False)
        for thing in before:
            thing.select_set(True)
        layer.objects.active = before_active
        if mode != "OBJECT" and before_active is not None:
            bpy.ops.object.mode_set(mode=mode)


@contextmanager
def _range(scene: bpy.types.Scene, first: int, last: int) -> Iterator[None]:
    before = scene.frame_start, scene.frame_end, scene.frame_current
    scene.frame_start, scene.frame_end = first, last
    try:
        yield
    finally:
        scene.frame_start, scene.frame_end = before[:2]
        scene.frame_set(before[2])


def sample(scene: bpy.types.Scene, armature: bpy.types.Object, frames: range) -> Array:
    """World matrices (N, B, 4, 4) of every bone as the scene shows them, metres, Blender's axes."""
    current = scene.frame_current
    count = len(armature.pose.bones)
    out = np.empty((len(frames), count, 4, 4))
    flat = np.empty(count * 16, np.float32)
    try:
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            armature.pose.bones.foreach_get("matrix", flat)
            # Blender's matrices are laid out column by column.
            matrices = flat.reshape(count, 4, 4).transpose(0, 2, 1)
            out[row] = np.array(armature.matrix_world) @ matrices
    finally:
        scene.frame_set(current)
    return out


def motion(scene: bpy.types.Scene, armature: bpy.types.Object, frames: range) -> Bvh:
    """The armature's motion as a BVH's: +Y up, centimetres, zero rotations are its rest pose.

    Bones that deform nothing (controls, helpers) are left out where others do.
    """
    bones = list(armature.data.bones)
    wanted = [k for k, bone in enumerate(bones) if bone.use_deform] or list(range(len(bones)))
    if not wanted:
        raise RigError(f"{armature.name}: has no bones; pick the armature of the character")
    parents = _parents([bones[k] for k in wanted])
    # One root is all that some programs read: the others hang on the first, and move by positions.
    first_root = parents.index(-1)
    parents = [first_root if p < 0 and n != first_root else p for n, p in enumerate(parents)]
    order = _parents_first(parents)

    to_file = BLENDER_FROM_SMPLX.T
    world = np.array(armature.matrix_world)
    rest = np.array([world @ np.array(bones[k].matrix_local) for k in wanted])
    posed = sample(scene, armature, frames)[:, wanted]
    turn = to_file @ _rotation(posed) @ np.swapaxes(_rotation(rest), -1, -2) @ to_file.T
    heads = posed[..., :3, 3] @ to_file.T * BVH_UNITS_PER_METRE
    rest_heads = rest[:, :3, 3] @ to_file.T * BVH_UNITS_PER_METRE
    tails = np.array([(world @ np.array([*bones[k].tail_local, 1.0]))[:3] for k in wanted])
    tails = tails @ to_file.T * BVH_UNITS_PER_METRE

    rotations, positions = turn.copy(), heads.copy()
    offsets = rest_heads.copy()
    for n, parent in enumerate(parents):
        if parent >= 0:
            back = np.swapaxes(turn[:, parent], -1, -2)
            rotations[:, n] = back @ turn[:, n]
            positions[:, n] = (back @ (heads[:, n] - heads[:, parent])[..., None])[..., 0]
            offsets[n] = rest_heads[n] - rest_heads[parent]
    where = {n: place for place, n in enumerate(order)}
    ends = {where[n]: tails[n] - rest_heads[n] for n in order if n not in parents}
    return Bvh(
        names=tuple(bones[wanted[n]].name for n in order),
        parents=tuple(where[parents[n]] if parents[n] >= 0 else -1 for n in order),
        offsets=offsets[order],
        end_sites=ends,
        rotations=rotations[:, order],
        positions=positions[:, order],
        frame_time=scene.render.fps_base / scene.render.fps,
    )


def _parents(wanted: list[bpy.types.Bone]) -> list[int]:
    """The nearest bone above each that is wanted too, -1 without one.

    In control rigs the bones that deform hang on helpers. Where such a helper lies on a wanted bone,
    which follows it then, that one is taken for it: the arm hangs on the chest, as the animator sees it.
    """
    names = {bone.name: n for n, bone in enumerate(wanted)}
    places = {_place(bone): n for n, bone in enumerate(wanted)}
    out = [-1] * len(wanted)
    for n, bone in enumerate(wanted):
        for up in bone.parent_recursive:
            found = names.get(up.name, places.get(_place(up), n))
            if found != n and not _is_below(found, n, out):
                out[n] = found
                break
    return out


def _place(bone: bpy.types.Bone) -> tuple[float, ...]:
    """Where a bone lies at rest, to a thousandth of its length, to be compared."""
    digits = 3 - round(math.log10(max(bone.length, 1e-6)))
    return tuple(round(float(value), digits) for value in (*bone.head_local, *bone.tail_local))


def _is_below(bone: int, above: int, parents: list[int]) -> bool:
    while bone >= 0 and bone != above:
        bone = parents[bone]
    return bone == above


def _parents_first(parents: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for n, parent in enumerate(parents):
        children.setdefault(parent, []).append(n)
    order, waiting = [], list(reversed(children[-1]))
    while waiting:
        n = waiting.pop()
        order.append(n)
        waiting.extend(reversed(children.get(n, [])))
    return order


def _rotation(matrices: Array) -> Array:
    """The rotations (..., 3, 3) of matrices (..., 4, 4) that may be scaled or sheared."""
    u, _, vt = np.linalg.svd(matrices[..., :3, :3])
    return np.asarray(u @ vt)

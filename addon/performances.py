# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performances of a scene: filled when a take is applied, and what its fields do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np

from ..inference.errors import RotocapError
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT
from . import body
from .performance_properties import RotocapPerformance

CAMERA_TAKE = "rotocap_take"  # custom property of a camera: the take whose video is behind it

# While we ourselves fill an entry in, what a change by the animator does is not wanted.
_filling = False
# What went wrong when the animator changed a field: a field cannot report, so the panel says it.
_problem = ""


@contextmanager
def filling() -> Iterator[None]:
    """Entries change without doing anything."""
    global _filling
    before, _filling = _filling, True
    try:
        yield
    finally:
        _filling = before


def enter(
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    *,
    take: Path,
    person: int,
    name: str,
    colour: tuple[float, float, float],
    sequence: SmplxSequence,
    frames: tuple[int, int],
    collection: bpy.types.Collection | None = None,
    source: str = "",
) -> RotocapPerformance:
    """The entry for a person on an armature: a new one, or the one that is there brought up to date.

    person: the number of the person's file. frames: the scene's first and last frame of the motion.
    collection: the one that was made for the person; without it the armature is the animator's own,
    and source says what its motion was made from, see `tracks.play`.
    An entry whose armature is gone is used again.
    """
    settings = scene.rotocap
    folder = str(take)
    same = [entry for entry in settings.performances if (entry.take, entry.person) == (folder, person)]
    entry = next((entry for entry in same if rig_of(entry) in (armature, None)), None)
    with filling():
        if entry is None:
            entry = settings.performances.add()
            entry.name = free_name(scene, name, besides=entry)
            entry.colour = colour
        entry.take, entry.person = folder, person
        entry.armature, entry.collection, entry.source = armature, collection, source
        describe(entry, sequence, frames)
        settings.performance_index = index_of(scene, entry)
    return entry


def describe(entry: RotocapPerformance, sequence: SmplxSequence, frames: tuple[int, int]) -> None:
    """What the list says of a motion."""
    entry.doubt = typical_doubt(sequence)
    entry.frames = len(sequence)
    entry.first, entry.last = frames


def typical_doubt(sequence: SmplxSequence) -> float:
    """The median over frames and body joints of how far a joint may be off, metres."""
    return float(np.median(sequence.sigma[:, :BODY_JOINT_COUNT])) if len(sequence) else 0.0


def active(context: bpy.types.Context) -> RotocapPerformance | None:
    """The performance that is chosen in the list; None if the list is empty."""
    settings = context.scene.rotocap
    index = settings.performance_index
    return settings.performances[index] if 0 <= index < len(settings.performances) else None


def index_of(scene: bpy.types.Scene, entry: RotocapPerformance) -> int:
    return next(i for i, other in enumerate(scene.rotocap.performances) if other == entry)


def rig_of(entry: RotocapPerformance) -> bpy.types.Object | None:
    """The performance's armature, if it is in the scene.

    One that the animator has deleted there is kept in the file by the list until that is saved and opened.
    """
    rig = entry.armature
    return rig if rig is not None and entry.id_data.objects.get(rig.name) == rig else None


def folder_of(entry: RotocapPerformance) -> Path:
    """The take that a performance is from; it may not be there any more."""
    return Path(bpy.path.abspath(entry.take))


def are_in_scene(scene: bpy.types.Scene) -> bool:
    """Whether people of the scene's take are in the list already."""
    settings = scene.rotocap
    if not settings.take:
        return False
    folder = Path(bpy.path.abspath(settings.take))
    return any(folder_of(entry) == folder for entry in settings.performances)


def file_of(entry: RotocapPerformance) -> Path:
    """Where a performance's motion lies; it may not be there any more."""
    return _file(entry.take, entry.person, bpy.data.filepath)


@lru_cache(maxsize=64)
def _file(take: str, person: int, _blend: str) -> Path:
    """Asked for with every drawing. A folder may be given from where the .blend lies."""
    return Path(bpy.path.abspath(take)) / f"person_{person:02d}.npz"


def is_ours(entry: RotocapPerformance) -> bool:
    """Whether the armature was made for this person, and is not the animator's own character."""
    return entry.collection is not None


def free_name(scene: bpy.types.Scene, name: str, *, besides: RotocapPerformance | None = None) -> str:
    """The name, with a number after it if another performance has it."""
    taken = {other.name for other in scene.rotocap.performances if other != besides}
    candidates = (name, *(f"{name} {number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)


def problem() -> str:
    """What went wrong with the last change of a field, in words; empty if nothing did."""
    return _problem


def renamed(entry: RotocapPerformance, context: bpy.types.Context) -> None:
    """What was made for a performance, and the person in the take, are called as it is."""
    global _problem
    if _filling:
        return
    from .performance_edits import rename_in_take

    _problem = ""
    scene = entry.id_data
    with filling():
        entry.name = free_name(scene, entry.name.strip() or "Person", besides=entry)
    name_objects(entry)
    try:
        rename_in_take(scene, entry)
    except RotocapError as error:
        _problem = f"Renamed here, but not in the take: {error}"


def name_objects(entry: RotocapPerformance) -> None:
    """Armature, body and collection that were made for a performance get its name."""
    if not is_ours(entry):
        return
    entry.collection.name = entry.name
    if entry.armature is None:
        return
    entry.armature.name = entry.armature.data.name = entry.name
    for mesh in bodies_of(entry):
        mesh.name = mesh.data.name = f"{entry.name} body"


def bodies_of(entry: RotocapPerformance) -> list[bpy.types.Object]:
    """The meshes that a performance's armature moves."""
    if entry.armature is None:
        return []
    return [
        child
        for child in entry.armature.children_recursive
        if child.type == "MESH" and child.find_armature() == entry.armature
    ]


def copy_settings(old: bpy.types.PropertyGroup, new: bpy.types.PropertyGroup) -> None:
    """All values of a group into another of its kind, with what lies in groups and lists inside it."""
    for prop in old.bl_rna.properties:
        name = prop.identifier
        if name == "rna_type":
            continue
        if prop.type == "COLLECTION":
            for part in getattr(old, name):
                copy_settings(part, getattr(new, name).add())
        elif prop.type == "POINTER" and isinstance(getattr(old, name), bpy.types.PropertyGroup):
            copy_settings(getattr(old, name), getattr(new, name))
        elif not prop.is_readonly:
            setattr(new, name, getattr(old, name))


def show_or_hide(entry: RotocapPerformance, context: bpy.types.Context) -> None:
    """Show or hide what moves: a collection of ours, or the animator's character in this view layer.

    The body's own visibility is animated: it is hidden while the person is out of the picture.
    """
    if _filling:
        return
    if is_ours(entry):
        entry.collection.hide_viewport = entry.collection.hide_render = not entry.visible
        return
    layer = context.view_layer
    for thing in (entry.armature, *bodies_of(entry)):
        if thing is not None and thing.name in layer.objects:
            thing.hide_set(not entry.visible, view_layer=layer)


def has_several_takes(scene: bpy.types.Scene) -> bool:
    return len({entry.take for entry in scene.rotocap.performances}) > 1


def is_alone(scene: bpy.types.Scene, take: str) -> bool:
    """Whether everybody of a take is shown, and nobody else."""
    return all(entry.visible == (entry.take == take) for entry in scene.rotocap.performances)


def show_takes(scene: bpy.types.Scene, *, only: str = "") -> bpy.types.Object | None:
    """Show everybody, or everybody of one take, whose camera becomes the scene's. Returns that camera."""
    for entry in scene.rotocap.performances:
        if entry.visible != (wanted := only in ("", entry.take)):
            entry.visible = wanted
    camera = next((thing for thing in scene.objects if only and thing.get(CAMERA_TAKE) == only), None)
    if camera is not None:
        scene.camera = camera
    return camera


def coloured(entry: RotocapPerformance) -> None:
    """Give the body that was made for a performance its colour."""
    if _filling or not is_ours(entry):
        return
    colour = (*body.linear(entry.colour), 1.0)
    for material in (slot.material for mesh in bodies_of(entry) for slot in mesh.material_slots):
        if material is None or material.library is not None:
            continue
        material.diffuse_color = colour
        shader = material.node_tree.nodes.get("Principled BSDF") if material.node_tree else None
        if shader is not None and not shader.inputs["Base Color"].is_linked:
            shader.inputs["Base Color"].default_value = colour


def select(context: bpy.types.Context) -> None:
    """Select what the chosen performance moves, if it is there to be selected."""
    entry = active(context)
    rig = rig_of(entry) if entry is not None else None
    if _filling or rig is None or context.mode != "OBJECT":
        return
    layer = context.view_layer
    if layer.objects.get(rig.name) != rig or not rig.visible_get(view_layer=layer):
        return
    for thing in layer.objects.selected:
        thing.select_set(False, view_layer=layer)
    rig.select_set(True, view_layer=layer)
    layer.objects.active = rig

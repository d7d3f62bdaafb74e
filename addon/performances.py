# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performances of a scene: filled when a take is applied, and what its fields do."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT
from .performance_properties import RotocapPerformance

CAMERA_TAKE = "rotocap_take"  # custom property of a camera: the take whose video is behind it

# Set while we ourselves fill an entry in: what a change by the animator does is not wanted then.
_filling = False


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
    edition: int = 0,
) -> RotocapPerformance:
    """The entry for a person on an armature: a new one, or the one that is there brought up to date.

    person: the number of the person's file. frames: the scene's first and last frame of the motion.
    An entry whose armature is gone is used again.
    """
    global _filling
    settings = scene.rotocap
    folder = str(take)
    same = [entry for entry in settings.performances if (entry.take, entry.person) == (folder, person)]
    entry = next((entry for entry in same if entry.armature in (armature, None)), None)
    fresh = entry is None
    if entry is None:
        entry = settings.performances.add()
    _filling = True
    try:
        if fresh:
            entry.name = _free_name(settings.performances, entry, name)
        entry.take, entry.person, entry.edition = folder, person, edition
        entry.colour, entry.armature, entry.collection = colour, armature, collection
        entry.doubt = typical_doubt(sequence)
        entry.frames = len(sequence)
        entry.first, entry.last = frames
    finally:
        _filling = False
    settings.performance_index = list(settings.performances).index(entry)
    return entry


def typical_doubt(sequence: SmplxSequence) -> float:
    """The median over frames and body joints of how far a joint may be off, metres."""
    return float(np.median(sequence.sigma[:, :BODY_JOINT_COUNT])) if len(sequence) else 0.0


def active(context: bpy.types.Context) -> RotocapPerformance | None:
    """The performance that is chosen in the list; None if the list is empty."""
    settings = context.scene.rotocap
    index = settings.performance_index
    return settings.performances[index] if 0 <= index < len(settings.performances) else None


def file_of(entry: RotocapPerformance) -> Path:
    """Where a performance's motion lies; it may not be there any more."""
    return Path(bpy.path.abspath(entry.take)) / f"person_{entry.person:02d}.npz"


def renamed(entry: RotocapPerformance, _: bpy.types.Context) -> None:
    """The armature and its collection that were made for a performance are called as it is."""
    if _filling:
        return


def show_or_hide(entry: RotocapPerformance, _: bpy.types.Context) -> None:
    """Show or hide what moves: armature and body."""
    if _filling:
        return


def coloured(entry: RotocapPerformance) -> None:
    """Give the body that was made for a performance its colour."""
    if _filling:
        return


def _free_name(entries: bpy.types.bpy_prop_collection, entry: RotocapPerformance, name: str) -> str:
    taken = {other.name for other in entries if other != entry}
    candidates = (name, *(f"{name} {number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)

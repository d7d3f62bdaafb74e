# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's motion on the armature and body that were made for them, also again.

Writing again replaces what we wrote before, in its place among the NLA tracks; the animator's own
tracks, and keys of ours that the animator has changed, stay.
"""

from __future__ import annotations

import bpy

from ..inference.sequence import SmplxSequence
from ..retarget.timeline import Timeline
from . import body, doubt_keys, face_shapes, motion

# What our Actions on such an armature are made from, see `tracks.play`: each plays one person.
MOTION = "performance"
_FACE, _PRESENCE = "performance face", "performance presence"


def write(
    rig: bpy.types.Object,
    sequence: SmplxSequence,
    timeline: Timeline,
    *,
    name: str,
    lanes: motion.Lanes | None = None,
) -> list[str]:
    """Body, face, presence and doubt as keys. Returns what the animator should know.

    lanes: when which point of a foot is held on the floor; None: nothing is held.
    """
    mesh = body_of(rig)
    face = face_shapes.map_of(mesh)
    # Shape keys open the mouth and turn the eyes better than bones do, and must not do it a second time.
    bones = sequence if face is None else face_shapes.without_bones(sequence, [face])
    notes = motion.write_motion(rig, bones, timeline, name=name, source=MOTION, lanes=lanes)
    if mesh is not None:
        if face is not None:
            face_shapes.write(mesh, face, sequence, timeline, name=f"{name} face", source=_FACE)
        body.write_presence(mesh, timeline, name=f"{name} presence", source=_PRESENCE)
    doubt_keys.write(rig, sequence, timeline, name=f"{name} doubt")
    return notes


def body_of(rig: bpy.types.Object) -> bpy.types.Object | None:
    """The mesh that was made for an armature: the first of its children that it moves."""
    for child in rig.children:
        if child.type == "MESH" and any(
            modifier.type == "ARMATURE" and modifier.object == rig for modifier in child.modifiers
        ):
            return child
    return None

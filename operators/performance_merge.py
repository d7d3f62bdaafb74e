# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tracks that are the same person, joined."""

from __future__ import annotations

import bpy

from ..addon import performance_edits, performances
from ..inference.errors import RotocapError

_listed: list[tuple[str, str, str]] = []  # Blender needs the texts of a list to stay where they are


def _others(_: object, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The other people of the chosen performance's take."""
    entry = performances.active(context) if context is not None else None
    _listed.clear()
    if entry is not None:
        _listed.extend(
            (other.name, other.name, f"{other.name} is the same person as {entry.name}")
            for other in context.scene.rotocap.performances
            if other.take == entry.take and other.person != entry.person
        )
    return _listed


class ROTOCAP_OT_performance_merge(bpy.types.Operator):
    """Join another track to this person, because both are the same one. Where both are seen, the surer one is kept"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.performance_merge"
    bl_label = "Is the Same Person As"
    bl_options = {"REGISTER", "UNDO"}

    other: bpy.props.EnumProperty(
        name="Other", description="Who is in truth the chosen person", items=_others, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if performances.active(context) is None:
            cls.poll_message_set("Choose a performance in the list first")
            return False
        if not _others(None, context):
            cls.poll_message_set("Nobody else was found in this video")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, entry = context.scene, performances.active(context)
        other = scene.rotocap.performances.get(self.other)
        if other is None:
            self.report({"ERROR"}, "Choose who is the same person")
            return {"CANCELLED"}
        names = f"{other.name} is {entry.name} now"
        try:
            notes = performance_edits.merge(scene, entry, other)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for note in notes:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, names)
        return {"FINISHED"}

# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a take's main person on the animator's own character."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import rig_map, rig_ready
from ..addon.apply_take import apply_to, one_of, read_people
from ..addon.retarget import settings_of
from ..inference.errors import RotocapError
from ..inference.take import Take


class ROTOCAP_OT_apply_to_armature(bpy.types.Operator):
    """Animate your character with the take's main person. Keys that it has already are kept on a track below; this take's own result from before is replaced"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.apply_to_armature"
    bl_label = "Apply to Character"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.take:
            cls.poll_message_set("Capture a video first, or choose a take")
            return False
        problem = rig_ready.why_not(rig_map.chosen(context), context.view_layer)
        if problem is not None:
            cls.poll_message_set(problem)
        return problem is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        try:
            take = Take.open(Path(bpy.path.abspath(scene.rotocap.take)))
            people = one_of(read_people(take), scene.rotocap.retarget.person)
            report = apply_to(scene, rig_map.chosen(context), take, people, settings=settings_of(scene))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for warning in report.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, report.lines()[0])
        return {"FINISHED"}

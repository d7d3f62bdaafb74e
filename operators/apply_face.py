# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the captured face on the shape keys of any mesh."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import face_shapes
from ..addon.apply_take import apply_face, one_of, read_people
from ..inference.errors import RotocapError
from ..inference.take import Take


class ROTOCAP_OT_apply_face(bpy.types.Operator):
    """Animate the shape keys of the active mesh with the face of the take's main person. Your own keys are kept on a track below; this take's own result from before is replaced"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.apply_face"
    bl_label = "Apply Face to Mesh"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.take:
            cls.poll_message_set("Capture a video first, or choose a take")
            return False
        mesh = context.active_object
        if mesh is None or mesh.type != "MESH" or mesh.data.shape_keys is None:
            cls.poll_message_set("Select a mesh with shape keys of a face")
            return False
        if mesh.library is not None or mesh.data.library is not None:
            cls.poll_message_set(f"{mesh.name} is linked from another file: make it local first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, mesh = context.scene, context.active_object
        try:
            take = Take.open(Path(bpy.path.abspath(scene.rotocap.take)))
            people = one_of(read_people(take), scene.rotocap.retarget.person)
            report = apply_face(scene, mesh, take, people)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        shapes = face_shapes.map_of(mesh)
        named = f"{len(shapes.shapes)} shape keys ({shapes.title})" if shapes is not None else ""
        frames = f"frames {report.frame_start} to {report.frame_end}"
        self.report({"INFO"}, f"{mesh.name}: {named}, {frames}")
        return {"FINISHED"}

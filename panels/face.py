# SPDX-License-Identifier: GPL-3.0-or-later
"""The captured face on a mesh of the animator's, in the sidebar: drawing only."""

from __future__ import annotations

import bpy

from ..addon import face_shapes
from .sidebar import SidebarPanel, paragraph


class ROTOCAP_PT_face(SidebarPanel, bpy.types.Panel):
    bl_label = "Face"
    bl_parent_id = "ROTOCAP_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, mesh = self.layout, context.active_object
        if mesh is None or mesh.type != "MESH":
            paragraph(layout, "Click the mesh of your character's head", "INFO")
            return
        shapes = face_shapes.map_of(mesh)
        if shapes is None:
            paragraph(layout, f"{mesh.name} has no shape keys with names of ARKit, VRM or VRoid", "INFO")
            return
        layout.label(text=f"{len(shapes.shapes)} shape keys, {shapes.title}", icon="SHAPEKEY_DATA")
        layout.operator("rotocap.apply_face", icon="USER")

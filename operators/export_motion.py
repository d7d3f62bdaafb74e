# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the character's motion to a file for other programs."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import export, rig_map
from ..inference.errors import RotocapError


class ROTOCAP_OT_export_motion(bpy.types.Operator):
    """Write the character's motion, as the scene shows it over its frame range, for another program"""

    bl_idname = "rotocap.export_motion"
    bl_label = "Export Motion"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*.fbx;*.glb;*.bvh;*.npz", options={"HIDDEN"})
    kind: bpy.props.EnumProperty(
        name="Format",
        description="What to write",
        items=(
            ("fbx", "FBX", "Armature and the meshes on it, by Blender's own exporter"),
            ("glb", "GLB", "Armature and the meshes on it, by Blender's own exporter"),
            ("bvh", "BVH", "The bones that deform, in centimetres, +Y up"),
            ("npz", "SMPL-X .npz", "The take's main person as AMASS writes it; the character is not in it"),
        ),
        default="fbx",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if rig_map.chosen(context) is None and not context.scene.rotocap.take:
            cls.poll_message_set("Click the character's armature first, or choose a take")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            armature = rig_map.chosen(context)
            self.filepath = bpy.path.clean_name(armature.name if armature is not None else "motion")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Keep the name's ending that of the format, as it is chosen in the file browser."""
        before = self.filepath
        self.filepath = str(self._path())
        return self.filepath != before

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(str(self._path())))
        notes: list[str] = []
        try:
            if self.kind == "npz":
                notes = export.take_as_npz(Path(bpy.path.abspath(context.scene.rotocap.take)), path)
            else:
                export.export(context.scene, export.require(rig_map.chosen(context)), path)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for note in notes:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"wrote {path}")
        return {"FINISHED"}

    def _path(self) -> Path:
        path = Path(self.filepath)
        known = path.suffix.lower().lstrip(".") in (*export.FORMATS, "npz")
        return path.with_suffix(f".{self.kind}") if known else path.with_name(f"{path.name}.{self.kind}")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose a file of motion from elsewhere as the take."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import motion_files, rig_map
from ..inference.errors import RotocapError


class ROTOCAP_OT_import_motion(bpy.types.Operator):
    """Take motion from a BVH, or from an .npz of SMPL-X or AMASS, instead of a video. It is kept as a take beside the file"""  # noqa: E501 - a tooltip is one line

    bl_idname = "rotocap.import_motion"
    bl_label = "Import Motion"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*.bvh;*.npz", options={"HIDDEN"})
    scale: bpy.props.FloatProperty(
        name="Metres a Unit",
        description="How long a unit of a BVH is: 0.01 for centimetres. 0: seen from the person's legs",
        default=0.0,
        min=0.0,
        precision=4,
    )
    fps: bpy.props.FloatProperty(
        name="Frames a Second",
        description="For .npz files that do not say. 0: as the file says",
        default=0.0,
        min=0.0,
    )
    up: bpy.props.EnumProperty(
        name="Up",
        description="The vertical of an .npz",
        items=(
            ("auto", "As the Person Stands", "Seen from the motion"),
            ("y", "Y", "As in SMPL-X files"),
            ("z", "Z", "As in AMASS files"),
        ),
    )
    smplx_model: bpy.props.StringProperty(
        name="SMPL-X Model",
        description="Your own SMPLX_*.npz, for the exact rest pose of .npz motion. Empty: the mean body's",
        subtype="FILE_PATH",
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        options = motion_files.MotionOptions(
            fps=self.fps or None, scale=self.scale or None, up=None if self.up == "auto" else self.up,
            model=Path(bpy.path.abspath(self.smplx_model)) if self.smplx_model else None,
        )  # fmt: skip
        try:
            sequence, notes = motion_files.read(path, lambda rig: rig_map.find(rig).bone_map, options)
            take = motion_files.save_take(path, motion_files.take_beside(path), sequence, notes)
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.scene.rotocap.take = str(take.path)
        for note in notes:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"{path.name}: {len(sequence)} frames; apply them to a character")
        return {"FINISHED"}

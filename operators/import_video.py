# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the video to capture from."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import video
from ..inference.errors import RotocapError


class ROTOCAP_OT_import_video(bpy.types.Operator):
    """Choose a video. Its frame rate and picture size are taken over where nothing is animated yet"""

    bl_idname = "rotocap.import_video"
    bl_label = "Import Video"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(
        default="*.mp4;*.mov;*.m4v;*.mkv;*.webm;*.avi;*.mts;*.m2ts;*.3gp", options={"HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            footage = video.import_video(context.scene, Path(bpy.path.abspath(self.filepath)))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        width, height = footage.size
        self.report({"INFO"}, f"{footage.path.name}: {width} x {height}, {footage.fps:.4g} frames a second")
        return {"FINISHED"}

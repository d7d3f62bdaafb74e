# SPDX-License-Identifier: GPL-3.0-or-later
"""Say where a video is now that was moved, or that another machine keeps elsewhere."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import footage, video
from ..inference.errors import RotocapError


class ROTOCAP_OT_find_video(bpy.types.Operator):
    """Say where the video is now. Its clip, the picture behind the camera and its takes follow"""

    bl_idname = "rotocap.find_video"
    bl_label = "Find Video"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File", description="Where the video is", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(
        name="Kinds of Files",
        description="Which files are shown",
        default=";".join(f"*{suffix}" for suffix in video.EXTENSIONS),
        options={"HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.video:
            cls.poll_message_set("Import a video first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        place = footage.look_beside(context.scene)
        if place is not None:
            self.filepath = str(place)
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if not self.filepath:
                raise RotocapError("No file was chosen: choose where the video is now")
            done = footage.find(context.scene, Path(bpy.path.abspath(self.filepath)))
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, "; ".join(done))
        return {"FINISHED"}

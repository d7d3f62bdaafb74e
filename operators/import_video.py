# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the video in that is captured: chosen, dropped into the viewport, or open as a movie clip already."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import capture_queue, video
from ..addon.camera import look_through
from ..inference.errors import RotocapError


class ImportsVideo:
    """What the ways to bring a video in have in common: the same choices, and what is said of the result."""

    match_rate: bpy.props.BoolProperty(
        name="Match Frame Rate",
        description="Give the scene the video's frame rate. Otherwise the motion goes on the scene's frames",
        default=True,
    )
    match_range: bpy.props.BoolProperty(
        name="Match Length", description="Let the scene begin and end with the video", default=True
    )
    camera: bpy.props.BoolProperty(
        name="Camera over the Video",
        description="Make a camera that shows the video, and look through it",
        default=True,
    )

    def choices(self) -> video.ImportOptions:
        """What was chosen; what was not, depends on whether something is animated already."""
        chosen = self.properties.is_property_set
        return video.ImportOptions(
            match_rate=self.match_rate if chosen("match_rate") else None,
            match_range=self.match_range if chosen("match_range") else None,
            camera=self.camera,
        )

    def suggest(self) -> None:
        """Show the choices as they will be made: a scene with animation keeps its own rate and length."""
        for name in ("match_rate", "match_range"):
            if not self.properties.is_property_set(name):
                setattr(self, name, not bpy.data.actions)

    def say(self, context: bpy.types.Context, imported: video.Imported) -> None:
        if imported.camera is not None:
            look_through(context, imported.camera)
        for note in imported.notes:
            self.report({"WARNING"}, note)
        footage = imported.footage
        width, height = footage.size
        self.report({"INFO"}, f"{footage.path.name}: {width} x {height}, {footage.fps:.4g} frames a second")

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(heading="Scene")
        for name in ("match_rate", "match_range", "camera"):
            column.prop(self, name)


class ROTOCAP_OT_import_video(ImportsVideo, bpy.types.Operator):
    """Choose a video to capture from. Several go into the queue, and the first one is shown"""

    bl_idname = "rotocap.import_video"
    bl_label = "Import Video"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File", description="The video", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    directory: bpy.props.StringProperty(
        name="Folder",
        description="The folder of several videos",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    files: bpy.props.CollectionProperty(
        name="Files",
        description="The names of several videos in it",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_glob: bpy.props.StringProperty(
        name="Kinds of Files",
        description="Which files are shown",
        default=";".join(f"*{suffix}" for suffix in video.EXTENSIONS),
        options={"HIDDEN"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.suggest()
        if self.filepath or any(file.name for file in self.files):  # dropped
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            paths = self._paths()
            first, rest = (paths[0], []) if len(paths) == 1 else video.first_and_rest(paths)
            others = [path.name for path in paths if path not in (first, *rest)]
            imported = video.import_video(context.scene, first, self.choices())
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.say(context, imported)
        if others:
            self.report({"WARNING"}, f"Left out, no videos: {', '.join(others)}")
        if rest:
            there = {entry.video for entry in context.scene.rotocap.queue}
            queued = [path for path in (first, *rest) if str(path) not in there]
            for path in queued:
                capture_queue.add(context.scene, path)
            self.report({"INFO"}, f"{len(queued)} videos went into the queue; {first.name} is shown")
        return {"FINISHED"}

    def _paths(self) -> list[Path]:
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / file.name for file in self.files if file.name] if self.directory else []
        if not chosen:
            if not self.filepath:
                raise RotocapError("No video was chosen: choose a file")
            chosen = [Path(bpy.path.abspath(self.filepath))]
        return chosen


class ROTOCAP_OT_use_movie_clip(ImportsVideo, bpy.types.Operator):
    """Capture from a clip of the Movie Clip Editor. If its camera is solved, that camera is used"""

    bl_idname = "rotocap.use_movie_clip"
    bl_label = "Use Movie Clip"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "clip"

    clip: bpy.props.StringProperty(
        name="Clip", description="The movie clip to capture from; without one, the one that is shown"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.data.movieclips:
            cls.poll_message_set("No movie clip is open: import a video")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.suggest()
        shown = _shown_clip(context)
        if not self.clip and shown is not None:
            self.clip = shown.name
        if len(bpy.data.movieclips) == 1 or getattr(context.space_data, "type", "") == "CLIP_EDITOR":
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop_search(self, "clip", bpy.data, "movieclips")
        super().draw(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        clip = bpy.data.movieclips.get(self.clip) if self.clip else _shown_clip(context)
        try:
            if clip is None:
                raise RotocapError(f"{self.clip or 'no clip'}: is not open; choose one of the movie clips")
            imported = video.use_clip(context.scene, clip, self.choices())
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.say(context, imported)
        return {"FINISHED"}


def _shown_clip(context: bpy.types.Context) -> bpy.types.MovieClip | None:
    """The clip of the editor that the mouse is in, else the scene's active one, else the only one."""
    here = getattr(context.space_data, "clip", None) or context.scene.active_clip
    clips = bpy.data.movieclips
    return here or (clips[0] if len(clips) == 1 else None)


class ROTOCAP_FH_video(bpy.types.FileHandler):
    """Videos dropped into the 3D viewport"""

    bl_idname = "ROTOCAP_FH_video"
    bl_label = "Capture Motion from Video"
    bl_import_operator = "rotocap.import_video"
    bl_file_extensions = ";".join(video.EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"

# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: put videos in, take them out, capture them all."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import capture_queue, capture_session
from .capture_told import tell_queue


class ROTOCAP_OT_queue_add(bpy.types.Operator):
    """Choose videos, one or several, to be captured one after the other"""

    bl_idname = "rotocap.queue_add"
    bl_label = "Add Videos"
    bl_options = {"REGISTER", "UNDO"}

    directory: bpy.props.StringProperty(
        name="Folder",
        description="The folder of the videos",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    files: bpy.props.CollectionProperty(
        name="Files",
        description="The names of the videos in it",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_glob: bpy.props.StringProperty(
        name="Kinds of Files",
        description="Which files are shown",
        default="*.mp4;*.mov;*.m4v;*.mkv;*.webm;*.avi;*.mts;*.m2ts;*.3gp",
        options={"HIDDEN"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = Path(bpy.path.abspath(self.directory))
        chosen = [folder / file.name for file in self.files if file.name]
        missing = [path.name for path in chosen if not path.is_file()]
        for path in chosen:
            if path.is_file():
                capture_queue.add(context.scene, path)
        if missing:
            self.report({"WARNING"}, f"{', '.join(missing)}: no such file; choose it where it is now")
        if len(missing) == len(chosen):
            if not chosen:
                self.report({"WARNING"}, "No video was chosen")
            return {"CANCELLED"}
        return {"FINISHED"}


class ROTOCAP_OT_queue_add_current(bpy.types.Operator):
    """Put the scene's video into the queue, with the part of it that is set above"""

    bl_idname = "rotocap.queue_add_current"
    bl_label = "Add This Video"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.rotocap.video:
            cls.poll_message_set("Import a video first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.rotocap
        part = (settings.first, settings.last) if settings.use_range else None
        capture_queue.add(context.scene, Path(bpy.path.abspath(settings.video)), part)
        return {"FINISHED"}


class _OnQueued:
    """For what works on the chosen video of the queue."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.rotocap
        if not 0 <= settings.queue_index < len(settings.queue):
            cls.poll_message_set("The queue is empty: add a video")
            return False
        return True


class ROTOCAP_OT_queue_remove(_OnQueued, bpy.types.Operator):
    """Take the chosen video out of the queue. What was captured of it is kept"""

    bl_idname = "rotocap.queue_remove"
    bl_label = "Remove from Queue"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.rotocap
        if settings.queue[settings.queue_index].status == "running" and capture_queue.running():
            self.report({"WARNING"}, "This video is being captured: stop the capture first")
            return {"CANCELLED"}
        settings.queue.remove(settings.queue_index)
        settings.queue_index = max(0, min(settings.queue_index, len(settings.queue) - 1))
        return {"FINISHED"}


class ROTOCAP_OT_queue_use(_OnQueued, bpy.types.Operator):
    """Make the chosen video, and what was captured of it, the scene's own"""

    bl_idname = "rotocap.queue_use"
    bl_label = "Use This Video"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.rotocap
        entry = settings.queue[settings.queue_index]
        if settings.video != entry.video:
            settings.video = entry.video
        settings.take = entry.take
        settings.use_range = entry.use_range
        if entry.use_range:
            settings.first, settings.last = entry.first, entry.last
        return {"FINISHED"}


class ROTOCAP_OT_queue_run(bpy.types.Operator):
    """Capture every video of the queue that is not done. Esc stops and keeps what was read"""

    bl_idname = "rotocap.queue_run"
    bl_label = "Capture All"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(entry.status != "done" for entry in context.scene.rotocap.queue):
            cls.poll_message_set("Nothing waits in the queue: add a video")
            return False
        if capture_session.must_wait():
            cls.poll_message_set(capture_session.must_wait())
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        if capture_queue.run(context) is None:  # in background mode, and if none could be started
            return tell_queue(self, context.scene)
        return {"FINISHED"}

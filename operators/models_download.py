# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks from the catalogue: fetched on a click, and taken away again."""

from __future__ import annotations

import bpy

from ..addon import device_check, model_sizes, models
from ..addon.preferences import threads
from ..inference.catalogue import find, remove
from ..inference.errors import RotocapError

_OFFLINE = "Blender is set to work offline: allow online access in Preferences > System > Network"


class ROTOCAP_OT_download_model(bpy.types.Operator):
    """Download this network. Its bytes are compared with the published hash before it is kept"""

    bl_idname = "rotocap.download_model"
    bl_label = "Download Network"
    bl_options = {"INTERNAL"}

    model: bpy.props.StringProperty(
        name="Network", description="Its name in the catalogue", options={"SKIP_SAVE"}
    )
    sha256: bpy.props.StringProperty(
        name="SHA-256",
        description="What the file must be, where the catalogue knows no hash",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(_OFFLINE)
            return False
        if models.running():
            cls.poll_message_set("Another network is arriving: wait, or stop it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job = models.start(self.model, expected_sha256=self.sha256 or None)
        except (RotocapError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background:  # nothing would draw its progress, and scripts want the result
            job.wait()
            if job.failed or job.unconfirmed:
                self.report({"ERROR"}, job.message)
                return {"CANCELLED"}
        return {"FINISHED"}


class ROTOCAP_OT_ask_model_sizes(bpy.types.Operator):
    """Ask the servers how large the networks are whose size nobody has published. Nothing is downloaded"""

    bl_idname = "rotocap.ask_model_sizes"
    bl_label = "Ask for Sizes"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bpy.app.online_access:
            cls.poll_message_set(_OFFLINE)
            return False
        return not model_sizes.running()

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            question = model_sizes.start()
        except (RotocapError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background:  # nothing would draw the answers, and scripts want them
            question.wait()
            if question.message:
                self.report({"ERROR"}, question.message)
                return {"CANCELLED"}
        return {"FINISHED"}


class ROTOCAP_OT_cancel_model_download(bpy.types.Operator):
    """Stop the download. Nothing of it stays on the disk"""

    bl_idname = "rotocap.cancel_model_download"
    bl_label = "Stop Download"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return models.running()

    def execute(self, context: bpy.types.Context) -> set[str]:
        job = models.current()
        if job is not None:
            job.cancel()
        return {"FINISHED"}


class ROTOCAP_OT_dismiss_model_message(bpy.types.Operator):
    """Take this message away"""

    bl_idname = "rotocap.dismiss_model_message"
    bl_label = "Close"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        models.dismiss()
        return {"FINISHED"}


class ROTOCAP_OT_remove_model(bpy.types.Operator):
    """Delete this network from the disk. It can be downloaded again"""

    bl_idname = "rotocap.remove_model"
    bl_label = "Remove Network"
    bl_options = {"INTERNAL"}

    model: bpy.props.StringProperty(
        name="Network", description="Its name in the catalogue", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            remove(find(self.model), models.folder())
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        models.dismiss()
        return {"FINISHED"}


class ROTOCAP_OT_check_device(bpy.types.Operator):
    """Run a network once, in a process of its own, and say what it really ran on and how fast"""

    bl_idname = "rotocap.check_device"
    bl_label = "Try the Networks"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if device_check.running():
            cls.poll_message_set("The networks are being tried")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            device_check.start(threads(context))
        except OSError as error:
            self.report({"ERROR"}, f"Blender's Python could not be started ({error}). Install Blender again")
            return {"CANCELLED"}
        if bpy.app.background:
            self.report({"INFO"}, device_check.wait())
        return {"FINISHED"}

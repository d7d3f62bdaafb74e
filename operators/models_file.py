# SPDX-License-Identifier: GPL-3.0-or-later
"""A network from a file on this machine, for those who work offline."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon import models
from ..inference.catalogue import UnconfirmedModelError, find, install, of_file
from ..inference.errors import ModelError, RotocapError


class ROTOCAP_OT_install_model_file(bpy.types.Operator):
    """Take over a network that you downloaded yourself. It is known by its hash, whatever its name is"""

    bl_idname = "rotocap.install_model_file"
    bl_label = "Install from File"
    bl_options = {"INTERNAL"}

    filepath: bpy.props.StringProperty(
        name="File", description="The network, or the zip that it came in", subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(default="*.onnx;*.zip;*.task", options={"HIDDEN"})
    model: bpy.props.StringProperty(
        name="Network",
        description="Which network of the catalogue the file is. "
        "Only needed where nobody has published its hash",
        options={"SKIP_SAVE"},
    )
    sha256: bpy.props.StringProperty(
        name="SHA-256",
        description="What the file must be, where nobody has published its hash: "
        "compare it with one that you trust",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        source = Path(bpy.path.abspath(self.filepath))
        try:
            entry = of_file(source)
            if entry is None and self.model:
                entry = find(self.model)
            if entry is None:
                raise ModelError(
                    f"{source.name}: no network of the catalogue has these bytes. "
                    "If nobody has published its hash, choose the file again, and give Network and SHA-256 "
                    "in the panel at the right"
                )
            install(entry, source, models.folder(create=True), expected_sha256=self.sha256 or None)
        except UnconfirmedModelError as error:
            self.report(
                {"ERROR"}, f"{error} Choose the file again, and paste the hash into SHA-256 at the right"
            )
            return {"CANCELLED"}
        except RotocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{entry.id}: here, and its bytes are the expected ones")
        return {"FINISHED"}

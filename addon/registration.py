# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of everything that Blender has to know, in the order in which it has to know it.

The only module here that knows the operators and panels.
"""

from __future__ import annotations

import bpy

from ..operators.apply_new_armature import ROTOCAP_OT_apply_new_armature
from ..operators.apply_to_armature import ROTOCAP_OT_apply_to_armature
from ..operators.capture import ROTOCAP_OT_capture, ROTOCAP_OT_stop_capture
from ..operators.import_video import ROTOCAP_OT_import_video
from ..panels.sidebar import (
    ROTOCAP_PT_apply,
    ROTOCAP_PT_capture,
    ROTOCAP_PT_quick_start,
    ROTOCAP_PT_video,
)
from . import jobs
from .preferences import RotocapPreferences
from .properties import RotocapSettings

CLASSES: tuple[type, ...] = (
    RotocapPreferences,
    RotocapSettings,
    ROTOCAP_OT_import_video,
    ROTOCAP_OT_capture,
    ROTOCAP_OT_stop_capture,
    ROTOCAP_OT_apply_new_armature,
    ROTOCAP_OT_apply_to_armature,
    ROTOCAP_PT_video,
    ROTOCAP_PT_capture,
    ROTOCAP_PT_apply,
    ROTOCAP_PT_quick_start,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.rotocap = bpy.props.PointerProperty(type=RotocapSettings)


def unregister() -> None:
    jobs.stop()
    del bpy.types.Scene.rotocap
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of everything that Blender has to know, in the order in which it has to know it.

The only module here that knows the operators and panels.
"""

from __future__ import annotations

import bpy

from ..operators.apply_new_armature import ROTOCAP_OT_apply_new_armature
from ..operators.apply_to_armature import ROTOCAP_OT_apply_to_armature
from ..operators.bone_map import (
    ROTOCAP_OT_find_bone_map,
    ROTOCAP_OT_load_bone_map,
    ROTOCAP_OT_save_bone_map,
)
from ..operators.capture import ROTOCAP_OT_capture, ROTOCAP_OT_stop_capture
from ..operators.export_motion import ROTOCAP_OT_export_motion
from ..operators.go_to_frame import ROTOCAP_OT_go_to_frame
from ..operators.help import ROTOCAP_OT_open_help, ROTOCAP_OT_open_preferences
from ..operators.import_motion import ROTOCAP_OT_import_motion
from ..operators.import_video import ROTOCAP_OT_import_video
from ..operators.models_download import (
    ROTOCAP_OT_cancel_model_download,
    ROTOCAP_OT_check_device,
    ROTOCAP_OT_dismiss_model_message,
    ROTOCAP_OT_download_model,
    ROTOCAP_OT_remove_model,
)
from ..operators.models_file import ROTOCAP_OT_install_model_file
from ..panels.help import ROTOCAP_PT_help, ROTOCAP_PT_quick_start
from ..panels.retarget import (
    ROTOCAP_MT_presets,
    ROTOCAP_PT_bone_map,
    ROTOCAP_PT_certificate,
    ROTOCAP_PT_character,
    ROTOCAP_PT_transfer,
    ROTOCAP_UL_bone_map,
)
from ..panels.sidebar import (
    ROTOCAP_PT_apply,
    ROTOCAP_PT_capture,
    ROTOCAP_PT_video,
)
from . import device_check, jobs, models, overlay
from .correct_properties import RotocapCleanStep, RotocapCorrections, RotocapPin
from .edits_properties import RotocapEdit, RotocapEdits
from .performance_properties import RotocapPerformance
from .preferences import RotocapPreferences
from .properties import RotocapSettings
from .retarget_properties import RotocapMappedBone, RotocapRetargetSettings, RotocapRig
from .see_properties import RotocapSee

CLASSES: tuple[type, ...] = (
    RotocapPreferences,
    RotocapMappedBone,
    RotocapEdit,
    RotocapEdits,
    RotocapRig,
    RotocapRetargetSettings,
    RotocapCleanStep,
    RotocapPin,
    RotocapCorrections,
    RotocapPerformance,
    RotocapSee,
    RotocapSettings,
    ROTOCAP_OT_import_video,
    ROTOCAP_OT_import_motion,
    ROTOCAP_OT_export_motion,
    ROTOCAP_OT_capture,
    ROTOCAP_OT_stop_capture,
    ROTOCAP_OT_apply_new_armature,
    ROTOCAP_OT_apply_to_armature,
    ROTOCAP_OT_find_bone_map,
    ROTOCAP_OT_load_bone_map,
    ROTOCAP_OT_save_bone_map,
    ROTOCAP_OT_go_to_frame,
    ROTOCAP_OT_open_help,
    ROTOCAP_OT_open_preferences,
    ROTOCAP_OT_download_model,
    ROTOCAP_OT_cancel_model_download,
    ROTOCAP_OT_dismiss_model_message,
    ROTOCAP_OT_remove_model,
    ROTOCAP_OT_install_model_file,
    ROTOCAP_OT_check_device,
    ROTOCAP_MT_presets,
    ROTOCAP_UL_bone_map,
    ROTOCAP_PT_quick_start,
    ROTOCAP_PT_video,
    ROTOCAP_PT_capture,
    ROTOCAP_PT_apply,
    ROTOCAP_PT_character,
    ROTOCAP_PT_bone_map,
    ROTOCAP_PT_transfer,
    ROTOCAP_PT_certificate,
    ROTOCAP_PT_help,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.rotocap = bpy.props.PointerProperty(type=RotocapSettings)
    bpy.types.Object.rotocap = bpy.props.PointerProperty(type=RotocapRig, override={"LIBRARY_OVERRIDABLE"})
    overlay.enable()


def unregister() -> None:
    overlay.disable()
    jobs.stop()
    models.stop()
    device_check.stop()
    del bpy.types.Object.rotocap
    del bpy.types.Scene.rotocap
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

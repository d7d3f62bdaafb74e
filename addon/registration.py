# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of everything that Blender has to know, in the order in which it has to know it.

The only module here that knows the operators and panels.
"""

from __future__ import annotations

import bpy

from ..operators.apply_face import ROTOCAP_OT_apply_face
from ..operators.apply_new_armature import ROTOCAP_OT_apply_new_armature
from ..operators.apply_to_armature import ROTOCAP_OT_apply_to_armature
from ..operators.bone_map import (
    ROTOCAP_OT_find_bone_map,
    ROTOCAP_OT_load_bone_map,
    ROTOCAP_OT_save_bone_map,
)
from ..operators.capture import (
    ROTOCAP_OT_capture,
    ROTOCAP_OT_put_in_capture,
    ROTOCAP_OT_stop_capture,
)
from ..operators.capture_told import ROTOCAP_OT_escape_capture
from ..operators.correct_again import ROTOCAP_OT_capture_again, ROTOCAP_OT_take_from_person
from ..operators.correct_clean import (
    ROTOCAP_OT_add_step,
    ROTOCAP_OT_move_step,
    ROTOCAP_OT_remove_step,
    ROTOCAP_OT_step_frame,
)
from ..operators.correct_contacts import (
    ROTOCAP_OT_hold_hand,
    ROTOCAP_OT_make_lanes,
    ROTOCAP_OT_put_down,
    ROTOCAP_OT_remove_lanes,
)
from ..operators.correct_layers import ROTOCAP_OT_toggle_edits, ROTOCAP_OT_toggle_layer
from ..operators.correct_points import (
    ROTOCAP_OT_drag_point,
    ROTOCAP_OT_remove_point,
    ROTOCAP_OT_update_motion,
)
from ..operators.correct_pose import (
    ROTOCAP_OT_correct_pose,
    ROTOCAP_OT_remove_edit,
    ROTOCAP_OT_reshape_edits,
)
from ..operators.correct_solving import ROTOCAP_OT_escape_correction, ROTOCAP_OT_stop_correction
from ..operators.export_motion import ROTOCAP_OT_export_motion
from ..operators.find_video import ROTOCAP_OT_find_video
from ..operators.go_to_doubt import ROTOCAP_OT_go_to_doubt
from ..operators.go_to_frame import ROTOCAP_OT_go_to_frame
from ..operators.go_to_slide import ROTOCAP_OT_go_to_slide
from ..operators.help import ROTOCAP_OT_open_help, ROTOCAP_OT_open_preferences
from ..operators.import_motion import ROTOCAP_OT_import_motion
from ..operators.import_video import (
    ROTOCAP_FH_video,
    ROTOCAP_OT_import_video,
    ROTOCAP_OT_use_movie_clip,
)
from ..operators.models_download import (
    ROTOCAP_OT_ask_model_sizes,
    ROTOCAP_OT_cancel_model_download,
    ROTOCAP_OT_check_device,
    ROTOCAP_OT_dismiss_model_message,
    ROTOCAP_OT_download_model,
    ROTOCAP_OT_remove_model,
)
from ..operators.models_file import ROTOCAP_OT_install_model_file
from ..operators.performance_delete import ROTOCAP_OT_performance_delete
from ..operators.performance_duplicate import ROTOCAP_OT_performance_duplicate
from ..operators.performance_merge import ROTOCAP_OT_performance_merge
from ..operators.performance_solo import ROTOCAP_OT_performance_solo
from ..operators.performance_split import ROTOCAP_OT_performance_split
from ..operators.pick_person import ROTOCAP_OT_pick_person
from ..operators.queue import (
    ROTOCAP_OT_queue_add,
    ROTOCAP_OT_queue_add_current,
    ROTOCAP_OT_queue_remove,
    ROTOCAP_OT_queue_run,
    ROTOCAP_OT_queue_use,
)
from ..operators.side_by_side import ROTOCAP_OT_side_by_side
from ..panels import video as video_menus
from ..panels.capture import (
    ROTOCAP_PT_capture,
    ROTOCAP_PT_capture_more,
    ROTOCAP_PT_queue,
    ROTOCAP_UL_queue,
)
from ..panels.correct import (
    ROTOCAP_PT_clean_up,
    ROTOCAP_PT_contacts,
    ROTOCAP_PT_correct,
    ROTOCAP_PT_edits,
    ROTOCAP_PT_points,
    ROTOCAP_UL_edits,
    ROTOCAP_UL_points,
    ROTOCAP_UL_steps,
)
from ..panels.face import ROTOCAP_PT_face
from ..panels.help import ROTOCAP_PT_help, ROTOCAP_PT_quick_start
from ..panels.performances import ROTOCAP_PT_performances, ROTOCAP_UL_performances
from ..panels.retarget import (
    ROTOCAP_MT_presets,
    ROTOCAP_PT_bone_map,
    ROTOCAP_PT_certificate,
    ROTOCAP_PT_character,
    ROTOCAP_PT_transfer,
    ROTOCAP_UL_bone_map,
)
from ..panels.see import ROTOCAP_PT_see
from ..panels.sidebar import ROTOCAP_PT_apply
from ..panels.video import ROTOCAP_PT_video
from . import (
    capture_keys,
    capture_queue,
    capture_session,
    correct_session,
    correct_watch,
    device_check,
    footage,
    model_sizes,
    models,
    overlay,
    performance_edits,
)
from .correct_properties import RotocapCleanStep, RotocapCorrections, RotocapPin
from .edits_properties import RotocapEdit, RotocapEdits
from .footage_properties import RotocapFootage
from .performance_properties import RotocapPerformance, RotocapTakeEdition
from .preferences import RotocapPreferences
from .properties import RotocapSettings
from .queue_properties import RotocapQueued
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
    RotocapTakeEdition,
    RotocapSee,
    RotocapQueued,
    RotocapFootage,
    RotocapSettings,
    ROTOCAP_OT_import_video,
    ROTOCAP_OT_use_movie_clip,
    ROTOCAP_OT_find_video,
    ROTOCAP_FH_video,
    ROTOCAP_OT_import_motion,
    ROTOCAP_OT_export_motion,
    ROTOCAP_OT_capture,
    ROTOCAP_OT_put_in_capture,
    ROTOCAP_OT_stop_capture,
    ROTOCAP_OT_escape_capture,
    ROTOCAP_OT_pick_person,
    ROTOCAP_OT_queue_add,
    ROTOCAP_OT_queue_add_current,
    ROTOCAP_OT_queue_remove,
    ROTOCAP_OT_queue_use,
    ROTOCAP_OT_queue_run,
    ROTOCAP_OT_apply_new_armature,
    ROTOCAP_OT_apply_to_armature,
    ROTOCAP_OT_apply_face,
    ROTOCAP_OT_find_bone_map,
    ROTOCAP_OT_load_bone_map,
    ROTOCAP_OT_save_bone_map,
    ROTOCAP_OT_go_to_frame,
    ROTOCAP_OT_go_to_doubt,
    ROTOCAP_OT_go_to_slide,
    ROTOCAP_OT_performance_delete,
    ROTOCAP_OT_performance_duplicate,
    ROTOCAP_OT_performance_merge,
    ROTOCAP_OT_performance_split,
    ROTOCAP_OT_performance_solo,
    ROTOCAP_OT_side_by_side,
    ROTOCAP_OT_toggle_layer,
    ROTOCAP_OT_toggle_edits,
    ROTOCAP_OT_update_motion,
    ROTOCAP_OT_correct_pose,
    ROTOCAP_OT_remove_edit,
    ROTOCAP_OT_reshape_edits,
    ROTOCAP_OT_add_step,
    ROTOCAP_OT_remove_step,
    ROTOCAP_OT_move_step,
    ROTOCAP_OT_step_frame,
    ROTOCAP_OT_make_lanes,
    ROTOCAP_OT_remove_lanes,
    ROTOCAP_OT_put_down,
    ROTOCAP_OT_hold_hand,
    ROTOCAP_OT_drag_point,
    ROTOCAP_OT_remove_point,
    ROTOCAP_OT_capture_again,
    ROTOCAP_OT_take_from_person,
    ROTOCAP_OT_stop_correction,
    ROTOCAP_OT_escape_correction,
    ROTOCAP_OT_open_help,
    ROTOCAP_OT_open_preferences,
    ROTOCAP_OT_ask_model_sizes,
    ROTOCAP_OT_download_model,
    ROTOCAP_OT_cancel_model_download,
    ROTOCAP_OT_dismiss_model_message,
    ROTOCAP_OT_remove_model,
    ROTOCAP_OT_install_model_file,
    ROTOCAP_OT_check_device,
    ROTOCAP_MT_presets,
    ROTOCAP_UL_bone_map,
    ROTOCAP_UL_performances,
    ROTOCAP_PT_quick_start,
    ROTOCAP_PT_video,
    ROTOCAP_PT_capture,
    ROTOCAP_PT_capture_more,
    ROTOCAP_UL_queue,
    ROTOCAP_PT_queue,
    ROTOCAP_PT_apply,
    ROTOCAP_PT_performances,
    ROTOCAP_PT_see,
    ROTOCAP_UL_steps,
    ROTOCAP_UL_edits,
    ROTOCAP_UL_points,
    ROTOCAP_PT_correct,
    ROTOCAP_PT_edits,
    ROTOCAP_PT_contacts,
    ROTOCAP_PT_clean_up,
    ROTOCAP_PT_points,
    ROTOCAP_PT_character,
    ROTOCAP_PT_bone_map,
    ROTOCAP_PT_transfer,
    ROTOCAP_PT_certificate,
    ROTOCAP_PT_face,
    ROTOCAP_PT_help,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.rotocap = bpy.props.PointerProperty(type=RotocapSettings)
    bpy.types.Object.rotocap = bpy.props.PointerProperty(type=RotocapRig, override={"LIBRARY_OVERRIDABLE"})
    footage.enable()
    video_menus.enable()
    capture_session.enable()
    capture_queue.enable()
    capture_keys.enable()
    overlay.enable()
    performance_edits.enable()
    correct_watch.enable()
    correct_session.enable()


def unregister() -> None:
    correct_session.disable()
    correct_watch.disable()
    performance_edits.disable()
    overlay.disable()
    capture_keys.disable()
    capture_queue.disable()
    capture_session.disable()
    video_menus.disable()
    footage.disable()
    model_sizes.stop()
    models.stop()
    device_check.stop()
    del bpy.types.Object.rotocap
    del bpy.types.Scene.rotocap
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension registers, loads nothing heavy, and leaves nothing behind."""

from __future__ import annotations

import sys

import bpy
import pytest

HEAVY = ("onnxruntime", "cv2", "scipy")
OPERATORS = ("import_video", "capture", "stop_capture", "apply_new_armature", "apply_to_armature")


def test_it_is_enabled() -> None:
    assert "bl_ext.user_default.rotocap" in bpy.context.preferences.addons
    for name in OPERATORS:
        assert getattr(bpy.ops.rotocap, name).get_rna_type().description
    assert hasattr(bpy.types, "ROTOCAP_PT_capture")


def test_nothing_heavy_is_loaded_by_it() -> None:
    assert [name for name in HEAVY if name in sys.modules] == []


def test_a_whole_apply_loads_nothing_heavy(scene, known_motion, known_take) -> None:
    scene.rotocap.take = str(known_take(known_motion()))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    scene.rotocap.retarget.reduce = True
    assert bpy.ops.rotocap.apply_to_armature() == {"FINISHED"}
    assert [name for name in HEAVY if name in sys.modules] == []


def test_every_property_says_what_it_is(scene) -> None:
    for group in (scene.rotocap, scene.rotocap.retarget):
        for name, prop in group.bl_rna.properties.items():
            if name in ("rna_type", "name") or prop.is_hidden:
                continue
            assert prop.description, name


def test_it_can_be_disabled_and_enabled_again() -> None:
    module = "bl_ext.user_default.rotocap"
    bpy.ops.preferences.addon_disable(module=module)
    assert not hasattr(bpy.types.Scene, "rotocap")
    assert not hasattr(bpy.types, "ROTOCAP_PT_capture")
    bpy.ops.preferences.addon_enable(module=module)
    assert hasattr(bpy.types.Scene, "rotocap")


def test_operators_refuse_without_a_video(scene) -> None:
    assert not bpy.ops.rotocap.capture.poll()
    assert not bpy.ops.rotocap.apply_new_armature.poll()
    with pytest.raises(RuntimeError, match="no such file"):
        bpy.ops.rotocap.import_video(filepath="/nowhere/Großer Clip.mp4")

# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as an animator installs it, and what the stories ask it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import bpy
from window import HERE, Steps, in_viewport, picture, say, show_tab, viewport

PACKAGE = "bl_ext.user_default.rotocap"
VIDEO = HERE / "Sample clip.mp4"
TAKE = HERE / "Sample clip.take"


def module(name: str) -> ModuleType:
    """One of the extension's own, `addon.jobs`."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def session() -> object:
    """The capture that runs, or the last one that ran."""
    found = module("addon.capture_session").current()
    assert found is not None, "no capture was started"
    return found


def armatures() -> list[bpy.types.Object]:
    return [ob for ob in bpy.context.scene.objects if ob.type == "ARMATURE" and not ob.name.startswith(".")]


def install() -> Steps:
    """The zip, from the disk, and our tab in the sidebar."""
    done = bpy.ops.extensions.package_install_files(
        filepath=str(HERE / "rotocap.zip"), repo="user_default", enable_on_install=True, overwrite=True
    )
    assert done == {"FINISHED"}, done
    say(f"installed in Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    yield 1.0
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    assert viewport()[1].type == "VIEW_3D"
    yield from show_tab()
    picture("01_installed.png")


def with_take() -> Steps:
    """A new file, as Blender starts, with the captured person in it."""
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    scene = bpy.context.scene
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(VIDEO)) == {"FINISHED"}
        scene.rotocap.take = str(TAKE)
        assert bpy.ops.rotocap.apply_new_armature("EXEC_DEFAULT", True) == {"FINISHED"}
    yield 0.5

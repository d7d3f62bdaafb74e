# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigify's meta-rigs, and rigs that Rigify generates for real. Needs Blender (the bpy wheel will do).

    metarig(kind), generated(kind) -> bpy object, linked to the scene; kind: "basic" or "human"

Rigify runs in a process of its own: it leaves things behind that keep Blender from ending.
Without the human meta-rig's face: its many bones take minutes to generate and play no part here.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

METARIGS = {"human": "rigify.metarigs.human", "basic": "rigify.metarigs.Basic.basic_human"}
META, RIG = "meta-rig", "rig"


def metarig(kind: str) -> Any:
    """A meta-rig's armature object."""
    return _appended(kind, META)


def generated(kind: str) -> Any:
    """The rig that Rigify generates from it."""
    return _appended(kind, RIG)


def _appended(kind: str, name: str) -> Any:
    import bpy

    with bpy.data.libraries.load(str(_file(kind))) as (_, wanted):
        wanted.objects = [name]
    (made,) = wanted.objects
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.update()
    return made


@cache
def _file(kind: str) -> Path:
    """A .blend with both, made once a process."""
    folder = Path(tempfile.mkdtemp(prefix="rigify-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"{kind}.blend"
    ran = subprocess.run([sys.executable, __file__, kind, path], capture_output=True, text=True, check=False)
    if not path.is_file():
        raise RuntimeError(f"Rigify made no {kind} rig: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return path


def _make(kind: str, path: str) -> None:
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    with contextlib.redirect_stdout(io.StringIO()):
        bpy.ops.preferences.addon_enable(module="rigify")
    # The bpy wheel registers them only when told to.
    importlib.import_module("rigify").register_rig_parameters()
    data = bpy.data.armatures.new(META)
    made = bpy.data.objects.new(META, data)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    made.select_set(True)
    importlib.import_module(METARIGS[kind]).create(made)
    bpy.ops.object.mode_set(mode="EDIT")
    for name in [bone.name for bone in made.pose.bones if bone.rigify_type.startswith("faces")]:
        for bone in (*data.edit_bones[name].children_recursive, data.edit_bones[name]):
            data.edit_bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    importlib.import_module("rigify.generate").generate_rig(bpy.context, made)
    data.rigify_target_rig.name = RIG
    bpy.ops.wm.save_as_mainfile(filepath=path)


if __name__ == "__main__":
    # A file named as Rigify's package must not be found in its place.
    sys.path[:] = [
        entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent
    ]
    _make(sys.argv[1], sys.argv[2])
    os._exit(0)

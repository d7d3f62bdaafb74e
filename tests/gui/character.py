# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on the animator's own character, from the sidebar's Character panels, in a real window."""

from __future__ import annotations

import importlib
import json
import sys

import bpy
from installed import TAKE, module
from window import Steps, click, picture, press, say, scroll_down, show_tab, viewport

HEADER = 27  # pixels from a button's middle to the next panel's header


def story() -> Steps:
    """A Mixamo character gets the captured take; Rotocap is installed, its tab is open."""
    bpy.ops.wm.read_homefile(app_template="")
    yield 0.5
    yield from show_tab()
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    # The rigs need scipy and the skeleton, which came with the extension under its own name.
    sys.modules["rotocap"] = sys.modules["bl_ext.user_default.rotocap"]
    rig = importlib.import_module("rigs.build").armature("mixamo")
    for alias in [name for name in sys.modules if name == "rotocap" or name.startswith("rotocap.")]:
        del sys.modules[alias]  # Blender warns of extensions with modules outside their own package
    name = rig.name
    bpy.context.view_layer.objects.active = rig
    rig.select_set(True)
    scene = bpy.context.scene
    scene.rotocap.take = str(TAKE)
    rig.show_in_front = True
    _, area, _ = viewport()
    view = area.spaces.active.region_3d
    view.view_perspective = "PERSP"
    view.view_rotation = (0.66, 0.56, 0.32, 0.38)
    view.view_location, view.view_distance = (0.3, 0.0, 0.85), 3.2
    scene.frame_set(1)
    bpy.ops.ed.undo_push(message="A character")
    yield 0.5

    for first in ("rotocap.take", "rotocap.people", "bpy.ops.rotocap.import_video"):
        yield from click(first, above=HEADER)  # close the panels above
    yield 0.3
    picture("30_character.png")
    yield from click("retarget.rig", above=HEADER, ctrl=True)
    yield 0.3
    picture("31_all_open.png")
    yield from click("retarget.root_motion", above=HEADER)
    yield 0.3
    yield from click("bpy.ops.rotocap.find_bone_map")
    yield 1.0
    found = bpy.data.objects[name].rotocap
    assert found.preset == "mixamo", (found.preset, found.score)
    say(f"found: {found.preset}, {found.score:.0%}")
    yield 1.0  # panels slide into their places
    picture("32_found.png")

    yield from click("bpy.ops.rotocap.apply_to_armature")
    yield 2.0
    rig = bpy.data.objects[name]
    certificate = json.loads(rig.rotocap.certificate)
    assert certificate["frames"] > 50, certificate["frames"]
    assert len(rig.animation_data.nla_tracks) == 1
    picture("33_applied.png")

    # Another setting, applied again: in the place of the first result, not beside it.
    actions = len(bpy.data.actions)
    scene.rotocap.retarget.fingers = False
    bpy.ops.ed.undo_push(message="Without fingers")
    yield from click("bpy.ops.rotocap.apply_to_armature")
    yield 1.0
    rig = bpy.data.objects[name]
    (track,) = rig.animation_data.nla_tracks
    (strip,) = track.strips
    assert len(bpy.data.actions) == actions, [action.name for action in bpy.data.actions]
    bones = {curve.data_path for curve in module("addon.blender_versions").curves_of(strip.action)}
    assert not any("Index" in path for path in bones) and any("Spine" in path for path in bones), bones
    say(f"applied again without fingers: {actions} action still, {len(bones)} moved channels")

    yield from click("bpy.ops.rotocap.find_bone_map", above=HEADER)
    yield from scroll_down()
    yield 1.0  # panels slide into their places
    picture("34_certificate.png")

    before = scene.frame_current
    for _ in range(3):  # the second result, the setting, the first result
        yield from press("Z", ctrl=True)
    yield 0.5
    rig = bpy.data.objects[name]
    assert rig.animation_data is None or not rig.animation_data.nla_tracks, "undo takes it away"
    assert not rig.rotocap.certificate
    assert rig.rotocap.preset == "mixamo", "and leaves the map"
    say(f"undo takes the motion off the character (frame {before} -> {bpy.context.scene.frame_current})")
    picture("35_undone.png")

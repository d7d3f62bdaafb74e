# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to look: doubtful frames, slides, the ghost of the raw capture, both views, doubt as curves."""

from __future__ import annotations

import subprocess

import bpy
from installed import armatures, module, with_take
from window import OUT, Steps, click, picture, say

ACROSS = 0.6  # of a row that begins with an arrow back
BESIDE = 0.75  # the last one of the ghost's three


def viewports() -> list[bpy.types.Area]:
    screen = bpy.context.window_manager.windows[0].screen
    return [area for area in screen.areas if area.type == "VIEW_3D"]


def place(area: bpy.types.Area) -> dict[str, object]:
    """For a command as if it were pressed in an area."""
    window = bpy.context.window_manager.windows[0]
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def timeline() -> bpy.types.Area:
    screen = bpy.context.window_manager.windows[0].screen
    return next(area for area in screen.areas if area.type == "DOPESHEET_EDITOR")


def differ(one: str, other: str, area: bpy.types.Area) -> int:
    """How many pixels of two pictures differ in an area, without its sidebar."""
    top = bpy.context.window_manager.windows[0].height - area.y - area.height
    width = next((region.x for region in area.regions if region.type == "UI"), area.width) - area.x
    part = f"{width}x{area.height}+{area.x}+{top}"
    paths = [f"{OUT / name}[{part}]" for name in (one, other)]
    told = subprocess.run(["compare", "-metric", "AE", "-fuzz", "3%", *paths, "null:"], capture_output=True)
    return int(float(told.stderr.split()[0]))


def story() -> Steps:
    yield from with_take()
    scene = bpy.context.scene
    entry = scene.rotocap.performances[0]
    doubt = module("addon.captured").of(entry, wait=True).doubt
    scene.rotocap.see.doubtful = float(sorted(doubt)[len(doubt) * 9 // 10])  # a tenth is doubtful
    scene.frame_set(1)
    yield 0.3
    yield from click("bpy.ops.rotocap.go_to_doubt", across=ACROSS)
    frame = scene.frame_current
    assert frame > 1, "it jumps to a doubtful frame"
    row = module("addon.captured").row_of(entry, scene)[1]
    assert doubt[row] > scene.rotocap.see.doubtful
    say(f"next doubtful frame: {frame}, {100.0 * doubt[row]:.1f} cm")
    yield 0.5
    picture("62_doubtful.png")
    yield from click("bpy.ops.rotocap.go_to_slide", across=ACROSS)

    # What is drawn over viewport and timeline, and that it is gone when it is switched off.
    spent = module("addon.overlay").spent
    spent()
    scene.frame_set(frame - 1)
    yield 0.5
    drawn = {cost.where for cost in spent()}
    assert drawn == {"viewport", "timeline"}, drawn
    picture("63_plain.png")
    yield from click("see.ghost", across=BESIDE)
    assert scene.rotocap.see.ghost == "beside"
    yield 0.5
    picture("63_ghost.png")
    ghost = differ("63_plain.png", "63_ghost.png", viewports()[0])
    scene.rotocap.see.ghost = "none"
    yield from click("see.strip")
    assert not scene.rotocap.see.strip
    yield 0.5
    picture("63_no_strip.png")
    strip = differ("63_plain.png", "63_no_strip.png", timeline())
    yield from click("see.strip")
    assert ghost > 2000 and strip > 500, (ghost, strip)
    say(f"{ghost} pixels of a ghost in the viewport, {strip} of doubt in the timeline")

    yield from click("bpy.ops.rotocap.side_by_side")
    yield 3.0
    assert len(viewports()) == 2
    kinds = {area.spaces.active.region_3d.view_perspective for area in viewports()}
    assert kinds == {"CAMERA", "PERSP"}, kinds
    spaces = {area.spaces.active.region_3d.view_perspective: area.spaces.active for area in viewports()}
    kinds = ("show_object_viewport_mesh", "show_object_viewport_armature")
    assert not any(getattr(spaces["CAMERA"], kind) for kind in kinds), "the video is not hidden by the body"
    assert all(getattr(spaces["PERSP"], kind) for kind in kinds)
    picture("64_side_by_side.png", page="performances")

    rig = armatures()[0]
    assert rig.data.animation_data is not None, "doubt has curves, on the armature's data"
    curves = next(area for area in viewports() if not area.spaces.active.show_region_ui)
    curves.type = "GRAPH_EDITOR"
    curves.spaces.active.show_region_ui = False
    yield 0.5
    with bpy.context.temp_override(**place(curves)):
        bpy.ops.graph.view_all()
        shown = {curve.data_path for curve in bpy.context.visible_fcurves}
    doubted = {f'["{module("addon.doubt_keys").label(limb)}"]' for limb in module("addon.doubt").LIMBS}
    assert doubted <= shown, (doubted, shown)
    yield 1.0
    picture("65_curves.png")
    curves.type = "VIEW_3D"
    yield 0.5
    shown = next(a for a in viewports() if a.spaces.active.show_region_ui)
    with bpy.context.temp_override(**place(shown)):
        assert bpy.ops.rotocap.side_by_side("INVOKE_DEFAULT") == {"FINISHED"}
    yield 1.0
    (left,) = viewports()
    assert all(getattr(left.spaces.active, kind) for kind in kinds), "body and armature are back"
    picture("66_one_view.png")

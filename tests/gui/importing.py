# SPDX-License-Identifier: GPL-3.0-or-later
"""A video from the sidebar's button and Blender's file browser, and from the two menus that name it."""

from __future__ import annotations

from pathlib import Path

import bpy
from installed import VIDEO
from window import (
    Steps,
    click,
    click_at,
    move,
    picture,
    press,
    say,
    show_tab,
    viewport,
    wait_for,
)

FILE_MENU = (46, 987)  # in the window, whose size gui_chroot.sh says
PLACE = (200, 300)  # where another menu comes up


def browser() -> bpy.types.Area | None:
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    return next((area for area in areas if area.type == "FILE_BROWSER"), None)


def middle(region: bpy.types.Region, across: float) -> tuple[int, int]:
    """A place in a region: 0 is its left edge and 1 its right."""
    return region.x + int(region.width * across), region.y + region.height // 2


def imported() -> None:
    """The video is in the scene, with its camera, which is looked through."""
    scene = bpy.context.scene
    assert Path(scene.rotocap.video) == VIDEO, scene.rotocap.video
    assert viewport()[1].spaces.active.region_3d.view_perspective == "CAMERA"
    assert scene.frame_end == 120 and scene.render.fps == 30, (scene.frame_end, scene.render.fps)


def choose(file: Path, *, shown: str = "") -> Steps:
    """Type where a file is into the file browser that comes up, and press its button."""
    yield from wait_for(lambda: browser() is not None, "the file browser", seconds=10)
    yield 1.0
    regions = {region.type: region for region in browser().regions}
    path = middle(regions["UI"], 0.4)
    yield from click_at(*path)
    bpy.context.window_manager.clipboard = str(file)
    for key in "AV":
        yield from press(key, ctrl=True, at=path)
    yield from press("RET", at=path)
    yield 0.5
    if shown:
        picture(shown)
    yield from click_at(*middle(regions["EXECUTE"], 0.93))
    yield from wait_for(lambda: browser() is None, "the file is taken", seconds=20)
    yield 0.5


def last_entry(at: tuple[int, int]) -> Steps:
    """Of the menu that is open: our entries come after Blender's."""
    for key in ("UP_ARROW", "RET"):
        yield from press(key, at=at)


def story() -> Steps:
    bpy.ops.wm.read_homefile(app_template="")
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    yield 1.0
    yield from show_tab()
    yield from click("bpy.ops.rotocap.import_video")
    yield from choose(VIDEO, shown="83_file_browser.png")
    imported()
    say("imported by the button")
    yield from press("Z", ctrl=True)
    assert not bpy.context.scene.rotocap.video, "one undo step"

    yield from click_at(*FILE_MENU)
    yield 0.7
    yield from press("M", text="m", at=FILE_MENU)  # the letter that is underlined in Import
    yield 0.5
    picture("84_import_menu.png")
    yield from last_entry(FILE_MENU)
    yield from choose(VIDEO)
    imported()
    say("imported by File > Import")
    yield from press("Z", ctrl=True)
    assert not bpy.context.scene.rotocap.video, "one undo step"

    window, area, _ = viewport()
    clip = bpy.data.movieclips.load(str(VIDEO))
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = clip
    yield 0.5
    yield from move(*PLACE)
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.wm.call_menu(name="CLIP_MT_clip")
    yield 0.5
    picture("84_clip_menu.png")
    yield from last_entry(PLACE)
    area.type = "VIEW_3D"
    yield 0.5
    settings = bpy.context.scene.rotocap
    assert Path(bpy.path.abspath(settings.video)) == VIDEO and settings.footage.clip == clip, settings.video
    say("taken from the Movie Clip Editor")

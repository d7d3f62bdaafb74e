# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos dropped from a file manager into the 3D viewport: one, several, and what is no video."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import bpy
from installed import VIDEO
from window import HERE, Steps, picture, press, say, show_tab, viewport, wait_for

SOURCE = HERE / "drop_files.py"


def drop(*files: Path) -> Steps:
    """From a process of its own into the viewport, as a file manager does; of Blender's menu, ours."""
    window, area, _ = viewport()
    x, y = area.x + area.width // 4, area.y + area.height // 2
    command = ["python3", str(SOURCE), str(x), str(window.height - y), *map(str, files)]
    source = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    yield from wait_for(lambda: source.poll() is not None, "the drop is taken", seconds=60)
    assert source.returncode == 0, source.stderr.read()
    yield 1.0
    picture(f"80_dropped_{len(files)}.png")
    yield from press("I", text="i", at=(x, y))  # the letter that is underlined in Import Video
    yield 1.0


def story() -> Steps:
    """Blender lets choose what becomes of a video: it would make an empty with an image of it as well."""
    clips = (HERE / "Tanz links.mp4", HERE / "Tanz rechts.mp4")
    for clip in clips:
        shutil.copy(VIDEO, clip)
    notes = HERE / "notes.mp4"
    notes.write_text("these are notes", encoding="utf-8")
    for dropped in ((VIDEO,), clips, (notes,)):
        bpy.ops.wm.read_homefile(app_template="")
        yield 1.0
        yield from show_tab()
        before = len(bpy.context.scene.objects)
        yield from drop(*dropped)
        settings = bpy.context.scene.rotocap
        queued = [entry.name for entry in settings.queue]
        if dropped == (notes,):
            picture("81_dropped_notes.png")
            yield from press("ESC")  # the message
            assert not settings.video and len(bpy.context.scene.objects) == before
            say("dropped something else that is called .mp4: nothing is imported")
            continue
        yield from wait_for(lambda: bool(bpy.context.scene.rotocap.video), "the import", seconds=10)
        settings = bpy.context.scene.rotocap
        queued = [entry.name for entry in settings.queue]
        assert Path(settings.video) == dropped[0], settings.video
        assert viewport()[1].spaces.active.region_3d.view_perspective == "CAMERA"
        assert queued == ([clip.name for clip in clips] if len(dropped) > 1 else []), queued
        say(f"dropped from another program: {dropped[0].name} is shown; in the queue: {queued}")
        picture(f"82_imported_{len(dropped)}.png")
        yield from press("Z", ctrl=True)
        assert not bpy.context.scene.rotocap.video and not bpy.context.scene.rotocap.queue, "one undo step"

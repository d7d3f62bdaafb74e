# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender is quit in the middle of a capture, and killed; each time a new one goes on where that was.

Three acts, each in a Blender of its own. Between them tools/gui_chroot.sh looks that no process stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal

import bpy
from capturing import over, people, read, started
from installed import PACKAGE, VIDEO, module, session
from window import HERE, Steps, in_viewport, picture, press, say, show_tab, wait_for

CLIP, BLEND = HERE / "Langer Tag.mp4", HERE / "Langer Tag.blend"
TAKE = CLIP.with_suffix(".take")
NOTE = HERE / "left.json"  # what an act leaves to the next one
SOME, MORE, ALL = 10, 30, 60  # frames: read when Blender ends, and wanted


def take() -> object:
    return module("inference.take").Take.open(TAKE)


def note(what: str) -> None:
    """What was reached, for the next act: how many frames, and what of them is on the disk."""
    NOTE.write_text(json.dumps({"by": what, "read": session().job.state.done, "files": stored()}))


def stored() -> dict[str, str]:
    """The frames that are on the disk, by file."""
    return {
        str(path.relative_to(TAKE)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((TAKE / "chunks").glob("*"))
    }


def quits() -> Steps:
    """Saved, then Ctrl+Q while frames are read."""
    shutil.copy(VIDEO, CLIP)
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(CLIP)) == {"FINISHED"}
    settings = bpy.context.scene.rotocap
    settings.use_range, settings.first, settings.last = True, 1, ALL
    bpy.ops.wm.save_as_mainfile(filepath=str(BLEND))
    yield from started()
    yield from wait_for(lambda: read(SOME), "progress", seconds=60)
    picture("70_leaving.png")
    note("quit")
    say(f"Ctrl+Q when {session().job.state.done} frames are read")
    yield from press("Q", text="q", ctrl=True)
    yield 2.0
    picture("71_asked.png")  # still there: it asks whether to save
    yield from press("RET")
    yield 20.0


def goes_on(count: int) -> Steps:
    """The file opened in a new Blender, Go On pressed, and nothing read that was read before."""
    assert PACKAGE in bpy.context.preferences.addons, "the extension is enabled without our doing"
    left = json.loads(NOTE.read_text(encoding="utf-8"))
    bpy.ops.wm.open_mainfile(filepath=str(BLEND))
    yield 1.0
    yield from show_tab()
    found = take()
    assert found.status == "incomplete" and found.frames_read >= left["read"], (found.frames_read, left)
    offered = module("addon.capture_request").unfinished(bpy.context.scene.rotocap)
    left_to_read = ALL - found.next_frame
    assert offered is not None and offered.frames_left == left_to_read, (offered, left_to_read)
    picture(f"72_after_{left['by']}.png")
    files = stored()
    assert files, "what was read is on the disk"
    yield from started()
    job = session().job
    assert job.request.take == TAKE, job.request.take
    yield from wait_for(lambda: job.state.total > 0 or not job.state.reading, "progress", seconds=60)
    first = job.state.done if job.state.reading else ALL
    assert first >= found.frames_read, (first, found.frames_read)
    say(f"after {left['by']}: {offered.text()}; it goes on with {first} of {ALL}")
    yield from wait_for(lambda: read(count), "it goes on", seconds=120)
    assert {name: stored().get(name) for name in files} == files, "what was read is not written again"


def is_killed() -> Steps:
    """It goes on, and Blender is killed: it can save nothing and tell nobody."""
    yield from goes_on(MORE)
    picture("73_going_on.png")
    note("SIGKILL")
    say(f"SIGKILL when {session().job.state.done} frames are read")
    os.kill(os.getpid(), signal.SIGKILL)
    yield 20.0


def finishes() -> Steps:
    """It goes on once more, to the end."""
    yield from goes_on(MORE)
    yield from wait_for(over, "the end of the capture", seconds=600)
    outcome = session().job.outcome
    assert outcome.status == "done" and not session().failed, (outcome, session().failed)
    found = take()
    assert found.status == "complete" and found.frames_read == ALL
    assert [(first, last) for _, first, last in people()] == [(1, ALL)], people()
    say(f"captured by three Blenders: {outcome.message} {found.frames_read} frames, each read once")
    bpy.context.scene.frame_set(45)
    yield 1.0
    picture("74_finished.png")


ENDS = {quits: 0, is_killed: 128 + signal.SIGKILL}  # acts in which Blender ends, and its exit status then

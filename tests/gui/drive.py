# SPDX-License-Identifier: GPL-3.0-or-later
"""An animator's work in a real window, by mouse and keyboard. Run by tools/gui_chroot.sh.

    blender --enable-event-simulate --python drive.py [-- STORY ...]

Installs the zip and lets the stories act one after the other: they find buttons by hovering
(Blender tells which command is under the mouse), press them, watch that the window stays
alive, and take pictures on the way. A story that fails is told, and the next one goes on.
"""

from __future__ import annotations

import sys
import time
import traceback

import bpy
import capturing
import character
import correcting
import filing
import queueing
import rendering
import seeing
from installed import install
from window import OUT, PATIENCE, Steps, picture, report, say

STORIES = {
    "capturing": capturing.story,
    "correcting": correcting.story,
    "character": character.story,
    "seeing": seeing.story,
    "rendering": rendering.story,
    "queueing": queueing.story,
    "filing": filing.story,
}

bpy.context.preferences.view.show_splash = False
chosen = sys.argv[sys.argv.index("--") + 1 :] or list(STORIES)
failed: list[str] = []
begun = time.monotonic()


def all_of_it() -> Steps:
    yield from install()
    for name in chosen:
        say(f"--- {name}")
        story_begun = time.monotonic()
        try:
            yield from STORIES[name]()
        except Exception:
            failed.append(name)
            say(f"FAILED {name}:\n{traceback.format_exc()}")
            picture(f"failed_{name}.png")
        say(f"--- {name}: {time.monotonic() - story_begun:.0f} s")


steps = all_of_it()


def drive() -> float | None:
    try:
        return next(steps)
    except StopIteration:
        say(f"all done in {time.monotonic() - begun:.0f} s, with waits {PATIENCE:.1f} times as long as usual")
    except BaseException:
        failed.append("the drive")
        traceback.print_exc()
    if failed:
        say(f"failed: {', '.join(failed)}")
    (OUT / ("failed.txt" if failed else "result.txt")).write_text("\n".join(report) + "\n", encoding="utf-8")
    sys.stdout.flush()
    if failed:
        bpy.app.timers.register(lambda: sys.exit(3))
    bpy.ops.wm.quit_blender()
    return None


# Persistent: a story opens another file.
bpy.app.timers.register(drive, first_interval=1.5, persistent=True)

# SPDX-License-Identifier: GPL-3.0-or-later
"""An animator's work in a real window, by mouse and keyboard. Run by tools/gui_chroot.sh.

    blender --enable-event-simulate --python drive.py [-- STORY[:ACT] ...]

Installs the zip and lets the stories act one after the other: they find buttons by hovering
(Blender tells which command is under the mouse), press them, watch that the window stays
alive, and take pictures on the way. A story that fails is told, and the next one goes on.

Where Blender itself ends in a story, that has acts: out/next.txt says with which exit status, and what
the next Blender, which gui_chroot.sh starts then, goes on with.
"""

from __future__ import annotations

import sys
import time
import traceback

import bpy
import capturing
import character
import contacting
import correcting
import dropping
import escaping
import filing
import importing
import leaving
import performing
import picking
import queueing
import rendering
import seeing
from installed import install
from window import OUT, PATIENCE, Steps, picture, say

STORIES = {
    "capturing": (capturing.story,),
    "correcting": (correcting.story,),
    "contacting": (contacting.story,),
    "performing": (performing.story,),
    "picking": (picking.story,),
    "character": (character.story,),
    "seeing": (seeing.story,),
    "rendering": (rendering.story,),
    "queueing": (queueing.story,),
    "dropping": (dropping.story,),
    "importing": (importing.story,),
    "escaping": (escaping.story,),
    "filing": (filing.story,),
    "leaving": (leaving.quits, leaving.is_killed, leaving.finishes),
}
NEXT = OUT / "next.txt"

bpy.context.preferences.view.show_splash = False
chosen = sys.argv[sys.argv.index("--") + 1 :] or list(STORIES)
begun = time.monotonic()


def all_of_it() -> Steps:
    if ":" not in chosen[0]:
        yield from install()
    for place, named in enumerate(chosen):
        name, _, number = named.partition(":")
        number, act = int(number or 0), STORIES[name][int(number or 0)]
        say(f"--- {named}")
        act_begun = time.monotonic()
        try:
            if act in leaving.ENDS:
                left = [str(leaving.ENDS[act]), f"{name}:{number + 1}", *chosen[place + 1 :]]
                NEXT.write_text(" ".join(left) + "\n", encoding="utf-8")
            yield from act()
            assert act not in leaving.ENDS, "Blender did not end"
        except Exception:
            NEXT.unlink(missing_ok=True)
            fail(named)
            picture(f"failed_{name}.png")
        say(f"--- {named}: {time.monotonic() - act_begun:.0f} s")


def fail(name: str) -> None:
    say(f"FAILED {name}:\n{traceback.format_exc()}")
    with (OUT / "failed.txt").open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


steps = all_of_it()


def drive() -> float | None:
    try:
        return next(steps)
    except StopIteration:
        say(f"all done in {time.monotonic() - begun:.0f} s, with waits {PATIENCE:.1f} times as long as usual")
    except BaseException:
        fail("the drive")
    sys.stdout.flush()
    if (OUT / "failed.txt").exists():
        bpy.app.timers.register(lambda: sys.exit(3))
    bpy.ops.wm.quit_blender()
    return None


# Persistent: a story opens another file.
bpy.app.timers.register(drive, first_interval=1.5, persistent=True)

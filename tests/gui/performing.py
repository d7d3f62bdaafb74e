# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of performances by mouse: split, renamed, hidden, doubled, deleted, joined, and all undone."""

from __future__ import annotations

import shutil

import bpy
from capturing import people
from installed import TAKE, VIDEO, armatures, module
from window import (
    HERE,
    Steps,
    click,
    click_at,
    find,
    in_viewport,
    picture,
    press,
    say,
    show_tab,
    viewport,
)

SPLIT = 61
BELOW = 27  # pixels from a menu's button to its first entry
COPY = HERE / "people.take"
NAMES, EYES, LEFT, RIGHT = 0.3, 0.82, 0.25, 0.7  # where in the sidebar, see `find`


place: list[tuple[int, int]] = []  # what was looked for last


def names_in_take() -> list[str]:
    return [record.name for record in module("inference.take").Take.open(COPY).people]


def row(number: int) -> Steps:
    """The place of a name in the list, into `place`. A name is found by the eye beside it."""
    place.clear()
    yield from find(f"performances[{number}].visible", place, across=EYES)
    region = viewport()[2]
    place[0] = (region.x + int(region.width * NAMES), place[0][1])


def story() -> Steps:
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(TAKE, COPY)
    bpy.ops.wm.read_homefile(app_template="")
    yield 1.0
    yield from show_tab()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    scene = bpy.context.scene
    with bpy.context.temp_override(**in_viewport()):
        assert bpy.ops.rotocap.import_video("EXEC_DEFAULT", True, filepath=str(VIDEO)) == {"FINISHED"}
        scene.rotocap.take = str(COPY)
        assert bpy.ops.rotocap.apply_new_armature("EXEC_DEFAULT", True) == {"FINISHED"}
    ((name, first, last),) = whole = people()
    scene.frame_set(SPLIT)
    bpy.ops.ed.undo_push(message="The second one's first frame")
    yield 0.5

    yield from click("bpy.ops.rotocap.performance_split", across=RIGHT)
    parts = [(first, last) for _, first, last in people()]
    assert parts == [(first, SPLIT - 1), (SPLIT, last)], parts
    yield 0.5
    picture("85_split.png")

    yield from row(0)
    yield from click_at(*place[0], ctrl=True)  # as a double click, which simulated events know nothing of
    for letter in "Ada":
        yield from press(letter.upper(), text=letter, at=place[0])
    yield from press("RET", at=place[0])
    yield 0.3
    assert people()[0][0] == "Ada", people()
    ada = scene.rotocap.performances[0].armature
    assert ada.name == "Ada" and names_in_take()[0] == "Ada", (ada.name, names_in_take())
    picture("86_renamed.png")

    scene.frame_set(first + 5)
    yield from click("performances[0].visible", across=EYES)
    assert not ada.visible_get() and not scene.rotocap.performances[0].visible
    yield from click("performances[0].visible", across=EYES)
    assert ada.visible_get()

    yield from click("bpy.ops.rotocap.performance_duplicate", across=LEFT)
    yield 0.3
    assert len(people()) == 3, people()
    doubled = people()
    picture("87_doubled.png")
    chosen = scene.rotocap.performances[scene.rotocap.performance_index].name
    place.clear()
    yield from find("bpy.ops.rotocap.performance_delete", place, across=RIGHT)
    yield from click_at(*place[0])
    yield 0.5
    picture("88_asked.png")
    assert people() == doubled, "it asks before"
    yield from press("RET", at=place[0])
    yield 0.5
    assert chosen not in [name for name, *_ in people()] and len(people()) == 2, people()
    say(f"split, renamed, hidden and shown, doubled; {chosen} deleted: {people()}")

    yield from row(0)
    yield from click_at(*place[0])
    place.clear()
    yield from find("bpy.ops.rotocap.performance_split", place, across=RIGHT)
    region = viewport()[2]
    same = (region.x + int(region.width * LEFT), place[0][1])  # a button with a menu tells nothing
    yield from click_at(*same)
    yield 0.5
    picture("89_same_person.png")
    yield from click_at(same[0], same[1] - BELOW)  # the only one whom it offers
    yield 0.5
    assert people() == [("Ada", first, last)], people()
    assert len(armatures()) == 1 and len(names_in_take()) == 1, names_in_take()
    say(f"joined again: {people()}")
    picture("89_joined.png")

    for _ in range(12):
        if people() == whole and len(armatures()) == 1:
            break
        yield from press("Z", ctrl=True)
    assert people() == whole and names_in_take() == [name], (people(), names_in_take())
    say("undo takes all of it back, in the take, too")

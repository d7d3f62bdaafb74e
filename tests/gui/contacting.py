# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts as keys: made by a button, dragged in the dope sheet, put down at the playhead; all undone."""

from __future__ import annotations

import bpy
import numpy as np
from installed import armatures, module, with_take
from window import Steps, click, picture, press, say, viewport, wait_for

BELOW = -33  # pixels from the See panel's last field to the Correct panel's header
LONGER, LONGER_KEY = 7, "SEVEN"  # frames that a contact is dragged by
WHOLE = range(1, 121)
HEEL, TOE = 0.3, 0.65  # where the left foot's buttons are, see `find`


def lanes() -> dict[str, tuple[tuple[float, float], ...]]:
    return module("addon.contact_lanes").read(armatures()[0]) or {}


def ankles(side: str, frames: range) -> np.ndarray:
    """(N, 3) Where an ankle is in the world, metres."""
    scene, found = bpy.context.scene, []
    now = scene.frame_current
    for frame in frames:
        scene.frame_set(frame)
        armature = armatures()[0]
        found.append(armature.matrix_world @ armature.pose.bones[f"{side}_ankle"].head)
    scene.frame_set(now)
    return np.array(found)


def slide(side: str, frames: range) -> float:
    """How far an ankle goes in the floor's plane from where it is at first, metres."""
    places = ankles(side, frames)[:, :2]
    return float(np.linalg.norm(places - places[0], axis=1).max())


def choose_ends(side: str) -> None:
    """Of all keys only those are chosen that end a foot's first contact, as by clicks on them."""
    ends = {f'["{lane}"]': lanes()[lane][0][1] for lane in (f"{side}_heel", f"{side}_toe")}
    for curve in module("addon.blender_versions").curves_of(armatures()[0].data.animation_data.action):
        for key in curve.keyframe_points:
            chosen = ends.get(curve.data_path) == key.co.x
            key.select_control_point = key.select_left_handle = key.select_right_handle = chosen


def dope_sheet() -> tuple[int, int]:
    """The timeline becomes one. Returns a place in it."""
    area = next(area for area in viewport()[0].screen.areas if area.type == "DOPESHEET_EDITOR")
    area.ui_type = "DOPESHEET"
    region = next(region for region in area.regions if region.type == "WINDOW")
    return region.x + region.width // 2, region.y + region.height // 2


def story() -> Steps:
    yield from with_take()
    scene = bpy.context.scene
    scene.frame_set(1)
    bpy.ops.ed.undo_push(message="The first frame")
    captured = ankles("left", WHOLE)
    yield 0.3
    yield from click("see.slide", above=BELOW, ctrl=True)  # the Correct panel, closed at first
    yield from click("bpy.ops.rotocap.make_lanes")
    held = ankles("left", WHOLE)
    made = lanes()
    steps_on = int(made["left_heel"][0][1])  # the left foot is lifted there, for some frames
    longer = range(steps_on - 5, steps_on + LONGER - 1)
    assert slide("left", longer) > 0.02, slide("left", longer)
    where = dope_sheet()
    yield 1.0
    picture("76_lanes.png")

    choose_ends("left")
    bpy.ops.ed.undo_push(message="Choose keys")
    yield from press("G", text="g", at=where)
    yield from press(LONGER_KEY, text=str(LONGER), at=where)
    yield from press("RET", at=where)
    yield from wait_for(lambda: slide("left", longer) < 0.005, "the leg follows its keys", seconds=10)
    assert lanes()["left_heel"][0][1] == steps_on + LONGER, lanes()
    apart = np.abs(ankles("left", WHOLE) - held)
    say(f"dragged a contact by {LONGER} frames: {100.0 * apart.max():.1f} cm at most")
    assert apart[60:].max() < 1e-3, "far from it nothing moves"
    picture("77_dragged.png")

    yield from undone(made, held)

    choose_ends("left")
    bpy.ops.ed.undo_push(message="Choose keys")
    yield from press("DEL", at=where)
    yield from wait_for(lambda: slide("left", longer) < 0.005, "the leg follows a deleted key", seconds=10)
    assert lanes()["left_heel"] == ((1.0, made["left_heel"][-1][1]),), lanes()
    yield from undone(made, held)

    bpy.context.scene.frame_set(steps_on + 1)  # in the air
    yield 0.3
    for button in (HEEL, TOE):
        yield from click("bpy.ops.rotocap.put_down", across=button)
    changed = [lane for lane in made if lanes()[lane] != made[lane]]
    assert changed == ["left_heel", "left_toe"], lanes()
    there = slide("left", range(steps_on + 1, steps_on + 8))
    assert there < 0.005, there
    say(
        f"the left foot is put down at frame {steps_on + 1}: {1000.0 * there:.1f} mm of the ankle while it is"
    )
    picture("78_put_down.png")
    yield from undone(made, held)
    yield from undone({}, captured)
    say("undo takes the lanes away, and the leg moves as captured")


def undone(expected: dict[str, tuple[tuple[float, float], ...]], left: np.ndarray) -> Steps:
    """Press Ctrl+Z until lanes and the left ankle are as they were."""
    for _ in range(5):
        if lanes() == expected and np.abs(ankles("left", WHOLE) - left).max() < 1e-4:
            return
        yield from press("Z", ctrl=True)
        yield 0.5  # in which the leg could follow once more
    picture("failed.png")
    raise AssertionError(f"undo: {lanes()}, {np.abs(ankles('left', WHOLE) - left).max():.4f} m off")

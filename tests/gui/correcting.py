# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured person put right: by a pose, by swapped sides, by a dragged point, with layers off and on."""

from __future__ import annotations

import bpy
import numpy as np
from installed import TAKE, armatures, module, with_take
from window import (
    Steps,
    click,
    click_at,
    drag,
    find,
    in_viewport,
    picture,
    press,
    say,
    settled,
    viewport,
    wait_for,
)

FRAME, FAR = 45, 100
SWAPPED = 75  # the legs are exchanged around it
BONE = "left_elbow"
AGAIN = (8, 15)
ROOM = 45  # pixels of the window around the person: points end at eyes and ankles
LEFT_WRIST = 9  # of the 133 points
LATER = SWAPPED + 18  # up to there in the end
EYE = "bpy.ops.rotocap.toggle_layer(layer='clean_on')"
BESIDE = 0.87  # where the buttons beside a list or a field are, see `find`
ABOVE = 20  # pixels from a list's minus to its plus
BELOW = -33  # pixels from a panel's last field to the next panel's header


def turns(bone: str = BONE, frames: tuple[int, int] = (FRAME, FAR)) -> np.ndarray:
    """(2, 4) The bone's own rotation at the frame and far from it, as a quaternion."""
    scene, found = bpy.context.scene, []
    now = scene.frame_current
    for frame in frames:
        scene.frame_set(frame)
        found.append(armatures()[0].pose.bones[bone].matrix_basis.to_quaternion())
    scene.frame_set(now)
    return np.array(found)


def degrees(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(2,) By how much two results of `turns` differ."""
    return np.degrees(2.0 * np.arccos(np.clip(np.abs((one * other).sum(axis=1)), 0.0, 1.0)))


def pose(bone: str) -> Steps:
    """Turn a bone by 40 degrees, by keys, at the frame."""
    armature = armatures()[0]
    bpy.context.scene.frame_set(FRAME)
    with bpy.context.temp_override(**in_viewport()):
        bpy.context.view_layer.objects.active = armature
        bpy.ops.object.mode_set(mode="POSE")
        bpy.ops.pose.select_all(action="DESELECT")
    chosen = armature.pose.bones[bone]
    if hasattr(chosen, "select"):  # 5.0 and later
        chosen.select = True
    else:
        chosen.bone.select = True
    armature.data.bones.active = armature.data.bones[bone]
    bpy.ops.ed.undo_push(message="Choose a bone")
    yield 0.3
    for key, text in (("R", "r"), ("FOUR", "4"), ("ZERO", "0"), ("RET", "")):
        yield from press(key, text=text)


def drag_a_point() -> Steps:
    """The left wrist's point goes to another place of the picture, and the arm with it."""
    scene = bpy.context.scene
    scene.frame_set(FRAME)
    entry = scene.rotocap.performances[scene.rotocap.performance_index]
    before = turns()
    yield 0.3
    _, area, _ = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    points = module("addon.correct_points").draggable(scene, entry)
    there = points.places[list(points.keypoints).index(LEFT_WRIST)]
    shown = module("addon.overlay.picture").picture_in(
        region, area.spaces.active.region_3d, scene.camera, scene, module("addon.captured").of(entry).size
    )
    x, y = shown.to_region(np.array([there], np.float32))[0]
    start = (region.x + round(float(x)), region.y + round(float(y)))
    yield from click("bpy.ops.rotocap.drag_point")
    yield 0.3
    yield from drag(start, (start[0] + 25, start[1] + 45), picture_of="17_dragging.png")
    yield from wait_for(lambda: len(entry.corrections.pins) == 1, "the frames are solved again", seconds=60)
    yield 0.5
    at, far = degrees(before, turns())
    assert at > 3.0 and far < 0.5, (at, far)
    say(f"dragged the left wrist: {at:.0f} degrees of the elbow at the frame, {far:.2f} far from it")
    picture("18_dragged.png")


def box_around_person() -> tuple[tuple[int, int], tuple[int, int]]:
    """Two corners in the window, around all that is seen of the person at the frame."""
    scene = bpy.context.scene
    entry = scene.rotocap.performances[scene.rotocap.performance_index]
    _, area, _ = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    captured = module("addon.captured")
    data, row = captured.row_of(entry, scene)
    points = data.keypoints[row, :17]
    shown = module("addon.overlay.picture").picture_in(
        region, area.spaces.active.region_3d, scene.camera, scene, data.size
    )
    places = shown.to_region(points[points[:, 2] > 0.3, :2].astype(np.float32))
    low, high = places.min(axis=0) - ROOM, places.max(axis=0) + ROOM
    limit = viewport()[2].x - region.x - 5  # where the sidebar begins
    corners = ((low[0], high[1]), (min(high[0], limit), low[1]))
    return tuple((region.x + round(float(x)), region.y + round(float(y))) for x, y in corners)


def capture_again() -> Steps:
    """Some frames once more, of what is in a box that is drawn around the person."""
    scene = bpy.context.scene
    scene.frame_set(AGAIN[0])
    scene.frame_preview_start, scene.frame_preview_end = AGAIN
    bpy.ops.ed.undo_push(message="Another range")
    yield 0.3
    kept = scene.rotocap.performances[scene.rotocap.performance_index].corrections
    before = turns(BONE, (AGAIN[0] + 3, FAR))
    yield from click("bpy.ops.rotocap.capture_again")
    yield 0.3
    yield from drag(*box_around_person(), picture_of="19_box.png")
    yield from wait_for(
        lambda: any(step.kind == "take_over" for step in kept.steps),
        "the range is captured again",
        seconds=90,
    )
    yield 0.5
    step = kept.steps[0]
    assert (step.first, step.last) == AGAIN and (TAKE / step.file).is_file(), (step.first, step.last)
    there, outside = degrees(before, turns(BONE, (AGAIN[0] + 3, FAR)))
    assert 0.01 < there < 30.0 and outside < 0.1, (there, outside)
    say(f"captured again in a box: {there:.1f} degrees of the elbow there, {outside:.2f} outside")
    picture("19_captured_again.png")


def clean_up(raw: np.ndarray) -> Steps:
    """Swapped legs from the list's menu, for longer by the playhead, and the layer off and on by its eye.

    raw: `turns` of the elbow as captured.
    """
    scene = bpy.context.scene
    with bpy.context.temp_override(**in_viewport()):
        bpy.ops.object.mode_set(mode="OBJECT")
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = SWAPPED - 12, SWAPPED + 12
    scene.frame_set(SWAPPED)
    bpy.ops.ed.undo_push(message="A range")
    hip = ("right_hip", (SWAPPED, FAR))
    before = turns(*hip)
    found: list[tuple[int, int]] = []
    yield from find("bpy.ops.rotocap.remove_step", found, across=BESIDE)
    add = (found[0][0], found[0][1] + ABOVE)  # a button with a menu tells nothing
    yield from click_at(*add)
    yield 0.5
    picture("14_steps.png")
    yield from press("W", text="w", at=add)  # the letter that is underlined in Swap Sides
    yield 1.0  # panels slide into their places
    kept = scene.rotocap.performances[scene.rotocap.performance_index].corrections
    assert [step.kind for step in kept.steps] == ["swap"], [step.kind for step in kept.steps]
    there, outside = degrees(before, turns(*hip))
    assert there > 3.0 and outside < 0.1, (there, outside)
    say(f"swapped legs: {there:.0f} degrees of the right hip in the range, {outside:.2f} outside")
    picture("14_swapped.png")

    # A setting of the step shows what it does once it is applied.
    scene.frame_set(LATER)
    beyond = ("right_hip", (LATER - 2, FAR))
    before = turns(*beyond)
    yield from click("bpy.ops.rotocap.step_frame(field='last')", across=BESIDE)
    step = kept.steps[0]
    assert (step.first, step.last) == (SWAPPED - 12, LATER), (step.first, step.last)
    assert kept.stale and degrees(before, turns(*beyond)).max() < 0.1
    picture("14_stale.png")
    yield from click("bpy.ops.rotocap.update_motion")
    assert not kept.stale
    there, outside = degrees(before, turns(*beyond))
    assert there > 3.0 and outside < 0.1, (there, outside)
    say(f"the step's last frame from the playhead, applied: {there:.0f} degrees there, {outside:.2f} outside")

    swapped = turns(*hip)
    yield from click(EYE, across=0.07)
    there, outside = degrees(swapped, turns(*hip))
    assert not kept.clean_on and there > 3.0 and outside < 0.1, (there, outside)
    assert abs(degrees(raw, turns())[0] - 40.0) < 2.0, "the edit stays above the clean-up"
    picture("15_clean_up_off.png")
    yield from click(EYE, across=0.07)
    assert kept.clean_on and degrees(swapped, turns(*hip)).max() < 0.1


def story() -> Steps:
    yield from with_take()
    raw = turns()
    _, area, _ = viewport()
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    yield 0.3
    picture("10_before.png")
    yield from click("see.slide", above=BELOW, ctrl=True)  # the Correct panel, closed at first

    yield from pose(BONE)
    picture("11_posed.png")
    yield from click("bpy.ops.rotocap.correct_pose")
    yield 0.5
    edits = armatures()[0].rotocap.edits
    assert len(edits.entries) == 1, "the pose is an edit"
    corrected = turns()
    at, far = degrees(raw, corrected)
    assert abs(at - 40.0) < 2.0 and far < 0.1, (at, far)
    say(f"corrected by a pose: {at:.1f} degrees at the frame, {far:.2f} far from it")
    yield from settled()
    picture("12_corrected.png", page="quick-start-4")

    yield from click("bpy.ops.rotocap.toggle_edits", across=0.07)
    yield 0.3
    assert degrees(raw, turns()).max() < 0.1, "without the edits it is the capture"
    picture("13_edits_off.png")
    yield from click("bpy.ops.rotocap.toggle_edits", across=0.07)
    yield 0.3
    assert degrees(corrected, turns()).max() < 0.1

    yield from clean_up(raw)
    yield from drag_a_point()
    yield from capture_again()

    for _ in range(24):
        if not len(armatures()[0].rotocap.edits.entries) and degrees(raw, turns()).max() < 0.1:
            break
        yield from press("Z", ctrl=True)
    assert not len(armatures()[0].rotocap.edits.entries)
    assert degrees(raw, turns()).max() < 0.1, "undo goes back to the capture"
    say("undo takes every correction back")
    yield 0.3
    picture("16_undone.png")

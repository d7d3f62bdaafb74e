# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is to be captured, clicked on in the video's own picture; Esc leaves all as it was."""

from __future__ import annotations

import bpy
import numpy as np
from installed import TAKE, with_take
from window import Steps, click, click_at, move, picture, press, say, viewport, wait_for

FRAME = 41


def running() -> bpy.types.Operator | None:
    """What shows the people, while it does."""
    window, _, _ = viewport()
    return next((op for op in window.modal_operators if op.bl_idname == "ROTOCAP_OT_pick_person"), None)


def someone() -> tuple[np.ndarray, np.ndarray]:
    """Where the captured person is in the video's picture at the frame: two corners, pixels, y down."""
    with np.load(TAKE / "person_01.npz") as person:
        points = person["keypoints"][list(person["frame"]).index(FRAME - 1), :17]
    seen = points[points[:, 2] > 0.3, :2]
    return seen.min(axis=0), seen.max(axis=0)


def story() -> Steps:
    yield from with_take()
    scene = bpy.context.scene
    settings = scene.rotocap
    settings.people = "picked"
    scene.frame_set(FRAME)
    bpy.ops.ed.undo_push(message="Somebody is to be picked")
    yield 0.3

    yield from click("bpy.ops.rotocap.pick_person")
    assert running() is not None
    yield from press("ESC")
    assert running() is None and settings.pick_frame == 0, settings.pick_frame

    yield from click("bpy.ops.rotocap.pick_person")
    yield from wait_for(lambda: running() is None or running()._finder.found, "the people", seconds=60)
    assert running() is not None, "somebody is found"
    yield 0.5
    layout, region = running()._drawing.layout, running()._region
    boxes = [layout.box(box) for box in running()._finder.found.boxes]
    left, bottom, right, top = boxes[0]
    middle = (region.x + round(0.5 * (left + right)), region.y + round(0.5 * (bottom + top)))
    yield from click_at(region.x + round(left) - 15, middle[1])
    assert running() is not None, "a click beside everybody picks nobody"
    yield from move(*middle)
    yield 0.3
    picture("67_picking.png")
    yield from click_at(*middle)
    yield 0.5
    assert running() is None
    low, high = someone()
    place = np.array(settings.pick_place)
    assert settings.pick_frame == FRAME, settings.pick_frame
    assert (place > low).all() and (place < high).all(), (place, low, high)
    say(f"picked in frame {FRAME}: at {place.round()}, of a person from {low.round()} to {high.round()}")
    picture("68_picked.png")
    yield from press("Z", ctrl=True)
    assert bpy.context.scene.rotocap.pick_frame == 0, "undo forgets who was picked"

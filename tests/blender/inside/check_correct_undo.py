# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo of what the worker solves, of what comes from another person, and of many steps in a row."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Quaternion

sys.path.append(str(Path(__file__).parent))
from check_correct_points import WRIST, filmed
from scene_digest import difference, digest

__all__ = ["filmed"]  # a fixture


def pushed() -> dict[str, str]:
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="before")
    return digest()


def undone_and_redone(name: str, **arguments: object) -> None:
    """An operator changes something, undo gives exactly the scene before it, redo the one after it."""
    before = pushed()
    assert getattr(bpy.ops.rotocap, name)("EXEC_DEFAULT", True, **arguments) == {"FINISHED"}
    after = digest()
    assert difference(before, after), "it changes something"
    bpy.ops.ed.undo()
    assert difference(before, digest()) == []
    bpy.ops.ed.redo()
    assert difference(after, digest()) == []


def place_of(module, entry, by=(-20.0, 25.0)):
    points = module("addon.correct_points").draggable(bpy.context.scene, entry)
    return tuple(points.places[list(points.keypoints).index(WRIST)] + np.array(by))


def test_a_point_dragged_and_taken_away(scene, module, filmed) -> None:
    entry, _, _ = filmed
    scene.frame_set(31)
    undone_and_redone("drag_point", keypoint=WRIST, place=place_of(module, entry))
    # After a redo the list is another one in memory.
    undone_and_redone("remove_point", index=0)
    assert not len(bpy.context.scene.rotocap.performances[0].corrections.pins)


def test_a_range_from_another_person(scene, module, known_motion, known_take) -> None:
    scene.rotocap.take = str(known_take(known_motion(bend=0.2), known_motion(bend=0.2, seed=2)))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    scene.rotocap.performance_index = 0
    scene.frame_set(20)
    undone_and_redone("take_from_person", other="2")


def test_a_range_captured_again(scene, module, known_motion, known_take) -> None:
    """What was captured again before is found by its name: here it was put there."""
    sequence = known_motion(bend=0.2)
    path = known_take(sequence)
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    told = hashlib.sha256(repr((9, 19, None)).encode()).hexdigest()[:12]
    other = dataclasses.replace(sequence, poses=sequence.poses * 0.8)
    other.save(path / f"person_01.again-{told}.npz")
    undone_and_redone("capture_again", first=10, last=20)
    (step,) = bpy.context.scene.rotocap.performances[0].corrections.steps
    assert (step.kind, step.first, step.last) == ("take_over", 10, 20)


def posed(angle: float) -> None:
    armature = bpy.context.scene.rotocap.performances[0].armature
    bpy.context.view_layer.objects.active = armature
    bone = armature.pose.bones["left_elbow"]
    bone.rotation_quaternion = bone.rotation_quaternion @ Quaternion((0.0, 0.0, 1.0), angle)


def step(scene: bpy.types.Scene, number: int) -> None:
    """One of many things that an animator does."""
    ops = bpy.ops.rotocap
    scene.frame_set(5 + 3 * number)
    kinds = [
        lambda: ops.add_step("EXEC_DEFAULT", True, kind="smooth"),
        lambda: ops.make_lanes("EXEC_DEFAULT", True),
        lambda: ops.put_down("EXEC_DEFAULT", True, lane="left_toe", frames=5),
        lambda: ops.hold_hand("EXEC_DEFAULT", True, lane="right_hand", frames=8),
        lambda: (posed(0.4), ops.correct_pose("EXEC_DEFAULT", True))[1],
        lambda: ops.toggle_layer("EXEC_DEFAULT", True, layer="contacts_on"),
        lambda: ops.add_step("EXEC_DEFAULT", True, kind="hold"),
        lambda: ops.toggle_layer("EXEC_DEFAULT", True, layer="contacts_on"),
        lambda: ops.toggle_edits("EXEC_DEFAULT", True),
        lambda: ops.remove_step("EXEC_DEFAULT", True),
    ]
    assert kinds[number]() == {"FINISHED"}


def test_ten_steps_back_and_forth(scene, module, known_motion, known_take) -> None:
    """Every scene on the way is found again, in both directions, and nothing of ours changes it meanwhile."""
    scene.rotocap.take = str(known_take(known_motion(frame=np.arange(50), bend=0.2)))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    stages = [pushed()]
    for number in range(10):
        step(bpy.context.scene, number)
        stages.append(digest())
    follow = module("addon.correct_watch").follow
    for stage in stages[-2::-1]:
        bpy.ops.ed.undo()
        assert follow(bpy.context.scene) == 0
        assert _keys_apart(stage, digest()) == []
    for stage in stages[1:]:
        bpy.ops.ed.redo()
        assert follow(bpy.context.scene) == 0
        assert _keys_apart(stage, digest()) == []


def _keys_apart(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What differs beside the frame and pose that the scene is shown in: each step sets its own."""
    shown = (".frame_current", "pose ", "matrix ", ".location", ".rotation", ".scale", ".value")
    return [line for line in difference(before, after) if not any(word in line for word in shown)]


def test_nothing_is_lost_where_the_take_is_gone(scene, module, known_motion, known_take) -> None:
    """What cannot be done has no undo step: steps, lanes, switches and keys are as they were."""
    path = known_take(known_motion(frame=np.arange(50), bend=0.2))
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    for number in (0, 1, 3, 4, 6):
        step(scene, number)
    shutil.rmtree(path)
    module("addon.corrections").forget()
    scene.frame_set(20)
    before = digest()
    asked = {
        "add_step": {"kind": "fill"}, "remove_step": {}, "move_step": {"direction": -1}, "update_motion": {},
        "toggle_layer": {"layer": "contacts_on"}, "make_lanes": {}, "remove_lanes": {},
        "put_down": {"lane": "left_heel"}, "hold_hand": {"lane": "left_hand"}, "capture_again": {},
        "drag_point": {"keypoint": WRIST, "place": (9.0, 9.0)}, "take_from_person": {},
    }  # fmt: skip
    for name, arguments in asked.items():
        with pytest.raises(RuntimeError, match=r"the take's folder is gone|no other person"):
            getattr(bpy.ops.rotocap, name)(**arguments)
        assert difference(before, digest()) == [], name
    assert module("addon.correct_watch").stale_entries(scene) == []
    # Edits are keys, and need no take.
    posed(0.3)
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}


def test_outside_of_the_take_every_button_says_where_to_go(scene, module, known_motion, known_take) -> None:
    scene.rotocap.take = str(known_take(known_motion(frame=np.arange(50), bend=0.2)))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    scene.frame_set(900)
    before = digest()
    asked = (("add_step", {"kind": "hold"}), ("capture_again", {}), ("put_down", {"lane": "left_toe"}),
             ("hold_hand", {"lane": "left_hand"}))  # fmt: skip
    for name, arguments in asked:
        with pytest.raises(RuntimeError, match=r"is not in the picture here \(1 to 50\); go to a"):
            getattr(bpy.ops.rotocap, name)(**arguments)
        assert difference(before, digest()) == [], name
    # A step for the whole take needs no place, and a preview range is one.
    assert bpy.ops.rotocap.add_step(kind="smooth") == {"FINISHED"}
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 40, 400
    assert bpy.ops.rotocap.add_step(kind="hold") == {"FINISHED"}
    held = scene.rotocap.performances[0].corrections.steps[1]
    assert (held.first, held.last, held.at) == (40, 50, 50)

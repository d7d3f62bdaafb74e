# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo after every operator that has an undo step: the scene is exactly as it was; then redo."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Quaternion

sys.path.append(str(Path(__file__).parent))
from check_lifecycle import operators
from scene_digest import difference, digest

from tests.rigs import build

Prepare = Callable[[bpy.types.Scene], dict[str, object]]


@pytest.fixture
def applied(scene, known_motion, known_take) -> Path:
    one = known_motion(frame=np.arange(30), bend=0.2)
    one = dataclasses.replace(one, arkit=np.full((30, 52), 0.3))
    path = known_take(one, known_motion(frame=np.arange(30, 60), bend=0.2, seed=2))
    scene.rotocap.take = str(path)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    scene.rotocap.performance_index = 0
    return path


SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"


def _import_video(scene: bpy.types.Scene) -> dict[str, object]:
    return {"filepath": str(SAMPLE)}


def _with_video(scene: bpy.types.Scene) -> dict[str, object]:
    scene.rotocap.video = str(SAMPLE)
    return {}


def _video_gone(scene: bpy.types.Scene) -> dict[str, object]:
    scene.rotocap.video, scene.rotocap.take = "/nowhere/sample.mp4", ""
    scene.rotocap.performances.clear()
    return {"filepath": str(SAMPLE)}


def _clip(scene: bpy.types.Scene) -> dict[str, object]:
    return {"clip": bpy.data.movieclips.load(str(SAMPLE)).name}


def _queued(scene: bpy.types.Scene) -> dict[str, object]:
    _with_video(scene)
    assert bpy.ops.rotocap.queue_add_current() == {"FINISHED"}
    scene.rotocap.video = ""
    return {}


def _queue_add(scene: bpy.types.Scene) -> dict[str, object]:
    return {"directory": str(SAMPLE.parent), "files": [{"name": SAMPLE.name}]}


def _pick(scene: bpy.types.Scene) -> dict[str, object]:
    _with_video(scene)
    return {"frame": 3, "place": (200.0, 150.0)}


def _on_a_rig(scene: bpy.types.Scene) -> dict[str, object]:
    armature = scene.rotocap.performances[0].armature
    rig = armature.copy()
    rig.data = armature.data.copy()
    rig.animation_data_clear()
    rig.name = "Mine"
    scene.collection.objects.link(rig)
    scene.rotocap.retarget.rig = rig
    bpy.context.view_layer.objects.active = rig
    return {}


def _preset(scene: bpy.types.Scene) -> dict[str, object]:
    """A Mixamo character, which is a preset's: its map was searched, and then changed."""
    rig = build.armature("mixamo")
    scene.rotocap.retarget.rig = rig
    bpy.context.view_layer.objects.active = rig
    return {"preset": "mixamo"}


def _two_takes(scene: bpy.types.Scene) -> dict[str, object]:
    scene.rotocap.performances[1].take += " of another video"
    return {}


def _own_preset(scene: bpy.types.Scene) -> dict[str, object]:
    _on_a_rig(scene)
    assert bpy.ops.rotocap.find_bone_map() == {"FINISHED"}
    scene.rotocap.retarget.rig.rotocap.preset = ""  # where it is called so already, nothing would change
    return {"name": "My Kind"}


def _motion_file(scene: bpy.types.Scene) -> dict[str, object]:
    entry = scene.rotocap.performances[0]
    return {"filepath": str(Path(entry.take) / "person_01.npz")}


def _face(scene: bpy.types.Scene) -> dict[str, object]:
    mesh = bpy.data.meshes.new("head")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    head = bpy.data.objects.new("head", mesh)
    scene.collection.objects.link(head)
    for name in ("Basis", "Fcl_MTH_A", "Fcl_MTH_U", "Fcl_EYE_Close_L"):  # as VRoid calls them
        head.shape_key_add(name=name)
    bpy.context.view_layer.objects.active = head
    return {}


def _second(scene: bpy.types.Scene) -> dict[str, object]:
    scene.frame_set(15)
    return {}


def _merge(scene: bpy.types.Scene) -> dict[str, object]:
    return {"other": scene.rotocap.performances[1].name}


def _nothing(scene: bpy.types.Scene) -> dict[str, object]:
    return {}


def _step(scene: bpy.types.Scene) -> dict[str, object]:
    assert bpy.ops.rotocap.add_step(kind="smooth") == {"FINISHED"}
    return {}


def _two_steps(scene: bpy.types.Scene) -> dict[str, object]:
    _step(scene)
    assert bpy.ops.rotocap.add_step(kind="swap") == {"FINISHED"}
    return {"direction": -1}


def _step_frame(scene: bpy.types.Scene) -> dict[str, object]:
    _step(scene)
    scene.frame_set(7)
    return {"field": "first"}


def _changed_step(scene: bpy.types.Scene) -> dict[str, object]:
    _step(scene)
    scene.rotocap.performances[0].corrections.steps[0].strength = 0.9
    return {}


def _lanes(scene: bpy.types.Scene) -> dict[str, object]:
    assert bpy.ops.rotocap.make_lanes() == {"FINISHED"}
    return {}


def _put_down(scene: bpy.types.Scene) -> dict[str, object]:
    _lanes(scene)
    scene.frame_set(10)
    return {"frames": 6}


def _posed(scene: bpy.types.Scene) -> dict[str, object]:
    armature = scene.rotocap.performances[0].armature
    bpy.context.view_layer.objects.active = armature
    scene.frame_set(12)
    bone = armature.pose.bones["left_elbow"]
    bone.rotation_quaternion = bone.rotation_quaternion @ Quaternion((0.0, 0.0, 1.0), 0.4)
    bpy.context.view_layer.update()
    return {}


def _edited(scene: bpy.types.Scene) -> dict[str, object]:
    _posed(scene)
    assert bpy.ops.rotocap.correct_pose() == {"FINISHED"}
    return {}


def _reshaped(scene: bpy.types.Scene) -> dict[str, object]:
    _edited(scene)
    scene.rotocap.performances[0].armature.rotocap.edits.entries[0].falloff = 3
    return {}


# How to call each operator that has an undo step so that it does something, on a scene with two performances.
UNDONE: dict[str, Prepare] = {
    "import_video": _import_video,
    "find_video": _video_gone,
    "use_movie_clip": _clip,
    "apply_new_armature": _nothing,
    "apply_to_armature": _on_a_rig,
    "find_bone_map": _on_a_rig,
    "load_bone_map": _preset,
    "save_bone_map": _own_preset,
    "import_motion": _motion_file,
    "apply_face": _face,
    "performance_delete": _nothing,
    "performance_duplicate": _nothing,
    "performance_merge": _merge,
    "performance_split": _second,
    "performance_solo": _two_takes,
    "pick_person": _pick,
    "add_step": lambda scene: {"kind": "smooth"},
    "remove_step": _step,
    "move_step": _two_steps,
    "step_frame": _step_frame,
    "update_motion": _changed_step,
    "toggle_layer": lambda scene: {**_step(scene), "layer": "clean_on"},
    "make_lanes": _nothing,
    "remove_lanes": _lanes,
    "put_down": _put_down,
    "hold_hand": lambda scene: {"lane": "right_hand", "frames": 8},
    "correct_pose": _posed,
    "remove_edit": _edited,
    "reshape_edits": _reshaped,
    "toggle_edits": _edited,
    "queue_add": _queue_add,
    "queue_add_current": _with_video,
    "queue_remove": _queued,
    "queue_use": _queued,
}
# Blender's own undo of a step that changed keys evaluates the keys again: a pose that had none is lost.
BACK_TO_KEYS = {"correct_pose"}
# Tried elsewhere, with what they need.
ELSEWHERE = {
    "take_from_person": "check_correct_undo: it needs two people in the same frames",
    "put_in_capture": "tests/gui/queueing: it needs a capture in a window",
}
# All that have no undo step of their own, and why they need none.
WITHOUT = {
    "drag_point": "its step comes with its result: check_correct_undo",
    "remove_point": "its step comes with its result: check_correct_undo",
    "capture_again": "its step comes with its result: check_correct_undo",
    "update_motion": "its step comes with its result: below",
    "capture": "its result is put in by put_in_capture",
    "queue_run": "its results are put in by put_in_capture",
    **dict.fromkeys(("stop_capture", "escape_capture", "stop_correction", "escape_correction"), "it stops"),
    **dict.fromkeys(("go_to_frame", "go_to_doubt", "go_to_slide"), "the playhead"),
    "side_by_side": "the window",
    "export_motion": "a file",
    **dict.fromkeys(("open_help", "open_preferences"), "another window"),
    **dict.fromkeys(
        ("ask_model_sizes", "download_model", "cancel_model_download", "dismiss_model_message",
         "remove_model", "install_model_file", "check_device"),
        "the machine's preferences and files",
    ),
}  # fmt: skip


def with_undo() -> Iterator[str]:
    for name in operators():
        cls = getattr(bpy.types, f"ROTOCAP_OT_{name}")
        if "UNDO" in getattr(cls, "bl_options", ()):
            yield name


def test_every_operator_with_an_undo_step_is_tried() -> None:
    untried = sorted(set(with_undo()) - UNDONE.keys() - ELSEWHERE.keys())
    assert not untried, "not tried: " + " ".join(untried)


def test_what_has_no_undo_step_is_known_to_need_none() -> None:
    without = set(operators()) - set(with_undo())
    assert sorted(without - WITHOUT.keys()) == [], "has no undo step: does it change nothing of the file?"
    assert sorted(WITHOUT.keys() - without) == [], "has an undo step now, or is gone"


@pytest.mark.parametrize("name", UNDONE)
def test_undo_restores_the_scene_exactly(name: str, applied: Path) -> None:
    scene = bpy.context.scene
    arguments = UNDONE[name](scene)
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="before")
    before = digest()
    if name in BACK_TO_KEYS:
        scene.frame_set(scene.frame_current)
        before = digest()
        UNDONE[name](scene)
        bpy.ops.ed.undo_push(message="before")
    assert getattr(bpy.ops.rotocap, name)("EXEC_DEFAULT", True, **arguments) == {"FINISHED"}
    after = digest()
    assert difference(before, after), "it changes something"
    bpy.ops.ed.undo()
    assert difference(before, digest()) == []
    bpy.ops.ed.redo()
    assert difference(after, digest()) == []

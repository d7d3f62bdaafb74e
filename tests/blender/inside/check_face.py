# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured face on the free body, on a character's mesh, and on a mesh alone."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest


@pytest.fixture
def speaking(known_motion, module):
    """A sequence whose jaw opens by bone and coefficient alike, unknown in rows 3 and 4."""
    arkit_names, index = module("inference.sequence").ARKIT, module("inference.skeleton").INDEX
    sequence = known_motion()
    arkit = np.zeros((len(sequence), 52), np.float32)
    arkit[:, arkit_names.index("jawOpen")] = np.linspace(0.0, 0.8, len(sequence))
    arkit[3:5] = np.nan
    poses = np.array(sequence.poses).reshape(len(sequence), 55, 3)
    poses[:, index["jaw"]] = (0.3, 0.0, 0.0)
    return replace(sequence, arkit=arkit, poses=poses.reshape(len(sequence), -1))


def shapes(mesh_object, names) -> None:
    mesh_object.shape_key_add(name="Basis")
    for name in names:
        mesh_object.shape_key_add(name=name).value = 0.0


def triangle(scene, name: str):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(thing)
    return thing


def apply_new(module, scene, path):
    take = module("inference.take").Take.open(path)
    apply_take = module("addon.apply_take")
    return apply_take.apply_new(scene, take, apply_take.read_people(take))


def test_the_free_body_speaks_by_its_shapes_and_its_jaw_bone_rests(
    scene, module, speaking, known_take
) -> None:
    report = apply_new(module, scene, known_take(speaking))
    body, rig = scene.objects[report.bodies[0]], scene.objects[report.armatures[0]]
    column = module("inference.sequence").ARKIT.index("jawOpen")
    for row in (0, 2, 7):
        scene.frame_set(1 + row)
        value = body.data.shape_keys.key_blocks["jawOpen"].value
        assert value == pytest.approx(float(speaking.arkit[row, column]), abs=1e-4)
        assert rig.pose.bones["jaw"].rotation_quaternion.angle < 1e-4
    scene.frame_set(5)  # not known: on the way from the last known value to the next
    value = body.data.shape_keys.key_blocks["jawOpen"].value
    assert speaking.arkit[2, column] < value < speaking.arkit[5, column]


def test_a_face_goes_on_any_mesh_and_again_in_its_own_place(scene, module, speaking, known_take) -> None:
    path = known_take(speaking)
    head = triangle(scene, "head")
    shapes(head, ["Fcl_MTH_A", "Fcl_MTH_U", "Fcl_EYE_Close_L", "fat"])
    scene.rotocap.take = str(path)
    scene.render.fps = 30  # the take's
    bpy.context.view_layer.objects.active = head
    for _ in range(2):
        assert bpy.ops.rotocap.apply_face() == {"FINISHED"}
    keys = head.data.shape_keys
    assert len(keys.animation_data.nla_tracks) == 1
    scene.frame_set(3)
    column = module("inference.sequence").ARKIT.index("jawOpen")
    assert keys.key_blocks["Fcl_MTH_A"].value == pytest.approx(
        1.2 * float(speaking.arkit[2, column]), abs=1e-3
    )
    assert keys.key_blocks["fat"].value == 0.0


def test_a_mesh_without_a_face_is_told_so(scene, speaking, known_take) -> None:
    head = triangle(scene, "box")
    shapes(head, ["fat", "thin"])
    scene.rotocap.take = str(known_take(speaking))
    bpy.context.view_layer.objects.active = head
    with pytest.raises(RuntimeError, match="no shape keys of a face"):
        bpy.ops.rotocap.apply_face()
    assert head.data.shape_keys.animation_data is None


def test_a_character_with_shape_keys_gets_body_and_face(scene, module, speaking, known_take) -> None:
    path = known_take(speaking)
    report = apply_new(module, scene, path)
    rig = scene.objects[report.armatures[0]]
    head = triangle(scene, "head")
    arkit = module("inference.sequence").ARKIT
    shapes(head, [name.replace("Left", "_L").replace("Right", "_R") for name in arkit])
    head.parent = rig
    apply_take = module("addon.apply_take")
    take = module("inference.take").Take.open(path)
    apply_take.apply_to(scene, rig, take, apply_take.read_people(take))
    scene.frame_set(8)
    value = head.data.shape_keys.key_blocks["jawOpen"].value
    assert value == pytest.approx(float(speaking.arkit[7, arkit.index("jawOpen")]), abs=1e-3)


def test_undo_takes_the_face_off_again(scene, speaking, known_take) -> None:
    head = triangle(scene, "head")
    shapes(head, ["Fcl_MTH_A", "Fcl_MTH_U", "Fcl_EYE_Close_L"])
    scene.rotocap.take = str(known_take(speaking))
    bpy.context.view_layer.objects.active = head
    end = scene.frame_end
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.rotocap.apply_face("EXEC_DEFAULT", True) == {"FINISHED"}
    assert bpy.data.actions
    bpy.ops.ed.undo()
    keys = bpy.data.objects["head"].data.shape_keys
    assert keys.animation_data is None or not keys.animation_data.nla_tracks
    assert not bpy.data.actions
    assert bpy.context.scene.frame_end == end

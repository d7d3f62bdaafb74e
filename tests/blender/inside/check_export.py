# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported reads back as the same motion."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

FRAMES = (1, 9, 20, 40)


@pytest.fixture
def character(scene, module, known_motion, known_take):
    """A new armature with a body that does a known motion over frames 1 to 40, at 30 frames a second."""
    scene.rotocap.take = str(known_take(known_motion(bend=0.3)))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    return next(thing for thing in scene.objects if thing.type == "ARMATURE")


def heads(rig: bpy.types.Object, names: list[str]) -> np.ndarray:
    """Where bones are in the world, (frames, bones, 3)."""
    out = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        out.append([rig.matrix_world @ rig.pose.bones[name].head for name in names])
    return np.array(out)


BODY = ["pelvis", "left_knee", "right_ankle", "neck", "left_elbow", "right_wrist", "left_index2", "jaw"]


@pytest.mark.parametrize("kind", ["fbx", "glb"])
def test_read_back_it_moves_the_same(scene, module, character, tmp_path: Path, kind: str) -> None:
    before = heads(character, BODY)
    scene.frame_set(7)
    file = tmp_path / "Ein Tänzer" / f"a.{kind}"
    module("addon.export").export(scene, character, file)
    assert scene.frame_current == 7
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    there = set(scene.objects)
    if kind == "fbx":
        bpy.ops.import_scene.fbx(filepath=str(file), anim_offset=0.0)
    else:
        bpy.ops.import_scene.gltf(filepath=str(file))
    (back,) = (thing for thing in set(scene.objects) - there if thing.type == "ARMATURE")
    assert np.abs(heads(back, BODY) - before).max() < 2e-3
    bodies = [
        thing for thing in set(scene.objects) - there if any(m.type == "ARMATURE" for m in thing.modifiers)
    ]
    assert len(bodies) == 1  # the importer of GLB makes a mesh for the bones' shapes as well
    scene.frame_set(20)
    one, two = (extent(body) for body in (*module("addon.export").meshes_on(scene, character), *bodies))
    np.testing.assert_allclose(one, two, atol=2e-3)


def extent(body: bpy.types.Object) -> np.ndarray:
    """The corners (2, 3) of the box around a posed mesh, in the world."""
    posed = body.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([posed.matrix_world @ vertex.co for vertex in posed.to_mesh().vertices])
    posed.to_mesh_clear()
    return np.stack([points.min(axis=0), points.max(axis=0)])


def test_a_bvh_reads_back_in_ours_and_in_blender(scene, module, character, tmp_path: Path) -> None:
    before = heads(character, BODY)
    file = tmp_path / "a.bvh"
    module("addon.export").export(scene, character, file)
    motion = module("retarget.bvh").read(file)
    assert len(motion) == scene.frame_end - scene.frame_start + 1
    assert motion.frame_time == pytest.approx(1 / 30)
    _, places = motion.world()
    columns = [motion.names.index(name) for name in BODY]
    got = places[[frame - 1 for frame in FRAMES]][:, columns] / 100
    got = np.stack([got[..., 0], -got[..., 2], got[..., 1]], axis=-1)
    assert np.abs(got - before).max() < 1e-4

    there = set(scene.objects)
    bpy.ops.import_anim.bvh(
        filepath=str(file), global_scale=0.01, axis_forward="-Z", axis_up="Y", frame_start=1
    )
    (back,) = set(scene.objects) - there
    assert np.abs(heads(back, BODY) - before).max() < 1e-3


def test_a_rig_in_centimetres_with_controls_is_written_in_the_world(scene, module, tmp_path: Path) -> None:
    data = bpy.data.armatures.new("Hero")
    rig = bpy.data.objects.new("Hero", data)
    scene.collection.objects.link(rig)
    rig.scale, rig.rotation_euler, rig.location = (0.01,) * 3, (1.5707963, 0.0, 0.0), (1.0, 2.0, 0.0)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    places = {"control": (0, 0, 0), "hips": (0, 100, 0), "head": (0, 160, 0), "prop": (50, 100, 0)}
    for name, place in places.items():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = place, (place[0], place[1] + 20, place[2])
        bone.use_deform = name != "control"
    data.edit_bones["hips"].parent = data.edit_bones["control"]
    data.edit_bones["head"].parent = data.edit_bones["hips"]
    bpy.ops.object.mode_set(mode="OBJECT")
    control = rig.pose.bones["control"]
    control.rotation_mode = "XYZ"
    for frame, angle in ((1, 0.0), (10, 1.0)):
        control.rotation_euler, control.location = (0.0, 0.0, angle), (angle * 30, 0.0, 0.0)
        control.keyframe_insert("rotation_euler", frame=frame)
        control.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end = 1, 10
    module("addon.export").export(scene, rig, tmp_path / "a.bvh")
    motion = module("retarget.bvh").read(tmp_path / "a.bvh")
    assert motion.names == ("hips", "head", "prop")
    assert motion.parents == (-1, 0, 0)
    _, places_cm = motion.world()
    scene.frame_set(10)
    for column, name in enumerate(motion.names):
        x, y, z = rig.matrix_world @ rig.pose.bones[name].head
        np.testing.assert_allclose(places_cm[9, column] / 100, (x, z, -y), atol=1e-5)


def test_what_hangs_on_a_helper_hangs_on_the_bone_that_lies_there(scene, module) -> None:
    data = bpy.data.armatures.new("Controls")
    rig = bpy.data.objects.new("Controls", data)
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent, height in (
        ("hips", None, 1.0), ("ORG-chest", "hips", 1.3), ("DEF-chest", "hips", 1.3),
        ("arm", "ORG-chest", 1.5), ("DEF-twin", "ORG-twin", 2.0), ("ORG-twin", "arm", 2.0),
    ):  # fmt: skip
        bone = data.edit_bones.get(name) or data.edit_bones.new(name)
        bone.head, bone.tail = (0.0, 0.0, height), (0.0, 0.0, height + 0.2)
        bone.use_deform = not name.startswith("ORG")
        if parent is not None:
            bone.parent = data.edit_bones.get(parent) or data.edit_bones.new(parent)
    bpy.ops.object.mode_set(mode="OBJECT")
    motion = module("addon.export").motion(scene, rig, range(1, 3))
    above = {
        n: motion.names[p] if p >= 0 else None for n, p in zip(motion.names, motion.parents, strict=True)
    }
    assert above == {"hips": None, "DEF-chest": "hips", "arm": "DEF-chest", "DEF-twin": "arm"}


def test_what_cannot_be_exported_is_told(scene, module, character, tmp_path: Path) -> None:
    export, errors = module("addon.export").export, module("inference.errors")
    with pytest.raises(errors.RigError, match=r"ends in \.fbx"):
        export(scene, character, tmp_path / "a.obj")
    body = next(thing for thing in scene.objects if thing.type == "MESH")
    with pytest.raises(errors.RigError, match="is a mesh"):
        export(scene, body, tmp_path / "a.fbx")
    with pytest.raises(errors.RigError, match=r"expected the last .* set the scene's End after its Start"):
        export(scene, character, tmp_path / "a.fbx", frames=(5, 2))
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.TakeError, match="could not be written"):
        export(scene, character, tmp_path / "file" / "a.bvh")
    character.hide_set(True)
    with pytest.raises(errors.RigError, match="hidden"):
        export(scene, character, tmp_path / "a.fbx")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]

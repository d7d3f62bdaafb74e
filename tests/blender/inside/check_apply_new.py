# SPDX-License-Identifier: GPL-3.0-or-later
"""A take becomes an armature, a body, keys and a camera, and they are where the motion says."""

from __future__ import annotations

import shutil

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view


def heads(module, armature) -> np.ndarray:
    names = module("inference.skeleton").JOINT_NAMES
    return np.array([armature.matrix_world @ armature.pose.bones[name].head for name in names])


def truth(module, sequence) -> np.ndarray:
    """Joints of the sequence (T, 55, 3) in Blender's axes: x stays, y is up, z is to the front."""
    joints, _ = module("inference.kinematics").forward_poses(
        sequence.poses, sequence.trans, sequence.rest_joints
    )
    return np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)


def apply(module, scene, path):
    take = module("inference.take").Take.open(path)
    apply_take = module("addon.apply_take")
    return apply_take.apply_new(scene, take, apply_take.read_people(take))


def test_bones_are_where_the_kinematics_put_the_joints(scene, module, known_motion, known_take) -> None:
    sequence = known_motion(stature=1.08)
    report = apply(module, scene, known_take(sequence))
    armature, joints = scene.objects[report.armatures[0]], truth(module, sequence)
    for row in range(len(sequence)):
        scene.frame_set(1 + row)
        assert np.abs(heads(module, armature) - joints[row]).max() < 1e-3


def test_the_body_is_skinned_as_the_numpy_body_is(scene, module, known_motion, known_take) -> None:
    sequence = known_motion(stature=0.9, bend=0.3)
    report = apply(module, scene, known_take(sequence))
    scene.frame_set(8)
    body = scene.objects[report.bodies[0]].evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = body.to_mesh()
    got = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", got)
    matrix = np.array(body.matrix_world)
    got = got.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    body.to_mesh_clear()
    free = module("inference.body").FreeBody.load()
    expected = free.posed(sequence.poses[7], sequence.trans[7], sequence.rest_joints)
    expected = np.stack([expected[:, 0], -expected[:, 2], expected[:, 1]], axis=-1)
    assert np.abs(got - expected).max() < 1e-3
    assert np.ptp(got, axis=0).max() > 1.0


@pytest.mark.parametrize("moving_camera", [False, True])
def test_the_camera_projects_joints_to_their_pixels(
    scene, module, known_motion, known_take, moving_camera
) -> None:
    sequence = known_motion(moving_camera=moving_camera)
    report = apply(module, scene, known_take(sequence))
    armature, camera = scene.objects[report.armatures[0]], scene.objects[report.camera]
    width, height = scene.render.resolution_x, scene.render.resolution_y
    assert (width, height) == (720, 540)
    from mathutils import Vector

    for row in (0, 13, 39):
        scene.frame_set(1 + row)
        projected = sequence.joints_camera[row] @ sequence.camera_K.T
        expected = projected[:, :2] / projected[:, 2:]
        seen = np.array(
            [world_to_camera_view(scene, camera, Vector(head)) for head in heads(module, armature)]
        )
        got = np.stack([seen[:, 0] * width - 0.5, (1.0 - seen[:, 1]) * height - 0.5], axis=-1)
        assert np.abs(got - expected).max() < 0.5


def test_the_video_is_behind_the_camera(scene, module, known_motion, known_take) -> None:
    report = apply(module, scene, known_take(known_motion()))
    camera = scene.objects[report.camera].data
    (background,) = camera.background_images
    assert camera.show_background_images
    assert background.clip is not None
    assert tuple(background.clip.size) != (0, 0)
    assert scene.camera.data == camera


def test_a_video_that_is_gone_is_a_note_not_an_error(
    scene, module, known_motion, known_take, tmp_path
) -> None:
    report = apply(module, scene, known_take(known_motion(), video=tmp_path / "gone.mp4"))
    assert any("gone.mp4" in warning for warning in report.warnings)


def test_gaps_have_no_keys_hold_the_pose_and_hide_the_body(scene, module, known_motion, known_take) -> None:
    frame = np.concatenate([np.arange(5, 15), np.arange(25, 40)])
    sequence = known_motion(frame=frame)
    report = apply(module, scene, known_take(sequence))
    armature, body = scene.objects[report.armatures[0]], scene.objects[report.bodies[0]]
    joints = truth(module, sequence)
    expected = (
        (1, 0, True), (6, 0, False), (15, 9, False), (16, 9, True),
        (25, 9, True), (26, 10, False), (40, 24, False), (41, 24, True),
    )  # fmt: skip
    for scene_frame, row, hidden in expected:
        scene.frame_set(scene_frame)
        assert np.abs(heads(module, armature) - joints[row]).max() < 1e-3, scene_frame
        assert body.hide_render is hidden, scene_frame
    action = armature.animation_data.nla_tracks[0].strips[0].action
    curve = next(iter(curves(action)))
    assert sorted({round(point.co.x) for point in curve.keyframe_points}) == [int(f) + 1 for f in frame]
    assert [marker.name for marker in scene.timeline_markers] == ["Person 1 out", "Person 1 back"]


def curves(action):
    if hasattr(action, "fcurves"):
        return action.fcurves
    return action.layers[0].strips[0].channelbag(action.slots[0]).fcurves


def test_another_scene_rate_is_mapped_by_time(scene, module, known_motion, known_take) -> None:
    # Two frames of the scene a frame of the video: every second key is a captured one.
    scene.render.fps, scene.render.fps_base = 60, 1.0
    cube = bpy.data.objects.new("animated already", None)
    scene.collection.objects.link(cube)
    cube.keyframe_insert("location", frame=1)
    sequence = known_motion(fps=30.0)
    report = apply(module, scene, known_take(sequence))
    assert scene.render.fps == 60
    armature, joints = scene.objects[report.armatures[0]], truth(module, sequence)
    for row in (0, 7, 39):
        scene.frame_set(1 + 2 * row)
        assert np.abs(heads(module, armature) - joints[row]).max() < 1e-3
    assert report.frame_end == 1 + 2 * 39
    assert not report.warnings


@pytest.mark.parametrize("rate", [24, 60, 30])
def test_the_picture_follows_time_at_any_scene_rate(scene, module, known_motion, known_take, rate) -> None:
    scene.render.fps, scene.render.fps_base = rate, 1.0
    cube = bpy.data.objects.new("animated already", None)
    scene.collection.objects.link(cube)
    cube.keyframe_insert("location", frame=1)
    report = apply(module, scene, known_take(known_motion(fps=30.0)))
    assert scene.render.fps == rate
    camera = scene.objects[report.camera]
    (background,) = camera.data.background_images
    if rate == 30:
        assert background.clip.frame_start == 1
        assert camera.data.animation_data is None
        return
    assert tuple(background.image.size) == tuple(bpy.data.movieclips[0].size)
    for frame in (1, 2, 3, 4, 8, 25, 61, 95):
        scene.frame_set(frame)
        layer = bpy.context.evaluated_depsgraph_get()
        user = camera.evaluated_get(layer).data.background_images[0].image_user
        seconds = (frame - 1) / rate
        assert abs(user.frame_offset - seconds * 30.0) <= 0.5 + 1e-5
        # Blender counts pictures from 1, and this is the one that it draws.
        assert background.image_user.frame_current == user.frame_offset + 1
    scene.frame_set(100000)
    assert background.image_user.frame_current == 120


def test_a_clip_that_the_animator_moved_stays_where_it_is(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    mine = bpy.data.movieclips.load(module("inference.take").Take.open(path).video.path)
    mine.frame_start = 50
    report = apply(module, scene, path)
    (background,) = scene.objects[report.camera].data.background_images
    assert mine.frame_start == 50
    assert background.clip != mine
    assert background.clip.frame_start == 1


def test_a_fresh_scene_takes_the_rate_of_the_video(scene, module, known_motion, known_take) -> None:
    fps = 30000 / 1001
    sequence = known_motion(fps=fps)
    report = apply(module, scene, known_take(sequence, fps=fps))
    assert scene.render.fps / scene.render.fps_base == pytest.approx(fps, abs=1e-4)
    assert (report.frame_start, report.frame_end) == (1, 40)


def test_two_people_get_a_body_each(scene, module, known_motion, known_take) -> None:
    first, second = known_motion(seed=1), known_motion(seed=2, frame=np.arange(10, 30))
    report = apply(module, scene, known_take(first, second))
    assert len(set(report.armatures)) == len(set(report.bodies)) == 2
    scene.frame_set(16)
    for name, sequence, row in zip(report.armatures, (first, second), (15, 5), strict=True):
        assert np.abs(heads(module, scene.objects[name]) - truth(module, sequence)[row]).max() < 1e-3


def test_face_shapes_have_keys_where_the_capture_knows_them(scene, module, known_motion, known_take) -> None:
    sequence = known_motion()
    names = module("inference.body").FreeBody.load().face_names
    jaw = names.index("jawOpen")
    sequence.arkit[5:20, jaw] = np.linspace(0.0, 0.9, 15)
    report = apply(module, scene, known_take(sequence))
    keys = scene.objects[report.bodies[0]].data.shape_keys
    assert len(keys.key_blocks) == 53
    scene.frame_set(20)
    assert keys.key_blocks["jawOpen"].value == pytest.approx(0.9, abs=1e-4)
    action = keys.animation_data.nla_tracks[0].strips[0].action
    assert [curve.data_path for curve in curves(action)] == ['key_blocks["jawOpen"].value']


def test_quaternions_do_not_change_sign_from_key_to_key(scene, module, known_motion, known_take) -> None:
    sequence = known_motion(bend=1.5)
    report = apply(module, scene, known_take(sequence))
    action = scene.objects[report.armatures[0]].animation_data.nla_tracks[0].strips[0].action
    rotation = {}
    for curve in curves(action):
        if curve.data_path.endswith("rotation_quaternion"):
            values = np.array([point.co.y for point in curve.keyframe_points])
            rotation.setdefault(curve.data_path, {})[curve.array_index] = values
            assert curve.group.name in curve.data_path
    assert len(rotation) == 55
    for parts in rotation.values():
        quaternion = np.stack([parts[i] for i in range(4)], axis=-1)
        assert (np.sum(quaternion[1:] * quaternion[:-1], axis=-1) >= -1e-6).all()


def test_the_new_armature_is_selected_whatever_was_going_on(scene, module, known_motion, known_take) -> None:
    mesh = bpy.data.objects.new("mine", bpy.data.meshes.new("mine"))
    scene.collection.objects.link(mesh)
    mesh.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    scene.rotocap.take = str(known_take(known_motion()))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert bpy.context.object.type == "ARMATURE"
    assert list(bpy.context.selected_objects) == [bpy.context.object]
    bpy.ops.object.mode_set(mode="POSE")


def test_a_take_that_is_gone_or_not_finished_says_what_to_do(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    take_module = module("inference.take")
    take_module.reopened(take_module.Take.open(path), status="incomplete", people=())
    scene.rotocap.take = str(path)
    with pytest.raises(RuntimeError, match="not finished yet; let its capture end"):
        bpy.ops.rotocap.apply_new_armature()
    shutil.rmtree(path)
    with pytest.raises(RuntimeError, match="no such take; check the path"):
        bpy.ops.rotocap.apply_new_armature()
    assert not scene.objects
    assert not scene.collection.children


def test_a_damaged_take_is_refused_by_name(scene, module, known_motion, known_take) -> None:
    path = known_take(known_motion())
    (path / "person_01.npz").write_bytes(b"PK but not more")
    scene.rotocap.take = str(path)
    with pytest.raises(RuntimeError, match=r"person_01\.npz: damaged"):
        bpy.ops.rotocap.apply_new_armature()
    assert not [ob for ob in scene.objects if ob.type == "ARMATURE"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Points put right in the picture: solved in the child process, kept, undone and found again."""

from __future__ import annotations

import dataclasses
import time
import types

import bpy
import numpy as np
import pytest

COUNT = 60
WRIST, KNEE = 9, 13


@pytest.fixture
def filmed(scene, module, known_motion, known_take):
    """A take with landmarks of a person who moves slowly: its performance, its armature and its folder."""
    pins, skeleton = module("inference.pins"), module("inference.skeleton")
    base = known_motion(frame=np.arange(COUNT))
    poses = np.zeros((COUNT, 55, 3))
    swing = np.sin(np.arange(COUNT) / 9.0)
    poses[:, skeleton.INDEX["left_shoulder"], 2] = -1.0 + 0.3 * swing
    poses[:, skeleton.INDEX["right_shoulder"], 2] = 1.1
    poses[:, skeleton.INDEX["left_elbow"], 1] = -0.9
    for side in ("left", "right"):
        poses[:, skeleton.INDEX[f"{side}_hip"], 0] = -0.3
        poses[:, skeleton.INDEX[f"{side}_knee"], 0] = 0.6
    trans = np.zeros((COUNT, 3))
    joints, _ = module("inference.kinematics").forward_poses(poses, trans, base.rest_joints)
    camera = np.asarray(base.world_from_camera)
    seen = (joints - camera[:3, 3]) @ camera[:3, :3]
    sequence = dataclasses.replace(
        base, poses=poses.reshape(COUNT, 165).astype(np.float32), trans=trans.astype(np.float32),
        joints_camera=seen.astype(np.float32),
    )  # fmt: skip
    keypoints = np.zeros((COUNT, 133, 3), np.float32)
    depth = np.full((COUNT, 133, 3), np.nan, np.float32)
    points = module("inference.fit.model_points").POINTS
    hips = seen[:, 1:3].mean(axis=1)
    for column, keypoint in enumerate(pins.KEYPOINTS):
        keypoints[:, keypoint, :2] = pins.body_points(sequence, slice(0, COUNT), keypoint)
        keypoints[:, keypoint, 2] = 0.95
        depth[:, keypoint] = seen[:, points.anchor[column]] - hips
    sequence = dataclasses.replace(sequence, keypoints=keypoints)
    path = known_take(sequence)
    _write_landmarks(module, path, sequence, depth)
    apply_take = module("addon.apply_take")
    take = module("inference.take").Take.open(path)
    report = apply_take.apply_new(scene, take, apply_take.read_people(take))
    armature = scene.objects[report.armatures[0]]
    bpy.context.view_layer.objects.active = armature
    return module("addon.corrections").entry_of(scene, armature), armature, path


def _write_landmarks(module, path, sequence, depth) -> None:
    chunks, tracker = module("inference.chunks"), module("inference.people.tracker")
    rows = chunks.Rows()
    for n in range(COUNT):
        seen = sequence.keypoints[n][sequence.keypoints[n, :, 2] > 0, :2]
        landmarks = types.SimpleNamespace(
            keypoints=sequence.keypoints[n], points3d=depth[n], score=0.9,
            face=np.full((chunks.FACE_COUNT, 3), np.nan, np.float16),
            expression=np.full(52, np.nan, np.float16), fingers=np.full((2, 20, 2), np.nan, np.float16),
            box=np.concatenate([seen.min(axis=0), seen.max(axis=0)]).astype(np.float32),
        )  # fmt: skip
        appearance = np.zeros(module("inference.people.appearance").SIZE, np.float32)
        rows.add(n, n / 30.0, [tracker.TrackRow(0, landmarks, appearance)])
    (path / "chunks").mkdir(exist_ok=True)
    chunks.save(path, 0, rows, next_frame=COUNT, tracker={})


def joint(armature, scene, name, frame):
    scene.frame_set(frame)
    return np.array(armature.matrix_world @ armature.pose.bones[name].head)


def pixel(scene, camera, place):
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    seen = world_to_camera_view(scene, camera, Vector(place))
    return np.array([seen.x * 720 - 0.5, (1.0 - seen.y) * 540 - 0.5])


def test_a_dragged_wrist_lies_under_the_mouse_and_the_rest_stays(scene, module, filmed) -> None:
    entry, armature, path = filmed
    before = [joint(armature, scene, name, 31) for name in ("left_wrist", "left_ankle", "head")]
    scene.frame_set(31)
    points = module("addon.correct_points").draggable(scene, entry)
    assert points.frame == 30
    start = points.places[list(points.keypoints).index(WRIST)]
    # A point lies on the skin or beside the joint, not in it.
    assert np.abs(start - pixel(scene, scene.camera, before[0])).max() < 15.0
    to = start + np.array([-20.0, 25.0])
    assert bpy.ops.rotocap.drag_point(keypoint=WRIST, place=tuple(to)) == {"FINISHED"}
    after = [joint(armature, scene, name, 31) for name in ("left_wrist", "left_ankle", "head")]
    moved = pixel(scene, scene.camera, after[0]) - pixel(scene, scene.camera, before[0])
    assert np.abs(moved - (to - start)).max() < 4.0
    assert np.abs(after[1] - before[1]).max() < 1e-4
    assert np.abs(after[2] - before[2]).max() < 1e-4
    assert [(pin.frame, pin.keypoint, pin.name) for pin in entry.corrections.pins] == [
        (30, WRIST, "left wrist")
    ]
    assert len(list(path.glob("person_01.pins-*.npz"))) == 1
    # The points that are drawn follow.
    data = module("addon.captured").of(entry, wait=True)
    assert np.abs(data.keypoints[30, WRIST, :2] - to).max() < 0.1
    # Muted, taken away: as captured.
    assert bpy.ops.rotocap.toggle_layer(layer="pins_on") == {"FINISHED"}
    assert np.abs(joint(armature, scene, "left_wrist", 31) - before[0]).max() < 1e-4
    assert bpy.ops.rotocap.toggle_layer(layer="pins_on") == {"FINISHED"}
    assert np.abs(joint(armature, scene, "left_wrist", 31) - after[0]).max() < 1e-4
    assert bpy.ops.rotocap.remove_point(index=0) == {"FINISHED"}
    assert np.abs(joint(armature, scene, "left_wrist", 31) - before[0]).max() < 1e-4


def test_what_was_solved_once_is_found_again_by_its_name(scene, module, filmed) -> None:
    entry, armature, path = filmed
    scene.frame_set(31)
    places = module("addon.correct_points").draggable(scene, entry)
    to = tuple(places.places[list(places.keypoints).index(KNEE)] + (8.0, 0.0))
    assert bpy.ops.rotocap.drag_point(keypoint=KNEE, place=to) == {"FINISHED"}
    (file,) = path.glob("person_01.pins-*.npz")
    written = file.stat().st_mtime_ns
    knee = joint(armature, scene, "left_knee", 31)
    assert bpy.ops.rotocap.remove_point(index=0) == {"FINISHED"}
    scene.frame_set(31)
    assert bpy.ops.rotocap.drag_point(keypoint=KNEE, place=to) == {"FINISHED"}
    assert file.stat().st_mtime_ns == written
    assert np.abs(joint(armature, scene, "left_knee", 31) - knee).max() < 1e-5


def test_a_range_is_taken_from_another_person(scene, module, known_motion, known_take) -> None:
    one, other = (known_motion(seed=seed, bend=0.2) for seed in (1, 2))
    path = known_take(one, other)
    apply_take = module("addon.apply_take")
    take = module("inference.take").Take.open(path)
    report = apply_take.apply_new(scene, take, apply_take.read_people(take))
    mine, theirs = (scene.objects[name] for name in report.armatures)
    bpy.context.view_layer.objects.active = mine
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 15, 25
    before = joint(mine, scene, "left_wrist", 35)
    assert bpy.ops.rotocap.take_from_person(other="2") == {"FINISHED"}
    for bone in ("left_wrist", "head", "right_ankle"):
        assert np.abs(joint(mine, scene, bone, 20) - joint(theirs, scene, bone, 20)).max() < 1e-3
    assert np.abs(joint(mine, scene, "left_wrist", 35) - before).max() < 1e-5


def test_what_cannot_be_put_right_is_said_in_words(scene, module, filmed) -> None:
    entry, _, path = filmed
    scene.frame_set(31)
    with pytest.raises(RuntimeError, match="cannot be put right; choose one of the body's"):
        bpy.ops.rotocap.drag_point(keypoint=100, place=(10.0, 10.0))
    scene.frame_set(500)
    with pytest.raises(RuntimeError, match="the person is not in the picture"):
        bpy.ops.rotocap.drag_point(keypoint=WRIST, place=(10.0, 10.0))
    with pytest.raises(RuntimeError, match="has no point number 1"):
        bpy.ops.rotocap.remove_point()
    with pytest.raises(RuntimeError, match="no other person"):
        bpy.ops.rotocap.take_from_person()
    scene.frame_set(31)
    (path / "chunks" / "00000.npz").unlink()
    with pytest.raises(RuntimeError, match="holds no landmarks"):
        bpy.ops.rotocap.drag_point(keypoint=WRIST, place=(300.0, 200.0))
    assert not len(entry.corrections.pins)
    assert not entry.corrections.stale
    (path / "person_01.npz").unlink()
    with pytest.raises(RuntimeError, match=r"person_01\.npz: no such file"):
        bpy.ops.rotocap.drag_point(keypoint=WRIST, place=(300.0, 200.0))


def test_the_points_that_can_be_dragged_are_those_that_the_fit_looks_at(module) -> None:
    assert module("addon.correct_points").FITTED == module("inference.pins").KEYPOINTS


def test_a_capture_made_anew_gets_its_points_again(scene, module, filmed) -> None:
    entry, armature, path = filmed
    scene.frame_set(31)
    points = module("addon.correct_points")
    places = points.draggable(scene, entry)
    to = tuple(places.places[list(places.keypoints).index(WRIST)] + np.array([-15.0, 15.0]))
    assert bpy.ops.rotocap.drag_point(keypoint=WRIST, place=to) == {"FINISHED"}
    wrist = joint(armature, scene, "left_wrist", 31)
    sequence = module("inference.sequence").SmplxSequence.load(path / "person_01.npz")
    sequence.save(path / "person_01.npz")  # as a new capture would, with another time of writing
    assert points.unsolved(entry)
    assert bpy.ops.rotocap.update_motion() == {"FINISHED"}
    assert not points.unsolved(entry)
    assert np.abs(joint(armature, scene, "left_wrist", 31) - wrist).max() < 1e-3


def test_a_point_that_nobody_saw_is_dragged_from_where_the_body_is(scene, module, filmed) -> None:
    entry, armature, path = filmed
    load = module("inference.sequence").SmplxSequence.load
    sequence = load(path / "person_01.npz")
    keypoints = np.array(sequence.keypoints)
    keypoints[:, WRIST] = (3.0, 4.0, 0.1)  # a guess of the detector's, far from the wrist
    keypoints[:, KNEE] = 0.0
    dataclasses.replace(sequence, keypoints=keypoints).save(path / "person_01.npz")
    scene.frame_set(31)
    points = module("addon.correct_points").draggable(scene, entry)
    assert list(points.keypoints[~points.seen]) == [WRIST, KNEE]
    body = module("inference.pins").body_points
    for keypoint in (WRIST, KNEE):
        there = points.places[list(points.keypoints).index(keypoint)]
        assert np.abs(there - body(sequence, slice(30, 31), keypoint)[0]).max() < 0.1
    start = points.places[list(points.keypoints).index(WRIST)]
    before = pixel(scene, scene.camera, joint(armature, scene, "left_wrist", 31))
    to = start + np.array([-20.0, 25.0])
    # What was taken at one frame is of that frame, wherever the playhead is when it is let go.
    scene.frame_set(41)
    assert bpy.ops.rotocap.drag_point(keypoint=WRIST, place=tuple(to), frame=31) == {"FINISHED"}
    assert [pin.frame for pin in entry.corrections.pins] == [30]
    after = pixel(scene, scene.camera, joint(armature, scene, "left_wrist", 31))
    assert np.abs(after - before - (to - start)).max() < 4.0
    scene.frame_set(31)
    points = module("addon.correct_points").draggable(scene, entry)
    assert points.seen[list(points.keypoints).index(WRIST)], "the animator has said where it is"


def test_the_points_are_those_of_the_frame_at_the_playhead(scene, module, filmed) -> None:
    points = module("addon.correct_points")
    scene.frame_set(31)
    at = points.at_playhead(bpy.context)
    scene.frame_set(41)
    later = points.at_playhead(bpy.context)
    assert (at.frame, later.frame) == (30, 40)
    assert np.abs(at.places - later.places).max() > 3.0
    scene.frame_set(500)
    assert not len(points.at_playhead(bpy.context).keypoints), "nobody is here"
    # And the list of points put right names frames of the scene.
    entry, _, _ = filmed
    frame_of = module("addon.captured").scene_frame_of
    assert [frame_of(entry, scene, frame) for frame in (0, 30, 500)] == [1, 31, None]
    scene.render.fps = 60
    assert frame_of(entry, scene, 30) == 61


def begun(scene, module, entry):
    """A correction as a button in a window begins it: the timer's ticks are left to the test."""
    points, session = module("addon.correct_points"), module("addon.correct_session")
    scene.frame_set(31)
    there = points.draggable(scene, entry)
    x, y = there.places[list(there.keypoints).index(WRIST)] + np.array([-20.0, 25.0])
    pins = points.with_pin(entry.corrections, (30, WRIST, float(x), float(y)))
    options, out = points.to_solve(entry, pins)

    def keep(entry) -> list[str]:
        points.keep(entry, pins)
        return []

    return session.Correction(scene, entry, options, out, name="Drag", what="it", keep=keep), out


def ticked(correction) -> None:
    until = time.monotonic() + 300.0
    while not correction.over and not correction.waiting:
        correction.tick()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_correction_that_is_stopped_leaves_all_as_it_was(scene, module, filmed) -> None:
    entry, armature, _ = filmed
    before = joint(armature, scene, "left_wrist", 31)
    correction, out = begun(scene, module, entry)
    correction.cancel()
    assert correction.tick() is None and correction.over, "at once, whatever the child is at"
    assert correction.stopped and correction.said() == "Stopped: all is as it was"
    assert not len(entry.corrections.pins) and not out.is_file()
    assert np.abs(joint(armature, scene, "left_wrist", 31) - before).max() < 1e-6
    assert bpy.ops.rotocap.drag_point.poll(), "the next one can begin"


def test_a_correction_waits_while_the_animator_is_in_the_middle_of_something(
    scene, module, filmed, monkeypatch
) -> None:
    """The windows' answer is a real one in tests/gui: without a window nothing is ever in the way."""
    entry, armature, _ = filmed
    before = joint(armature, scene, "left_wrist", 31)
    session = module("addon.correct_session")
    monkeypatch.setattr(session, "not_now", lambda: "Ready: put in when the render is done")
    correction, out = begun(scene, module, entry)
    ticked(correction)
    assert out.is_file() and not correction.over and "render" in correction.text
    assert np.abs(joint(armature, scene, "left_wrist", 31) - before).max() < 1e-6
    monkeypatch.setattr(session, "not_now", lambda: "")
    correction.tick()
    assert correction.over and not correction.said()
    assert np.abs(joint(armature, scene, "left_wrist", 31) - before).max() > 0.01


def test_a_correction_whose_performance_was_deleted_changes_nothing(scene, module, filmed) -> None:
    entry, _, path = filmed
    correction = module("addon.correct_session").Correction(
        scene, entry, None, path, name="Update", what="it", keep=lambda entry: []
    )
    scene.rotocap.performances.clear()
    ticked(correction)
    assert "is gone; nothing was changed" in correction.failed

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture does to the window and the scene while it runs: the timer's ticks are called by hand."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "Clip ü 1.mp4"
    shutil.copy(SAMPLE, path)
    return path


@pytest.fixture
def session_of(scene, module, clip):
    """Imports the clip and starts a capture of its first frames, with the live body."""
    sessions = module("addon.capture_session")

    def start(last: int = 10, **settings):
        bpy.ops.rotocap.import_video(filepath=str(clip))
        for name, value in {
            "use_range": True,
            "last": last,
            "hands": False,
            "face": False,
            **settings,
        }.items():
            setattr(scene.rotocap, name, value)
        wanted = module("addon.capture_request").request(bpy.context)
        scene.rotocap.take = str(wanted.take)
        return sessions.start(wanted, scene, live=True)

    yield start
    session = sessions.current()
    if session is not None and not session.over:
        session.abandon()


def drive(session, until: Callable[[], bool], *, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, (session.job.state, session.job.outcome)
        if session.tick() is None:
            assert until(), (session.job.outcome, session.failed)
            return
        time.sleep(0.02)


def marked(module) -> list[str]:
    mark = module("addon.live_body").MARK
    data = bpy.data
    stores = (data.objects, data.meshes, data.armatures, data.collections, data.materials)
    return [thing.name for store in stores for thing in store if mark in thing]


def live_armature(module) -> bpy.types.Object | None:
    mark = module("addon.live_body").MARK
    return next((ob for ob in bpy.data.objects if mark in ob and ob.type == "ARMATURE"), None)


def test_the_body_moves_while_the_capture_runs_and_is_gone_after_it(scene, module, session_of) -> None:
    before = {ob.name for ob in scene.objects}
    session = session_of(last=60)
    rig = live_armature(module)
    assert rig.hide_viewport  # until there is a pose
    drive(session, lambda: session.job.first_pose_s is not None)
    assert not rig.hide_viewport and rig.hide_select and rig.animation_data is None
    first = [tuple(bone.rotation_quaternion) for bone in rig.pose.bones]
    assert max(abs(value) for quaternion in first for value in quaternion[1:]) > 0.1
    shown = session._shown
    drive(session, lambda: session._shown is not shown)
    assert [tuple(bone.rotation_quaternion) for bone in rig.pose.bones] != first
    drive(session, lambda: session.over)
    assert marked(module) == []
    assert session.job.outcome.status == "done"
    new = {ob.name for ob in scene.objects} - before
    assert sorted(bpy.data.objects[name].type for name in new) == ["ARMATURE", "CAMERA", "MESH"]
    ticks = sorted(session.job.ticks_ms)
    print(f"ticks: median {ticks[len(ticks) // 2]:.2f} ms of {len(ticks)}")


def test_it_stands_in_the_picture_of_the_camera_that_shows_the_video(scene, module, session_of) -> None:
    from bpy_extras.object_utils import world_to_camera_view

    bpy.ops.rotocap.import_video(filepath=str(SAMPLE))
    data = bpy.data.cameras.new("over the video")
    scene.camera = bpy.data.objects.new("over the video", data)
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler = (3.0, -2.0, 1.2), (1.4, 0.1, 0.5)
    data.sensor_fit, data.sensor_width, data.lens = "HORIZONTAL", 36.0, 60.0
    background = data.background_images.new()
    session = session_of(last=12)
    background.source, background.clip = "MOVIE_CLIP", bpy.data.movieclips.load(scene.rotocap.video)
    bpy.context.view_layer.update()
    session.lose_live()
    assert session._live_state == "wanted"
    drive(session, lambda: session.job.first_pose_s is not None)
    bpy.context.view_layer.update()
    rig = live_armature(module)
    place = world_to_camera_view(scene, scene.camera, rig.matrix_world @ rig.pose.bones["pelvis"].head)
    # The sample's person stands at 0.4 of the picture's width, hips a little under its middle.
    assert 0.3 < place.x < 0.5 and 0.4 < place.y < 0.6, place
    head = world_to_camera_view(scene, scene.camera, rig.matrix_world @ rig.pose.bones["head"].head)
    assert 0.7 < head.y < 0.9, head  # upright in the picture, whichever way the camera is turned


def pelvis_of(rig: bpy.types.Object):
    bpy.context.view_layer.update()
    return rig.matrix_world @ rig.pose.bones["pelvis"].head


def test_over_another_video_it_stands_by_itself_and_says_whose_it_is(scene, module, clip, tmp_path) -> None:
    from bpy_extras.object_utils import world_to_camera_view

    live, pose_of = module("addon.live_body"), module("addon.jobs").Pose
    shutil.copy(SAMPLE, tmp_path / "other.mp4")
    bpy.ops.rotocap.import_video(filepath=str(clip))
    own = scene.camera
    bpy.ops.rotocap.import_video(filepath=str(tmp_path / "other.mp4"))
    assert scene.camera != own
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080  # borders beside an upright video
    scene.camera.location.x = 5.0  # as of another shot

    body = live.LiveBody()
    assert body.begin(scene, clip)
    while not body.go_on(budget_s=1.0):
        pass
    height, focal = 720, 900.0
    pose = pose_of(0, 0.0, (0.0,) * 165, (-0.3, 0.2, 3.0), focal)
    assert body.show(pose, scene) and not body.fits_the_picture(scene)
    rig = live_armature(module)
    assert rig.show_name and rig.name.startswith("Capturing Clip ü 1")
    over_the_head = rig.matrix_world.translation - pelvis_of(rig)
    assert 0.8 < over_the_head.z < 0.9, "its name is written where it stands"
    assert pelvis_of(rig).xy.length < 0.01 and pelvis_of(rig).z == pytest.approx(body._rest[0, 1], abs=0.01)

    # Somebody stands there already: it goes beside them, and into its picture when that is looked at.
    someone = live.armature.new_armature("someone", body._rest, scene.collection)
    someone.location = pelvis_of(rig) - someone.pose.bones[0].head
    bpy.context.view_layer.update()
    assert body.begin(scene, clip) and body.go_on(budget_s=10.0) and body.show(pose, scene)
    rig = live_armature(module)
    apart = pelvis_of(rig) - pelvis_of(someone)
    assert -1.0 < apart.x < -0.85 and abs(apart.y) < 0.01 and abs(apart.z) < 0.01, apart
    scene.camera = own
    assert body.show(pose, scene) and body.fits_the_picture(scene) and not rig.show_name
    seen = world_to_camera_view(scene, own, pelvis_of(rig))
    # Where the capture sees it in its own video, that lies in the middle of the wide frame.
    frame_px = (seen.x - 0.5) * 1920 * height / 1080, (0.5 - seen.y) * height
    assert frame_px == pytest.approx((focal * -0.3 / 3.0, focal * 0.2 / 3.0), abs=2.0)
    scene.camera = None
    assert body.show(pose, scene) and rig.show_name
    assert -1.0 < (pelvis_of(rig) - pelvis_of(someone)).x < -0.85, "beside them again"
    live.remove_all()


@pytest.mark.parametrize("deed", ["deleted", "renamed", "saved"])
def test_what_the_animator_does_to_the_live_body_does_no_harm(
    scene, module, session_of, tmp_path, deed
) -> None:
    session = session_of(last=60)
    drive(session, lambda: session.job.first_pose_s is not None)
    rig = live_armature(module)
    if deed == "deleted":
        bpy.data.objects.remove(rig)
    elif deed == "renamed":
        rig.name = "mine now"
    else:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"), copy=True)
        assert marked(module) == []
        with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (there, _):
            assert not [name for name in there.objects if name.startswith("Capturing")]
    shown = session._shown
    if deed != "deleted":
        drive(session, lambda: session._shown is not shown and session._shown is not None)
        assert live_armature(module) is not None
    drive(session, lambda: session.over)
    assert session.job.outcome.status == "done" and not session.failed
    assert marked(module) == []


def test_a_result_waits_until_an_edit_is_over(scene, module, session_of) -> None:
    session = session_of(last=6)
    mesh = bpy.data.objects.new("edited", bpy.data.meshes.new("edited"))
    scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    drive(session, lambda: bool(session.waiting))
    assert "when you leave Edit Mode" in session.waiting
    assert not module("addon.capture_session").holds_the_window()  # Esc is the animator's
    assert not bpy.ops.rotocap.capture.poll()
    assert "person_01" not in scene.objects
    bpy.ops.object.mode_set(mode="OBJECT")
    drive(session, lambda: session.over)
    assert "person_01" in scene.objects


def test_a_half_finished_capture_offers_to_go_on_also_after_reopening(
    scene, module, session_of, tmp_path
) -> None:
    request = module("addon.capture_request")
    session = session_of(last=60, apply_when_done=False)
    drive(session, lambda: session.job.state.done >= 4)
    bpy.ops.rotocap.stop_capture()
    assert session.status() and not module("addon.capture_session").holds_the_window()
    drive(session, lambda: session.job.cancel_s is not None)
    drive(session, lambda: session.over)
    assert session.job.outcome.status == "partial"
    left = request.unfinished(scene.rotocap)
    read = module("inference.take").Take.open(scene.rotocap.take).frames_read
    assert left.frames_left == 60 - read
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "half.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "half.blend"))
    settings = bpy.context.scene.rotocap
    assert request.unfinished(settings) == left
    settings.last = 50
    assert request.unfinished(settings) is None  # another part of the video is another capture
    settings.last = 60
    shutil.rmtree(settings.take)
    assert request.unfinished(settings) is None


def test_stopping_twice_ends_at_once_and_keeps_what_was_read(scene, module, session_of) -> None:
    session = session_of(last=60)
    drive(session, lambda: session.job.state.done >= 4)
    session.job.cancel()
    session.job.cancel()
    drive(session, lambda: session.over)
    assert session.job.outcome.status == "stopped"
    assert "press Go On" in session.job.outcome.message
    assert marked(module) == [] and "person_01" not in scene.objects
    assert module("addon.capture_request").unfinished(scene.rotocap).frames_left < 60


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")
def test_a_full_disk_is_said_and_what_was_read_before_is_kept(scene, module, session_of) -> None:
    session = session_of(last=60, hands=True)
    drive(session, lambda: session.job.state.done >= 2)
    resource.prlimit(session.job.pid, resource.RLIMIT_FSIZE, (2000, 2000))
    session.job.cancel()  # it writes what it has read
    drive(session, lambda: session.over)
    assert session.job.outcome.status == "failed"
    assert "free some space" in session.job.outcome.message
    assert marked(module) == []


def test_a_take_that_is_deleted_while_it_is_written_is_said(scene, module, session_of) -> None:
    session = session_of(last=60)
    drive(session, lambda: session.job.state.done >= 2)
    shutil.rmtree(scene.rotocap.take)
    session.job.cancel()
    drive(session, lambda: session.over)
    assert session.job.outcome.status == "failed"
    assert "Clip ü 1.take" in session.job.outcome.message
    assert "Traceback" not in session.job.outcome.message
    assert module("addon.capture_request").unfinished(scene.rotocap) is None
    assert bpy.ops.rotocap.capture.poll()


def test_opening_another_file_ends_the_capture(scene, module, session_of) -> None:
    session = session_of(last=60)
    drive(session, lambda: session.job.first_pose_s is not None)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False, load_ui=False)
    assert session.over and session.job.outcome.status == "stopped"
    assert marked(module) == []


def test_the_video_runs_along_until_the_animator_takes_the_playhead(scene, module, session_of) -> None:
    session = session_of(last=10)
    scene.frame_current = 77
    assert session._live.fits_the_picture(scene)
    pose = module("addon.jobs").Pose(20, 20 / 30.0, (0.0,) * 165, (0.0, 0.0, 4.0), 900.0)
    session._follow(pose)
    assert scene.frame_current == 21
    scene.frame_current = 50
    session._follow(pose)
    assert scene.frame_current == 50
    session._clear_window()
    assert scene.frame_current == 50  # the animator's own choice
    session.abandon()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos come in by file, by files, by movie clip; a solved camera is read; a moved video is found."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import bpy
import numpy as np
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "sample.mp4"
FOCAL, FRAMES = 800.0, 40


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    path = tmp_path / "Mein Clip ü.mp4"
    shutil.copy(SAMPLE, path)
    return path


def true_cameras() -> np.ndarray:
    """World from camera (FRAMES, 4, 4), x right, y down, z forward: a camera that sways and turns."""
    out = np.tile(np.eye(4), (FRAMES, 1, 1))
    for row, camera in enumerate(out):
        angle = 0.006 * row
        camera[:3, :3] = [
            [np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]
        ]  # fmt: skip
        camera[:3, 3] = [0.3 * np.sin(0.15 * row), 0.2 * np.cos(0.11 * row) - 0.2, 0.02 * row]
    return out


@pytest.fixture
def solved(scene, clip_file) -> bpy.types.MovieClip:
    """A clip whose camera Blender itself has solved, from tracks of points that are known."""
    # The scene of these tests has no window; solving wants the editor.
    bpy.ops.wm.read_homefile(use_factory_startup=False, load_ui=True, use_empty=False)
    clip = bpy.data.movieclips.load(str(clip_file))
    width, height = clip.size
    lens = clip.tracking.camera
    lens.sensor_width = 36.0
    lens.focal_length_pixels = FOCAL
    points = np.random.default_rng(0).uniform([-1.2, -1.6, 4.0], [1.6, 1.6, 9.0], (40, 3))
    tracks = [clip.tracking.tracks.new(name=f"point {i}", frame=1) for i in range(len(points))]
    for row, camera in enumerate(true_cameras()):
        seen = (points - camera[:3, 3]) @ camera[:3, :3]
        pixel = seen[:, :2] / seen[:, 2:] * FOCAL + [width / 2, height / 2]
        for track, (x, y) in zip(tracks, pixel, strict=True):
            place = x / width, 1.0 - y / height
            if row == 0:  # a new track has a marker there
                track.markers[0].co = place
            else:
                track.markers.insert_frame(row + 1, co=place)
    clip.tracking.objects[0].keyframe_a, clip.tracking.objects[0].keyframe_b = 1, 30
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = clip
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert bpy.ops.clip.solve_camera() == {"FINISHED"}
    assert clip.tracking.objects[0].reconstruction.average_error < 0.02
    return clip


def test_an_import_sets_clip_range_rate_and_a_camera_with_the_video_behind_it(scene, clip_file) -> None:
    assert bpy.ops.rotocap.import_video(filepath=str(clip_file)) == {"FINISHED"}
    footage = scene.rotocap.footage
    assert footage.clip == scene.active_clip
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (30, 1, 120)
    assert scene.camera == footage.camera
    (background,) = scene.camera.data.background_images
    assert background.clip == footage.clip
    again = scene.camera
    assert bpy.ops.rotocap.import_video(filepath=str(clip_file)) == {"FINISHED"}
    assert scene.camera == again and len(bpy.data.cameras) == 1 and len(bpy.data.movieclips) == 1


def test_a_scene_with_animation_keeps_its_rate_and_length_unless_it_is_asked_to_change(
    scene, clip_file
) -> None:
    box = bpy.data.objects.new("Box", None)
    box.keyframe_insert("location", frame=1)
    scene.render.fps, scene.frame_end = 24, 400
    bpy.ops.rotocap.import_video(filepath=str(clip_file), camera=False)
    assert (scene.render.fps, scene.frame_end) == (24, 400)
    assert scene.camera is None
    bpy.ops.rotocap.import_video(filepath=str(clip_file), match_range=True)
    assert (scene.render.fps, scene.frame_end) == (24, 96)  # 4 s
    bpy.ops.rotocap.import_video(filepath=str(clip_file), match_rate=True)
    assert scene.render.fps == 30


def test_another_video_forgets_who_was_picked_and_which_part(scene, clip_file) -> None:
    settings, second = scene.rotocap, clip_file.with_name("b.mp4")
    shutil.copy(SAMPLE, second)

    def choose() -> None:
        settings.people = "picked"
        assert bpy.ops.rotocap.pick_person(frame=4, place=(200.0, 150.0)) == {"FINISHED"}
        settings.use_range, settings.last = True, 50

    def chosen() -> tuple[int, bool]:
        return settings.pick_frame, settings.use_range

    def use_queued() -> None:
        settings.queue.clear()
        files = [{"name": second.name}]
        bpy.ops.rotocap.queue_add(directory=str(second.parent), files=files)
        bpy.ops.rotocap.queue_use()

    def type_path() -> None:
        settings.video = str(second)

    for change in (lambda: bpy.ops.rotocap.import_video(filepath=str(second)), use_queued, type_path):
        bpy.ops.rotocap.import_video(filepath=str(clip_file))
        choose()
        bpy.ops.rotocap.import_video(filepath=str(clip_file))
        assert chosen() == (4, True), "the same video once more"
        change()
        assert settings.video == str(second) and chosen() == (0, False)
        with pytest.raises(RuntimeError, match="Nobody is picked yet"):
            bpy.ops.rotocap.capture()


def test_several_files_go_into_the_queue_and_the_first_is_shown(scene, clip_file) -> None:
    second = clip_file.with_name("b.mp4")
    shutil.copy(SAMPLE, second)
    clip_file.with_name("notes.txt").write_text("no video")
    files = [{"name": "notes.txt"}, {"name": clip_file.name}, {"name": "b.mp4"}]
    bpy.ops.rotocap.import_video(directory=str(clip_file.parent), files=files)
    assert scene.rotocap.video == str(clip_file)
    assert [entry.video for entry in scene.rotocap.queue] == [str(clip_file), str(second)]
    bpy.ops.rotocap.import_video(directory=str(clip_file.parent), files=files)
    assert len(scene.rotocap.queue) == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"\x89PNG", "is a picture"),
        ("a.wav", b"RIFF", "is sound"),
        ("a.mp4", b"", "convert it to MP4"),
        ("a.txt", b"notes", "convert it to MP4"),
        ("gone.mp4", None, "no such file"),
    ],
)
def test_what_is_no_video_is_refused_in_words_and_leaves_nothing(
    scene, tmp_path, name, content, words
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.rotocap.import_video(filepath=str(path))
    assert not scene.rotocap.video and not bpy.data.movieclips and not bpy.data.cameras


def test_a_codec_that_blender_cannot_read_is_named(scene, clip_file) -> None:
    data = clip_file.read_bytes()
    at = data.index(b"avc1", data.index(b"stsd"))
    clip_file.write_bytes(data[:at] + b"apcn" + data[at + 4 :].replace(b"avcC", b"xxxx"))
    with pytest.raises(RuntimeError, match=r"codec \(ProRes\); convert it"):
        bpy.ops.rotocap.import_video(filepath=str(clip_file))


def test_a_phone_video_is_upright_in_every_blender(scene, clip_file, module) -> None:
    data = bytearray(clip_file.read_bytes())
    header = data.index(b"tkhd")
    at = header + (56 if data[header + 4] else 44)
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    clip_file.write_bytes(data)
    bpy.ops.rotocap.import_video(filepath=str(clip_file))
    assert (scene.render.resolution_x, scene.render.resolution_y) == (720, 540)
    (background,) = scene.camera.data.background_images
    shown_upright = tuple(background.clip.size) == (720, 540)
    assert background.rotation == pytest.approx(0.0 if shown_upright else np.pi / 2)


def test_the_first_capture_takes_the_imported_camera_over(scene, clip_file, module, known_motion, known_take):
    bpy.ops.rotocap.import_video(filepath=str(clip_file))
    imported = scene.camera
    scene.rotocap.take = str(known_take(known_motion(), video=clip_file))
    bpy.ops.rotocap.apply_new_armature()
    assert [ob for ob in scene.objects if ob.type == "CAMERA"] == [imported]
    assert len(imported.data.background_images) == 1
    assert imported.location.z == pytest.approx(1.4)
    assert imported.data.lens == pytest.approx(900.0 / 720.0 * 36.0)
    bpy.ops.rotocap.apply_new_armature()  # a second result has its own
    assert len([ob for ob in scene.objects if ob.type == "CAMERA"]) == 2


def test_a_rate_that_is_kept_is_kept_by_the_result_as_well(
    scene, clip_file, known_motion, known_take
) -> None:
    scene.render.fps = 24
    bpy.ops.rotocap.import_video(filepath=str(clip_file), match_rate=False, camera=False)
    assert (scene.render.fps, scene.frame_end) == (24, 96)
    scene.rotocap.take = str(known_take(known_motion(), video=clip_file))
    bpy.ops.rotocap.apply_new_armature()
    assert scene.render.fps == 24


def test_a_camera_that_the_animator_moved_stays(scene, clip_file, module, known_motion, known_take) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip_file))
    imported = scene.camera
    imported.location.x = 2.0
    scene.rotocap.take = str(known_take(known_motion(), video=clip_file))
    bpy.ops.rotocap.apply_new_armature()
    assert imported.location.x == 2.0
    assert len([ob for ob in scene.objects if ob.type == "CAMERA"]) == 2


def test_blenders_own_solve_comes_through_as_the_path_it_was_made_from(solved, module) -> None:
    assert bpy.ops.rotocap.use_movie_clip(clip=solved.name) == {"FINISHED"}
    scene = bpy.context.scene
    footage = module("addon.footage")
    path = module("inference.camera_path").CameraPath.load(
        footage.camera_path_file(scene, footage.video_path(scene))
    )
    np.testing.assert_allclose(path.time_s, np.arange(FRAMES) / 30.0, atol=1e-9)
    np.testing.assert_allclose(path.camera_K, [[FOCAL, 0, 269.5], [0, FOCAL, 359.5], [0, 0, 1]], atol=1e-2)
    true, found = true_cameras(), path.world_from_camera
    # One turn for all, and one scale.
    turn = found[0, :3, :3] @ true[0, :3, :3].T
    np.testing.assert_allclose(turn @ true[:, :3, :3], found[:, :3, :3], atol=4e-3)
    moved = (found[:, :3, 3] - found[:, :3, 3].mean(axis=0)) @ turn
    way = true[:, :3, 3] - true[:, :3, 3].mean(axis=0)
    scale = (moved * way).sum() / (way**2).sum()
    np.testing.assert_allclose(moved / scale, way, atol=0.005)


def test_a_placed_tracking_camera_gives_the_path_in_its_scene(solved, module) -> None:
    scene = bpy.context.scene
    reader = module("addon.solved_camera")
    camera = bpy.data.objects.new("Tracked", bpy.data.cameras.new("Tracked"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    constraint = camera.constraints.new("CAMERA_SOLVER")
    constraint.use_active_clip, constraint.clip = False, solved
    assert reader.follower(scene, solved) is None  # nobody has set a floor or a scale
    camera.location, camera.rotation_euler, camera.scale = (1.0, -2.0, 0.5), (1.4, 0.1, 0.3), (2.5, 2.5, 2.5)
    bpy.context.view_layer.update()
    assert reader.follower(scene, solved) == camera
    path = reader.path_of(solved, size=(540, 720), rotation_deg=0, camera=camera)
    assert path.placed
    to_blender = module("addon.armature").camera_to_blender(path.world_from_camera)
    for frame in (1, 17, 40):
        scene.frame_set(frame)
        seen = camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
        np.testing.assert_allclose(to_blender[frame - 1, :3, 3], seen.translation, atol=1e-4)
        turn = np.array(seen.normalized())[:3, :3]
        np.testing.assert_allclose(to_blender[frame - 1, :3, :3], turn, atol=1e-4)


def test_a_lens_and_a_shifted_clip_are_read(solved, module) -> None:
    lens = solved.tracking.camera
    lens.distortion_model = "DIVISION"
    lens.division_k1 = -0.05
    solved.frame_offset = 6
    path = module("addon.solved_camera").path_of(solved, size=(540, 720), rotation_deg=0)
    assert (path.lens, path.lens_k[0]) == ("DIVISION", pytest.approx(-0.05))
    assert path.time_s[0] == pytest.approx(6 / 30.0)


def test_a_phones_clip_that_lies_on_its_side_is_read_as_the_upright_picture_sees_it(solved, module) -> None:
    solve = module("addon.solved_camera").path_of
    lying = solve(solved, size=(540, 720), rotation_deg=0)
    upright = solve(solved, size=(720, 540), rotation_deg=90)
    point = lying.world_from_camera[5] @ [0.3, -0.2, 4.0, 1.0]

    def pixel(path):
        seen = path.camera_K @ (np.linalg.inv(path.world_from_camera[5]) @ point)[:3]
        return seen[:2] / seen[2]

    x, y = pixel(lying)
    np.testing.assert_allclose(pixel(upright), [719 - y, x], atol=1e-6)


def test_a_solved_camera_is_asked_for_unless_it_is_switched_off(solved, module) -> None:
    bpy.ops.rotocap.use_movie_clip(clip=solved.name)
    scene = bpy.context.scene
    scene.rotocap.use_lens = True
    wanted = module("addon.capture_request").request(bpy.context)
    assert wanted.camera_path is not None and wanted.focal_px is None
    assert wanted.options()["camera_path"]
    scene.rotocap.footage.use_solved_camera = False
    wanted = module("addon.capture_request").request(bpy.context)
    assert wanted.camera_path is None and wanted.focal_px is not None


def test_a_capture_with_a_solved_camera_keys_the_camera(solved, module) -> None:
    bpy.ops.rotocap.use_movie_clip(clip=solved.name)
    scene = bpy.context.scene
    scene.rotocap.use_range, scene.rotocap.last = True, 10
    assert bpy.ops.rotocap.capture() == {"FINISHED"}
    take = module("inference.take").Take.open(scene.rotocap.take)
    assert take.solve.moving_camera
    assert take.sequence(take.people[0]).world_from_camera.shape == (10, 4, 4)
    assert scene.camera.animation_data.nla_tracks
    assert scene.camera.data.lens == pytest.approx(FOCAL / 540.0 * 36.0, rel=1e-4)


def test_an_image_sequence_is_no_video(scene, tmp_path) -> None:
    for number in (1, 2):
        image = bpy.data.images.new(f"picture {number}", 32, 32)
        image.filepath_raw, image.file_format = str(tmp_path / f"p_{number:03d}.png"), "PNG"
        image.save()
    clip = bpy.data.movieclips.load(str(tmp_path / "p_001.png"))
    with pytest.raises(RuntimeError, match="sequence of pictures; render it"):
        bpy.ops.rotocap.use_movie_clip(clip=clip.name)


def test_find_video_mends_scene_clip_queue_and_take(scene, clip_file, module, tmp_path) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip_file))
    module("addon.capture_queue").add(scene, clip_file)
    take = module("inference.take")
    record = take.VideoRecord(
        path=str(clip_file), name=clip_file.name, bytes=clip_file.stat().st_size,
        fingerprint=take.fingerprint(clip_file), fps=30.0, width=540, height=720, frame_count=120,
        duration_s=4.0, codec="h264", rotation_deg=0,
    )  # fmt: skip
    take.Take(
        path=tmp_path / "a.take", status="incomplete", video=record, read=take.ReadSettings(),
        solve=take.SolveSettings(),
    ).save()  # fmt: skip
    scene.rotocap.take = str(tmp_path / "a.take")
    settings, camera = scene.rotocap, scene.rotocap.footage.camera
    settings.pick_frame, settings.use_range = 4, True
    moved = tmp_path / "elsewhere" / "renamed.mp4"
    moved.parent.mkdir()
    clip_file.rename(moved)
    assert module("addon.footage").is_missing(clip_file)
    other = tmp_path / "other.mp4"
    other.write_bytes(moved.read_bytes() + b"\0" * 8)
    with pytest.raises(RuntimeError, match=r"is another video than the one that a\.take was captured from"):
        bpy.ops.rotocap.find_video(filepath=str(other))
    assert bpy.ops.rotocap.find_video(filepath=str(moved)) == {"FINISHED"}
    assert scene.rotocap.video == scene.rotocap.queue[0].video == str(moved)
    assert bpy.path.abspath(scene.rotocap.footage.clip.filepath) == str(moved)
    assert tuple(scene.rotocap.footage.clip.size) == (540, 720)
    assert take.Take.open(tmp_path / "a.take").video_file() == moved
    assert (settings.pick_frame, settings.use_range) == (4, True), "it is the same video"
    assert camera is not None and settings.footage.camera == camera


def test_a_blend_that_came_with_its_video_finds_it(scene, clip_file, tmp_path) -> None:
    bpy.ops.rotocap.import_video(filepath=str(clip_file))
    home = tmp_path / "other machine"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "shot.blend"), relative_remap=False)
    clip_file.rename(home / clip_file.name)
    bpy.ops.wm.open_mainfile(filepath=str(home / "shot.blend"), load_ui=False)
    scene = bpy.context.scene
    assert scene.rotocap.video == str(home / clip_file.name)
    assert tuple(scene.rotocap.footage.clip.size) == (540, 720)


def test_the_drop_is_offered_in_the_viewport_only(scene, module) -> None:
    handler = module("operators.import_video").ROTOCAP_FH_video

    class Area:
        type = "VIEW_3D"

    class Context:
        area = Area()

    assert handler.is_registered
    assert handler.poll_drop(Context)
    Area.type = "NODE_EDITOR"
    assert not handler.poll_drop(Context)
    assert ".mp4" in handler.bl_file_extensions.split(";")

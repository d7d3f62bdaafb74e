# SPDX-License-Identifier: GPL-3.0-or-later
"""The take's camera, with the video behind it: the body stands where the person does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ..inference.camera import intrinsics
from ..inference.sequence import SmplxSequence
from ..retarget import quaternions
from ..retarget.timeline import Timeline, drifts, pictures
from . import keys, tracks
from .armature import camera_to_blender
from .blender_versions import Channels, shows_upright

_SENSOR_MM = 36.0
_USUAL_PLACE = (0.0, -4.0, 1.4)  # where a person over the origin is in the picture from head to feet


def new_camera(
    name: str,
    sequence: SmplxSequence,
    timeline: Timeline,
    collection: bpy.types.Collection,
    *,
    size: tuple[int, int],
    kept: bpy.types.Object | None = None,
) -> bpy.types.Object:
    """A camera with the take's focal length, principal point and place; keys where it moves.

    size: width and height of the video in pixels. Needs a render size of the same aspect.
    kept: a camera that becomes this one, instead of a new one; the pictures behind it are taken away.
    """
    if kept is None:
        camera = _new(name, collection)
    else:
        camera = kept
        camera.data.background_images.clear()
    data = camera.data
    _see_as(data, sequence.camera_K, size)
    matrices = camera_to_blender(np.asarray(sequence.world_from_camera, dtype=np.float64))
    if matrices.ndim == 2:
        camera.matrix_world = Matrix(matrices)
        return camera
    camera.rotation_mode = "QUATERNION"
    turns = timeline.sample_rotations(quaternions.from_matrix(matrices[:, :3, :3]))
    kinds = keys.interpolation(len(timeline), timeline.spans)
    channels = Channels(name, camera)
    keys.write(channels, "location", timeline.sample(matrices[:, :3, 3]), frames=timeline.frames, kinds=kinds)
    keys.write(
        channels, "rotation_quaternion", quaternions.continuous(turns), frames=timeline.frames, kinds=kinds
    )
    tracks.play(camera, channels, track=name, source="camera of a take")
    return camera


def video_camera(name: str, collection: bpy.types.Collection, *, size: tuple[int, int]) -> bpy.types.Object:
    """A camera for a video of which nothing is known yet: level, at breast height, with a usual lens."""
    camera = _new(name, collection)
    _see_as(camera.data, intrinsics(*size), size)
    camera.location, camera.rotation_euler = _USUAL_PLACE, (math.pi / 2.0, 0.0, 0.0)
    return camera


def is_untouched(camera: bpy.types.Object) -> bool:
    """Whether a camera is as `video_camera` made it: the animator has not moved, keyed or bound it."""
    bare = camera.animation_data is None and camera.parent is None and not camera.constraints
    return bare and (camera.matrix_basis.translation - Vector(_USUAL_PLACE)).length < 1e-4


def _new(name: str, collection: bpy.types.Collection) -> bpy.types.Object:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    collection.objects.link(camera)
    camera.data.clip_start, camera.data.clip_end = 0.01, 1000.0
    return camera


def _see_as(data: bpy.types.Camera, k: NDArray[np.floating[Any]], size: tuple[int, int]) -> None:
    """Focal length and principal point of intrinsics (3, 3) in pixels of a picture of this size."""
    width, height = size
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_MM
    data.lens = float(k[0, 0]) / width * _SENSOR_MM
    # Pixels have their origin at the centre of the first one: the middle is (size - 1) / 2.
    data.shift_x = ((width - 1) / 2 - float(k[0, 2])) / width
    data.shift_y = (float(k[1, 2]) - (height - 1) / 2) / width


def load_clip(path: Path) -> bpy.types.MovieClip:
    """The video as a movie clip, loaded once; a clip that the animator moved in time is left alone."""
    clip = bpy.data.movieclips.load(str(path), check_existing=True)
    if (clip.frame_start, clip.frame_offset) != (1, 0):
        clip = bpy.data.movieclips.load(str(path), check_existing=False)
    return clip


def show_video(
    camera: bpy.types.Object,
    clip: bpy.types.MovieClip,
    *,
    size: tuple[int, int],
    rotation_deg: int,
    first_frame: int,
    scene_fps: float,
) -> None:
    """The video behind everything that the camera sees, its first picture on first_frame.

    size: pixels of the upright picture. rotation_deg: what the file says about turning it
    clockwise; done here where Blender itself does not (before 4.5 it shows phone videos on their side).
    scene_fps: where the video has another rate, the picture follows time as the keys do.
    """
    data = camera.data
    data.show_background_images = True
    background = data.background_images.new()
    # The clip's own rate: Blender lays the pictures of a video with uneven times out on that grid.
    rates = {"video_fps": float(clip.fps), "scene_fps": scene_fps}
    if drifts(clip.frame_duration, **rates):
        # A clip steps one picture a scene frame and cannot be keyed; an image's offset can.
        background.source = "IMAGE"
        background.image = bpy.data.images.load(clip.filepath, check_existing=True)
        _key_pictures(data, background, *pictures(clip.frame_duration, **rates, first_frame=first_frame))
    else:
        clip.frame_start = first_frame
        background.source = "MOVIE_CLIP"
        background.clip = clip
    background.alpha = 1.0
    background.frame_method = "FIT"
    background.display_depth = "BACK"
    if not shows_upright(tuple(clip.size), size=size, rotation_deg=rotation_deg):
        background.rotation = math.radians(rotation_deg)
        if rotation_deg % 180:
            # Blender fits the picture as it lies; turned, it has to fill the frame again.
            background.scale = max(size) / min(size)


def _key_pictures(
    data: bpy.types.Camera,
    background: bpy.types.CameraBackgroundImage,
    frames: NDArray[np.int64],
    shown: NDArray[np.int64],
) -> None:
    """Let the only background image show picture shown (N,) from scene frame frames (N,) on."""
    user = background.image_user
    # With a duration of one the offset alone says which picture: 0 is the first.
    user.frame_duration, user.frame_start, user.use_auto_refresh = 1, int(frames[0]), True
    channels = Channels(f"{data.name} picture", data)
    keys.write(
        channels,
        "background_images[0].image_user.frame_offset",
        shown,
        frames=frames,
        kinds=keys.stepped(len(frames)),
    )
    tracks.play(data, channels, track=channels.action.name)


def look_through(context: bpy.types.Context, camera: bpy.types.Object) -> None:
    """Let the viewport that the animator is in show the camera's view, if there is one."""
    area = context.area
    if area is not None and area.type == "VIEW_3D" and context.scene.camera == camera:
        area.spaces.active.region_3d.view_perspective = "CAMERA"

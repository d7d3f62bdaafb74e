# SPDX-License-Identifier: GPL-3.0-or-later
"""The take's camera, with the video behind it: the body stands where the person does."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..inference.sequence import SmplxSequence
from ..retarget import quaternions
from ..retarget.timeline import Timeline
from . import keys
from .armature import camera_to_blender
from .blender_versions import Channels, shows_upright

_SENSOR_MM = 36.0


def new_camera(
    name: str,
    sequence: SmplxSequence,
    timeline: Timeline,
    collection: bpy.types.Collection,
    *,
    size: tuple[int, int],
) -> bpy.types.Object:
    """A camera with the take's focal length, principal point and place; keys where it moves.

    size: width and height of the video in pixels. Needs a render size of the same aspect.
    """
    width, height = size
    k = sequence.camera_K
    data = bpy.data.cameras.new(name)
    camera = bpy.data.objects.new(name, data)
    collection.objects.link(camera)
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = _SENSOR_MM
    data.lens = float(k[0, 0]) / width * _SENSOR_MM
    # Pixels have their origin at the centre of the first one: the middle is (size - 1) / 2.
    data.shift_x = ((width - 1) / 2 - float(k[0, 2])) / width
    data.shift_y = (float(k[1, 2]) - (height - 1) / 2) / width
    data.clip_start, data.clip_end = 0.01, 1000.0
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
    keys.play(camera, channels, first_frame=int(timeline.frames[0]), track=name)
    return camera


def load_clip(path: Path) -> bpy.types.MovieClip:
    """The video as a movie clip of this file, loaded once."""
    clip = bpy.data.movieclips.load(str(path), check_existing=True)
    clip.frame_start = 1
    return clip


def show_video(
    camera: bpy.types.Object,
    clip: bpy.types.MovieClip,
    *,
    size: tuple[int, int],
    rotation_deg: int,
    first_frame: int,
) -> None:
    """The video behind everything that the camera sees, its first picture on first_frame.

    size: pixels of the upright picture. rotation_deg: what the file says about turning it
    clockwise; done here where Blender itself does not (before 4.5 it shows phone videos on their side).
    """
    clip.frame_start = first_frame
    data = camera.data
    data.show_background_images = True
    background = data.background_images.new()
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


def look_through(context: bpy.types.Context, camera: bpy.types.Object) -> None:
    """Let the viewport that the animator is in show the camera's view, if there is one."""
    area = context.area
    if area is not None and area.type == "VIEW_3D" and context.scene.camera == camera:
        area.spaces.active.region_3d.view_perspective = "CAMERA"

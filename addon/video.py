# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator's video in the scene: checked, its size and rate taken over."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..inference.errors import VideoError
from .camera import load_clip
from .capture_request import default_take
from .scene_from_take import FIRST_FRAME, Footage, match_scene


def import_video(scene: bpy.types.Scene, path: Path) -> Footage:
    """Make `path` the scene's video. VideoError if there is none or Blender cannot read it.

    A scene in which nothing is animated takes over frame rate, length and picture size.
    """
    if not path.is_file():
        raise VideoError(f"{path}: no such file; choose a video")
    try:
        clip = load_clip(path)
    except RuntimeError as error:
        raise VideoError(f"{path.name}: could not be opened ({error}); choose a video file") from error
    width, height = clip.size
    if not (width and height and clip.frame_duration):
        bpy.data.movieclips.remove(clip)
        raise VideoError(f"{path.name}: is not a video that Blender can read; convert it to MP4 (H.264)")
    settings = scene.rotocap
    settings.video, settings.take = str(path), str(default_take(path))
    footage = Footage(path, (width, height), float(clip.fps))
    if not bpy.data.actions:
        match_scene(scene, footage)
        scene.frame_start, scene.frame_end = FIRST_FRAME, FIRST_FRAME + clip.frame_duration - 1
    return footage

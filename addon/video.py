# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator's video into the scene: checked, its size, rate and length taken over, a camera over it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..inference.errors import RotocapError, VideoError
from ..inference.video_container import VideoTrack, video_track
from .camera import load_clip, show_video, video_camera
from .capture_request import default_take
from .footage import turn_of
from .scene_from_take import FIRST_FRAME, Footage, match_rate, match_scene, scene_fps

EXTENSIONS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".3gp", ".wmv", ".mpg")
_CODECS = {
    "av01": "AV1", "apch": "ProRes", "apcn": "ProRes", "apcs": "ProRes", "ap4h": "ProRes", "hvc1": "HEVC",
    "hev1": "HEVC", "dvh1": "Dolby Vision", "vp09": "VP9", "avc1": "H.264",
}  # fmt: skip
_SLACK_FPS = 0.01


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What an import does to the scene. None: only to one in which nothing is animated yet."""

    match_rate: bool | None = None
    match_range: bool | None = None
    camera: bool = True


@dataclass(frozen=True)
class Imported:
    footage: Footage
    camera: bpy.types.Object | None
    notes: tuple[str, ...]  # what the animator should know


def import_video(
    scene: bpy.types.Scene, path: Path, options: ImportOptions = ImportOptions(camera=False)
) -> Imported:
    """Make `path` the scene's video. VideoError if there is none or Blender cannot read it."""
    return _use(scene, _clip(path), path, options)


def use_clip(scene: bpy.types.Scene, clip: bpy.types.MovieClip, options: ImportOptions) -> Imported:
    """Make the video of a movie clip that is open already the scene's. VideoError if it is none."""
    path = Path(bpy.path.abspath(clip.filepath))
    if clip.source != "MOVIE":
        raise VideoError(
            f"{clip.name}: is a sequence of pictures; render it to a video file (MP4) and import that"
        )
    if not path.is_file():
        raise VideoError(f"{path}: the file of the clip {clip.name} is gone; open it in the clip again")
    if not (clip.size[0] and clip.size[1] and clip.frame_duration):
        raise _unreadable(path)
    return _use(scene, clip, path, options)


def _clip(path: Path) -> bpy.types.MovieClip:
    if path.is_dir():
        raise VideoError(f"{path}: is a folder; choose a video file in it")
    if not path.is_file():
        raise VideoError(f"{path}: no such file; choose a video")
    if path.suffix.lower() in bpy.path.extensions_image:
        raise VideoError(f"{path.name}: is a picture, and motion needs a video; choose a video file")
    if path.suffix.lower() in bpy.path.extensions_audio - bpy.path.extensions_movie:
        raise VideoError(f"{path.name}: is sound without a picture; choose a video file")
    before = set(bpy.data.movieclips)
    try:
        clip = load_clip(path)
    except RuntimeError as error:
        raise VideoError(f"{path.name}: could not be opened ({error}); choose a video file") from error
    if not (clip.size[0] and clip.size[1] and clip.frame_duration):
        if clip not in before:
            bpy.data.movieclips.remove(clip)
        raise _unreadable(path)
    return clip


def _unreadable(path: Path) -> VideoError:
    track = video_track(path)
    if track is None:
        return VideoError(f"{path.name}: is not a video that Blender can read; convert it to MP4 (H.264)")
    codec = _CODECS.get(track.codec, track.codec or "unknown")
    return VideoError(
        f"{path.name}: Blender cannot read its codec ({codec}); convert it to MP4 (H.264), "
        "for example with HandBrake"
    )


def _use(scene: bpy.types.Scene, clip: bpy.types.MovieClip, path: Path, options: ImportOptions) -> Imported:
    track = video_track(path)
    turn = turn_of(path)
    width, height = clip.size
    size = (height, width) if turn % 180 else (width, height)
    rotation = track.rotation_deg if track is not None else 0
    footage = Footage(path, size, float(clip.fps), rotation)
    settings = scene.rotocap
    if settings.video != str(path):
        settings.video, settings.take = str(path), str(default_take(path))
    settings.footage.clip = scene.active_clip = clip
    fresh = not bpy.data.actions
    rate = options.match_rate if options.match_rate is not None else fresh
    settings.footage.match_rate = rate
    extent = options.match_range if options.match_range is not None else fresh
    if fresh:
        match_scene(scene, footage, rate=rate)
    elif rate:
        match_rate(scene, footage.fps)
    if extent:
        frames = round(clip.frame_duration * scene_fps(scene) / footage.fps)
        scene.frame_start, scene.frame_end = FIRST_FRAME, FIRST_FRAME + max(frames, 1) - 1
    view = _camera(scene, clip, footage) if options.camera else None
    return Imported(footage, view, tuple(_notes(scene, footage, track)))


def _camera(scene: bpy.types.Scene, clip: bpy.types.MovieClip, footage: Footage) -> bpy.types.Object:
    """The camera with the video behind it: the one of an earlier import of it, or a new one."""
    kept = scene.rotocap.footage.camera
    if kept is not None and kept.name in scene.objects:
        return kept
    view = video_camera(f"{footage.path.stem} camera", scene.collection, size=footage.size)
    show_video(
        view,
        clip,
        size=footage.size,
        rotation_deg=footage.rotation_deg,
        first_frame=FIRST_FRAME,
        scene_fps=scene_fps(scene),
    )
    scene.camera = scene.rotocap.footage.camera = view
    return view


def _notes(scene: bpy.types.Scene, footage: Footage, track: VideoTrack | None) -> list[str]:
    out = []
    rate = scene_fps(scene)
    if abs(rate - footage.fps) > _SLACK_FPS:
        out.append(
            f"The scene runs at {rate:.4g} frames a second and the video at {footage.fps:.4g}: "
            "motion and picture keep the video's time"
        )
    if track is not None and track.uneven:
        out.append(
            "Its frames last differently long (variable frame rate): the motion follows their own times, "
            "Blender's picture may be off by a frame"
        )
    aspect = scene.render.resolution_x / scene.render.resolution_y
    if not math.isclose(aspect, footage.size[0] / footage.size[1], rel_tol=0.01):
        out.append("The render size has another shape than the video: the camera's view shows borders")
    return out


def first_and_rest(paths: list[Path]) -> tuple[Path, list[Path]]:
    """Which of several files is shown, and what else is to be queued. RotocapError if none is a video."""
    videos = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    if not videos:
        names = ", ".join(path.name for path in paths)
        raise RotocapError(f"{names}: no video among them; choose video files (MP4, MOV, MKV, WebM, AVI)")
    return videos[0], videos[1:]

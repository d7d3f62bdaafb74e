# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene's video: which clip shows it, where it is when it was moved, and how its camera is known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..inference.errors import RotocapError, TakeError, VideoError
from ..inference.take import RECORD, Take, fingerprint, reopened
from ..inference.video_container import video_track
from . import solved_camera
from .blender_versions import TURNS_VIDEOS

_LOOK_S = 2.0  # how long the panel believes that a file is still there
_seen: dict[str, tuple[float, bool]] = {}


def video_path(scene: bpy.types.Scene) -> Path | None:
    """The scene's video as an absolute path, None if none was imported."""
    video = scene.rotocap.video
    return Path(bpy.path.abspath(video)) if video else None


def is_missing(path: Path) -> bool:
    """Whether a file is gone. Quick enough for a panel that is drawn at every move of the mouse."""
    now = time.monotonic()
    looked, missing = _seen.get(str(path), (-_LOOK_S, False))
    if now - looked > _LOOK_S:
        missing = not path.is_file()
        _seen[str(path)] = (now, missing)
    return missing


def clip_of(scene: bpy.types.Scene, video: Path) -> bpy.types.MovieClip | None:
    """The movie clip that shows a video: the scene's own, or else a solved one, or else any."""
    shown = [clip for clip in bpy.data.movieclips if _path_of(clip) == video]
    own = scene.rotocap.footage.clip
    if own in shown:
        return own
    return next((clip for clip in shown if solved_camera.is_solved(clip)), shown[0] if shown else None)


def solved_clip(scene: bpy.types.Scene, video: Path) -> bpy.types.MovieClip | None:
    """The clip whose solved camera a capture of the video uses; None where the camera stands still."""
    clip = clip_of(scene, video) if scene.rotocap.footage.use_solved_camera else None
    return clip if solved_camera.is_solved(clip) else None


def lens_is_solved(scene: bpy.types.Scene) -> bool:
    """Whether the lens of the scene's video is known from its solved camera."""
    video = video_path(scene)
    return video is not None and solved_clip(scene, video) is not None


def camera_path_file(scene: bpy.types.Scene, video: Path) -> Path | None:
    """A video's solved camera written for the worker, None where there is none. RotocapError if it fails."""
    clip = solved_clip(scene, video)
    if clip is None:
        return None
    turn = turn_of(video)
    width, height = clip.size
    size = (height, width) if turn % 180 else (width, height)
    file = Path(bpy.app.tempdir) / f"rotocap_{video.stem}_camera.npz"
    camera = solved_camera.follower(scene, clip) if scene.rotocap.footage.in_tracked_scene else None
    solved_camera.path_of(clip, size=size, rotation_deg=turn, camera=camera).save(file)
    return file


def turn_of(video: Path) -> int:
    """Degrees clockwise by which Blender's picture has still to be turned: phone videos before 4.5."""
    track = video_track(video)
    return 0 if track is None or TURNS_VIDEOS else track.rotation_deg


def find(scene: bpy.types.Scene, path: Path) -> list[str]:
    """Let the scene, and everything else in this file that showed its video, use the file at `path`.

    Returns what was changed, in words. VideoError if it is another video than the one that was captured.
    """
    old = video_path(scene)
    if old is None:
        raise VideoError("No video yet: import one first")
    if not path.is_file():
        raise VideoError(f"{path}: no such file; choose where the video is now")
    takes = list(_takes_of(old))
    contents = fingerprint(path) if takes else ""
    for take in takes:
        if take.video.fingerprint != contents:
            raise VideoError(
                f"{path.name}: is another video than the one that {take.path.name} was captured from "
                f"({take.video.name}, {take.video.bytes / 1e6:.1f} MB). Choose that one, "
                "or import this one as a new video"
            )
    clips = [clip for clip in bpy.data.movieclips if _path_of(clip) == old]
    images = [image for image in bpy.data.images if image.source == "MOVIE" and _path_of(image) == old]
    for shown in (*clips, *images):
        shown.filepath = str(path)
    for other in bpy.data.scenes:
        if video_path(other) == old:
            _moved(other.rotocap, path)
        for entry in other.rotocap.queue:
            if Path(bpy.path.abspath(entry.video)) == old:
                entry.video = str(path)
    for take in takes:
        try:
            reopened(take, video=replace(take.video, path=str(path), name=path.name))
        except TakeError as error:  # the take is on a disk that we may not write: the scene is enough
            print(f"Rotocap: {error}")
    _seen.clear()
    out = [f"{path.name} is used from {path.parent}"]
    if takes:
        out.append(f"{len(takes)} take{'s' if len(takes) > 1 else ''} of it too")
    return out


def _moved(settings: bpy.types.PropertyGroup, path: Path) -> None:
    """The same video elsewhere: what was chosen for it still holds."""
    pick, part, camera = settings.pick_frame, settings.use_range, settings.footage.camera
    settings.video = str(path)
    settings.pick_frame, settings.use_range, settings.footage.camera = pick, part, camera


def _takes_of(video: Path) -> Iterator[Take]:
    """The takes that this file knows and that were captured from a video."""
    folders = set()
    for scene in bpy.data.scenes:
        settings = scene.rotocap
        folders.update(entry.take for entry in settings.performances)
        folders.add(settings.take)
    for folder in sorted(folders):
        path = Path(bpy.path.abspath(folder)) if folder else None
        if path is None or not (path / RECORD).is_file():
            continue
        try:
            take = Take.open(path)
        except RotocapError:
            continue  # a damaged one says so when it is used
        # A take keeps the path without links. Cameras count from 1 again: the name alone says nothing.
        if take.video.path in (str(video), str(video.resolve())):
            yield take


def look_beside(scene: bpy.types.Scene) -> Path | None:
    """Where a missing video lies now, if it came along with the .blend or its take. None if it did not."""
    video = video_path(scene)
    if video is None or video.is_file():
        return None
    beside = [Path(bpy.data.filepath).parent] if bpy.data.filepath else []
    if scene.rotocap.take:
        beside.append(Path(bpy.path.abspath(scene.rotocap.take)).parent)
    # A path of another system: its last part is the name.
    name = scene.rotocap.video.replace("\\", "/").rpartition("/")[2]
    return next((folder / name for folder in beside if (folder / name).is_file()), None)


@persistent
def _find_after_load(*_: object) -> None:
    """A .blend that came to another machine together with its video goes on without a question."""
    _seen.clear()
    for scene in bpy.data.scenes:
        place = look_beside(scene)
        if place is not None:
            try:
                find(scene, place)
            except RotocapError:
                continue  # another video of that name: the panel asks for the right one


def _path_of(shown: bpy.types.MovieClip | bpy.types.Image) -> Path:
    return Path(bpy.path.abspath(shown.filepath))


def enable() -> None:
    bpy.app.handlers.load_post.append(_find_after_load)


def disable() -> None:
    bpy.app.handlers.load_post.remove(_find_after_load)
    _seen.clear()

# SPDX-License-Identifier: GPL-3.0-or-later
"""A video becomes a take: landmarks, people, fit, world, one file a person.

Reading the video is the long part, and the part that is kept as it goes: a capture
that is stopped, killed or out of disk goes on with the next call. The rest is made
anew from the landmarks each time.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import chunks, take_lock
from .camera_path import FILE as CAMERA_FILE
from .camera_path import CameraPath
from .capture_solving import solve
from .errors import Cancelled, RotocapError, TakeError, VideoError
from .lens import camera_of
from .people.backend import LandmarkBackend
from .people.tracker import PeopleTracker, TrackRow
from .preview import Preview, PreviewPose
from .progress import Meter, ProgressReport
from .take import (
    ReadSettings,
    SolveSettings,
    Take,
    VideoRecord,
    clear,
    refuse_foreign,
    reopened,
)
from .video import Frame, VideoInfo, VideoReader, probe


@dataclass(frozen=True, kw_only=True)
class CaptureOptions:
    """What to capture, and how."""

    video: Path
    out: Path  # the take's folder, NAME.take
    start_frame: int = 0
    end_frame: int | None = None  # the first frame not read; None: to the end
    start_s: float | None = None  # the same in seconds, by the average rate; instead of frames
    end_s: float | None = None
    stride: int = 1  # every stride-th frame is read
    people: str = "all"  # or main: who is seen longest and largest; or picked
    pick: tuple[int, float, float] | None = None  # whom, with picked: a frame, and x, y in it in pixels
    hands: bool = True  # False: hands are not looked for, which is faster
    face: bool = True
    face_landmarker: Path | None = None  # folder of its two ONNX files, if the user has them
    focal_px: float | None = None
    fov_deg: float | None = None
    camera_path: Path | None = None  # a camera that moves and its lens, see `camera_path`; None: it stands
    height_m: float | None = None  # stature of the main person
    threads: int = 2
    chunk_frames: int = chunks.FRAMES  # a crash costs this many frames at most
    overwrite: bool = False  # throw away a take that is there
    device: str = "cpu"


BackendMaker = Callable[[CaptureOptions], tuple[LandmarkBackend, dict[str, str]]]
Watch = Callable[[int, float, Sequence[TrackRow]], None]


def mediapipe(options: CaptureOptions) -> tuple[LandmarkBackend, dict[str, str]]:
    """The embedded networks, and the hashes of their files."""
    # Loading onnxruntime takes a while, and who only reads a take does not need it.
    from .landmarks import face_landmarker
    from .landmarks.backend import MediapipeBackend
    from .landmarks.second_look import PATH as SECOND_LOOK
    from .models import hashes, sha256_file

    networks = MediapipeBackend(
        threads=options.threads, hands=options.hands, face=options.face, landmarker=options.face_landmarker
    )
    # What the hands are looked at with is as much part of what was read as the graphs are.
    read_by = hashes() | {"second_look": sha256_file(SECOND_LOOK)}
    if options.face_landmarker is None:
        return networks, read_by
    return networks, read_by | face_landmarker.hashes(options.face_landmarker)


def capture(
    options: CaptureOptions,
    *,
    progress: ProgressReport = lambda report: None,
    cancelled: Callable[[], bool] = lambda: False,
    abandoned: Callable[[], bool] = lambda: False,
    preview: Callable[[PreviewPose], None] | None = None,
    backend: BackendMaker = mediapipe,
) -> Take:
    """Capture a video, or go on with a capture that was stopped.

    `preview` is told a quick pose of the main person, or of the one who was picked, now and then.

    `cancelled` stops the reading: what was read is solved, and the take stays incomplete.
    `abandoned` stops everything at once and raises Cancelled; what was read is kept.

    Raises VideoError, ModelError, TakeError, NoPersonError (the take says so too).
    """
    _check(options)
    info = probe(options.video)
    path = None if options.camera_path is None else CameraPath.load(options.camera_path)
    if path is None:
        camera_K = camera_of(info, focal_px=options.focal_px, fov_deg=options.fov_deg)
    else:
        camera_K = path.camera_K
    frames = _range(options, info)
    refuse_foreign(options.out)
    networks, hashes = backend(options)
    with take_lock.writing(options.out):
        take = chunks.checked(_opened(options, info, frames, networks.name, hashes))
        if path is not None:
            path.save(take.path / CAMERA_FILE)
        if not take.read_to_end:
            watch = None if preview is None else _watcher(options, camera_K, preview)
            take = _read(take, info, networks, options.chunk_frames, progress, cancelled, abandoned, watch)
        del networks  # the solve of a long take wants their memory
        return solve(take, camera_K, path, progress=progress, abandoned=abandoned)


def _watcher(
    options: CaptureOptions, camera_K: NDArray[np.float64], send: Callable[[PreviewPose], None]
) -> Watch:
    preview = Preview(camera_K, height_m=options.height_m, pick=options.pick)

    def watch(frame: int, time_s: float, rows: Sequence[TrackRow]) -> None:
        pose = preview.step(frame, time_s, rows)
        if pose is not None:
            send(pose)

    return watch


def _check(options: CaptureOptions) -> None:
    if options.people not in ("all", "main", "picked"):
        raise RotocapError(f"people: expected all, main or picked, got {options.people!r}")
    if (options.people == "picked") != (options.pick is not None):
        raise RotocapError("people: picked goes with pick, the frame and place of the person; give both")
    if options.device != "cpu":
        raise RotocapError(f"device: expected cpu, the only one so far, got {options.device!r}")
    if options.height_m is not None and not 0.4 <= options.height_m <= 2.6:
        raise RotocapError(f"height: expected 0.4 to 2.6 metres, got {options.height_m:g}")
    for name in ("threads", "stride", "chunk_frames"):
        if getattr(options, name) < 1:
            raise RotocapError(f"{name}: expected at least 1, got {getattr(options, name)}")
    if (options.start_s is not None and options.start_frame) or (
        options.end_s is not None and options.end_frame is not None
    ):
        raise RotocapError("the range was given in seconds and in frames; give one of them")


def _range(options: CaptureOptions, info: VideoInfo) -> tuple[int, int | None]:
    """The first frame to read, and the first not to read (None: to the end). VideoError if none."""
    start_frame = options.start_frame if options.start_s is None else round(options.start_s * info.fps)
    end_frame = options.end_frame if options.end_s is None else round(options.end_s * info.fps)
    if start_frame < 0 or (end_frame is not None and end_frame <= start_frame):
        raise VideoError(
            f"frames {start_frame} to {end_frame}: nothing lies between; choose an end after the start"
        )
    return start_frame, end_frame


def _opened(
    options: CaptureOptions,
    info: VideoInfo,
    frames: tuple[int, int | None],
    name: str,
    hashes: dict[str, str],
) -> Take:
    """The take to go on with, or a new one."""
    video = VideoRecord.of(info)
    start_frame, end_frame = frames
    read = ReadSettings(
        start_frame=start_frame,
        end_frame=end_frame,
        stride=options.stride,
        hands=options.hands,
        face=options.face,
        backend=name,
        models=hashes,
    )
    solve = SolveSettings(
        people=options.people,
        pick=options.pick,
        focal_px=options.focal_px,
        fov_deg=options.fov_deg,
        height_m=options.height_m,
        moving_camera=options.camera_path is not None,
    )
    if options.overwrite or _holds_nothing(options.out):
        clear(options.out)
        take = Take(
            path=options.out,
            status="incomplete",
            video=video,
            read=read,
            solve=solve,
            next_frame=start_frame,
            versions=_versions(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        take.save()
        return take
    take = Take.open(options.out)
    different = take.mismatch(video, read)
    if different:
        raise TakeError(
            f"{options.out}: holds another capture ({'; '.join(different)}); "
            "choose another name for the take, or overwrite it"
        )
    # The same video, but it may lie elsewhere now.
    return reopened(take, solve=solve, video=video)


def _holds_nothing(path: Path) -> bool:
    """Whether there is no take, or the record of one that failed before its first frame was kept."""
    if not (path / "take.toml").exists():
        return True
    return not Take.open(path).people and chunks.count(path) == 0


def _with_following(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame with the one after it; None after the last."""
    last: Frame | None = None
    for frame in frames:
        if last is not None:
            yield last, frame
        last = frame
    if last is not None:
        yield last, None


def _versions() -> dict[str, str]:
    out = {"python": platform.python_version()}
    for package in ("rotocap", "numpy", "scipy", "onnxruntime", "opencv-python-headless"):
        try:
            out[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # inside Blender the extension is no installed package
            continue
    return out


def _read(
    take: Take,
    info: VideoInfo,
    backend: LandmarkBackend,
    chunk_frames: int,
    progress: ProgressReport,
    cancelled: Callable[[], bool],
    abandoned: Callable[[], bool],
    watch: Watch | None = None,
) -> Take:
    """The rest of the video into chunks. `watch` sees everybody in each frame."""
    for part in (take.path / "chunks").glob("*.part"):  # from a capture that was killed as it wrote
        part.unlink()
    number, frames_read, next_frame, state = chunks.resume(take.path)
    next_frame = max(next_frame, take.read.start_frame)
    tracker = PeopleTracker(backend)
    if number:
        tracker.unpack(state)
    end, stride = take.read.end_frame, take.read.stride
    last = info.frame_count if end is None else min(end, info.frame_count)
    total = max(0, -(-(last - take.read.start_frame) // stride))
    meter = Meter("landmarks", total, progress, done=frames_read)

    rows = chunks.Rows()
    stopped = False

    def flush() -> None:
        nonlocal rows, number
        if rows.frames:
            chunks.save(take.path, number, rows, next_frame=next_frame, tracker=tracker.pack())
            number += 1
            rows = chunks.Rows()

    truncated_at, warnings = take.truncated_at_s, take.warnings
    if end is None or next_frame < end:
        # The last frame there is may be behind us, and a reader of nothing is an error: one frame again.
        start = next_frame - stride if frames_read else next_frame
        with VideoReader(take.video.path, start_frame=start, end_frame=end, stride=stride) as reader:
            for frame, following in _with_following(reader):
                if frame.index < next_frame:
                    continue
                ahead = None if following is None else following.image
                seen = tracker.step(frame.image, frame.time_s, following=ahead)
                rows.add(frame.index, frame.time_s, seen)
                if watch is not None:
                    watch(frame.index, frame.time_s, seen)
                frames_read += 1
                next_frame = frame.index + stride
                meter.update(frames_read)
                if rows.frames >= chunk_frames:
                    flush()
                if abandoned() or cancelled():
                    stopped = True
                    break
            if not stopped:
                truncated_at = reader.truncated_at
                if reader.trouble is not None:
                    warnings = (*warnings, reader.trouble)
    flush()
    meter.update(frames_read, final=True)
    take = reopened(
        take,
        frames_read=frames_read,
        next_frame=next_frame,
        read_to_end=not stopped,
        truncated_at_s=truncated_at,
        warnings=warnings,
    )
    if abandoned():
        raise Cancelled
    return take

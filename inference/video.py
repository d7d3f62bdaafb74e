# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a video: frames with the file's own timestamps, upright, decoded beside the inference.

OpenCV's FFmpeg backend does the decoding. What it leaves to us: turning phone videos
upright, saying where a broken file ended, naming the codec it cannot decode, and keeping
the decoder busy in a thread of its own while the networks run.
"""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

# FFmpeg prints its own complaints to stderr; ours say more. Read when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

from .errors import VideoError
from .frame_size import stated_size

cv2.setLogLevel(0)

# Decoded frames waiting for the inference: enough to bridge a slow frame, little memory (6 MB each in 1080p).
QUEUE_LENGTH = 4
# Below this many frames, decoding up to the start is as quick as seeking and never wrong.
_SEEK_WORTH = 300
# No video lasts this long, in seconds.
_NO_TIME = 1e7
_TURN = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True)
class VideoInfo:
    """What the file says of itself. `width` and `height` are those of the upright picture."""

    path: Path
    width: int
    height: int
    fps: float  # on average, as the container states it
    frame_count: int  # an estimate: some containers only know their duration
    duration_s: float
    codec: str  # FourCC in lower case, e.g. h264, hevc, vp90, av01
    rotation_deg: int  # clockwise turn that was applied: 0, 90, 180 or 270


@dataclass(frozen=True)
class Frame:
    index: int  # place in the file, from 0
    time_s: float  # the file's own timestamp; strictly increasing
    image: NDArray[np.uint8]  # (H, W, 3) BGR, upright


def probe(path: Path | str) -> VideoInfo:
    """Open the file, decode one frame, and tell what it is.

    Raises VideoError: no such file, not a video, a codec that cannot be decoded, or no frames.
    """
    path = Path(path)
    capture = _open(path)
    try:
        info = _info(capture, path)
        if not capture.grab():
            raise _no_picture(path, info.codec)
        return info
    finally:
        capture.release()


class VideoReader:
    """Iterate over the frames of a video, once. A context manager; closing early is fine.

    `start_frame` is the first frame delivered, `end_frame` the first not delivered, and of
    those every `stride`-th. A file that breaks off gives the frames before the break; after
    the last, `truncated_at` is the time in seconds at which it ended and `trouble` a sentence
    about it (both None for a sound file).

    Raises VideoError on construction as `probe` does, and on a range with nothing in it.
    """

    def __init__(
        self, path: Path | str, *, start_frame: int = 0, end_frame: int | None = None, stride: int = 1
    ) -> None:
        if start_frame < 0 or stride < 1 or (end_frame is not None and end_frame <= start_frame):
            raise VideoError(
                f"frames {start_frame} to {end_frame} in steps of {stride}: nothing lies in that range; "
                "choose a start of 0 or more, an end after the start and a step of 1 or more"
            )
        self.path = Path(path)
        self.info = probe(self.path)
        self.truncated_at: float | None = None
        self.trouble: str | None = None
        self._range = (start_frame, end_frame, stride)
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(maxsize=QUEUE_LENGTH)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        if self._thread is not None:
            raise RuntimeError(f"{self.path.name}: a VideoReader is read once; open another")
        self._thread = threading.Thread(target=self._decode, name="rotocap-decode", daemon=True)
        self._thread.start()
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """Stop decoding and wait for the thread to end."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            while self._thread.is_alive():
                # The decoder may wait for room in the queue.
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    self._thread.join(0.01)

    def _decode(self) -> None:
        """The thread: whatever happens, its last word in the queue is an error or None."""
        last: BaseException | None = None
        try:
            for frame in self._frames():
                if not self._put(frame):
                    return
        except BaseException as error:  # handed to the thread that iterates
            last = error
        self._put(last)

    def _put(self, item: Frame | BaseException | None) -> bool:
        while not self._closing.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def _frames(self) -> Iterator[Frame]:
        start, end, stride = self._range
        turn = _TURN.get(self.info.rotation_deg)
        step = 1.0 / self.info.fps
        capture, index = _open_at(self.path, start, self.info)
        sizes = _SizeWatch(self.path, self.info.codec)
        sizes.step(index)
        last_time = -np.inf
        delivered = False
        try:
            while end is None or index < end:
                if not capture.grab():
                    self._note_early_end(index, last_time + step)
                    break
                # After a grab this is the timestamp of the frame just grabbed, from the first frame's on.
                time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
                if not (last_time < time_s and abs(time_s) < _NO_TIME):
                    # Streams without a container have none, with an absurd number in its place;
                    # broken muxers repeat them; nothing after us may see time stand still.
                    time_s = last_time + step if np.isfinite(last_time) else index * step
                last_time = time_s
                if sizes.step() is not None:
                    was, now = (f"{width} x {height}" for width, height in (sizes.first, sizes.changed))
                    self._note(time_s, f"the picture size changes to {now} from {was}")
                    break
                if index >= start and (index - start) % stride == 0:
                    ok, image = capture.retrieve()
                    if not ok:
                        self._note(time_s, "a picture could not be converted")
                        break
                    if turn is not None:
                        image = cv2.rotate(image, turn)
                    delivered = True
                    yield Frame(index, time_s, np.asarray(image, dtype=np.uint8))
                index += 1
        finally:
            capture.release()
            sizes.close()
        if not delivered and not self._closing.is_set():
            if self.trouble is not None:
                raise VideoError(self.trouble)
            raise VideoError(
                f"{self.path.name}: no frame from {start} on; it has {index}. Choose an earlier start"
            )

    def _note_early_end(self, frames: int, time_s: float) -> None:
        # Either figure alone lies: the count is a guess where the rate varies, the time may be the sound's.
        info = self.info
        short = frames < 0.98 * info.frame_count - 2
        if short and time_s < 0.98 * info.duration_s - 0.1:
            self._note(time_s, f"the file is cut off or damaged: it should last {info.duration_s:.2f} s")

    def _note(self, time_s: float, what: str) -> None:
        self.truncated_at = time_s
        self.trouble = (
            f"{self.path.name}: {what}; read up to {time_s:.2f} s. "
            "For the rest, convert the file or copy it again"
        )


class _SizeWatch:
    """Reads the file's packets, not decoded, beside the decoder, and notices another picture size."""

    def __init__(self, path: Path, codec: str) -> None:
        self._codec = codec
        self._packets = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
        self.first: tuple[int, int] = (0, 0)
        self.changed: tuple[int, int] = (0, 0)

    def step(self, packets: int = 1) -> tuple[int, int] | None:
        """Read on by so many packets: the new size if it changed, else None."""
        for _ in range(packets):
            if not self._packets.grab():
                return None
            ok, packet = self._packets.retrieve()
            size = stated_size(packet.tobytes(), self._codec) if ok else None
            if size is None:
                continue
            if self.first == (0, 0):
                self.first = size
            elif size != self.first:
                self.changed = size
                return size
        return None

    def close(self) -> None:
        self._packets.release()


def _open(path: Path) -> cv2.VideoCapture:
    if not path.exists():
        raise VideoError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise VideoError(f"{path}: is a folder, not a video; choose a file in it")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty; copy it again from where it came from")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 2])
    if not capture.isOpened():
        capture.release()
        codec = _stated_codec(path)
        if codec is not None:
            raise _no_picture(path, codec)
        raise VideoError(
            f"{path}: not a video that can be read, or its end is missing; "
            "convert it to MP4 (H.264) or copy it again from where it came from"
        )
    # OpenCV's builds differ in whether they turn the picture themselves; here it is always us.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    return capture


def _open_at(path: Path, start: int, info: VideoInfo) -> tuple[cv2.VideoCapture, int]:
    """A capture and the index of the frame its next grab gives, at or before `start`."""
    capture = _open(path)
    if start < _SEEK_WORTH:
        return capture, 0
    # OpenCV seeks by time and rate: right for a constant rate only. The timestamp there proves it.
    capture.set(cv2.CAP_PROP_POS_FRAMES, start - 1)
    landed = capture.grab()
    error_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0 - (start - 1) / info.fps
    if landed and abs(error_s) < 0.25 / info.fps and _constant_rate(path, info):
        return capture, start
    capture.release()
    return _open(path), 0


def _constant_rate(path: Path, info: VideoInfo, *, frames: int = 60) -> bool:
    """Whether the first frames lie where a constant rate puts them."""
    capture = _open(path)
    try:
        for index in range(frames):
            if not capture.grab():
                return False
            if abs(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0 - index / info.fps) > 0.25 / info.fps:
                return False
        return True
    finally:
        capture.release()


def _info(capture: cv2.VideoCapture, path: Path) -> VideoInfo:
    width, height = (int(capture.get(prop)) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    turn = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
    if turn not in _TURN:
        turn = 0
    if turn in (90, 270):
        width, height = height, width
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if not (np.isfinite(fps) and 0.0 < fps <= 1000.0):
        fps = 25.0  # only a step for missing timestamps and an estimate of the length
    count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=fps,
        frame_count=count,
        duration_s=count / fps,
        codec=_printable(code.to_bytes(4, "little")),
        rotation_deg=turn,
    )


def _no_picture(path: Path, codec: str) -> VideoError:
    return VideoError(
        f"{path}: no picture of it can be decoded: its codec ({codec or 'not named'}) is not supported here, "
        "or the file is damaged; convert it to MP4 (H.264), for example with HandBrake or FFmpeg"
    )


def _stated_codec(path: Path) -> str | None:
    """The codec that the container names, where FFmpeg would not open it. None if none is found.

    Looks for the names where MP4 (sample description), Matroska (codec id) and AVI (stream
    header) keep them, in the first and last megabytes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        data: bytes = file.read(2_000_000)
        if size > 4_000_000:
            file.seek(-2_000_000, os.SEEK_END)
        data += file.read()
    patterns: tuple[tuple[bytes, Any], ...] = (
        (rb"stsd.{12}([\x20-\x7e]{4})", re.DOTALL),
        (rb"(V_[A-Z0-9/_]{3,30})", 0),
        (rb"strh.{4}vids([\x20-\x7e]{4})", re.DOTALL),
    )
    for pattern, flags in patterns:
        for match in re.finditer(pattern, data, flags):
            if match[1] not in (b"mp4a", b"tmcd", b"text", b"sowt"):  # sound, time codes
                return _printable(match[1])
    return None


def _printable(code: bytes) -> str:
    return "".join(chr(byte) for byte in code if 32 < byte < 127).lower()

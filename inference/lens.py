# SPDX-License-Identifier: GPL-3.0-or-later
"""The focal length that a phone wrote into its video.

iPhones (and apps that do as they do) keep it in QuickTime's metadata: a `meta` box of the
movie or of a track, whose `keys` name what stands in `ilst` (QuickTime File Format
Specification, "Metadata"). OpenCV does not hand it on. Android phones write none.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .camera import FULL_FRAME_DIAGONAL_MM, intrinsics
from .video import VideoInfo
from .video_container import boxes

_KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
_LARGEST_META = 1 << 20  # bytes: what says how a video was made is small
_USUAL_MM = (8.0, 400.0)  # beyond it lies no lens: phones write -13 or 0 for unknown ones
_HOLD_OTHERS = (b"moov", b"trak")
# Kinds of numbers: QuickTime's "well-known types", as struct reads them, big-endian.
_NUMBERS = {
    23: ">f",
    24: ">d",
    65: ">b",
    66: ">h",
    67: ">i",
    74: ">q",
    75: ">B",
    76: ">H",
    77: ">I",
    78: ">Q",
}


def camera_of(info: VideoInfo, *, focal_px: float | None, fov_deg: float | None) -> NDArray[np.float64]:
    """Intrinsics (3, 3) of a video: as given, else as its file says, else the usual guess.

    Raises as `camera.intrinsics` does.
    """
    if focal_px is None and fov_deg is None:
        focal_px = focal_of_file(info.path, info.width, info.height)
    return intrinsics(info.width, info.height, focal_px=focal_px, fov_deg=fov_deg)


def focal_of_file(path: Path, width: int, height: int) -> float | None:
    """Focal length in pixels of an upright picture of this size, or None where the file does not say.

    From the equivalent on a full frame (36 x 24 mm) by the picture's diagonal. Never raises on
    a damaged file: a video that plays is captured, with the usual guess instead.
    """
    try:
        with path.open("rb") as file:
            equivalent_mm = _equivalent(file, 0, path.stat().st_size)
    except (OSError, struct.error):
        return None
    if equivalent_mm is None or not _USUAL_MM[0] <= equivalent_mm <= _USUAL_MM[1]:
        return None
    return equivalent_mm / FULL_FRAME_DIAGONAL_MM * math.hypot(width, height)


def _equivalent(file: BinaryIO, begin: int, end: int) -> float | None:
    for kind, start, stop in boxes(file, begin, end):
        if kind == b"meta" and stop - start <= _LARGEST_META:
            file.seek(start)
            value = _in_meta(file.read(stop - start))
        elif kind in _HOLD_OTHERS:
            value = _equivalent(file, start, stop)
        else:
            continue
        if value is not None:
            return value
    return None


def _in_meta(meta: bytes) -> float | None:
    # In MP4 a version precedes the boxes, in QuickTime they begin at once.
    if meta[4:8] != b"hdlr":
        meta = meta[4:]
    parts = dict(_parts(meta))
    keys = [name[4:] for name in _sized(parts.get(b"keys", b"")[8:])]
    if _KEY not in keys:
        return None
    wanted = struct.pack(">I", keys.index(_KEY) + 1)
    for number, value in _parts(parts.get(b"ilst", b"")):
        data = dict(_parts(value)).get(b"data", b"")
        if number == wanted and len(data) > 8:
            return _number(struct.unpack(">I", data[:4])[0], data[8:])
    return None


def _parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for part in _sized(data):
        yield part[:4], part[4:]


def _sized(data: bytes) -> Iterator[bytes]:
    """Contents of entries that each begin with their size."""
    begin = 0
    while begin + 8 <= len(data):
        (size,) = struct.unpack(">I", data[begin : begin + 4])
        if size < 8:
            return
        yield data[begin + 4 : begin + size]
        begin += size


def _number(kind: int, data: bytes) -> float | None:
    if kind in (21, 22):  # whole numbers of any length
        return float(int.from_bytes(data, "big", signed=kind == 21))
    if kind == 1:
        try:
            return float(data.decode())
        except ValueError:
            return None
    form = _NUMBERS.get(kind)
    if form is None or len(data) != struct.calcsize(form):
        return None
    return float(struct.unpack(form, data)[0])

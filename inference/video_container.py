# SPDX-License-Identifier: GPL-3.0-or-later
"""What an MP4 or QuickTime file says of its picture, read without a decoder: turn, codec, times.

Blender tells neither its own turn of a phone video nor the codec that it cannot read.
ISO/IEC 14496-12 ("ISO base media file format"): boxes of boxes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LARGEST = 1 << 24  # bytes of a table of times: a day of video with a time for each frame
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_WANTED = (b"tkhd", b"hdlr", b"stsd", b"stts")
_FEW = 0.01  # share of frames that may last otherwise: the last one, a dropped one


@dataclass(frozen=True)
class VideoTrack:
    """The picture's track."""

    codec: str  # FourCC in lower case, such as avc1, hvc1, av01, apch
    rotation_deg: int  # clockwise turn that makes it upright: 0, 90, 180 or 270
    uneven: bool  # whether the frames last differently (variable frame rate)


def video_track(path: Path) -> VideoTrack | None:
    """The first picture track; None for other kinds of files and damaged ones. Never raises on those."""
    try:
        with path.open("rb") as file:
            for kind, start, stop in boxes(file, 0, path.stat().st_size):
                if kind == b"moov":
                    for track, begin, end in boxes(file, start, stop):
                        found = _track(file, begin, end) if track == b"trak" else None
                        if found is not None:
                            return found
    except (OSError, struct.error, IndexError):
        pass
    return None


def boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the contents of the boxes between two places of a file."""
    while begin + 8 <= end:
        file.seek(begin)
        size, kind = struct.unpack(">I4s", file.read(8))
        start = begin + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            start += 8
        elif size == 0:
            size = end - begin
        stop = begin + size
        if stop < start or stop > end:
            return
        yield kind, start, stop
        begin = stop


def _track(file: BinaryIO, begin: int, end: int) -> VideoTrack | None:
    parts = dict(_parts(file, begin, end))
    if parts.get(b"hdlr", b"")[8:12] != b"vide":
        return None
    codec = parts.get(b"stsd", b"")[12:16].decode("ascii", "replace").strip().lower()
    return VideoTrack(codec, _turn(parts.get(b"tkhd", b"")), _uneven(parts.get(b"stts", b"")))


def _parts(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for kind, start, stop in boxes(file, begin, end):
        if kind in _INSIDE:
            yield from _parts(file, start, stop)
        elif kind in _WANTED:
            file.seek(start)
            yield kind, file.read(min(stop - start, _LARGEST))


def _turn(header: bytes) -> int:
    at = 52 if header[:1] == b"\x01" else 40  # version 1 has longer times before the matrix
    if len(header) < at + 8:
        return 0
    across, down = struct.unpack(">ii", header[at : at + 8])
    return round(math.degrees(math.atan2(down, across)) / 90.0) * 90 % 360


def _uneven(times: bytes) -> bool:
    if len(times) < 8:
        return False
    entries = list(struct.iter_unpack(">II", times[8 : 8 + (len(times) - 8) // 8 * 8]))
    total = sum(count for count, _ in entries)
    # Neighbouring whole numbers are a rate that the clock does not divide.
    usual = max(entries, key=lambda entry: entry[0], default=(0, 0))[1]
    other = sum(count for count, step in entries if abs(step - usual) > max(1, 0.02 * usual))
    return bool(other > max(2.0, _FEW * total))

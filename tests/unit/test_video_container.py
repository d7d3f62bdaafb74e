# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn, codec and uneven times, read from the file's own boxes, on files that OpenCV wrote."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotocap.inference.video_container import VideoTrack, video_track

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample" / "sample.mp4"
MATRIX = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, (64, 48))
    for shade in range(40):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return path


def test_a_plain_video() -> None:
    assert video_track(SAMPLE) == VideoTrack("avc1", 0, False)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_turn_is_that_of_the_track_header(film: Path, turn: int) -> None:
    data = bytearray(film.read_bytes())
    header = data.index(b"tkhd")
    a, b, c, d = (value << 16 for value in MATRIX[turn])
    data[header + 44 : header + 80] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    film.write_bytes(data)
    track = video_track(film)
    assert track is not None and track.rotation_deg == turn and track.codec == "mp4v"


def test_frames_that_last_differently_are_uneven_and_a_rounded_rate_is_not(film: Path) -> None:
    data = bytearray(film.read_bytes())
    table = data.index(b"stts")
    count, step = struct.unpack(">II", data[table + 12 : table + 20])
    assert count == 40
    room = 8 * 3  # the table grows; so do the boxes that hold it

    def with_times(*entries: tuple[int, int]) -> bool:
        out = bytearray(data)
        body = struct.pack(">II", 0, len(entries)) + b"".join(struct.pack(">II", *e) for e in entries)
        out[table + 4 : table + 20] = body
        grown = len(body) - 16
        assert grown <= room
        for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
            at = out.index(name) - 4
            (size,) = struct.unpack(">I", out[at : at + 4])
            out[at : at + 4] = struct.pack(">I", size + grown)
        path = film.with_name("other.mp4")
        path.write_bytes(out)
        track = video_track(path)
        assert track is not None
        return track.uneven

    assert not with_times((39, step), (1, 3 * step))  # the last frame is held
    assert not with_times((20, step), (20, step + 1))
    assert with_times((20, step), (10, 2 * step), (10, step))


@pytest.mark.parametrize("cut", [0, 4, 30, 500, -200])
def test_other_files_and_damaged_ones_say_nothing(film: Path, cut: int) -> None:
    film.write_bytes(film.read_bytes()[:cut])
    assert video_track(film) is None
    film.write_bytes(b"\x00\x00\x00\x08moov" * 50)
    assert video_track(film) is None
    assert video_track(film.with_name("none.mp4")) is None

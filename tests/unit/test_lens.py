# SPDX-License-Identifier: GPL-3.0-or-later
"""A phone's focal length is read from its video, and whatever is wrong with a file is survived."""

from __future__ import annotations

import math
import shutil
import struct
from pathlib import Path

import pytest

from rotocap.inference.lens import camera_of, focal_of_file
from rotocap.inference.video import probe

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "sample.mp4"
KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def metadata(kind: int, value: bytes, *, version: bytes = b"") -> bytes:
    """A `meta` box with two keys, of which the second is the focal length."""
    names = [b"com.apple.quicktime.make", KEY]
    entries = b"".join(struct.pack(">I", len(name) + 8) + b"mdta" + name for name in names)
    keys = box(b"keys", bytes(4) + struct.pack(">I", len(names)) + entries)
    items = [
        box(struct.pack(">I", number), box(b"data", struct.pack(">II", kind_of, 0) + data))
        for number, kind_of, data in ((1, 1, b"Apple"), (2, kind, value))
    ]
    return box(b"meta", version + box(b"hdlr", bytes(24)) + keys + box(b"ilst", b"".join(items)))


def film(path: Path, inside: bytes, *, in_track: bool = False) -> Path:
    if in_track:
        inside = box(b"trak", box(b"tkhd", bytes(20)) + inside)
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 40) + bytes(40)  # a box with a long size before it
    path.write_bytes(box(b"ftyp", b"qt  " + bytes(4)) + large + box(b"moov", box(b"mvhd", bytes(9)) + inside))
    return path


@pytest.mark.parametrize(
    ("kind", "value"),
    [(67, struct.pack(">i", 26)), (23, struct.pack(">f", 26.0)), (1, b"26"), (21, b"\x1a"), (75, b"\x1a")],
)
@pytest.mark.parametrize("in_track", [False, True])
@pytest.mark.parametrize("version", [b"", bytes(4)])
def test_the_equivalent_is_read_however_it_is_written(
    tmp_path: Path, kind: int, value: bytes, in_track: bool, version: bytes
) -> None:
    path = film(tmp_path / "phone.mov", metadata(kind, value, version=version), in_track=in_track)
    expected = 26.0 / math.hypot(36.0, 24.0) * math.hypot(1920, 1080)
    assert focal_of_file(path, 1920, 1080) == pytest.approx(expected)


@pytest.mark.parametrize("value", [-13, 0, 100_000])
def test_a_number_that_is_no_lens_is_not_believed(tmp_path: Path, value: int) -> None:
    path = film(tmp_path / "phone.mov", metadata(67, struct.pack(">i", value)))
    assert focal_of_file(path, 1920, 1080) is None


def test_files_without_it_or_cut_short_say_nothing(tmp_path: Path) -> None:
    assert focal_of_file(SAMPLE, 640, 360) is None
    whole = film(tmp_path / "phone.mov", metadata(67, struct.pack(">i", 26))).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.mov").write_bytes(whole[:length])
        assert focal_of_file(tmp_path / "cut.mov", 640, 360) is None
    assert focal_of_file(tmp_path / "not there.mov", 640, 360) is None


def test_the_capture_uses_it_unless_a_focal_length_is_given(tmp_path: Path) -> None:
    """The sample's film with a phone's metadata behind it still plays, and has the phone's camera."""
    path = Path(shutil.copy(SAMPLE, tmp_path / "phone.mp4"))
    with path.open("ab") as file:
        file.write(box(b"moov", metadata(67, struct.pack(">i", 26))))
    info = probe(path)
    diagonal = math.hypot(info.width, info.height)
    assert camera_of(info, focal_px=None, fov_deg=None)[0, 0] == pytest.approx(
        26.0 / 43.2666 * diagonal, rel=1e-4
    )
    assert camera_of(info, focal_px=900.0, fov_deg=None)[0, 0] == 900.0
    assert camera_of(probe(SAMPLE), focal_px=None, fov_deg=None)[0, 0] == pytest.approx(
        35.0 / 43.2666 * diagonal, rel=1e-4
    )

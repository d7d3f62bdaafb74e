# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture size that packets state."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotocap.inference.frame_size import stated_size

MEDIA = Path(__file__).parents[2].parent / "shared" / "media"


def packets(path: Path) -> list[bytes]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    out = []
    while capture.grab():
        out.append(capture.retrieve()[1].tobytes())
    return out


@pytest.mark.parametrize(
    ("fourcc", "name"),
    [("MJPG", "a.avi"), ("mpg1", "a.avi"), ("mpg2", "a.avi"), ("VP80", "a.webm"), ("VP90", "a.webm")],
)
@pytest.mark.parametrize("size", [(96, 64), (322, 178)])
def test_what_an_encoder_wrote(tmp_path: Path, fourcc: str, name: str, size: tuple[int, int]) -> None:
    path = tmp_path / name
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), 20, size)
    for value in range(30):
        writer.write(np.full((size[1], size[0], 3), 8 * value, np.uint8))
    writer.release()
    stated = [stated_size(packet, fourcc.lower()) for packet in packets(path)]
    assert len(stated) == 30
    assert stated[0] == size
    assert set(stated) <= {size, None}


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [
        ("pexels_gym_class_720p.mp4", "h264", (1280, 720)),
        ("mediapipe_dance_600.mp4", "h264", (608, 608)),  # whole blocks of 16
        ("pexels_yoga_360.mp4", "h264", (368, 368)),
        ("sports2d_parkour_two_people.mp4", "vp90", (1768, 994)),
    ],
)
def test_what_cameras_wrote(name: str, codec: str, size: tuple[int, int]) -> None:
    if not (MEDIA / name).exists():
        pytest.skip(f"needs ../shared/media: {name}")
    stated = [stated_size(packet, codec) for packet in packets(MEDIA / name)]
    assert stated[0] == size
    assert set(stated) <= {size, None}


# The parameter sets before x265's first picture of 540 x 720, coded in whole blocks of 8.
HEVC = bytes.fromhex(
    "00000140010c01ffff01600000030090000003000003005a95980900"
    "00000142010101600000030090000003000003005aa0044200b477e5959a4932bc05a808080f08000003000800000300f04000"
    "0000014401c172b46240"
)


@pytest.mark.parametrize("codec", ["hevc", "hvc1", "hev1"])
def test_hevc(codec: str) -> None:
    assert stated_size(HEVC, codec) == (544, 720)
    assert stated_size(b"\x00\x00\x01\x02\x01" + HEVC, codec) is None  # a slice comes first


@pytest.mark.parametrize("codec", ["mjpg", "mpg2", "vp80", "vp90", "h264", "hevc"])
@pytest.mark.parametrize("packet", [b"", b"\x00", b"\xff" * 6, b"\x00\x00\x01\x67\x64", b"\x82\x49\x83"])
def test_a_damaged_packet_states_nothing(codec: str, packet: bytes) -> None:
    assert stated_size(packet, codec) is None


def test_an_unknown_codec_states_nothing() -> None:
    assert stated_size(b"\x00" * 100, "abcd") is None

# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading videos: timestamps, rotation, ranges, and every kind of broken file.

The frames of the made videos carry their own number: frame i has a white bar at column
`2 * i` on the lower half, and a red block in the upper left corner says which way is up.
"""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rotocap.inference.errors import VideoError
from rotocap.inference.video import QUEUE_LENGTH, VideoReader, probe

WIDTH, HEIGHT, FPS = 160, 96, 20.0
SIDEWAYS_MATRIX = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    image = np.full((height, width, 3), 30, np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 255)
    column = 2 * (number % (width // 2))
    image[height // 2 :, column : column + 2] = 255
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    return round(int(image[HEIGHT // 2 + 4 :].sum(axis=(0, 2)).argmax()) // 2)


def write(path: Path, *, frames: int = 40, codec: str = "MJPG") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), FPS, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path


def read(path: Path, **options: int | None) -> tuple[list[int], list[int], list[float], VideoReader]:
    with VideoReader(path, **options) as reader:  # type: ignore[arg-type]
        frames = list(reader)
    return (
        [f.index for f in frames],
        [number_in(f.image) for f in frames],
        [f.time_s for f in frames],
        reader,
    )


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "mp4v")])
def test_every_frame_in_order_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    indices, numbers, times, reader = read(write(tmp_path / name, codec=codec))
    assert indices == numbers == list(range(40))
    assert times == pytest.approx(np.arange(40) / FPS, abs=1e-3)
    assert reader.truncated_at is None
    assert reader.trouble is None
    assert (reader.info.width, reader.info.height) == (WIDTH, HEIGHT)
    assert reader.info.fps == pytest.approx(FPS)


def test_probe_names_the_codec(tmp_path: Path) -> None:
    info = probe(write(tmp_path / "a.avi"))
    assert info.codec == "mjpg"
    assert info.frame_count == 40
    assert info.duration_s == pytest.approx(2.0)
    assert info.rotation_deg == 0


def give_times(path: Path, steps: list[int]) -> None:
    """Rewrite the time table of an MP4 from cv2: frame i lasts `steps[i]` times the usual."""
    data = path.read_bytes()
    table = data.index(b"stts") - 4
    size = struct.unpack(">I", data[table : table + 4])[0]
    count, _, tick = struct.unpack(">3I", data[table + 12 : table + 24])
    assert count == 1
    entries = b"".join(struct.pack(">2I", 1, step * tick) for step in steps)
    new = struct.pack(">I4s2I", 16 + len(entries), b"stts", 0, len(steps)) + entries
    out = bytearray(data[:table] + new + data[table + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):  # all around the table: they grow with it
        at = data.index(box) - 4
        (old,) = struct.unpack(">I", data[at : at + 4])
        out[at : at + 4] = struct.pack(">I", old + len(new) - size)
    # The edit list would end the video at its former length.
    path.write_bytes(out.replace(b"edts", b"free"))


def test_variable_rate_keeps_the_files_own_times(tmp_path: Path) -> None:
    steps = [1, 3, 1, 1, 5] * 8
    path = write(tmp_path / "a.mp4", codec="mp4v")
    give_times(path, steps)
    indices, numbers, times, reader = read(path)
    assert indices == numbers == list(range(40))
    assert times == pytest.approx(np.cumsum([0, *steps[:-1]]) / FPS, abs=2e-3)
    assert reader.truncated_at is None


def test_a_late_start_of_a_variable_rate_video_is_the_frame_of_that_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", frames=350, codec="mp4v")
    give_times(path, [40 if number % 100 == 99 else 1 for number in range(350)])  # constant, but for pauses
    indices, numbers, _, _ = read(path, start_frame=310, end_frame=314)
    assert indices == [310, 311, 312, 313]
    assert numbers == [index % (WIDTH // 2) for index in indices]


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_a_late_start_of_a_constant_rate_video_gives_the_same_pictures(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, frames=350, codec="MJPG" if name == "a.avi" else "mp4v")
    with VideoReader(path) as reader:
        whole = list(reader)[320:326:2]
    with VideoReader(path, start_frame=320, end_frame=326, stride=2) as reader:
        part = list(reader)
    assert [f.index for f in part] == [320, 322, 324]
    for a, b in zip(whole, part, strict=True):
        assert a.time_s == b.time_s
        assert np.array_equal(a.image, b.image)


def test_range_and_stride(tmp_path: Path) -> None:
    indices, numbers, times, reader = read(write(tmp_path / "a.avi"), start_frame=5, end_frame=20, stride=4)
    assert indices == numbers == [5, 9, 13, 17]
    assert times == pytest.approx(np.array(indices) / FPS, abs=1e-3)
    assert reader.truncated_at is None


@pytest.mark.parametrize(("start", "end", "stride"), [(-1, None, 1), (5, 5, 1), (0, None, 0)])
def test_an_empty_range_is_refused(tmp_path: Path, start: int, end: int | None, stride: int) -> None:
    with pytest.raises(VideoError, match="choose a start"):
        VideoReader(write(tmp_path / "a.avi"), start_frame=start, end_frame=end, stride=stride)


def test_a_start_behind_the_end_is_refused(tmp_path: Path) -> None:
    with (
        VideoReader(write(tmp_path / "a.avi"), start_frame=100) as reader,
        pytest.raises(VideoError, match="it has 40"),
    ):
        list(reader)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_phone_videos_come_out_upright(tmp_path: Path, turn: int) -> None:
    """The track header's matrix is what phones write; the red corner goes where the turn takes it."""
    path = write(tmp_path / "a.mp4", codec="mp4v")
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    assert data[header + 4] == 0  # version 0: the matrix lies at a fixed place
    a, b, c, d = (v << 16 for v in SIDEWAYS_MATRIX[turn])
    data[header + 44 : header + 80] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)

    with VideoReader(path) as reader:
        image = next(iter(reader)).image
    quarter = np.rot90(picture(0), k=-turn // 90)  # clockwise
    assert reader.info.rotation_deg == turn
    assert image.shape == quarter.shape
    assert (reader.info.height, reader.info.width) == image.shape[:2]
    assert np.abs(image.astype(int) - quarter).mean() < 12


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_a_truncated_file_keeps_what_was_read_and_says_where_it_ended(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, codec="MJPG" if name == "a.avi" else "mp4v")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    indices, numbers, times, reader = read(path)
    assert 10 < len(indices) < 36
    assert indices == numbers
    assert reader.truncated_at == pytest.approx(times[-1] + 1 / FPS, abs=2e-3)
    assert reader.trouble is not None
    assert "cut off" in reader.trouble


def test_a_requested_end_is_no_truncation(tmp_path: Path) -> None:
    *_, reader = read(write(tmp_path / "a.mkv", codec="mp4v"), end_frame=7)
    assert reader.truncated_at is None


def test_a_changing_picture_size_keeps_what_was_read_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    with path.open("wb") as file:
        for number in range(20):
            width = WIDTH if number < 12 else WIDTH // 2
            ok, jpeg = cv2.imencode(".jpg", picture(number, width))
            assert ok
            file.write(jpeg.tobytes())
    indices, _, times, reader = read(path)
    assert indices == list(range(12))
    assert times == pytest.approx(np.arange(12) / 25, abs=0.01)
    assert reader.truncated_at == pytest.approx(12 / 25, abs=0.01)  # raw pictures count as 25 a second
    assert reader.trouble is not None
    assert "picture size changes to 80 x 96 from 160 x 96" in reader.trouble


def test_spaces_and_letters_of_other_alphabets_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Überraschung 視頻 видео"
    folder.mkdir()
    indices, *_ = read(write(folder / "tanz größe é.avi", frames=5))
    assert indices == list(range(5))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        probe(tmp_path / "absent.mp4")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="is a folder"):
        probe(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoError, match="is empty"):
        probe(tmp_path / "a.mp4")


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("Dear diary, today I did not film anything.\n" * 100)
    with pytest.raises(VideoError, match=r"not a video.*convert"):
        probe(path)


def test_an_mp4_without_its_index(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", codec="mp4v")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(VideoError, match="its end is missing"):
        probe(path)


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", frames=1)
    data = path.read_bytes()
    first = data.index(b"00dc")
    path.write_bytes(data[:first])
    with pytest.raises(VideoError, match=r"no picture of it can be decoded.*damaged"):
        probe(path)


def test_an_unknown_codec_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"QQZ7"))
    with pytest.raises(VideoError, match=r"codec \(qqz7\) is not supported.*convert it to MP4"):
        probe(path)


def test_closing_early_ends_the_decoding_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with VideoReader(write(tmp_path / "a.avi", frames=10 * QUEUE_LENGTH)) as reader:
        frames = iter(reader)
        assert next(frames).index == 0
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_the_decoder_waits_for_the_inference(tmp_path: Path) -> None:
    """However long nobody asks for frames, no more than the queue's worth of them is held."""
    with VideoReader(write(tmp_path / "a.avi", frames=10 * QUEUE_LENGTH)) as reader:
        frames = iter(reader)
        next(frames)
        for _ in range(200):
            if reader._queue.full():
                break
            threading.Event().wait(0.01)
        assert reader._queue.qsize() == QUEUE_LENGTH
        assert next(frames).index == 1


def test_reading_twice_is_a_mistake(tmp_path: Path) -> None:
    with VideoReader(write(tmp_path / "a.avi", frames=5)) as reader:
        assert len(list(reader)) == 5
        with pytest.raises(RuntimeError, match="open another"):
            list(reader)

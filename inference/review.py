# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a take, to judge it by eye: what was seen, what was made of it, and from the side.

Each cell shows one video frame three times: with the 2D points drawn over it, with the
posed body laid over it, and the bodies alone from the camera's right (errors in depth
hide from the front). Left limbs are blue, right limbs orange, the trunk has the person's
colour; a red ring marks a joint whose place is doubtful, a green dot a foot on the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .body import FreeBody
from .errors import TakeError, VideoError
from .landmarks.draw import draw_keypoints
from .progress import Meter, Progress
from .raster import Image, Surface, draw
from .sequence import SmplxSequence
from .side_view import BACKGROUND, SideView, camera_at
from .skeleton import BODY_JOINT_COUNT, INDEX, JOINT_NAMES
from .take import Take
from .video import VideoReader, probe

Array = NDArray[np.float64]
Window = tuple[int, int, int, int]

SHEET_WIDTH = 1600
_SHEET_HEIGHT = 1800  # how tall a sheet grows before frames are left out
_VIDEO_HEIGHT = 480
_SIDE_ASPECT = 0.9  # width over height of the side view
_DOUBTFUL_M = 0.10  # a joint with a larger standard deviation gets a ring
_LEFT, _RIGHT = (225.0, 150.0, 70.0), (60.0, 140.0, 240.0)
_FEET = ("left_ankle", "left_foot", "right_ankle", "right_foot")  # the order of `contact`


@dataclass(frozen=True)
class Shown:
    """One person to draw."""

    name: str
    colour: tuple[int, int, int]  # BGR
    sequence: SmplxSequence


@dataclass(frozen=True)
class Layout:
    """Sizes of a cell's panels in pixels."""

    picture: tuple[int, int]  # width, height of the two views of the frame
    side: tuple[int, int]

    @classmethod
    def of(
        cls, video: tuple[int, int], *, cell_width: int | None = None, height: int | None = None
    ) -> Layout:
        """Panels for a video of (width, height), for a cell of a given width or height."""
        aspect = video[0] / video[1]
        if height is None:
            assert cell_width is not None
            height = int(cell_width / (2 * aspect + _SIDE_ASPECT))
        return cls((_even(height * aspect), _even(height)), (_even(height * _SIDE_ASPECT), _even(height)))

    @property
    def cell(self) -> tuple[int, int]:
        return 2 * self.picture[0] + self.side[0], self.picture[1]


def _even(value: float) -> int:
    return max(2, int(value) // 2 * 2)


def _around(people: Sequence[Shown], size: tuple[int, int]) -> Window:
    """The part of the picture that everybody stays in, with a margin; all of it where that is most of it."""
    width, height = size
    seen = [p.sequence.keypoints[:, :23].reshape(-1, 3) for p in people if len(p.sequence)]
    points = np.concatenate(seen) if seen else np.zeros((0, 3))
    points = points[points[:, 2] > 0.3, :2]
    if not len(points):
        return 0, 0, width, height
    low, high = np.percentile(points, 0.5, axis=0), np.percentile(points, 99.5, axis=0)
    margin = 0.15 * float((high - low).max())
    # A face's points end at the eyes: the head needs more room than the feet.
    left, top = (max(0, int(v)) for v in low - (margin, 1.5 * margin))
    right, bottom = (min(s, int(v) + 1) for v, s in zip(high + margin, size, strict=True))
    if right <= left or bottom <= top or (right - left) * (bottom - top) > 0.7 * width * height:
        return 0, 0, width, height
    return left, top, right, bottom


class Painter:
    """Draws cells of one take. Build once, then `cell` for every frame.

    window: the part of the picture to show, left, top, right, bottom in pixels.
    """

    def __init__(self, people: Sequence[Shown], window: Window, layout: Layout) -> None:
        self._people = people
        self._window = window
        self._layout = layout
        self._scale = layout.picture[1] / (window[3] - window[1])
        self._body = FreeBody.load()
        self._rows = [{int(f): i for i, f in enumerate(p.sequence.frame)} for p in people]
        self._colours = [_body_colours(self._body, p.colour) for p in people]
        self._side = SideView.around([p.sequence for p in people], layout.side)

    def cell(self, index: int, time_s: float, image: Image) -> Image:
        """The three panels (H, W, 3) for a frame of the video."""
        left, top, right, bottom = self._window
        part = image[top:bottom, left:right]
        method = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(part, self._layout.picture, interpolation=method), np.uint8)
        seen: Image = small.copy()
        overlay, side, labels = [], [], []
        present = [
            (p, rows[index], c)
            for p, rows, c in zip(self._people, self._rows, self._colours, strict=True)
            if index in rows
        ]
        for person, row, colours in present:
            sequence = person.sequence
            points = sequence.keypoints[row].astype(np.float64)
            points[:, :2] = (points[:, :2] - (left, top) + 0.5) * self._scale - 0.5
            draw_keypoints(seen, points)
            labels.append((person, points))
            in_world = self._body.posed(
                sequence.poses[row], sequence.trans[row], sequence.rest_joints, sequence.arkit[row]
            )
            camera = camera_at(sequence, row)
            in_camera = (in_world - camera[:3, 3]) @ camera[:3, :3]
            overlay.append(Surface(in_camera.astype(np.float32), self._body.faces, colours))
            side.append(Surface(self._side.place(in_world), self._body.faces, colours))
        K = np.array(present[0][0].sequence.camera_K if present else np.eye(3), np.float64)
        K[:2, 2] += 0.5 - np.array((left, top))
        K[:2] *= self._scale
        K[:2, 2] -= 0.5
        laid = draw((small * 0.6).astype(np.uint8), overlay, K, opacity=0.85)
        sideways = self._side.draw(side)
        _write(sideways, "side, camera at left", (6, 16))
        for person, row, _ in present:
            self._marks(laid, sideways, K, person.sequence, row)
        for person, points in labels:
            _name(seen, person, points)
        _write(seen, f"{index}  {time_s:.2f} s", (6, 16))
        if not present:
            _write(laid, "nobody", (6, 16))
        return np.hstack([seen, laid, sideways])

    def _marks(self, laid: Image, sideways: Image, K: Array, sequence: SmplxSequence, row: int) -> None:
        joints = sequence.joints_camera[row].astype(np.float64)
        for j in np.flatnonzero(sequence.sigma[row, :BODY_JOINT_COUNT] > _DOUBTFUL_M):
            if joints[j, 2] > 0.05:
                x, y, _ = K @ joints[j] / joints[j, 2]
                cv2.circle(laid, (round(x), round(y)), 5, (40, 40, 255), 1, cv2.LINE_AA)
        camera = camera_at(sequence, row)
        in_world = joints @ camera[:3, :3].T + camera[:3, 3]
        for k, name in enumerate(_FEET):
            if sequence.contact[row, k] > 0.5:
                x, y = self._side.pixel(in_world[INDEX[name]])
                cv2.circle(sideways, (round(x), round(y)), 3, (80, 220, 80), -1, cv2.LINE_AA)


def review(
    take: Take | Path,
    out: Path,
    *,
    every: int | None = None,
    columns: int = 2,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Draw a take into `out`: a contact sheet (.png, .jpg) or a film (.mp4).

    every: each n-th frame that was captured; a sheet without it takes as many as make a readable
    sheet, a film takes all. columns: cells side by side on a sheet.
    TakeError if the take is damaged or `out` cannot be written, VideoError if the video is gone.
    """
    if not isinstance(take, Take):
        take = Take.open(take)
    people = []
    for person in take.people:
        red, green, blue = (round(255 * value) for value in person.colour)
        people.append(Shown(person.name, (blue, green, red), take.sequence(person)))
    if not people and take.status == "incomplete":
        raise TakeError(f"{take.path}: is not finished, there is nothing to draw; capture again to go on")
    frames = range(take.read.start_frame, max(take.next_frame, take.read.start_frame), take.read.stride)
    return draw_people(
        people, take.video_file(), out, every=every, columns=columns, frames=frames, progress=progress
    )


def draw_people(
    people: Sequence[Shown],
    video: Path,
    out: Path,
    *,
    every: int | None = None,
    columns: int = 2,
    frames: range | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Draw people over their video into `out`: a contact sheet (.png, .jpg) or a film (.mp4).

    every: each n-th of `frames`; a sheet without it takes as many as make a readable sheet, a
    film takes all. frames: those of the video to show, all of them by default. A sheet
    shows the part of the picture that the people are in, a film all of it.
    VideoError if the video cannot be read, TakeError if `out` cannot be written.
    """
    info = probe(video)
    if out.exists() and out.samefile(video):
        raise TakeError(f"{out}: is the video itself, which a review must not replace; choose another name")
    size = (info.width, info.height)
    span = range(info.frame_count) if frames is None else frames
    report = progress or (lambda _: None)
    if out.suffix.lower() == ".mp4":
        layout = Layout.of(size, height=min(_VIDEO_HEIGHT, info.height))
        step = every or 1
        cells = _cells(people, video, (0, 0, *size), layout, span, step, report)
        _film(out, cells, layout.cell, info.fps / (step * span.step))
    elif out.suffix.lower() in (".png", ".jpg"):
        window = _around(people, size)
        shown = (window[2] - window[0], window[3] - window[1])
        layout = Layout.of(shown, cell_width=SHEET_WIDTH // columns)
        rows = max(1, _SHEET_HEIGHT // layout.cell[1])
        step = every or max(1, -(-len(span) // (rows * columns)))
        _sheet(out, list(_cells(people, video, window, layout, span, step, report)), columns)
    else:
        raise TakeError(f"{out}: a review is a .png, a .jpg or an .mp4; choose such a name")
    return out


def _cells(
    people: Sequence[Shown],
    video: Path,
    window: Window,
    layout: Layout,
    span: range,
    step: int,
    report: Callable[[Progress], None],
) -> Iterator[Image]:
    painter = Painter(people, window, layout)
    meter = Meter("review", -(-len(span) // step), report)
    done = 0
    with VideoReader(video, start_frame=span.start, end_frame=span.stop, stride=step * span.step) as reader:
        for frame in reader:
            yield painter.cell(frame.index, frame.time_s, frame.image)
            done += 1
            meter.update(done)
    meter.update(done, final=True)


def _sheet(out: Path, cells: list[Image], columns: int) -> None:
    if not cells:
        raise TakeError(f"{out}: the part of the video to review has no frames; choose another range")
    blank = np.full_like(cells[0], BACKGROUND[0])
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    ok, data = cv2.imencode(out.suffix, np.vstack(rows))
    if not ok:
        raise TakeError(f"{out}: could not be encoded; choose another format")
    try:
        out.write_bytes(data.tobytes())
    except OSError as error:
        raise TakeError(f"{out}: could not be written ({error.strerror}); choose another folder") from error


def _film(out: Path, cells: Iterator[Image], size: tuple[int, int], fps: float) -> None:
    part = out.with_name(f"{out.stem}.part.mp4")
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise TakeError(f"{out}: could not be written; choose another folder")
    try:
        count = 0
        for cell in cells:
            writer.write(cell)
            count += 1
        writer.release()
        _check_film(part, count, out)
        part.replace(out)
    except OSError as error:
        raise TakeError(f"{out}: could not be written ({error.strerror}); choose another folder") from error
    finally:
        writer.release()
        part.unlink(missing_ok=True)


def _check_film(part: Path, count: int, out: Path) -> None:
    """OpenCV's writer says nothing of a full disk: the file it leaves does."""
    try:
        written = probe(part).frame_count
    except VideoError:
        written = 0
    if written != count:
        raise TakeError(f"{out}: could not be written, the disk may be full; choose another folder")


def _body_colours(body: FreeBody, person: tuple[int, int, int]) -> NDArray[np.float32]:
    """Colours (V, 3): limbs by side, the rest in the person's colour, blended as the skin is."""
    joints = np.tile(0.55 * np.array(person, np.float64) + 90.0, (len(JOINT_NAMES), 1))
    for j, name in enumerate(JOINT_NAMES):
        if name.endswith("collar") or name.endswith("eye_smplhf"):
            continue
        if name.startswith("left_"):
            joints[j] = _LEFT
        elif name.startswith("right_"):
            joints[j] = _RIGHT
    return np.asarray(body.weights @ joints.astype(np.float32))


def _name(image: Image, person: Shown, points: Array) -> None:
    sure = points[points[:, 2] > 0.3]
    if len(sure):
        top, bottom = sure[:, 1].min(), sure[:, 1].max()
        x, y = sure[:, 0].mean(), max(32.0, top - 0.12 * (bottom - top))
        _write(image, person.name, (int(x) - 4 * len(person.name), int(y)), person.colour)


def _write(
    image: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (235, 235, 235)
) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)

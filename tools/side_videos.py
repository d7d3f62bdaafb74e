# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at takes from the side and from above: errors in depth hide from the front.

    python -m rotocap.tools.side_videos TAKE ... [--out DIR] [--every N] [--cells N]

For every take a film NAME_sides.mp4 and a contact sheet NAME_sides.png, each frame as three pictures:
the body over the video, from the camera's left with the floor as a line, and from above
with the camera below and the pelvis's path. Left limbs are blue, right limbs orange; lines are
half a metre apart. The views stand still over the take.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference.body import FreeBody
from ..inference.errors import RotocapError, TakeError
from ..inference.raster import Image, Surface, draw
from ..inference.sequence import SmplxSequence
from ..inference.side_view import BACKGROUND, SideView, camera_at
from ..inference.skeleton import BODY_JOINT_COUNT, JOINT_NAMES
from ..inference.take import Take
from ..inference.video import VideoReader

Array = NDArray[np.float64]

_HEIGHT = 360  # px, of every panel
_WIDTH = 324  # px, of the views from the side and from above
_FAR = 100.0  # m: from so far away a pinhole camera is orthographic
_PATH = (90, 200, 120)
_LEFT, _RIGHT, _TRUNK = (225.0, 150.0, 70.0), (60.0, 140.0, 240.0), (200.0, 200.0, 200.0)


@dataclass(frozen=True)
class AboveView:
    """The people from straight above, the camera at the lower edge looking up the picture."""

    right: Array  # (2,) world x and z of the picture's right
    centre: Array  # (2,) metres, world x and z of the picture's middle
    pixels_per_metre: float

    @classmethod
    def around(cls, people: list[SmplxSequence]) -> AboveView:
        camera = camera_at(people[0], 0)
        right = camera[[0, 2], 0] / np.linalg.norm(camera[[0, 2], 0])
        view = cls(right, np.zeros(2), 1.0)
        flat = np.concatenate([view._turned(_in_world(s).reshape(-1, 3)) for s in people])
        low, high = np.percentile(flat, 0.5, axis=0) - 0.3, np.percentile(flat, 99.5, axis=0) + 0.3
        scale = float(min(_WIDTH / (high[0] - low[0]), _HEIGHT / (high[1] - low[1])))
        return cls(right, (low + high) / 2, scale)

    def _turned(self, world: Array) -> Array:
        """World points (N, 3) in metres to the picture's right and down."""
        down = np.array([-self.right[1], self.right[0]])
        return np.stack([world[:, [0, 2]] @ self.right, world[:, [0, 2]] @ down], axis=1)

    def draw(self, bodies: list[Surface], people: list[SmplxSequence]) -> Image:
        """The bodies (vertices in the world) and everybody's whole path."""
        image = np.full((_HEIGHT, _WIDTH, 3), BACKGROUND, np.uint8)
        middle = np.array([_WIDTH - 1, _HEIGHT - 1]) / 2
        for axis, size in ((0, _WIDTH), (1, _HEIGHT)):
            half = size / 2 / self.pixels_per_metre
            for k in range(
                int(np.ceil((self.centre[axis] - half) * 2)), int((self.centre[axis] + half) * 2) + 1
            ):
                at = round((k / 2 - self.centre[axis]) * self.pixels_per_metre + middle[axis])
                ends = ((at, 0), (at, _HEIGHT)) if axis == 0 else ((0, at), (_WIDTH, at))
                cv2.line(image, *ends, (56, 54, 52), 1)
        for person in people:
            path = self._turned(np.asarray(person.trans, np.float64))
            pixels = (path - self.centre) * self.pixels_per_metre + middle
            cv2.polylines(image, [np.round(pixels).astype(np.int32)], False, _PATH, 1, cv2.LINE_AA)
        placed = []
        for body in bodies:
            world = body.vertices.astype(np.float64)
            depth = (_FAR - world[:, 1])[:, None]
            vertices = np.concatenate([self._turned(world) - self.centre, depth], axis=1)
            placed.append(Surface(vertices.astype(np.float32), body.faces, body.colours))
        focal = self.pixels_per_metre * _FAR
        return draw(image, placed, np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]]))


def cells(take: Take, *, every: int = 1, only: range | None = None) -> Iterator[Image]:
    """Pictures (H, W, 3) of each n-th frame that was read, or of those in `only`."""
    people = [take.sequence(person) for person in take.people]
    if not people:
        raise TakeError(f"{take.path}: holds nobody, there is nothing to draw; capture another video")
    rows = [{int(frame): row for row, frame in enumerate(person.frame)} for person in people]
    body, colours = FreeBody.load(), _colours()
    side, above = SideView.around(people, (_WIDTH, _HEIGHT)), AboveView.around(people)
    span = only or range(take.read.start_frame, take.next_frame, every * take.read.stride)
    with VideoReader(
        take.video_file(), start_frame=span.start, end_frame=span.stop, stride=span.step
    ) as reader:
        scale = _HEIGHT / reader.info.height
        width = round(reader.info.width * scale)
        for frame in reader:
            picture = np.asarray(
                cv2.resize(frame.image, (width, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8
            )
            bodies, over, beside = [], [], []
            K = np.eye(3)
            for person, at in zip(people, rows, strict=True):
                if frame.index not in at:
                    continue
                row = at[frame.index]
                world = body.posed(
                    person.poses[row], person.trans[row], person.rest_joints, person.arkit[row]
                )
                camera = camera_at(person, row)
                seen = ((world - camera[:3, 3]) @ camera[:3, :3]).astype(np.float32)
                bodies.append(Surface(world.astype(np.float32), body.faces, colours))
                over.append(Surface(seen, body.faces, colours))
                beside.append(Surface(side.place(world), body.faces, colours))
                K = np.asarray(person.camera_K, np.float64).copy()
                K[:2, 2] += 0.5
                K[:2] *= scale
                K[:2, 2] -= 0.5
            panels = [
                draw((0.6 * picture).astype(np.uint8), over, K, opacity=0.8),
                side.draw(beside),
                above.draw(bodies, people),
            ]
            for panel, text in zip(
                panels,
                (f"{frame.index}  {frame.time_s:.2f} s", "side, camera at left", "above, camera below"),
                strict=True,
            ):
                cv2.putText(
                    panel, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA
                )
            yield np.hstack(panels)


def film(take: Take, out: Path, *, every: int) -> Path:
    """The film of a take, slowed down by nothing: each n-th frame at an n-th of the rate."""
    writer = None
    part = out.with_name(f"{out.stem}.part.mp4")
    for cell in cells(take, every=every):
        if writer is None:
            size = (cell.shape[1] // 2 * 2, cell.shape[0])
            rate = take.video.fps / (every * take.read.stride)
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        writer.write(cell[:, : size[0]])
    if writer is None:
        raise TakeError(f"{take.path}: no frame was read; capture the video again")
    writer.release()
    part.replace(out)
    return out


def sheet(take: Take, out: Path, *, count: int) -> Path:
    """`count` frames, evenly spread over the take, two in a row."""
    first, last = take.read.start_frame, take.next_frame
    step = max(1, (last - first) // count)
    chosen = range(first + step // 2, last, step)
    pictures = list(cells(take, only=chosen))[:count]
    pictures += [np.full_like(pictures[0], BACKGROUND[0])] * (len(pictures) % 2)
    rows = [np.hstack(pictures[i : i + 2]) for i in range(0, len(pictures), 2)]
    cv2.imwrite(str(out), np.vstack(rows))
    return out


def _in_world(sequence: SmplxSequence) -> Array:
    """Body joints (T', 22, 3) of at most 200 frames."""
    chosen = range(0, len(sequence), max(1, len(sequence) // 200))
    out = []
    for row in chosen:
        camera = camera_at(sequence, row)
        joints = sequence.joints_camera[row, :BODY_JOINT_COUNT].astype(np.float64)
        out.append(joints @ camera[:3, :3].T + camera[:3, 3])
    return np.stack(out)


def _colours() -> NDArray[np.float32]:
    """Colours (V, 3) of the free body's vertices."""
    joints = np.tile(_TRUNK, (len(JOINT_NAMES), 1))
    for j, name in enumerate(JOINT_NAMES):
        if not name.endswith(("collar", "eye_smplhf")):
            if name.startswith("left_"):
                joints[j] = _LEFT
            elif name.startswith("right_"):
                joints[j] = _RIGHT
    return np.asarray(FreeBody.load().weights @ joints, np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="side_videos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("takes", nargs="+", type=Path, metavar="TAKE")
    parser.add_argument("--out", type=Path, help="folder for the pictures (default: beside each take)")
    parser.add_argument("--every", type=int, default=1, help="each n-th frame in the film (1)")
    parser.add_argument("--cells", type=int, default=12, help="frames on the sheet (12)")
    parser.add_argument("--no-film", action="store_true", help="only the sheets")
    options = parser.parse_args()
    for path in options.takes:
        take = Take.open(path)
        folder = options.out or path.parent
        folder.mkdir(parents=True, exist_ok=True)
        name = path.stem
        print(sheet(take, folder / f"{name}_sides.png", count=options.cells), flush=True)
        if not options.no_film:
            print(film(take, folder / f"{name}_sides.mp4", every=options.every), flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RotocapError as error:
        print(f"side_videos: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

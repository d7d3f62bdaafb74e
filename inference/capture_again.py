# SPDX-License-Identifier: GPL-3.0-or-later
"""A range of a take captured again, where the animator drew a box around whom it should look at.

Everything outside the box is grey for the networks. The range goes through the same stages as
any capture, in a take of its own inside the take's folder; the result is put into the world
and onto the skeleton of the person whom it is for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import camera_path
from . import capture as whole
from .errors import NoPersonError, TakeError
from .people.backend import Arrays, Image, LandmarkBackend, PersonLandmarks
from .progress import ProgressReport
from .sequence import SmplxSequence
from .take import Take

_CONTEXT = 15  # video frames read before and after the range, to blend in
_GREY = 127
_LEAST = 16  # pixels that a box is wide and high at least

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class AgainOptions:
    """What to capture again."""

    take: Path
    person: Path  # the person's motion, an .npz in the take
    out: Path  # where the range goes, an .npz in the take
    first: int  # video frames, both included
    last: int
    box: Box | None = None  # x0, y0, x1, y1 pixels to look at; None: the whole picture
    threads: int = 2


def capture_again(
    options: AgainOptions,
    *,
    progress: ProgressReport = lambda report: None,
    abandoned: Callable[[], bool] = lambda: False,
    backend: whole.BackendMaker = whole.mediapipe,
) -> SmplxSequence:
    """Capture the range, write the person's part of it to `options.out`, and return it.

    TakeError, VideoError, NoPersonError (with what to do), Cancelled.
    """
    take = Take.open(options.take)
    mine = SmplxSequence.load(options.person)
    if options.last < options.first:
        raise TakeError(f"frames {options.first} to {options.last}: the last one comes first; exchange them")
    if options.box is not None and min(
        options.box[2] - options.box[0], options.box[3] - options.box[1]
    ) < _LEAST:  # fmt: skip
        raise TakeError("the box is too small to find anybody in; drag a larger one around the person")
    inner = options.take / f"again-{options.out.stem}.take"
    shutil.rmtree(inner, ignore_errors=True)
    camera = _camera_path(take, mine, options.out.with_name(f"again-{options.out.stem}.camera.npz"))

    def masked(asked: whole.CaptureOptions) -> tuple[LandmarkBackend, dict[str, str]]:
        networks, hashes = backend(asked)
        return (networks if options.box is None else _Masked(networks, options.box)), hashes

    try:
        part = whole.capture(
            whole.CaptureOptions(
                video=take.video_file(),
                out=inner,
                start_frame=max(options.first - _CONTEXT, take.read.start_frame),
                end_frame=options.last + 1 + _CONTEXT,
                stride=take.read.stride,
                focal_px=float(mine.camera_K[0, 0]),
                camera_path=camera,
                threads=options.threads,
            ),
            progress=progress,
            abandoned=abandoned,
            backend=masked,
        )
        found = [part.sequence(record) for record in part.people]
    except NoPersonError as error:
        raise NoPersonError(
            f"{take.path.name}: nobody was found in the box in frames {options.first} to {options.last}; "
            "drag it around the whole person, with some room"
        ) from error
    finally:
        shutil.rmtree(inner, ignore_errors=True)
        if camera is not None:
            camera.unlink(missing_ok=True)
    chosen = found[0] if options.box is not None else max(found, key=lambda one: _overlap(one, mine))
    chosen = replace(chosen, rest_joints=mine.rest_joints, trans=_on(chosen, mine), camera_K=mine.camera_K)
    chosen.save(options.out)
    return chosen


def _camera_path(take: Take, mine: SmplxSequence, out: Path) -> Path | None:
    """A file with the take's moving camera in the world that the person is in; None where it stands still."""
    if mine.world_from_camera.ndim == 2 or not (take.path / camera_path.FILE).is_file():
        return None
    path = camera_path.CameraPath.load(take.path / camera_path.FILE)
    world = np.asarray(mine.world_from_camera, dtype=np.float64)
    camera_path.placed_as(path, np.asarray(mine.time_s, dtype=np.float64), world).save(out)
    return out


def _on(sequence: SmplxSequence, mine: SmplxSequence) -> NDArray[np.float32]:
    """trans (T, 3) that keeps the pelvis where it is on another rest skeleton."""
    return np.asarray(sequence.trans + sequence.rest_joints[0] - mine.rest_joints[0], dtype=np.float32)


def _overlap(sequence: SmplxSequence, mine: SmplxSequence) -> float:
    """How much of the person's own frames, weighed by how near the points are, another sequence has."""
    _, a, b = np.intersect1d(sequence.frame, mine.frame, return_indices=True)
    if not len(a):
        return 0.0
    one, other = sequence.keypoints[a, :17], mine.keypoints[b, :17]
    sure = np.minimum(one[..., 2], other[..., 2])
    size = np.maximum(np.ptp(other[..., 1], axis=1), 1.0)[:, None]
    away = np.linalg.norm(one[..., :2] - other[..., :2], axis=-1) / size
    return float((sure * np.exp(-4.0 * away)).sum())


class _Masked:
    """A landmark backend that sees the inside of a box only."""

    def __init__(self, inner: LandmarkBackend, box: Box) -> None:
        self.name = inner.name
        self._inner = inner
        self._box = box

    def turn_to(self, image: Image, following: Image | None) -> None:
        del image, following  # the inner one never sees these pictures

    def detect(self, image: Image) -> Sequence[Any]:
        return self._inner.detect(self._seen(image))

    def begin(self, detection: Any) -> Any:
        return self._inner.begin(detection)

    def track(
        self, image: Image, state: Any, others: Sequence[Any] = ()
    ) -> tuple[PersonLandmarks, Any] | None:
        return self._inner.track(self._seen(image), state, others)

    def without(self, state: Any, part: str) -> Any:
        return self._inner.without(state, part)

    def pack(self, state: Any) -> Arrays:
        return self._inner.pack(state)

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Any:
        return self._inner.unpack(arrays)

    def _seen(self, image: Image) -> Image:
        height, width = image.shape[:2]
        x0, y0 = max(int(self._box[0]), 0), max(int(self._box[1]), 0)
        x1, y1 = min(int(np.ceil(self._box[2])), width), min(int(np.ceil(self._box[3])), height)
        out = np.full_like(image, _GREY)
        out[y0:y1, x0:x1] = image[y0:y1, x0:x1]
        return out

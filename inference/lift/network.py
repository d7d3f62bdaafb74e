# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift network over a take of any length and frame rate.

The network knows 30 frames a second in windows; here rows at the video's own times are
laid onto such a grid, run with so much overlap that a window's edge reaches no frame that
is kept (so there is no seam), and brought back to the rows' own times.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import models
from ..errors import ModelError
from ..side_by_side import side_by_side
from ..skeleton import DATA
from . import layout
from .mirror import mirrored_inputs, mirrored_outputs
from .normalise import HALO, normalise
from .points import KEYPOINTS

if TYPE_CHECKING:
    import onnxruntime

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

FOLDER = DATA / "lift"
_TOKENS = 300  # that are kept of one run
_FEWEST = 3  # points
_LONGEST_GAP_S = 2.0  # a person unseen for longer is lifted in parts
_BETWEEN_S = 0.13  # points are interpolated between rows that lie no further apart: 12 frames/s do
_SNAP = 0.1  # of a grid step: rows this near to the grid are taken as they are
_AS_IT_IS = 0.1  # a video whose frame rate is this near to the network's is not resampled


@dataclass(frozen=True, eq=False)
class Lifted:
    """A person in the camera's axes (x right, y down, z forward), lengths of a body of layout.STATURE."""

    places: Array  # (T, 22, 3) joints from the pelvis, metres
    across: Array  # (T, 22) scale of a Laplace error across the line of sight, metres
    along: Array  # (T, 22) the same along the line of sight
    sight: Array  # (T, 3) unit vector of the line of sight
    world: Array  # (T, 22, 3, 3) joints' rotations
    pelvis: Array  # (T, 3) metres
    depth_error: Array  # (T,) scale of the relative error of the pelvis's distance
    contact: Array  # (T, 4) chance that left heel, left toe, right heel, right toe rests
    up: Array  # (T, 3) against gravity; the surer the network is, the nearer to length 1


def lift(
    *,
    time_s: Array,
    keypoints: Floats,
    camera_K: Array,
    check: Callable[[], None] = lambda: None,
    folder: Path = FOLDER,
) -> Lifted:
    """Lift T rows: increasing time_s (T,), keypoints (T, 133, 3) pixels and certainty, camera_K (3, 3).

    Rows without a single point get the guess that their neighbours give, with its doubt.
    `check` is called often and may raise to stop. Raises ModelError.
    """
    network = _network(folder)
    points = (keypoints[:, KEYPOINTS, :2] - camera_K[:2, 2]) / np.array([camera_K[0, 0], camera_K[1, 1]])
    certainty = np.where(np.isfinite(keypoints[:, KEYPOINTS]).all(-1), keypoints[:, KEYPOINTS, 2], 0.0)
    certainty = np.clip(certainty, 0.0, 1.0)
    # A point or two have no size: divided by it, their noise is all that there is to see.
    certainty[(certainty > 0.0).sum(axis=1) < _FEWEST] = 0.0
    points = np.where(certainty[..., None] > 0.0, points, 0.0)
    time_s = np.asarray(time_s, dtype=np.float64)
    cuts = np.flatnonzero(np.diff(time_s) > _LONGEST_GAP_S) + 1
    parts = []
    for rows in np.split(np.arange(len(time_s)), cuts):
        grid = _Grid.of(time_s[rows])
        laid = grid.lay(points[rows], certainty[rows])
        parts.append(grid.back(_decoded(network, *laid, check)))
    return Lifted(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def lift_single_frames(*, time_s: Array, keypoints: Floats, camera_K: Array, folder: Path = FOLDER) -> Lifted:
    """The same, with every row shown to the network alone: what time is worth. For measuring only."""
    rows = [
        lift(time_s=time_s[t : t + 1], keypoints=keypoints[t : t + 1], camera_K=camera_K, folder=folder)
        for t in range(len(time_s))
    ]
    return Lifted(**{name: np.concatenate([getattr(r, name) for r in rows]) for name in vars(rows[0])})


@dataclass(frozen=True, eq=False)
class _Grid:
    """Even times, and where the rows of a part lie among them."""

    place: Array  # (T,) of every row, in grid steps from the first
    count: int  # grid steps
    step_s: float

    @classmethod
    def of(cls, time_s: Array) -> _Grid:
        step = 1.0 / layout.FPS
        if len(time_s) > 1:
            usual = float(np.median(np.diff(time_s)))
            if abs(usual / step - 1.0) < _AS_IT_IS:
                step = usual
        place = (time_s - time_s[0]) / step
        near = np.round(place)
        place = np.where(np.abs(place - near) < _SNAP, near, place)
        return cls(place, int(np.ceil(place[-1])) + 1, step)

    def lay(self, points: Array, certainty: Array) -> tuple[Array, Array]:
        """Points and certainty of the rows on the grid; a grid step without a row near it sees nothing."""
        steps = np.arange(self.count)
        before = np.clip(np.searchsorted(self.place, steps, side="right") - 1, 0, len(self.place) - 1)
        after = np.minimum(before + 1, len(self.place) - 1)
        span = self.place[after] - self.place[before]
        share = np.where(span > 0.0, (steps - self.place[before]) / np.where(span > 0.0, span, 1.0), 0.0)
        share = np.clip(share, 0.0, 1.0)
        exact = share < 1e-9
        after = np.where(exact, before, after)
        known = exact | (span * self.step_s < _BETWEEN_S)
        # Between a row that sees a point and one that does not, nobody knows where it is.
        both = np.minimum(certainty[before], certainty[after]) * known[:, None]
        share = share[:, None, None]
        return points[before] * (1.0 - share) + points[after] * share, both

    def back(self, lifted: Lifted) -> Lifted:
        """From grid steps to the rows."""
        if self.count == len(self.place) and np.array_equal(self.place, np.arange(self.count)):
            return lifted
        values = {name: _cubic(array, self.place) for name, array in vars(lifted).items() if name != "world"}
        for name in ("across", "along", "depth_error"):
            values[name] = np.maximum(values[name], 1e-3)
        values["sight"] /= np.linalg.norm(values["sight"], axis=-1, keepdims=True)
        values["contact"] = np.clip(values["contact"], 0.0, 1.0)
        columns = _cubic(lifted.world[..., :2], self.place)
        return Lifted(**values, world=_orthonormal(columns[..., 0], columns[..., 1]))


def _cubic(values: Array, place: Array) -> Array:
    """Values (N, ...) at steps 0, 1, ... at places (T,) between them (Catmull and Rom, 1974)."""
    last = len(values) - 1
    at = np.minimum(np.floor(place).astype(np.int64), max(last - 1, 0))
    share = (place - at).reshape(-1, *([1] * (values.ndim - 1)))
    a, b, c, d = (values[np.clip(at + k, 0, last)] for k in (-1, 0, 1, 2))
    square, cube = share * share, share * share * share
    return np.asarray(
        0.5
        * (
            2.0 * b
            + (c - a) * share
            + (2.0 * a - 5.0 * b + 4.0 * c - d) * square
            + (3.0 * b - a - 3.0 * c + d) * cube
        )
    )


def _decoded(network: _Network, points: Array, certainty: Array, check: Callable[[], None]) -> Lifted:
    """Grid steps (N, 35, 2), (N, 35) through the network, a window at a time."""

    def decoded(run: tuple[slice, slice]) -> Lifted:
        check()
        kept, window = run
        normal = normalise(points[window], certainty[window])
        inputs = normal.inputs
        odd = len(inputs) % layout.FRAMES_PER_TOKEN
        if odd:  # half a token: the last frame stands still
            inputs = np.concatenate([inputs, inputs[-1:]])
        # Asked twice, the second time in a mirror: the two err differently.
        twice = np.stack([inputs, mirrored_inputs(inputs)])
        tokens = twice.reshape(2, -1, layout.FRAMES_PER_TOKEN * layout.INPUTS)
        plain, mirrored = network.run(tokens).reshape(2, -1, layout.OUTPUTS)
        out = (0.5 * (plain + mirrored_outputs(mirrored)))[: len(normal.inputs)]
        inner = slice(kept.start - window.start, kept.stop - window.start)
        return _in_camera(
            out[inner].astype(np.float64), normal.camera_from_virtual[inner], normal.spread[inner]
        )

    parts = list(side_by_side(decoded, list(_windows(len(points), network.halo_frames + HALO))))
    return Lifted(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def _windows(count: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Frames to keep, and the frames to run for them. Both begin on a whole token."""
    size = _TOKENS * layout.FRAMES_PER_TOKEN
    halo += halo % layout.FRAMES_PER_TOKEN
    for start in range(0, count, size):
        stop = min(start + size, count)
        yield slice(start, stop), slice(max(0, start - halo), min(count, stop + halo))


def _in_camera(out: Array, camera_from_virtual: Array, spread: Array) -> Lifted:
    count = len(out)
    places = out[:, layout.PLACES].reshape(count, layout.JOINTS, 3)
    spreads = np.exp(out[:, layout.SPREADS].reshape(count, layout.JOINTS, 2))
    columns = out[:, layout.TURNS].reshape(count, layout.JOINTS, 2, 3)
    turns = _orthonormal(columns[:, :, 0], columns[:, :, 1])
    root = out[:, layout.ROOT]
    depth = np.exp(root[:, 2]) / spread
    ahead = np.concatenate([root[:, :2] * (spread * depth)[:, None], depth[:, None]], axis=-1)
    return Lifted(
        places=np.einsum("tij,tkj->tki", camera_from_virtual, places),
        across=spreads[..., 0],
        along=spreads[..., 1],
        sight=camera_from_virtual[:, :, 2].copy(),
        world=camera_from_virtual[:, None] @ turns,
        pelvis=np.einsum("tij,tj->ti", camera_from_virtual, ahead),
        depth_error=np.exp(out[:, layout.ROOT_SPREAD][:, 0]),
        up=np.einsum("tij,tj->ti", camera_from_virtual, out[:, layout.UP]),
        contact=1.0 / (1.0 + np.exp(-np.clip(out[:, layout.CONTACTS], -30.0, 30.0))),
    )


def _orthonormal(first: Array, second: Array) -> Array:
    """Rotations (..., 3, 3) whose first two columns are near these (..., 3): Gram and Schmidt."""
    x = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    y = second - (x * second).sum(axis=-1, keepdims=True) * x
    y /= np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-9)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


@dataclass(frozen=True, eq=False)
class _Network:
    session: onnxruntime.InferenceSession
    halo_frames: int  # on each side that a frame's output depends on

    def run(self, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        (out,) = self.session.run(["body"], {"tokens": tokens})
        return np.asarray(out, dtype=np.float32)


@functools.cache
def _network(folder: Path) -> _Network:
    """The network, checked and loaded once. ModelError if it is missing or damaged."""
    card, path = folder / "lift.json", folder / "lift.onnx"
    try:
        about = json.loads(card.read_text(encoding="utf-8"))
        expected, halo = str(about["sha256"]), int(about["halo_frames"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{card}: cannot be read ({error}); install the extension again") from error
    if not path.is_file() or models.sha256_file(path) != expected:
        raise ModelError(f"{path}: is missing or damaged; install the extension again")
    # One thread: a window is small, and other threads would only wait for each other.
    return _Network(models.session(path, threads=1), halo)

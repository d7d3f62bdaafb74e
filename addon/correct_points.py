# SPDX-License-Identifier: GPL-3.0-or-later
"""Points put right in the picture: what there is to drag, what has to be solved for it, how it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference import wholebody
from ..inference.errors import RotocapError, SequenceError
from ..inference.kinematics import forward_poses
from ..inference.lift import points as lift_points
from ..inference.lift import surface
from ..inference.sequence import SmplxSequence
from . import corrections
from .correct_properties import RotocapCorrections
from .performance_properties import RotocapPerformance
from .performances import file_of, folder_of

Pin = tuple[int, int, float, float]  # video frame, keypoint, x, y

# The points of body and feet that the fit compares with the picture (inference/pins.py; not imported here,
# since it loads scipy).
FITTED = tuple(
    k for k, name in enumerate(wholebody.NAMES[: wholebody.FACE.start]) if not name.endswith("small_toe")
)

_SEEN = 0.3  # certainty from which on a landmark is where the point is drawn
_NEAR = 0.05  # metres before the camera


@dataclass(frozen=True, eq=False)
class Draggable:
    """The points of one frame that can be put right."""

    frame: int  # of the video
    keypoints: NDArray[np.int64]  # (P,)
    places: NDArray[np.float64]  # (P, 2) pixels of the video
    seen: NDArray[np.bool_]  # (P,) in the picture; the others lie where the solved body has them


NOBODY = Draggable(-1, np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0, bool))


def draggable(scene: bpy.types.Scene, entry: RotocapPerformance) -> Draggable:
    """What can be dragged at the scene's frame. SequenceError if the person is not in it."""
    sequence = corrections.solved(entry)
    row = corrections.video_frame(scene, sequence, scene.frame_current)
    found = np.asarray(sequence.keypoints[row, list(FITTED)], dtype=np.float64)
    seen = found[:, 2] >= _SEEN
    # Those that the networks did not see are wrong most often: they can be dragged from where the body is.
    places = np.where(seen[:, None], found[:, :2], _on_body(sequence, row))
    known = np.isfinite(places).all(axis=-1)
    return Draggable(int(sequence.frame[row]), np.array(FITTED)[known], places[known], seen[known])


def at_playhead(context: bpy.types.Context) -> Draggable:
    """What can be dragged now; NOBODY where the person is not in the frame, or cannot be read."""
    try:
        entry, _ = corrections.required(context)
        return draggable(context.scene, entry)
    except RotocapError:
        return NOBODY


def _on_body(sequence: SmplxSequence, row: int) -> NDArray[np.float64]:
    """(P, 2) Where the picture shows the solved body's FITTED points in a row, pixels; NaN behind the camera.

    As `inference.pins.body_points` has it.
    """
    one = slice(row, row + 1)
    joints, world = forward_poses(sequence.poses[one], sequence.trans[one], sequence.rest_joints)
    columns = [int(np.flatnonzero(keypoint == lift_points.KEYPOINTS)[0]) for keypoint in FITTED]
    turned = np.einsum("pij,pj->pi", world[0, surface.CARRIERS[columns]], surface.OFFSETS[columns])
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    camera = camera if camera.ndim == 2 else camera[row]
    seen = (joints[0, surface.ANCHORS[columns]] + turned - camera[:3, 3]) @ camera[:3, :3]
    depth = seen[:, 2:]
    pixels = (seen @ np.asarray(sequence.camera_K, dtype=np.float64).T)[:, :2] / np.maximum(depth, _NEAR)
    return np.asarray(np.where(depth > _NEAR, pixels, np.nan))


def nearest(points: Draggable, x: float, y: float, *, within: float) -> int | None:
    """The keypoint nearest to a pixel of the video, None if none is within so many pixels."""
    if not len(points.places):
        return None
    away = np.linalg.norm(points.places - (x, y), axis=1)
    best = int(np.argmin(away))
    return int(points.keypoints[best]) if away[best] <= within else None


def label(keypoint: int) -> str:
    """What a point is called."""
    return wholebody.NAMES[keypoint].replace("_", " ")


def with_pin(corrections_of: RotocapCorrections, pin: Pin) -> list[Pin]:
    """The points put right with one more, which replaces one of the same frame and name."""
    others = [p for p in corrections.pins_of(corrections_of) if p[:2] != pin[:2]]
    return sorted([*others, (pin[0], pin[1], round(pin[2], 2), round(pin[3], 2))])


def to_solve(entry: RotocapPerformance, pins: Sequence[Pin]) -> tuple[dict[str, Any] | None, Path]:
    """What the worker has to do for these points (None: nothing, its file is there), and the file it makes.

    Only the frames around points that are new are solved; where one was taken away, all begins anew.
    """
    out = corrections.file_of_pins(entry, pins)
    if not pins or out.is_file():
        return None, out
    before = corrections.pins_of(entry.corrections)
    base, around = corrections.file_of_pins(entry, before), [p[0] for p in pins if p not in before]
    kept = {p[:2] for p in before} <= {p[:2] for p in pins} and set(before) <= set(pins)
    if not before or not kept or not base.is_file():
        base, around = file_of(entry), []
    options = {
        "task": "pins", "take": str(folder_of(entry)), "base": str(base), "out": str(out),
        "pins": [list(p) for p in pins], "around": around,
    }  # fmt: skip
    return options, out


def in_capture(entry: RotocapPerformance) -> list[Pin]:
    """The points put right in frames that the capture has. RotocapError if the capture is gone."""
    frames = corrections.raw(entry).frame
    return [pin for pin in corrections.pins_of(entry.corrections) if pin[0] in frames]


def unsolved(entry: RotocapPerformance) -> bool:
    """Whether there are points that nothing has been solved from, as after a new capture."""
    pinned = corrections.pinned_file(entry)
    return pinned is not None and not pinned.is_file()


def keep(entry: RotocapPerformance, pins: Sequence[Pin]) -> None:
    """Let these be the points that are put right."""
    kept = entry.corrections
    kept.pins.clear()
    for frame, keypoint, x, y in pins:
        pin = kept.pins.add()
        pin.frame, pin.keypoint, pin.x, pin.y = frame, keypoint, x, y
        pin.name = label(keypoint)
    kept.pin = max(0, min(kept.pin, len(kept.pins) - 1))
    kept.pins_on = True


def require_keypoint(keypoint: int) -> None:
    """SequenceError for a point that the fit does not look at."""
    if keypoint not in FITTED:
        raise SequenceError(
            f"point {keypoint}: cannot be put right; choose one of the body's, such as a wrist or a knee"
        )

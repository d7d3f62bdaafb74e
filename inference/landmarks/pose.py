# SPDX-License-Identifier: GPL-3.0-or-later
"""The body in its region: MediaPipe's pose_landmark_full (256, 39 points, heat maps, metres)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from .crop import Image, Picture, Roi, planes
from .person_detector import region_from_points

SIDE = 256
COUNT = 33
PRESENT = 0.5

NOSE = 0
MOUTH_END = 11  # the points before it are those of the head
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_PINKY, RIGHT_PINKY = 17, 18
LEFT_INDEX, RIGHT_INDEX = 19, 20
LEFT_THUMB, RIGHT_THUMB = 21, 22
LEFT_HIP, RIGHT_HIP = 23, 24

# Body 0-16 and feet 17-22 of COCO-WholeBody; -1: the small toes, which this network does not know.
WHOLEBODY = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 31, -1, 29, 32, -1, 30])

_HEAT_KERNEL = 3  # cells to each side
_HEAT_LEAST = 0.5


@dataclass(frozen=True)
class Pose:
    """The body's 33 points in one frame."""

    points: NDArray[np.float64]  # (33, 2) pixels
    certainty: NDArray[np.float64]  # (33,) 0 to 1: that it is in the picture and in sight
    metres: NDArray[np.float64]  # (33, 3) camera axes, origin in the middle of the hips
    presence: float  # 0 to 1: that a person is there
    next_roi: Roi  # where to look in the next frame

    @cached_property
    def pixels_per_metre(self) -> float:
        """How large the body is in the picture, from all points together."""
        weight = self.certainty[:, None] + 1e-6
        flat = self.metres[:, :2]
        spread = [
            float((weight * (p - (weight * p).sum(axis=0) / weight.sum()) ** 2).sum())
            for p in (self.points, flat)
        ]
        return float(np.sqrt(spread[0] / max(spread[1], 1e-12)))


@dataclass(frozen=True)
class Look:
    """What the network makes of one region."""

    roi: Roi
    pose: Pose | None  # None if nobody is there
    # What it knows of each place of the region; from these `pose_mask` tells whose its pixels are.
    fine: NDArray[np.float32]  # (1, 16, 128, 128)
    coarse: NDArray[np.float32]  # (1, 48, 64, 64)


class PoseNetwork:
    def __init__(self, *, threads: int) -> None:
        self._session = session(embedded("pose_landmark"), threads=threads)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, picture: Picture, roi: Roi, cutout: Image | None = None) -> Look:
        """The body in the region. cutout: the region (SIDE, SIDE, 3) BGR, if it is not as in the picture."""
        inputs = planes(picture.cut(roi, SIDE) if cutout is None else cutout)
        landmarks, presence, heat, world, fine, coarse = self._session.run(
            ["landmarks", "presence", "heatmap", "world", "fine", "coarse"], {self._input: inputs}
        )
        score = float(presence.reshape(-1)[0])
        if score < PRESENT:
            return Look(roi, None, fine, coarse)
        raw = landmarks.reshape(39, 5).astype(np.float64)
        raw[:, :2] = _refined(raw[:, :2], heat.reshape(39, SIDE // 4, SIDE // 4))
        points = roi.to_image(raw, SIDE)
        seen = _logistic(raw[:COUNT, 3:5]).min(axis=1)
        metres = roi.turn(world.reshape(39, 3)[:COUNT].astype(np.float64))
        metres -= metres[[LEFT_HIP, RIGHT_HIP]].mean(axis=0)
        inside = (
            (points[:COUNT] >= -0.5) & (points[:COUNT] <= (picture.width - 0.5, picture.height - 0.5))
        ).all(axis=1)
        pose = Pose(
            points=points[:COUNT],
            certainty=np.where(inside, seen, 0.0),
            metres=metres,
            presence=score,
            next_roi=region_from_points(points[33], points[34]),
        )
        return Look(roi, pose, fine, coarse)


def _refined(points: NDArray[np.float64], logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Points (N, 2) of the cut-out, moved to the middle of the heat (N, R, R) around them.

    Where the heat is low the regressed place stays. Heat cell k lies at k / R of the side.
    """
    count, rows, _ = logits.shape
    cells = np.floor(points / SIDE * rows).astype(int)
    inside = ((cells >= 0) & (cells < rows)).all(axis=1)
    offsets = np.arange(-_HEAT_KERNEL, _HEAT_KERNEL + 1)
    x = cells[:, :1] + offsets  # (N, 7)
    y = cells[:, 1:] + offsets
    valid = (((y >= 0) & (y < rows))[:, :, None]) & (((x >= 0) & (x < rows))[:, None, :])
    patch = logits[
        np.arange(count)[:, None, None],
        np.clip(y, 0, rows - 1)[:, :, None],
        np.clip(x, 0, rows - 1)[:, None, :],
    ].astype(np.float64)
    heat = np.where(valid, _logistic(patch), 0.0)
    total = heat.sum(axis=(1, 2))
    use = inside & (heat.max(axis=(1, 2)) >= _HEAT_LEAST) & (total > 0)
    total = np.where(use, total, 1.0)
    middle = np.stack(
        [(heat.sum(axis=1) * x).sum(axis=1) / total, (heat.sum(axis=2) * y).sum(axis=1) / total], axis=1
    )
    return np.where(use[:, None], middle * (SIDE / rows), points)


def _logistic(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -60, 60))), dtype=np.float64)

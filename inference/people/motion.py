# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a person is and is going in the picture: place, size and velocity of one track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_HIPS = (11, 12)
_TORSO = (5, 6, 11, 12)
_LIMBS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
_UPPER = (0, 1, 2, 3, 4, 5, 6)  # head and shoulders, which is all that a close-up shows
_SEEN = 0.3
_ENOUGH = 4  # points in common to compare two persons
_VELOCITY_SHARE = 0.3  # of a new measurement
_COAST_S = 0.5  # an unseen person's velocity dies off with this time constant


@dataclass(frozen=True)
class Motion:
    """Constant velocity with exponential smoothing. Pixels and seconds."""

    time_s: float
    centre: Floats  # (2,) middle of the hips
    size: float  # extent of the person, about the body height when standing
    velocity: Floats  # (2,) pixels a second

    @classmethod
    def start(cls, time_s: float, keypoints: Floats, box: Floats) -> Motion:
        centre, size = place(keypoints, box)
        return cls(time_s, centre, size, np.zeros(2))

    def predict(self, time_s: float) -> Floats:
        """Expected middle of the hips (2,)."""
        dt = max(time_s - self.time_s, 0.0)
        return np.asarray(self.centre + self.velocity * _COAST_S * (1.0 - np.exp(-dt / _COAST_S)))

    def update(self, time_s: float, keypoints: Floats, box: Floats) -> Motion:
        centre, size = place(keypoints, box)
        dt = max(time_s - self.time_s, 1e-3)
        # Known again after a while: what it did meanwhile is no velocity.
        share = _VELOCITY_SHARE if dt < _COAST_S else 0.0
        velocity = (1.0 - share) * self.velocity + share * (centre - self.centre) / dt
        return Motion(time_s, centre, 0.8 * self.size + 0.2 * size, velocity)

    def jump(self, time_s: float, keypoints: Floats, box: Floats) -> float:
        """Distance of the hips from where they were expected, in the person's own size."""
        centre, _ = place(keypoints, box)
        return float(np.linalg.norm(centre - self.predict(time_s)) / self.size)

    def pack(self) -> NDArray[np.float64]:
        """(6,) numbers that `unpack` turns back."""
        return np.array([self.time_s, *self.centre, self.size, *self.velocity], np.float64)

    @classmethod
    def unpack(cls, values: Floats) -> Motion:
        return cls(float(values[0]), np.asarray(values[1:3]), float(values[3]), np.asarray(values[4:6]))


def place(keypoints: Floats, box: Floats) -> tuple[Floats, float]:
    """Middle of the hips (2,) and the person's extent in pixels, from keypoints (133, 3) and box (4,)."""
    torso = keypoints[list(_TORSO)]
    if torso[2:, 2].min() >= _SEEN:
        centre = keypoints[list(_HIPS), :2].mean(axis=0)
    else:
        centre = np.array([(box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0])
    extent = float(max(box[2] - box[0], box[3] - box[1]))
    if torso[:, 2].min() >= _SEEN:
        # A torso is about 0.3 of the height: steadier than a box that shrinks with a squat.
        length = float(np.linalg.norm(torso[:2, :2].mean(axis=0) - torso[2:, :2].mean(axis=0)))
        extent = max(extent, length / 0.3)
    return np.asarray(centre, np.float64), max(extent, 1.0)


def apart(a: Floats, b: Floats, *, size: float) -> float:
    """Mean distance of two persons' limb points (133, 3), in `size`; inf if too few are seen in both."""
    return _mean_distance(a, b, (_LIMBS, _UPPER), size)


def torsos_apart(a: Floats, b: Floats, *, size: float) -> float:
    """As `apart`, for shoulders and hips alone: poses of one person may differ in the limbs."""
    return _mean_distance(a, b, (_TORSO, _UPPER), size)


def _mean_distance(a: Floats, b: Floats, choices: tuple[tuple[int, ...], ...], size: float) -> float:
    """By the first choice of points of which enough are seen in both."""
    for choice in choices:
        points = list(choice)
        both = (a[points, 2] >= _SEEN) & (b[points, 2] >= _SEEN)
        if both.sum() >= _ENOUGH:
            return float(np.linalg.norm(a[points, :2] - b[points, :2], axis=1)[both].mean() / size)
    return float("inf")

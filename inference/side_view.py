# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a take from the side: errors in depth hide from the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .raster import Image, Surface, draw
from .sequence import SmplxSequence
from .skeleton import BODY_JOINT_COUNT

Array = NDArray[np.float64]

BACKGROUND = (44, 42, 40)


def camera_at(sequence: SmplxSequence, row: int) -> Array:
    """World from camera (4, 4) at a row of the sequence."""
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    return camera if camera.ndim == 2 else camera[row]


@dataclass(frozen=True)
class SideView:
    """An orthographic view along the camera's left, fixed over the take; the camera is to the left."""

    axes: Array  # (3, 3) rows: picture right, picture down, away from the viewer, in the world
    centre: Array  # (2,) metres along the first two axes, the middle of the picture
    pixels_per_metre: float
    size: tuple[int, int]

    _FAR = 100.0  # m: from so far away a pinhole camera is orthographic

    @classmethod
    def around(cls, sequences: Sequence[SmplxSequence], size: tuple[int, int]) -> SideView:
        """The view that holds all the people over the whole take."""
        filled = [s for s in sequences if len(s)]
        if not filled:
            return cls(np.diag([1.0, -1.0, -1.0]), np.zeros(2), 100.0, size)
        camera = camera_at(filled[0], 0)
        away = camera[:3, 2] * [1.0, 0.0, 1.0]
        # A camera that looks straight down has no horizontal direction: its upper edge serves.
        if np.linalg.norm(away) < 0.1:
            away = -camera[:3, 1] * [1.0, 0.0, 1.0]
        away /= np.linalg.norm(away)
        down = np.array([0.0, -1.0, 0.0])
        axes = np.stack([away, down, np.cross(away, down)])
        flat = []
        for s in filled:
            for row in range(0, len(s), max(1, len(s) // 200)):
                m = camera_at(s, row)
                flat.append((s.joints_camera[row, :BODY_JOINT_COUNT] @ m[:3, :3].T + m[:3, 3]) @ axes[:2].T)
        places = np.concatenate(flat)
        low, high = np.percentile(places, 0.5, axis=0) - 0.3, np.percentile(places, 99.5, axis=0) + 0.3
        high[1] = max(high[1], 0.1)  # the floor is always in view
        scale = float(min(size[0] / (high[0] - low[0]), size[1] / (high[1] - low[1])))
        return cls(axes, (low + high) / 2, scale, size)

    def place(self, world: Array) -> NDArray[np.float32]:
        """World points (N, 3) in the frame of the view's camera."""
        moved = world @ self.axes.T
        moved[:, :2] -= self.centre
        moved[:, 2] += self._FAR
        return moved.astype(np.float32)

    def pixel(self, world: Array) -> tuple[float, float]:
        """Where a world point (3,) lies in the picture."""
        x, y = (self.axes[:2] @ world - self.centre) * self.pixels_per_metre
        return x + (self.size[0] - 1) / 2, y + (self.size[1] - 1) / 2

    def draw(self, surfaces: Sequence[Surface]) -> Image:
        """The view with a floor line and marks every half metre."""
        width, height = self.size
        image = np.full((height, width, 3), BACKGROUND, np.uint8)
        half = width / 2 / self.pixels_per_metre
        for k in range(int(np.ceil((self.centre[0] - half) * 2)), int((self.centre[0] + half) * 2) + 1):
            x = round((k / 2 - self.centre[0]) * self.pixels_per_metre + (width - 1) / 2)
            cv2.line(image, (x, 0), (x, height), (56, 54, 52), 1)
        floor = round(-self.centre[1] * self.pixels_per_metre + (height - 1) / 2)
        cv2.line(image, (0, floor), (width, floor), (150, 150, 150), 1)
        focal = self.pixels_per_metre * self._FAR
        K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        return draw(image, surfaces, K)

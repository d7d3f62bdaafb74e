# SPDX-License-Identifier: GPL-3.0-or-later
"""Turned square regions of a picture: cut out for a network, and its points put back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Roi:
    """A square of `size` pixels around (x, y), turned clockwise by `angle` radians as one sees it."""

    x: float
    y: float
    size: float
    angle: float

    @classmethod
    def from_array(cls, values: Floats) -> Roi:
        return cls(*(float(v) for v in values))

    def to_array(self) -> NDArray[np.float64]:
        return np.array([self.x, self.y, self.size, self.angle])

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(2, 2) image_from_region: the turn alone."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.array([[c, -s], [s, c]])

    def scaled(self, factor: float, *, up: float = 0.0) -> Roi:
        """Larger by `factor` around its middle, then moved by `up` times its old size towards its top."""
        rise = up * self.size
        x, y = self.x + math.sin(self.angle) * rise, self.y - math.cos(self.angle) * rise
        return Roi(x, y, self.size * factor, self.angle)

    def moved(self, offset: Floats) -> Roi:
        """Moved by (dx, dy) pixels of the image."""
        return replace(self, x=self.x + float(offset[0]), y=self.y + float(offset[1]))

    def to_image(self, points: Floats, side: float) -> NDArray[np.float64]:
        """Image pixels (N, 2) of points (N, 2) in a cut-out whose edges lie at 0 and `side`."""
        c, s = (self.size / side * f(self.angle) for f in (math.cos, math.sin))
        out: NDArray[np.float64] = points[:, :2] @ np.array([[c, s], [-s, c]])
        out += (self.x - side / 2 * (c - s), self.y - side / 2 * (s + c))
        return out

    def turn(self, points: Floats) -> NDArray[np.float64]:
        """Points (N, 3) along the region's axes, along the image's: x and y turned, z as it is."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return np.asarray(points @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]), dtype=np.float64)

    def box(self) -> NDArray[np.float64]:
        """(4,) the upright box around it: x0, y0, x1, y1."""
        half = self.size / 2 * (abs(np.cos(self.angle)) + abs(np.sin(self.angle)))
        return np.array([self.x - half, self.y - half, self.x + half, self.y + half])


def middle_of(points: Floats) -> NDArray[np.float64]:
    """(D,) of points (N, D). For so few, `mean` takes four times as long."""
    return np.asarray(np.add.reduce(points) / len(points), dtype=np.float64)


def upright_angle(start: Floats, end: Floats) -> float:
    """The angle of a region in which the direction from `start` to `end` points up."""
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    return math.atan2(dx, -dy)


class Picture:
    """One video frame and its halves, made when a large region is to become a small input.

    Taking every sixth pixel of a 1080p person would make the landmarks tremble; cutting from
    the half or quarter picture is also the quicker way, as all people share it.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]

    @cached_property
    def _half(self) -> Image:
        return np.asarray(_halved(self.image))

    @cached_property
    def _quarter(self) -> Image:
        return np.asarray(_halved(self._half))

    def cut(self, roi: Roi, side: int, *, replicate: bool = True) -> Image:
        """The region as (side, side, 3) BGR. Outside the picture: its edge repeated, or black."""
        shrink = roi.size / side
        image, factor = (
            (self.image, 1.0) if shrink < 2 else (self._half, 0.5) if shrink < 4 else (self._quarter, 0.25)
        )
        # Pixel i of a picture covers i to i + 1; coordinates here count from the middle of pixel 0.
        c, s = (shrink * factor * f(roi.angle) for f in (math.cos, math.sin))
        half = (side - 1) / 2
        x, y = (roi.x + 0.5) * factor - 0.5 - (c - s) * half, (roi.y + 0.5) * factor - 0.5 - (s + c) * half
        matrix = np.array([[c, -s, x], [s, c, y]])
        return np.asarray(
            cv2.warpAffine(
                image,
                matrix,
                (side, side),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT,
            ),
            dtype=np.uint8,
        )


def _halved(image: Image) -> Image:
    height, width = image.shape[:2]
    # Even sizes only: then every new pixel is the mean of exactly four, and the middles line up.
    even = image[: height // 2 * 2, : width // 2 * 2]
    return np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


def planes(*cutouts: Image, symmetric: bool = False) -> NDArray[np.float32]:
    """N cut-outs as a network takes them: (N, 3, S, S) RGB, 0 to 1, or -1 to 1 if `symmetric`."""
    channels = np.empty((len(cutouts), 3, *cutouts[0].shape[:2]), np.uint8)
    for picture, cutout in zip(channels, cutouts, strict=True):
        cv2.split(cutout, picture[::-1])
    blob = channels.astype(np.float32)
    if symmetric:
        blob -= np.float32(127.5)
    blob *= np.float32(1 / 127.5 if symmetric else 1 / 255)
    return blob

# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, bones and strips as triangles with colours, in region pixels. Arrays only, no Blender.

Triangles are drawn alike by every version and graphics driver; points and thick lines are not.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Doubt in units of the animator's limit, and its colour: lighter towards the middle, so that
# green and red differ for eyes that see no difference of hue.
_RAMP_AT = np.array([0.3, 0.7, 1.0, 2.0])
_RAMP = np.array([(0.05, 0.45, 0.42), (0.45, 0.75, 0.35), (1.0, 0.80, 0.20), (0.85, 0.10, 0.10)])
# The corners of a thick line: at which end, and on which side of it.
_END = np.array([0, 0, 1, 1])
_SIDE = np.array([-1.0, 1.0, 1.0, -1.0], np.float32)


class Shapes(NamedTuple):
    """V corners with colours and F triangles."""

    corners: NDArray[np.float32]  # (V, 2)
    colours: NDArray[np.float32]  # (V, 4) red, green, blue, alpha
    triangles: NDArray[np.int32]  # (F, 3)


EMPTY = Shapes(np.zeros((0, 2), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 3), np.int32))


def together(parts: list[Shapes]) -> Shapes:
    """All shapes as one, the first at the bottom."""
    parts = [part for part in parts if len(part.triangles)]
    if not parts:
        return EMPTY
    shifts = accumulate((len(part.corners) for part in parts[:-1]), initial=0)
    return Shapes(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.colours for part in parts]),
        np.concatenate([part.triangles + shift for part, shift in zip(parts, shifts, strict=True)]),
    )


def discs(centres: Floats, radius: Floats | float, colours: Floats, *, corners: int = 8) -> Shapes:
    """Discs about centres (N, 2) in colours (N, 4), each as a polygon; radius one for all or (N,).

    Layers, such as rims below what they surround, are drawn at once: radius (L, 1) or (L, N) and
    colours (L, N, 4), the first at the bottom.
    """
    radii = np.asarray(radius, np.float32)[..., None, None]
    places = centres[:, None] + radii * _around(corners)
    shape = (*np.broadcast_shapes(places.shape[:-1], (*colours.shape[:-1], corners)), 2)
    return _polygons(np.broadcast_to(places, shape), colours[..., None, :], corners)


def strokes(ends: Floats, width: Floats | float, colours: Floats) -> Shapes:
    """Thick lines between ends (N, 2, 2), whose ends have colours (N, 2, 4); width for all, or (N,).

    Layers are drawn at once, as with `discs`: width (L, N) and colours (L, N, 2, 4).
    """
    # As complex numbers, where a quarter turn is a factor: few steps, each of which costs more than its work.
    place = np.ascontiguousarray(ends, np.float32).view(np.complex64)[..., 0]  # (N, 2)
    along = place[:, 1] - place[:, 0]
    across = along * (0.5j * np.asarray(width, np.float32) / np.maximum(np.abs(along), 1e-6))
    corners = place[:, _END] + _SIDE * across[..., None]
    places = corners.astype(np.complex64, copy=False).view(np.float32)
    return _polygons(places.reshape(*corners.shape, 2), colours[..., _END, :], 4)


def boxes(x: Floats, y: tuple[float, float], colours: Floats) -> Shapes:
    """Upright boxes from x (N, 2), left and right, between the heights y, in colours (N, 4)."""
    corners = np.empty((len(x), 4, 2), np.float32)
    corners[:, [0, 1], 0], corners[:, [2, 3], 0] = x[:, :1], x[:, 1:]
    corners[:, [0, 3], 1], corners[:, [1, 2], 1] = y
    return _polygons(corners, colours[:, None], 4)


def _polygons(places: Floats, colours: Floats, corners: int) -> Shapes:
    """Polygons of so many corners, (..., corners, 2) in colours (..., corners or 1, 4)."""
    filled = np.empty((*places.shape[:-1], 4), np.float32)
    filled[...] = colours
    count = filled.size // (4 * corners)
    return Shapes(
        places.reshape(-1, 2).astype(np.float32, copy=False), filled.reshape(-1, 4), _fans(corners, count)
    )


@lru_cache(maxsize=16)
def _around(corners: int) -> Floats:
    """(corners, 2) A polygon of radius one."""
    angle = np.arange(corners) * (2.0 * np.pi / corners)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


@lru_cache(maxsize=256)
def _fans(corners: int, count: int) -> NDArray[np.int32]:
    """The triangles of so many polygons, each a fan. Not to be written to: the next drawing uses it too."""
    fan = np.array([(0, k, k + 1) for k in range(1, corners - 1)], dtype=np.int32)
    triangles = fan + corners * np.arange(count, dtype=np.int32)[:, None, None]
    return triangles.reshape(-1, 3)


def doubt_colours(doubt: Floats, limit: float) -> NDArray[np.float32]:
    """Red, green and blue (..., 3) for doubts (...): green well below the limit, yellow at it, red beyond."""
    at = np.asarray(doubt, dtype=np.float64) / limit
    return np.stack([np.interp(at, _RAMP_AT, _RAMP[:, c]) for c in range(3)], axis=-1).astype(np.float32)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Points, bones and strips as triangles with colours, in region pixels. Arrays only, no Blender.

Triangles are drawn alike by every version and graphics driver; points and thick lines are not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Doubt in units of the animator's limit, and its colour: lighter towards the middle, so that
# green and red differ for eyes that see no difference of hue.
_RAMP_AT = np.array([0.3, 0.7, 1.0, 2.0])
_RAMP = np.array([(0.05, 0.45, 0.42), (0.45, 0.75, 0.35), (1.0, 0.80, 0.20), (0.85, 0.10, 0.10)])


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
    shifts = np.cumsum([0, *(len(part.corners) for part in parts[:-1])])
    return Shapes(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.colours for part in parts]),
        np.concatenate([part.triangles + s for part, s in zip(parts, shifts, strict=True)]).astype(np.int32),
    )


def discs(centres: Floats, radius: Floats | float, colours: Floats, *, corners: int = 8) -> Shapes:
    """Discs about centres (N, 2) in colours (N, 4), each as a polygon; radius one for all or (N,)."""
    around = np.arange(corners) * (2.0 * np.pi / corners)
    radii = np.broadcast_to(np.asarray(radius, np.float32), (len(centres),))[:, None, None]
    places = centres[:, None] + radii * np.stack([np.cos(around), np.sin(around)], axis=-1)
    fan = np.array([(0, k, k + 1) for k in range(1, corners - 1)], dtype=np.int32)
    triangles = fan + corners * np.arange(len(centres), dtype=np.int32)[:, None, None]
    return Shapes(
        places.reshape(-1, 2).astype(np.float32),
        np.repeat(colours, corners, axis=0).astype(np.float32),
        triangles.reshape(-1, 3),
    )


def strokes(ends: Floats, width: Floats | float, colours: Floats) -> Shapes:
    """Thick lines between ends (N, 2, 2), whose ends have colours (N, 2, 4); width for all, or (N,)."""
    along = ends[:, 1] - ends[:, 0]
    length = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    across = np.stack([-along[:, 1], along[:, 0]], axis=-1) / length
    across = across * (0.5 * np.broadcast_to(np.asarray(width, np.float32), (len(ends),)))[:, None]
    corners = np.stack(
        [ends[:, 0] - across, ends[:, 0] + across, ends[:, 1] + across, ends[:, 1] - across], axis=1
    )
    pair = np.array([(0, 1, 2), (0, 2, 3)], dtype=np.int32)
    triangles = pair + 4 * np.arange(len(ends), dtype=np.int32)[:, None, None]
    return Shapes(
        corners.reshape(-1, 2).astype(np.float32),
        colours[:, [0, 0, 1, 1]].reshape(-1, 4).astype(np.float32),
        triangles.reshape(-1, 3),
    )


def boxes(x: Floats, y: tuple[float, float], colours: Floats) -> Shapes:
    """Upright boxes from x (N, 2), left and right, between the heights y, in colours (N, 4)."""
    corners = np.empty((len(x), 4, 2), np.float32)
    corners[:, [0, 1], 0], corners[:, [2, 3], 0] = x[:, :1], x[:, 1:]
    corners[:, [0, 3], 1], corners[:, [1, 2], 1] = y
    pair = np.array([(0, 1, 2), (0, 2, 3)], dtype=np.int32)
    triangles = pair + 4 * np.arange(len(x), dtype=np.int32)[:, None, None]
    return Shapes(
        corners.reshape(-1, 2), np.repeat(colours, 4, axis=0).astype(np.float32), triangles.reshape(-1, 3)
    )


def doubt_colours(doubt: Floats, limit: float) -> NDArray[np.float32]:
    """Red, green and blue (..., 3) for doubts (...): green well below the limit, yellow at it, red beyond."""
    at = np.asarray(doubt, dtype=np.float64) / limit
    return np.stack([np.interp(at, _RAMP_AT, _RAMP[:, c]) for c in range(3)], axis=-1).astype(np.float32)

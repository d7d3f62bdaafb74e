# SPDX-License-Identifier: GPL-3.0-or-later
"""A small software renderer: triangle meshes through a pinhole camera, with numpy.

Enough to look at a result without Blender: a z-buffer over all surfaces, smooth shading
from a light at the camera, opacity over the picture. Body meshes have thousands of
triangles of a few pixels, so triangles are drawn in batches of equal bounding box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

_NEAR = 0.05  # m: triangles with a corner nearer than this are left out
_BATCH = 16  # px: triangles up to this size are drawn in batches, larger ones one by one


@dataclass(frozen=True)
class Surface:
    """A mesh to draw."""

    vertices: Floats  # (V, 3) camera frame (x right, y down, z forward), metres
    faces: NDArray[np.int64]  # (F, 3) counter-clockwise from outside
    colours: Floats  # (V, 3) BGR 0 to 255


def draw(image: Image, surfaces: Sequence[Surface], K: NDArray[np.float64], *, opacity: float = 1.0) -> Image:
    """A copy of image (H, W, 3) BGR with the surfaces drawn over it, nearest in front.

    K (3, 3) holds the pinhole intrinsics for this image's size, pixels, origin at the
    centre of the top-left pixel.
    """
    return draw_with_depth(image, surfaces, K, opacity=opacity)[0]


def draw_with_depth(
    image: Image, surfaces: Sequence[Surface], K: NDArray[np.float64], *, opacity: float = 1.0
) -> tuple[Image, Floats]:
    """`draw`, and how far the nearest surface is (H, W): metres along z, infinite where there is none."""
    height, width = image.shape[:2]
    depth = np.full(height * width, np.inf, np.float32)
    colour = np.zeros((height * width, 3), np.float32)
    for surface in surfaces:
        _rasterise(surface, np.asarray(K, np.float32), width, height, depth, colour)
    out = image.reshape(-1, 3).copy()
    hit = np.flatnonzero(np.isfinite(depth))
    mixed = opacity * colour[hit] + (1.0 - opacity) * out[hit]
    out[hit] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return out.reshape(image.shape), depth.reshape(height, width)


def vertex_normals(vertices: Floats, faces: NDArray[np.int64]) -> Floats:
    """Unit normals (V, 3), the mean of the adjoining triangles' weighted by their area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.empty_like(vertices)
    flat = faces.ravel(order="F")
    for axis in range(3):
        total[:, axis] = np.bincount(flat, np.tile(normal[:, axis], 3), minlength=len(vertices))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12), np.float32)


def _shade(surface: Surface, vertices: Floats) -> Floats:
    """Colours (V, 3) under a light above the camera's right shoulder and an even sky."""
    normal = vertex_normals(vertices, surface.faces)
    light = np.array([0.35, -0.55, -0.76], np.float32)
    lambert = np.clip(normal @ light, 0.0, 1.0)
    return np.asarray(surface.colours * (0.42 + 0.62 * lambert)[:, None], np.float32)


def _rasterise(surface: Surface, K: Floats, width: int, height: int, depth: Floats, colour: Floats) -> None:
    """Draw one surface into depth (H*W,) and colour (H*W, 3)."""
    vertices = np.asarray(surface.vertices, np.float32)
    z = vertices[:, 2]
    safe = np.where(z > _NEAR, z, 1.0)
    x = K[0, 0] * vertices[:, 0] / safe + K[0, 2]
    y = K[1, 1] * vertices[:, 1] / safe + K[1, 2]
    points = np.stack([x, y, 1.0 / safe], axis=1).astype(np.float32)
    corners = points[surface.faces]  # (F, 3, 3)
    area = (corners[:, 1, 0] - corners[:, 0, 0]) * (corners[:, 2, 1] - corners[:, 0, 1]) - (
        corners[:, 1, 1] - corners[:, 0, 1]
    ) * (corners[:, 2, 0] - corners[:, 0, 0])
    low = np.ceil(corners[:, :, :2].min(axis=1))
    high = np.floor(corners[:, :, :2].max(axis=1))
    low = np.maximum(low, 0)
    high = np.minimum(high, (width - 1, height - 1))
    # Image y points down, so a triangle that faces the camera has a negative area.
    keep = (area < 0) & (z[surface.faces] > _NEAR).all(axis=1) & (high >= low).all(axis=1)
    index = np.flatnonzero(keep)
    if not len(index):
        return
    corners, area = corners[index], area[index]
    start = low[index].astype(np.int64)
    size = (high[index] - low[index]).astype(np.int64) + 1
    shaded = _shade(surface, vertices)[surface.faces[index]]
    largest = size.max(axis=1)
    edges = [0, 1, 2, 3, 4, 6, 8, 12, _BATCH]
    for smaller, side in itertools.pairwise(edges):
        batch = np.flatnonzero((largest > smaller) & (largest <= side))
        _fill(batch, side, side, corners, area, start, size, shaded, width, depth, colour)
    for one in np.flatnonzero(largest > _BATCH):
        batch = np.array([one])
        _fill(
            batch,
            int(size[one, 0]),
            int(size[one, 1]),
            corners,
            area,
            start,
            size,
            shaded,
            width,
            depth,
            colour,
        )


def _fill(
    batch: NDArray[np.int64],
    columns: int,
    rows: int,
    corners: Floats,
    area: Floats,
    start: NDArray[np.int64],
    size: NDArray[np.int64],
    shaded: Floats,
    width: int,
    depth: Floats,
    colour: Floats,
) -> None:
    """Test every pixel of the batch's boxes (columns x rows) and keep the nearest hits."""
    if not len(batch):
        return
    dx, dy = (grid.ravel() for grid in np.meshgrid(np.arange(columns), np.arange(rows)))
    px = start[batch, 0, None] + dx
    py = start[batch, 1, None] + dy
    a, b, c = (corners[batch, k] for k in range(3))
    scale = 1.0 / area[batch, None]
    wa = ((b[:, 0, None] - px) * (c[:, 1, None] - py) - (b[:, 1, None] - py) * (c[:, 0, None] - px)) * scale
    wb = ((c[:, 0, None] - px) * (a[:, 1, None] - py) - (c[:, 1, None] - py) * (a[:, 0, None] - px)) * scale
    wc = 1.0 - wa - wb
    inside = (wa >= 0) & (wb >= 0) & (wc >= 0) & (dx < size[batch, 0, None]) & (dy < size[batch, 1, None])
    row, pixel = np.nonzero(inside)
    if not len(row):
        return
    weights = np.stack([wa[row, pixel], wb[row, pixel], wc[row, pixel]], axis=1).astype(np.float32)
    place = py[row, pixel] * width + px[row, pixel]
    # 1/z is what interpolates linearly over the picture.
    near = 1.0 / (weights * corners[batch[row], :, 2]).sum(axis=1)
    np.minimum.at(depth, place, near)
    first = near <= depth[place]
    place, row, weights = place[first], row[first], weights[first]
    colour[place] = np.einsum("nk,nkc->nc", weights, shaded[batch[row]])

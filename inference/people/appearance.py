# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person wears, as a small colour histogram: enough to tell people apart after a crossing."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# Quadrilaterals to sample, as COCO points: torso, both thighs (lines), both shanks (lines).
_REGIONS = (((5, 6, 12, 11),), ((11, 13), (12, 14)), ((13, 15), (14, 16)))
_HUES, _GREYS = 8, 4
_BINS = _HUES + _GREYS
SIZE = _BINS * len(_REGIONS)

_COLOURFUL = 50.0  # saturation (0-255) from which on a hue means something
_SEEN = 0.3  # certainty a corner needs


def appearance(image: NDArray[np.uint8], keypoints: Floats) -> NDArray[np.float32]:
    """Histogram (SIZE,) of the clothes: each region sums to 1, or to 0 if it is not seen.

    Pixels are picked on a grid between the joints (keypoints (133, 3)), where clothes
    are and background hardly is.
    """
    out = np.zeros((len(_REGIONS), _BINS), np.float32)
    for region, shapes in enumerate(_REGIONS):
        for corners in shapes:
            if keypoints[list(corners), 2].min() < _SEEN:
                continue
            points = _grid(keypoints[list(corners), :2])
            x, y = np.rint(points).astype(int).T
            inside = (x >= 0) & (y >= 0) & (x < image.shape[1]) & (y < image.shape[0])
            if inside.sum() < 8:
                continue
            pixels = image[y[inside], x[inside]][None]
            out[region] += _histogram(cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV)[0])
        total = out[region].sum()
        if total > 0:
            out[region] /= total
    return out.ravel()


def distance(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Bhattacharyya distance (...,), 0 to 1, of histograms (..., SIZE) over the regions that both have.

    0.5, neither like nor unlike, where they have none in common.
    """
    a = np.asarray(a, np.float64).reshape(*a.shape[:-1], len(_REGIONS), _BINS)
    b = np.asarray(b, np.float64).reshape(*b.shape[:-1], len(_REGIONS), _BINS)
    both = (a.sum(-1) > 0) & (b.sum(-1) > 0)
    overlap = np.sqrt(a * b).sum(-1)
    apart = np.where(both, np.sqrt(np.maximum(1.0 - overlap, 0.0)), 0.0).sum(-1)
    count = both.sum(-1)
    return np.asarray(np.where(count > 0, apart / np.maximum(count, 1), 0.5))


def blend(old: Floats, new: Floats, *, share: float) -> NDArray[np.float32]:
    """`old` moved towards `new` by `share`, region by region; a region that only one has is that one's."""
    old_regions = old.reshape(len(_REGIONS), _BINS)
    new_regions = new.reshape(len(_REGIONS), _BINS)
    has_old = old_regions.sum(1, keepdims=True) > 0
    has_new = new_regions.sum(1, keepdims=True) > 0
    mixed = (1.0 - share) * old_regions + share * new_regions
    out = np.where(has_old & has_new, mixed, np.where(has_new, new_regions, old_regions))
    return out.ravel().astype(np.float32)


def _grid(corners: Floats) -> Floats:
    """Pixels (M, 2) between two corners (a line, 3 wide) or four (a quadrilateral)."""
    if len(corners) == 2:
        along = corners[1] - corners[0]
        across = 0.08 * np.array([-along[1], along[0]])
        steps = np.linspace(0.15, 0.85, 16)[:, None, None]
        sides = np.array([-1.0, 0.0, 1.0])[None, :, None]
        points: Floats = corners[0] + steps * along + sides * across
        return points.reshape(-1, 2)
    u = np.linspace(0.15, 0.85, 10)[:, None, None]
    v = np.linspace(0.1, 0.9, 12)[None, :, None]
    top = corners[0] + u * (corners[1] - corners[0])
    bottom = corners[3] + u * (corners[2] - corners[3])
    points = top + v * (bottom - top)
    return points.reshape(-1, 2)


def _histogram(hsv: NDArray[np.uint8]) -> NDArray[np.float32]:
    hue, saturation, value = hsv.astype(np.float32).T
    # Dark pixels have a loud but meaningless hue; a soft border keeps a cloth near it from flickering.
    colour = np.clip((saturation * np.minimum(value / 80.0, 1.0) - _COLOURFUL + 20.0) / 40.0, 0.0, 1.0)
    out = np.zeros(_BINS, np.float32)
    for position, count, offset, weight, wraps in (
        (hue / 180.0 * _HUES, _HUES, 0, colour, True),
        (value / 255.0 * (_GREYS - 1), _GREYS, _HUES, 1.0 - colour, False),
    ):
        low = np.floor(position).astype(int)
        share = position - low
        high = (low + 1) % count if wraps else np.minimum(low + 1, count - 1)
        bins, weights = (
            np.concatenate([low % count, high]),
            np.concatenate([weight * (1.0 - share), weight * share]),
        )
        out[offset : offset + count] = np.bincount(bins, weights, minlength=count)
    return out

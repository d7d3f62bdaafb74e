# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding of the single-shot detectors: anchors, boxes with key points, and their merging.

All three detectors of MediaPipe (people, palms, faces) share one form: a grid of anchors
whose sizes count as 1, so that only their middles matter; per anchor a box and key points
relative to it in input pixels; and a logit. Overlapping finds are merged by weighted means.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@cache
def grid(side: int, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, 2) anchor middles in input pixels: two for each cell and stride, in the networks' order."""
    out: list[NDArray[np.float32]] = []
    done = 0
    while done < len(strides):
        stride = strides[done]
        same = 1
        while done + same < len(strides) and strides[done + same] == stride:
            same += 1
        cells = (np.arange(side // stride, dtype=np.float32) + 0.5) * stride
        x, y = np.meshgrid(cells, cells)
        # Layers of one stride lie interleaved: a cell's anchors of all of them, then the next cell's.
        out.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), 2 * same, axis=0))
        done += same
    anchors: NDArray[np.float32] = np.concatenate(out)
    anchors.setflags(write=False)
    return anchors


def decode(
    values: Floats, logits: Floats, anchors: Floats, *, threshold: float, overlap: float = 0.3
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Merged finds, best first: boxes (M, 4) x0 y0 x1 y1, points (M, K, 2), scores (M,).

    `values` (N, 4 + 2 K) and `logits` (N,) are the network's; places are in input pixels.
    """
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    keep = np.flatnonzero(scores >= threshold)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    scores = scores[keep]
    raw = values[keep].astype(np.float64)
    points = raw[:, 4:].reshape(len(keep), (raw.shape[1] - 4) // 2, 2) + anchors[keep, None]
    middle = raw[:, :2] + anchors[keep]
    boxes = np.concatenate([middle - raw[:, 2:4] / 2, middle + raw[:, 2:4] / 2], axis=1)

    found = []
    left = np.arange(len(keep))
    while len(left):
        alike = _overlap(boxes[left[0]], boxes[left]) > overlap
        alike[0] = True
        group, left = left[alike], left[~alike]
        weight = scores[group] / scores[group].sum()
        found.append((weight @ boxes[group], np.tensordot(weight, points[group], 1), scores[group[0]]))
    if not found:
        return np.zeros((0, 4)), np.zeros((0, points.shape[1], 2)), np.zeros(0)
    merged = tuple(np.array([item[k] for item in found]) for k in range(3))
    return merged[0], merged[1], merged[2]


def _overlap(one: Floats, many: Floats) -> NDArray[np.float64]:
    """Intersection over union of one box (4,) with each of (N, 4)."""
    low = np.maximum(one[:2], many[:, :2])
    high = np.minimum(one[2:], many[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (many[:, 2:] - many[:, :2]).prod(axis=1)
    total = (one[2:] - one[:2]).prod() + areas - shared
    return np.asarray(shared / np.maximum(total, 1e-9), dtype=np.float64)

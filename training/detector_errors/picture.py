# SPDX-License-Identifier: GPL-3.0-or-later
"""A contact sheet: rendered people with the true points and the detected ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .fit import Errors
from .observe import Observations
from .scenes import Clip, render

_SIDE = 200
_COLUMNS = 6
_TRUE, _HIDDEN, _DETECTED, _BETWEEN = (0, 230, 0), (0, 110, 0), (40, 40, 255), (0, 220, 255)


def contact_sheet(clips: Sequence[Clip], seen: Observations, path: Path) -> None:
    """One frame of each of the first clips: green is true (dark: hidden), red is detected."""
    truth = Errors(seen).truth
    tiles = []
    for number, clip in enumerate(clips):
        frames = list(render(clip))
        t = len(frames) // 2
        row = int(np.flatnonzero((seen.clip == number) & (seen.time == t * clip.step))[0])
        scale = _SIDE / (1.25 * seen.size_px[row])
        middle = truth[row, :17].mean(axis=0)
        shift = _SIDE / 2 - middle * scale
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        tile = cv2.warpAffine(frames[t].image, matrix, (_SIDE, _SIDE), flags=cv2.INTER_AREA)
        for point in range(truth.shape[1]):
            place, found = (tuple(np.rint(p * scale + shift).astype(int).tolist()) for p in (
                truth[row, point], seen.keypoints[row, point, :2]
            ))  # fmt: skip
            if seen.keypoints[row, point, 2] > 0.05:
                cv2.line(tile, place, found, _BETWEEN, 1, cv2.LINE_AA)
                cv2.circle(tile, found, 1, _DETECTED, -1, cv2.LINE_AA)
            cv2.circle(tile, place, 1, _HIDDEN if seen.hidden[row, point] else _TRUE, -1, cv2.LINE_AA)
        tiles.append(tile)
    while len(tiles) % _COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    lines = [np.concatenate(tiles[i : i + _COLUMNS], axis=1) for i in range(0, len(tiles), _COLUMNS)]
    cv2.imwrite(str(path), np.concatenate(lines), [cv2.IMWRITE_JPEG_QUALITY, 82])

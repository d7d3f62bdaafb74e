# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right exchanged over time, counted from the picture itself.

Nothing here is shared with the repair in `inference/people`: optical flow carries each
limb's points from one frame to the next, and a flip is a frame in which the points arrive
nearer to those of the other side. The face tells mirrored stretches that flow cannot see.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.sequence import SmplxSequence
from ...inference.video import VideoReader

Array = NDArray[np.float64]

_LIMBS = {"arms": ("shoulder", "elbow", "wrist"), "legs": ("hip", "knee", "ankle")}
_HEIGHT = 480  # px: flow is measured on pictures of this height
_CERTAIN = 0.3
_APART = 0.04  # of the person's size: two sides nearer than this cannot be told apart
_MARGIN = 0.03  # of the person's size, a point: how much better the exchange must fit
_LASTING = 3  # frames: a shorter contradiction of face and shoulders is noise


@dataclass(frozen=True)
class Flips:
    """Where a sequence's left and right contradict the picture."""

    sudden: tuple[tuple[int, str], ...]  # frame and limbs that exchange sides at it
    mirrored: tuple[tuple[int, int], ...]  # first and last frame of stretches against the face

    @property
    def count(self) -> int:
        return len(self.sudden) + len(self.mirrored)


def count(sequence: SmplxSequence, video: str) -> Flips:
    """Look for flips in the keypoints (T, 133, 3) of a sequence over its video."""
    rows = {int(f): i for i, f in enumerate(sequence.frame)}
    first, last = int(sequence.frame[0]), int(sequence.frame[-1])
    sudden: list[tuple[int, str]] = []
    before: tuple[int, NDArray[np.uint8]] | None = None
    with VideoReader(video, start_frame=first, end_frame=last + 1) as reader:
        scale = min(1.0, _HEIGHT / reader.info.height)
        for frame in reader:
            if frame.index not in rows:
                before = None
                continue
            small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
            row = rows[frame.index]
            if before is not None:
                points = [_scaled(sequence, r, scale) for r in (before[0], row)]
                sudden += [(frame.index, limb) for limb in _exchanged(before[1], grey, *points)]
            before = (row, grey)
    return Flips(tuple(sudden), tuple(_mirrored(sequence)))


def _scaled(sequence: SmplxSequence, row: int, scale: float) -> Array:
    points = sequence.keypoints[row].astype(np.float64)
    points[:, :2] *= scale
    return points


def _exchanged(before: NDArray[np.uint8], now: NDArray[np.uint8], old: Array, new: Array) -> list[str]:
    """Limb pairs whose points, carried by the picture, arrive at the other side."""
    sure = old[:23][old[:23, 2] > _CERTAIN, :2]
    if len(sure) < 4:
        return []
    size = float(np.linalg.norm(np.ptp(sure, axis=0)))
    out = []
    for limb, names in _LIMBS.items():
        left, right = (
            np.array([wholebody.INDEX[f"{side}_{name}"] for name in names]) for side in ("left", "right")
        )
        both = np.concatenate([left, right])
        start = old[both, :2].astype(np.float32).reshape(-1, 1, 2)
        carried, ok, _ = cv2.calcOpticalFlowPyrLK(before, now, start, None, winSize=(15, 15), maxLevel=3)
        place = carried.reshape(-1, 2).astype(np.float64)
        n = len(names)
        usable = (old[both, 2] > _CERTAIN) & (new[both, 2] > _CERTAIN) & (ok.ravel() > 0)
        usable = usable[:n] & usable[n:]
        apart = np.linalg.norm(new[left, :2] - new[right, :2], axis=1) > _APART * size
        usable &= apart & (np.linalg.norm(old[left, :2] - old[right, :2], axis=1) > _APART * size)
        if not usable.any():
            continue
        distance = [
            np.linalg.norm(place[i] - new[j, :2], axis=1)
            for i, j in (
                (slice(0, n), left),
                (slice(n, None), right),
                (slice(0, n), right),
                (slice(n, None), left),
            )
        ]
        keep = (distance[0] + distance[1])[usable].sum()
        swap = (distance[2] + distance[3])[usable].sum()
        if keep - swap > 2 * _MARGIN * size * usable.sum():
            out.append(limb)
    return out


def _mirrored(sequence: SmplxSequence) -> list[tuple[int, int]]:
    """Stretches in which a clearly seen face looks at the camera and the shoulders say it is a back."""
    k = sequence.keypoints.astype(np.float64)
    index = wholebody.INDEX

    def across(name: str) -> tuple[Array, Array]:
        left, right = k[:, index[f"left_{name}"]], k[:, index[f"right_{name}"]]
        return left[:, 0] - right[:, 0], np.minimum(left[:, 2], right[:, 2])

    eyes, eyes_sure = across("eye")
    shoulders, shoulders_sure = across("shoulder")
    trunk = np.linalg.norm(
        k[:, [index["left_shoulder"], index["right_shoulder"]], :2].mean(axis=1)
        - k[:, [index["left_hip"], index["right_hip"]], :2].mean(axis=1),
        axis=-1,
    )
    # An upside-down trunk turns both signs alike, so their product still tells.
    wrong = (eyes * shoulders < 0) & (np.abs(eyes) > 0.06 * trunk) & (np.abs(shoulders) > 0.2 * trunk)
    wrong &= (eyes_sure > 0.6) & (shoulders_sure > 0.6)
    out, start = [], None
    for i, flag in enumerate([*wrong.tolist(), False]):
        if flag and start is None:
            start = i
        elif not flag and start is not None:
            if i - start >= _LASTING:
                out.append((int(sequence.frame[start]), int(sequence.frame[i - 1])))
            start = None
    return out

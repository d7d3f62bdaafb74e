# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's landmarks over the take: what the fit is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from ..landmarks.face_points import COUNT as FACE_COUNT


@dataclass(frozen=True)
class TrackLandmarks:
    """One person in N frames. Frames without the person are absent: gaps stay gaps."""

    frame: NDArray[np.int64]  # (N,) index of the video frame, increasing
    time_s: NDArray[np.float64]  # (N,) the file's timestamp
    keypoints: NDArray[np.float32]  # (N, 133, 3) pixels and certainty
    points3d: NDArray[np.float32]  # (N, 133, 3) metres, see `wholebody`
    box: NDArray[np.float32]  # (N, 4) x0, y0, x1, y1 pixels
    # (N, 204, 3) see `landmarks.face_points`; NaN where not seen, None if nobody kept it
    face: NDArray[np.float16] | None = None
    expression: NDArray[np.float16] | None = (
        None  # (N, 52) ARKit coefficients; NaN unless a network gave them
    )

    # (N, 2, 20, 2) see `landmarks.assembly`; NaN where not seen, None if nobody kept it
    fingers: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        count = len(self.frame)
        shapes: dict[str, tuple[int, ...]] = {
            "time_s": (count,),
            "keypoints": (count, wholebody.COUNT, 3),
            "points3d": (count, wholebody.COUNT, 3),
            "box": (count, 4),
        }
        if self.face is not None:
            shapes["face"] = (count, FACE_COUNT, 3)
        if self.expression is not None:
            shapes["expression"] = (count, 52)
        if self.fingers is not None:
            shapes["fingers"] = (count, 2, 20, 2)
        for name, shape in shapes.items():
            got: Any = getattr(self, name).shape
            if got != shape:
                raise ValueError(f"{name}: expected {shape}, got {got}")

    def __len__(self) -> int:
        return len(self.frame)


def gaps(frame: NDArray[np.integer[Any]], *, stride: int = 1) -> list[tuple[int, int]]:
    """First and last missing frame of every gap in increasing frame numbers (N,)."""
    after = np.flatnonzero(np.diff(frame) > stride)
    return [(int(frame[i]) + stride, int(frame[i + 1]) - stride) for i in after]

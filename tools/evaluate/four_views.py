# SPDX-License-Identifier: GPL-3.0-or-later
"""What the detector alone says in 3D, to hold a capture against.

The pose network (MediaPipe's `pose_landmark_full`) gives, beside its points in the picture,
the same points in metres around the middle of the hips ("world landmarks"). They are taken
here as the network gave them in each frame: before left and right are put right over time,
before any smoothing and before the fit, only turned in the picture's plane by the roll of
the region that the network saw, which no measure after a Procrustes alignment notices.
(MediaPipe's own solutions run a One Euro filter over them: that lowers jitter, not this
error by much, and is not done here.) The detector alone reads the picture as it is, so
its points come from a take of their own, in which nobody who stands in front is painted
out; everything else there is as in any take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference import chunks, wholebody
from ...inference.capture import CaptureOptions, mediapipe
from ...inference.people import identity
from ...inference.people.backend import Image, LandmarkBackend, PersonLandmarks
from ...inference.sequence import SmplxSequence
from ...inference.take import Take

Array = NDArray[np.float64]


def plain(options: CaptureOptions) -> tuple[LandmarkBackend, dict[str, str]]:
    """What `capture` is given to read the picture as it is."""
    networks, hashes = mediapipe(options)
    return _Plain(networks), hashes


class _Plain:
    """A landmark backend that is not told who else is there."""

    def __init__(self, inner: LandmarkBackend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def track(
        self, image: Image, state: Any, others: Sequence[Any] = ()
    ) -> tuple[PersonLandmarks, Any] | None:
        del others
        return self._inner.track(image, state)


def raw_landmarks(take: Take, sequence: SmplxSequence, names: tuple[str, ...]) -> Array:
    """The network's own 3D points (T, len(names), 3), metres, in the frames of a person of the take.

    names: body points of COCO-WholeBody, as in `wholebody.NAMES`. LookupError if the take's
    chunks hold nobody in just these frames.
    """
    for rows in identity.persons(chunks.sightings(take.path)):
        track = chunks.landmarks(take.path, rows)
        if np.array_equal(track.frame, sequence.frame) and _same_points(track.keypoints, sequence.keypoints):
            points = track.points3d[:, [wholebody.INDEX[name] for name in names]]
            return np.asarray(points, np.float64)
    raise LookupError(f"{take.path}: its chunks and its people do not belong together; capture again")


def _same_points(raw: NDArray[np.float32], repaired: NDArray[np.float32]) -> bool:
    """Whether the trunks lie in one place; sides may have been exchanged."""
    hips = [wholebody.INDEX["left_hip"], wholebody.INDEX["right_hip"]]
    middle = [points[:, hips, :2].mean(axis=1) for points in (raw, repaired)]
    return bool(np.nanmedian(np.abs(middle[0] - middle[1])) < 1.0)

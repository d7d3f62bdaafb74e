# SPDX-License-Identifier: GPL-3.0-or-later
"""What a landmark backend offers to the tracker. Any network that ends in 133 points fits.

A backend keeps nothing between calls: what it wants to remember of a person (regions
of interest) is in that person's state, so that a capture can stop and go on exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Arrays = dict[str, NDArray[Any]]


class Detection(Protocol):
    """A person in one picture, before any landmark."""

    @property
    def box(self) -> NDArray[np.floating[Any]]: ...  # (4,) x0, y0, x1, y1 pixels, the whole person

    @property
    def score(self) -> float: ...  # 0 to 1


class PersonLandmarks(Protocol):
    """One person in one frame, as `wholebody` describes the arrays."""

    @property
    def keypoints(self) -> NDArray[np.float32]: ...  # (133, 3)

    @property
    def points3d(self) -> NDArray[np.float32]: ...  # (133, 3)

    @property
    def face(self) -> NDArray[np.float16]: ...  # (204, 3) see `landmarks.face_points`; NaN where not seen

    @property
    def expression(
        self,
    ) -> NDArray[np.float16]: ...  # (52,) ARKit coefficients; NaN unless a network gave them

    @property
    def fingers(self) -> NDArray[np.float16]: ...  # (2, 20, 2) see `landmarks.assembly`; NaN where not seen

    @property
    def box(self) -> NDArray[np.floating[Any]]: ...  # (4,) x0, y0, x1, y1 pixels

    @property
    def score(self) -> float: ...  # 0 to 1: that this is a person


class LandmarkBackend(Protocol):
    name: str

    def turn_to(self, image: Image, following: Image | None) -> None:
        """Told before each frame: what will be asked about now, and after it, if that is known.

        What it answers must not depend on it; it may begin to read the following picture.
        """

    def detect(self, image: Image) -> Sequence[Detection]:
        """People in the picture (H, W, 3) BGR, each once."""

    def begin(self, detection: Any) -> Any:
        """A person's state that looks where the detection (one of this backend's own) is."""

    def track(
        self, image: Image, state: Any, others: Sequence[Any] = ()
    ) -> tuple[PersonLandmarks, Any] | None:
        """The person's landmarks, and the state to look with in the next frame. None if lost.

        others: the states of those who have been known for a while: they may be in front.
        """

    def without(self, state: Any, part: str) -> Any:
        """The state when a part of the person (`shared_parts.PARTS`) turned out to be somebody else's."""

    def pack(self, state: Any) -> Arrays:
        """The state as arrays, for the file."""

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Any:
        """The state that `pack` wrote."""

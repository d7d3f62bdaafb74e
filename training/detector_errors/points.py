# SPDX-License-Identifier: GPL-3.0-or-later
"""The points whose errors are known, by kind: left and right share their figures."""

from __future__ import annotations

from typing import Final

from ...inference.lift.points import MIRROR_POINTS, POINT_NAMES


def _kind(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


KINDS: Final = tuple(dict.fromkeys(_kind(name) for name in POINT_NAMES))
KIND_OF: Final = tuple(KINDS.index(_kind(name)) for name in POINT_NAMES)  # (35,) row of KINDS
PARTNER: Final = tuple(int(row) for row in MIRROR_POINTS)  # (35,) row of the same point on the other side


def rows(*kinds: str, side: str = "") -> list[int]:
    """Rows of POINT_NAMES of these kinds, of both sides or of 'left' or 'right'."""
    return [i for i, name in enumerate(POINT_NAMES) if _kind(name) in kinds and name.startswith(side)]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit of a person whom a moving camera films: in the world's frame, where smoothness and feet are real.

A camera that walks along makes a standing foot slide through the picture and a gliding one
stand still; a hand-held one shakes everybody. So the unknowns are places and turns in the
world, and only the comparison with the 2D points looks through the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .evidence import Evidence

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CameraMotion:
    """How the camera moves over T frames, and what of the feet stands in its world."""

    camera: Array  # (T, 4, 4) world from camera, metres
    standing: Array  # (T, 4) 0 to 1: heels and toes that stand still in the world


def in_world(evidence: Evidence, motion: CameraMotion) -> Evidence:
    """Evidence in a camera's frame, gathered frame by frame, as evidence in the world's."""
    turn = motion.camera[:, :3, :3]
    return replace(
        evidence,
        relative=np.einsum("tij,tpj->tpi", turn, evidence.relative),
        relative_precision=turn[:, None] @ evidence.relative_precision @ np.swapaxes(turn, -1, -2)[:, None],
        turns=np.concatenate([turn[:, None] @ evidence.turns[:, :1], evidence.turns[:, 1:]], axis=1),
        facing=turn[:, None] @ evidence.facing,
        standing=motion.standing,
        camera=motion.camera,
    )


def seen_by(camera: Array, points: Array) -> Array:
    """Points (T, P, 3) of the world in the frame of the camera (T, 4, 4)."""
    return np.asarray((points - camera[:, None, :3, 3]) @ camera[:, :3, :3])


def placed(camera: Array, points: Array) -> Array:
    """A point a frame (T, 3) in the camera's frame, in the world's."""
    return np.asarray(np.einsum("tij,tj->ti", camera[:, :3, :3], points) + camera[:, :3, 3])


def turned_back(camera: Array, local: Array) -> Array:
    """Local rotations (T, J, 3, 3) whose root is turned in the world, with a root turned in the camera."""
    out = local.copy()
    out[:, 0] = np.swapaxes(camera[:, :3, :3], -1, -2) @ local[:, 0]
    return out

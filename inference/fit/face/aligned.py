# SPDX-License-Identifier: GPL-3.0-or-later
"""A face's points with the head's own movement taken out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kinematics import in_blocks
from ...landmarks.face_points import MESH, index

Array = NDArray[np.float64]

# Forehead, temples, bridge of the nose and corners of the eyes: what no expression moves much.
STABLE = np.array([
    index(point)
    for point in (6, 168, 8, 10, 67, 109, 297, 338, 103, 332, 54, 284, 127, 356, 162, 389, 21, 251, 234, 454,
                  197, 195, 5, 33, 133, 362, 263)
])  # fmt: skip
_MESH_COUNT = len(MESH)


@dataclass(frozen=True)
class AlignedFace:
    """T frames of a face in the place, size and turn of a reference face."""

    # (T, P, 3) metres; x to the picture's right, y down, z away from the camera; NaN unseen
    points: NDArray[np.float32]
    turn: Array  # (T, 3, 3) camera from reference: the head's turn out of a frontal view
    known: NDArray[np.bool_]  # (T,)


def align(face: NDArray[np.floating[Any]], reference: Array) -> AlignedFace:
    """Points (T, P, 3) in camera axes laid on a reference face (P, 3) by their stable points.

    The best similarity of each frame (Umeyama, 1991). A frame without its mesh is not known.
    """
    count = len(face)
    # Single precision, and in runs: of a long take this is the largest thing there is.
    points = np.empty((count, *reference.shape), np.float32)
    turn, known = np.empty((count, 3, 3)), np.empty(count, bool)
    for block in in_blocks(count):
        points[block], turn[block], known[block] = _laid(np.asarray(face[block], np.float64), reference)
    return AlignedFace(points=points, turn=turn, known=known)


def _laid(raw: Array, reference: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    known = np.isfinite(raw[:, :_MESH_COUNT]).all(axis=(1, 2))
    points = np.where(known[:, None, None], raw, 0.0)
    target = reference[STABLE] - reference[STABLE].mean(axis=0)
    middle = points[:, STABLE].mean(axis=1, keepdims=True)
    source = points[:, STABLE] - middle
    # camera_from_reference: source = scale * turn @ target
    u, s, vt = np.linalg.svd(np.einsum("tpa,pb->tab", source, target) + 1e-12 * np.eye(3))
    sign = np.sign(np.linalg.det(u @ vt))
    s[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    turn = u @ vt
    scale = np.maximum(s.sum(axis=1) / (target**2).sum(), 1e-6)
    laid = np.einsum("tpa,tab->tpb", points - middle, turn) / scale[:, None, None]
    laid += reference[STABLE].mean(axis=0)
    laid = np.where(known[:, None, None], laid, np.nan)
    return laid, np.where(known[:, None, None], turn, np.eye(3)), known

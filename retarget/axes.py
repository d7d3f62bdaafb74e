# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where SMPL-X's +Y up turns to Blender's +Z up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# SMPL-X (+Y up, facing +Z) to Blender (+Z up, facing -Y).
BLENDER_FROM_SMPLX: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_blender(vectors: NDArray[np.floating[Any]]) -> Array:
    """Vectors or points (..., 3) from SMPL-X axes to Blender's."""
    return np.asarray(np.asarray(vectors, dtype=np.float64) @ BLENDER_FROM_SMPLX.T)


def rotations_to_blender(rotations: NDArray[np.floating[Any]]) -> Array:
    """World rotations (..., 3, 3) of SMPL-X joints as rotations in Blender's axes."""
    return np.asarray(BLENDER_FROM_SMPLX @ rotations @ BLENDER_FROM_SMPLX.T)

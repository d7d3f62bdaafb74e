# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror image of what the lift network reads and says: x turned round, left and right exchanged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..skeleton import MIRROR
from . import layout
from .points import MIRROR_POINTS

Floats = NDArray[np.floating[Any]]

_JOINTS: Final = list(MIRROR[: layout.JOINTS])
_FLIP: Final = np.array([-1.0, 1.0, 1.0], dtype=np.float32)
# A rotation R seen in a mirror is F R F, with F = diag(-1, 1, 1): its first two columns change so.
_FLIP_COLUMNS: Final = np.stack([-_FLIP, _FLIP])
_FEET: Final = [2, 3, 0, 1]  # left heel and toe, right heel and toe


def mirrored_inputs(inputs: Floats) -> Floats:
    """Columns (..., layout.INPUTS) of the mirrored person in the mirrored picture."""
    points = inputs[..., : 3 * layout.POINTS].reshape(*inputs.shape[:-1], layout.POINTS, 3)
    points = (points[..., MIRROR_POINTS, :] * _FLIP).reshape(*inputs.shape[:-1], -1)
    view = inputs[..., 3 * layout.POINTS :] * _FLIP  # ray x, ray y, log of the spread
    return np.asarray(np.concatenate([points, view], axis=-1))


def mirrored_outputs(out: Floats) -> Floats:
    """Columns (..., layout.OUTPUTS) of the mirrored body."""
    leading = out.shape[:-1]
    mirrored = out.copy()
    places = out[..., layout.PLACES].reshape(*leading, layout.JOINTS, 3)
    mirrored[..., layout.PLACES] = (places[..., _JOINTS, :] * _FLIP).reshape(*leading, -1)
    spreads = out[..., layout.SPREADS].reshape(*leading, layout.JOINTS, 2)
    mirrored[..., layout.SPREADS] = spreads[..., _JOINTS, :].reshape(*leading, -1)
    turns = out[..., layout.TURNS].reshape(*leading, layout.JOINTS, 2, 3)
    mirrored[..., layout.TURNS] = (turns[..., _JOINTS, :, :] * _FLIP_COLUMNS).reshape(*leading, -1)
    mirrored[..., layout.ROOT] = out[..., layout.ROOT] * _FLIP
    mirrored[..., layout.CONTACTS] = out[..., layout.CONTACTS][..., _FEET]
    mirrored[..., layout.UP] = out[..., layout.UP] * _FLIP
    return mirrored

# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit coefficients as turns of SMPL-X's jaw and eyes, as far as the free body's shapes turn them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...body import FreeBody
from ...skeleton import INDEX
from .reader import LOOK_LIMIT, NAMES

Array = NDArray[np.float64]

_LOOKS = ("Down", "In", "Out", "Up")
# A jaw that goes to a side slides in its hinge; a bone can only turn: 8 mm at the chin, 9 cm away.
_ASIDE = np.array([0.0, 0.09, 0.0])


@cache
def _turn(joint: str, shape: str) -> Array:
    """Axis-angle (3,) of the joint that is nearest to what a face shape does to the joint's own vertices."""
    body = FreeBody.load()
    carried = body.weights[body.face_vertices, INDEX[joint]] > 0.9
    rest = body.vertices[body.face_vertices][carried] - body.joints[INDEX[joint]]
    moved = rest + body.face_deltas[body.face_names.index(shape)][carried]
    # A jaw also slides forward, an eye has its shape's own middle: the turn alone is asked for.
    rest, moved = rest - rest.mean(axis=0), moved - moved.mean(axis=0)
    u, _, vt = np.linalg.svd(moved.T @ rest)
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    axis = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    return np.asarray(axis / max(float(np.linalg.norm(axis)), 1e-9) * angle)


def jaw(coefficients: Array) -> Array:
    """Axis-angle (T, 3) of the jaw for coefficients (T, 52)."""
    opened, left, right = (
        np.clip(coefficients[:, [NAMES.index(shape)]], 0.0, 1.0)
        for shape in ("jawOpen", "jawLeft", "jawRight")
    )
    return np.asarray(opened * _turn("jaw", "jawOpen") + (left - right) * _ASIDE)


def eyes(coefficients: Array) -> Array:
    """Axis-angle (T, 2, 3) of the left and the right eye; coefficients (T, 52) of looks may pass 1."""
    out = np.zeros((len(coefficients), 2, 3))
    for e, side in enumerate(("left", "right")):
        shapes = [f"eyeLook{look}{side.capitalize()}" for look in _LOOKS]
        turns = np.stack([_turn(f"{side}_eye_smplhf", shape) for shape in shapes])
        columns = [NAMES.index(shape) for shape in shapes]
        out[:, e] = np.clip(coefficients[:, columns], 0.0, LOOK_LIMIT) @ turns
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""ARKit coefficients as the expression of a user's own SMPL-X model.

Fitted through the model's vertices: each near the face is tied to the nearest place of the free
body's head, laid over it by eyes and jaw; what the free body's shapes do there, the model's ten
expression directions are to do as well as they can (ridge regression, once for a model).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .body import FreeBody
from .sequence import ARKIT, SmplxSequence
from .skeleton import INDEX
from .smplx_model import SmplxModel

Array = NDArray[np.float64]

_COEFFICIENTS = 10
# What jaw and eyes do by their joints, in `poses`.
_BY_JOINTS = ("jawOpen", "jawLeft", "jawRight", "jawForward", "eyeLook")
_NEAR = 0.012  # metres: vertices further from the free body's face say nothing
_FEW = 20
_RIDGE = 0.02  # of the directions' mean square: a shape that the model cannot show asks for nothing wild
_LIMIT = 3.0  # standard deviations of the published model's expressions


def expression_from_arkit(model: SmplxModel) -> Array:
    """(52, 10): expression = arkit @ this. Zeros if the model's head is not where the free body's is."""
    body = FreeBody.load()
    joints = model.joints(np.zeros(_COEFFICIENTS))
    ours = body.joints[[INDEX[name] for name in ("left_eye_smplhf", "right_eye_smplhf", "jaw")]]
    theirs = joints[[INDEX[name] for name in ("left_eye_smplhf", "right_eye_smplhf", "jaw")]]
    scale = float(np.linalg.norm(ours[0] - ours[1]) / max(float(np.linalg.norm(theirs[0] - theirs[1])), 1e-6))
    laid = (model.template - theirs.mean(axis=0)) * scale + ours.mean(axis=0)
    face = body.vertices[body.face_vertices]
    apart, nearest = cKDTree(face).query(laid)
    eyeballs = model.weights[:, [INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]]].sum(axis=1) > 0.5
    used = np.flatnonzero((apart < _NEAR) & ~eyeballs)
    out = np.zeros((len(ARKIT), _COEFFICIENTS))
    if len(used) < _FEW:
        return out
    directions = model.expression_directions[used].reshape(-1, _COEFFICIENTS) * scale
    wanted = body.face_deltas[:, nearest[used]].reshape(len(ARKIT), -1)
    square = directions.T @ directions
    ridge = _RIDGE * float(np.trace(square)) / _COEFFICIENTS
    out = np.linalg.solve(square + ridge * np.eye(_COEFFICIENTS), directions.T @ wanted.T).T
    out[[name.startswith(_BY_JOINTS) for name in ARKIT]] = 0.0
    return np.asarray(out)


def with_expression(sequence: SmplxSequence, model: SmplxModel) -> SmplxSequence:
    """The sequence with the model's expression; coefficients that are not known count as 0."""
    known = np.nan_to_num(np.asarray(sequence.arkit, dtype=np.float64))
    expression = np.clip(known @ expression_from_arkit(model), -_LIMIT, _LIMIT)
    return replace(sequence, expression=expression.astype(np.float32))

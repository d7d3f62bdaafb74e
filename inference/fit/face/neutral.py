# SPDX-License-Identifier: GPL-3.0-or-later
"""The actor's own face at rest, found in the take: coefficients count from it.

Brows, eyes and cheeks are at rest in most frames: their median. A mouth that speaks is not; its
rest is the median of the frames in which it is open least. What the reader makes of that
tells in which frames cheeks and mouth are calmest. The pupils' rest is where that person's
eyes are in the mean, but no further from everybody's than eyes differ: who looks aside all the
time does look aside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...landmarks.face_points import EYE, INNER, IRIS, LEFT_EYE_PART, OUTER, RIGHT_EYE_PART, index
from .reader import NAMES, Reader

Array = NDArray[np.float64]

_CALM, _ROUNDS = 0.25, 3  # of the frames: those that show least, and how often they are chosen anew
_BELOW_EYES = 0.01  # metres: mouth, nose and cheeks begin here
_OUTER_CORNER = index(33)
# Brows and eyes are at rest in most frames, whatever the mouth does.
_EXPRESSION = np.array([not name.startswith(("eye", "brow")) for name in NAMES])
_QUIET = 0.25  # of the frames: those whose lips are nearest to each other
_FRONTAL = np.radians(30.0)
_ENOUGH = 5  # frames
_PUPIL = 0.0008  # metres that a person's pupils at rest may lie from everybody's
_UPPER_LIP, _LOWER_LIP = index(13), index(14)
# A mouth that is never shut in the take: how far lips at rest lie apart at most, beyond everybody's.
_AJAR = 0.004


def neutral_face(points: Array, turn: Array, weight: Array, reader: Reader) -> Array:
    """(P, 3) from aligned points (T, P, 3) freed of the turn's part, the turn (T, 3, 3), weight (T,).

    A first guess tells which frames show the least expression; these are at rest, and so on.
    """
    reference = reader.reference
    rest = _guess(points, turn, weight, reference)
    good = np.flatnonzero(weight > 0.5)
    lower = reference[:, 1] > reference[_OUTER_CORNER, 1] + _BELOW_EYES
    lower[RIGHT_EYE_PART] = lower[LEFT_EYE_PART] = False
    for _ in range(_ROUNDS if len(good) >= _ENOUGH / _CALM else 0):
        shown = reader(points[good] - rest, turn[good])[:, _EXPRESSION].sum(axis=1)
        calm = good[shown <= np.quantile(shown, _CALM)]
        rest[lower] = _median(points[calm], rest)[lower]
    ajar = _gap(rest) - _gap(reference)
    if ajar > _AJAR:
        rest -= min(float((ajar - _AJAR) / _gap(reader.jaw_open)), 1.0) * reader.jaw_open
    return rest


def _gap(faces: Array) -> Array:
    """Metres between the inner lips of faces (..., P, 3)."""
    return np.asarray(np.linalg.norm(faces[..., _LOWER_LIP, :] - faces[..., _UPPER_LIP, :], axis=-1))


def _guess(points: Array, turn: Array, weight: Array, reference: Array) -> Array:
    """From the frames in which the lips are nearest, and from all; reference (P, 3) is everybody's."""
    angle = np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1))
    good = np.flatnonzero((weight > 0.5) & (angle < _FRONTAL))
    if len(good) < _ENOUGH:
        good = np.flatnonzero(weight > 0)
    if not len(good):
        return reference.copy()
    seen = points[good]
    gap = _gap(seen)
    rest = _median(seen, reference)
    quiet = gap <= np.quantile(gap, _QUIET)
    lower = reference[:, 1] > reference[index(2), 1] - 0.004
    lower[RIGHT_EYE_PART] = lower[LEFT_EYE_PART] = False
    rest[lower] = _median(seen[quiet], reference)[lower]
    for part in (RIGHT_EYE_PART, LEFT_EYE_PART):
        own, usual = rest[part], reference[part]
        iris = slice(IRIS, EYE)
        corners, usual_corners = own[[OUTER, INNER]].mean(axis=0), usual[[OUTER, INNER]].mean(axis=0)
        offset = own[IRIS] - corners - (usual[IRIS] - usual_corners)
        own[iris] -= offset - np.clip(offset, -_PUPIL, _PUPIL)
    return rest


def _median(points: Array, otherwise: Array) -> Array:
    """The median (P, 3) over frames; where no frame has a point, another face's."""
    known = np.isfinite(points).all(axis=2).any(axis=0)
    out = otherwise.copy()
    if known.any():
        out[known] = np.nanmedian(points[:, known], axis=0)
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's expression over a take, from the 204 points that are kept of a face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...kinematics import in_blocks, matrix_from_axis_angle
from ...landmarks.face_points import LEFT_EYE_PART, RIGHT_EYE_PART
from ..smooth import smooth
from . import bones
from .aligned import align
from .neutral import neutral_face
from .reader import COUNT, LOOK_LIMIT, LOOKS, NAMES, PATH, Reader
from .seen import seen

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

# How quickly a coefficient may change: standard deviation of its acceleration, per frame^2 at 30 frames/s.
# A blink is shut and open again within 3 frames, brows take their time.
_QUICK = {
    "eyeBlink": 0.6,
    "eyeWide": 0.3,
    "eyeSquint": 0.2,
    "eyeLook": 0.5,
    "jaw": 0.2,
    "mouth": 0.15,
    "tongue": 0.2,
}
_SLOW = 0.08
_SIGMA = 0.06  # of a coefficient in a face that is seen well
_AT_REST = 1.5  # how loosely a face that is not seen is held at rest
_GAP_S = 0.3  # shorter gaps are filled, longer ones stay unknown
_KNOWN = 0.03  # worth at least so much, else nothing is known
_FEW = 15  # frames: in fewer the rest is not known better than by the points
_REST, _SHUT = 0.3, 0.985  # quantiles of a take: a face at rest, and shut eyes
_BLINKS = 0.45
# A network that is unsure says a little of everything, and less than there is of what it sees: how
# much less, on clips that it was not trained on (nor is it measured on them, see docs/face.md).
# Of each: its gain, and what of the result is taken for noise.
_STRENGTH = {
    "browDown": (1.8, 0.2), "browInner": (2.4, 0.2), "browOuter": (3.0, 0.2),
    "eyeLookUp": (2.4, 0.08), "eyeLook": (2.4, 0.12), "eyeSquint": (1.3, 0.2), "eyeWide": (1.2, 0.18),
    "eyeBlink": (1.7, 0.22), "jawOpen": (1.65, 0.15), "jaw": (1.5, 0.2), "nose": (1.3, 0.18),
    "cheekSquint": (4.0, 0.25), "cheek": (1.5, 0.2), "mouthSmile": (2.2, 0.12), "mouthFunnel": (2.2, 0.12),
    "mouthPucker": (2.2, 0.15), "mouth": (1.5, 0.2), "tongue": (1.0, 0.1),
}  # fmt: skip
# The face graph nods by so much, radians, when the jaw opens (on rendered heads, which did not).
_NOD_OF_JAW = 0.11
_FOR_REST = 3000  # frames, of which more would not tell more of a face at rest
_RUN = 1000  # frames that are read at once
_CALMED_S = 0.05  # standard deviation, of all but the eyes
_EYES = np.flatnonzero([name.startswith("eye") for name in NAMES])
_GAIN, _NOISE = np.array([next(v for k, v in _STRENGTH.items() if name.startswith(k)) for name in NAMES]).T
_LIDS = np.array([name.startswith("eyeBlink") for name in NAMES])


@dataclass(frozen=True, kw_only=True)
class FaceFit:
    """A face over T frames. Turns are axis-angle, radians, in SMPL-X's joint frames."""

    arkit: Array  # (T, 52) 0 to 1, in the order of the free body; NaN where it is not known
    jaw: Array  # (T, 3); at rest where nothing is known
    eyes: Array  # (T, 2, 3) left and right; straight ahead where nothing is known
    facing: Array  # (T, 3, 3) camera from head, of a camera that looks at the face; identity if unknown
    facing_weight: Array  # (T,) 0 to 1


@cache
def _reader() -> Reader:
    return Reader.load(PATH)


def fit_face(
    *,
    time_s: Array,
    face: NDArray[np.floating[Any]],
    keypoints: NDArray[np.floating[Any]],
    read: NDArray[np.floating[Any]] | None = None,
) -> FaceFit:
    """From face (T, 204, 3) as `landmarks.face_points` has it, keypoints (T, 133, 3), times (T,).

    read (T, 52): coefficients that a network gave directly, NaN where it did not; they take the place
    of those that are read from the points.
    """
    reader = _reader()
    aligned = align(face, reader.reference)
    worth = seen(keypoints, aligned.turn, aligned.known)
    if read is not None and not np.isfinite(read).any():
        read = None
    if read is not None:
        worth = worth.only(np.isfinite(read).all(axis=1))
        values = _counted_from_rest(np.nan_to_num(np.asarray(read, dtype=np.float64)), worth.whole, own=False)
    else:
        values = _coefficients(reader, aligned.points, aligned.turn, worth.whole, time_s)
        values = _counted_from_rest(values, worth.whole, own=True)
    weight = worth.part.copy()
    for part, side in ((LEFT_EYE_PART, "Left"), (RIGHT_EYE_PART, "Right")):
        blind = np.isnan(np.asarray(face[:, part])).any(axis=(1, 2))
        # Lids are known a little from the mesh, the pupil is not.
        eye = np.array([name.startswith("eye") and name.endswith(side) for name in NAMES])
        weight[blind[:, None] & eye & ~LOOKS] *= 0.3
        if read is None:
            weight[blind[:, None] & eye & LOOKS] = 0.0
    smoothed = _smoothed(time_s, values, weight)
    known = _known(time_s, weight > _KNOWN)
    arkit = np.where(known, np.clip(smoothed, 0.0, 1.0), np.nan)
    jaw_open = np.where(worth.whole > 0.0, smoothed[:, NAMES.index("jawOpen")], 0.0)
    return FaceFit(
        arkit=arkit,
        jaw=bones.jaw(smoothed),
        eyes=bones.eyes(smoothed),
        facing=_facing(aligned.turn, jaw_open),
        facing_weight=worth.turn,
    )


def _facing(turn: Array, jaw_open: Array) -> Array:
    """Camera from head (T, 3, 3) from camera from reference and how far the jaw is open (T,)."""
    nod = matrix_from_axis_angle(jaw_open[:, None] * np.array([-_NOD_OF_JAW, 0.0, 0.0]))
    return np.asarray(turn @ np.diag([1.0, -1.0, -1.0]) @ nod)


def _coefficients(reader: Reader, points: Floats, turn: Array, weight: Array, time_s: Array) -> Array:
    """(T, 52) of each frame by itself; 0 where nothing is known."""
    some = np.flatnonzero(weight > 0.0)
    some = some[:: max(1, len(some) // _FOR_REST)]
    plain = reader.without_turn(points[some], turn[some])
    rest = neutral_face(plain, turn[some], weight[some], reader)
    out = np.zeros((len(points), COUNT))
    known = weight > 0.0
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else np.inf
    sigma = _CALMED_S / max(step_s, 1e-3)
    reach = int(4.0 * sigma + 0.5)  # of the mean
    # In runs: the points of a long take, several times over, would fill the memory.
    for block in in_blocks(len(points), size=_RUN):
        first, last = max(0, block.start - reach), min(len(points), block.stop + reach)
        plain = reader.without_turn(points[first:last], turn[first:last])
        inner = slice(block.start - first, block.stop - first)
        calmed = _calmed(plain, known[first:last], sigma)[inner] - rest
        here = known[block]
        rows = block.start + np.flatnonzero(here)
        out[rows] = reader(calmed[here], turn[rows])
        # Lids and pupils are quicker than that.
        out[np.ix_(rows, _EYES)] = reader((plain[inner] - rest)[here], turn[rows])[:, _EYES]
    return np.maximum(out, 0.0)


def _calmed(points: Array, known: NDArray[np.bool_], sigma: float) -> Array:
    """Points (T, P, 3) less the graph's jitter: a mean over some frames, of those that are known."""
    if sigma < 0.3:
        return points
    seen = known[:, None] & np.isfinite(points).all(axis=2)
    weight = gaussian_filter1d(seen.astype(float), sigma, axis=0, mode="constant")
    total = gaussian_filter1d(np.where(seen[..., None], points, 0.0), sigma, axis=0, mode="constant")
    return np.where(seen[..., None], total / np.maximum(weight, 1e-9)[..., None], np.nan)


def _counted_from_rest(values: Array, weight: Array, *, own: bool) -> Array:
    """Coefficients (T, 52) less what is seen in this face at rest: a low quantile of the whole take.

    own: they are of our reader, which says too little, and not of another network.
    Where the eyes look is left as it is: nobody looks to all sides alike.
    """
    good = weight > 0.5
    if good.sum() < _FEW:
        return np.clip(values, 0.0, np.where(LOOKS, LOOK_LIMIT, 1.0))
    rest = np.where(LOOKS, 0.0, np.quantile(values[good], _REST, axis=0))
    louder = (values - rest) * _GAIN - _NOISE
    out = np.clip(louder if own else values - rest, 0.0, np.where(LOOKS, LOOK_LIMIT, 1.0))
    # Whoever blinks, shuts the eyes: of that a network that is unsure says less.
    most = np.quantile(out[good], _SHUT, axis=0)
    gain = np.where(_LIDS & (most > _BLINKS), 1.0 / np.maximum(most, _BLINKS), 1.0)
    return np.asarray(np.minimum(out * gain, np.where(LOOKS, LOOK_LIMIT, 1.0)))


def _smoothed(time_s: Array, values: Array, weight: Array) -> Array:
    out = np.empty_like(values)
    for i, name in enumerate(NAMES):
        quick = next((a for start, a in _QUICK.items() if name.startswith(start)), _SLOW)
        column = smooth(
            values[:, i : i + 1],
            (weight[:, i] / _SIGMA) ** 2,
            time_s,
            acceleration=quick,
            neutral=np.zeros(1),
            neutral_sigma=_AT_REST,
        )
        out[:, i] = np.clip(column[:, 0], 0.0, LOOK_LIMIT if LOOKS[i] else 1.0)
    return out


def _known(time_s: Array, sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T, 52) what is known, short gaps between known frames included."""
    if not len(time_s):
        return sure
    times = np.broadcast_to(time_s[:, None], sure.shape)
    before = np.maximum.accumulate(np.where(sure, times, -np.inf), axis=0)
    after = np.minimum.accumulate(np.where(sure, times, np.inf)[::-1], axis=0)[::-1]
    return np.asarray(sure | (after - before <= _GAP_S))

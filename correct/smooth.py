# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing of a part of the body that keeps timing and, as far as can be, the height of peaks.

A symmetric kernel has no lag. It is Gaussian times a parabola, so that it leaves every
curve of second order as it is (Savitzky and Golay's idea): a plain average cuts the top off each
swing, this one only what is shorter than the kernel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT
from . import parts, turns
from .rows import runs, smooth_step, with_motion

Array = NDArray[np.float64]

_LONGEST_S = 0.25  # the kernel's standard deviation at full strength
_EDGE = 3  # frames at the ends of a range over which the smoothing fades in


def smoothed(
    sequence: SmplxSequence, *, part: str, strength: float, rows: slice | None = None
) -> SmplxSequence:
    """The sequence with one part (see `parts.GROUPS`) smoothed; rows: only there, fading at the ends.

    strength: 0 nothing, 1 as much as can be, a kernel of 0.25 s. SequenceError if it is neither.
    """
    if not 0.0 <= strength <= 1.0:
        raise SequenceError(f"strength: expected 0 to 1, got {strength:g}")
    count = len(sequence)
    joints = list(parts.joints_of(part))
    share = _share(count, rows)
    poses = sequence.poses.reshape(count, JOINT_COUNT, 3).astype(np.float64)
    trans = sequence.trans.astype(np.float64)
    arkit = sequence.arkit.astype(np.float64)
    for run in runs(sequence.frame):
        window = kernel(_LONGEST_S * strength**2, sequence.time_s[run])
        if len(window) == 1 or not share[run].any():
            continue
        here = share[run]
        was = poses[run][:, joints]
        poses[run, joints] = turns.blended(was, _turns(was, window), here[:, None, None])
        if parts.has(part, "root"):
            trans[run] += here[:, None] * (_convolved(trans[run], window) - trans[run])
        if parts.has(part, "face"):
            arkit[run] += here[:, None] * (_shapes(arkit[run], window) - arkit[run])
    return with_motion(sequence, poses=poses, trans=trans, arkit=arkit.astype(np.float32))


def kernel(sigma_s: float, time_s: Array) -> Array:
    """Symmetric weights (2 R + 1,) of a standard deviation in seconds at the rate of time_s (T,)."""
    if len(time_s) < 3 or sigma_s <= 0.0:
        return np.ones(1)
    sigma = sigma_s / float(np.median(np.diff(time_s)))
    radius = int(np.ceil(3.0 * sigma))
    if sigma < 0.2 or radius < 2:
        # Too short for a parabola: the few neighbours as a plain average would be, weighed by strength.
        side = np.exp(-0.5 / max(sigma, 1e-3) ** 2)
        return np.asarray(np.array([side, 1.0, side]) / (1.0 + 2.0 * side))
    at = np.arange(-radius, radius + 1) / sigma
    bell = np.exp(-0.5 * at**2)
    zeroth, second, fourth = (float((bell * at**k).sum()) for k in (0, 2, 4))
    # (a + b u^2) g(u) that sums to one and has no second moment.
    a, b = np.linalg.solve([[zeroth, second], [second, fourth]], [1.0, 0.0])
    weights: Array = bell * (a + b * at**2)
    return weights


def _share(count: int, rows: slice | None) -> Array:
    if rows is None:
        return np.ones(count)
    out = np.zeros(count)
    length = rows.stop - rows.start
    edge = min(_EDGE, length // 2)
    steps = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    out[rows] = smooth_step(steps / (edge + 1.0))
    return out


def _turns(poses: Array, window: Array) -> Array:
    """Poses (T, J, 3) averaged over the window as quaternions."""
    unit = turns.quaternions(poses)
    flat = _convolved(unit.reshape(len(unit), -1), window)
    return turns.axis_angles(flat.reshape(unit.shape))


def _convolved(values: Array, window: Array) -> Array:
    """Values (T, k) averaged over the window; around the ends they go on as they came."""
    radius = len(window) // 2
    reach = min(radius, len(values) - 1)
    before = 2.0 * values[:1] - values[reach:0:-1]
    after = 2.0 * values[-1:] - values[-2 : -2 - reach : -1]
    padded = np.concatenate([before, values, after])
    padded = np.pad(padded, ((radius - reach, radius - reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window, mode="valid") for column in padded.T], axis=-1)


def _shapes(arkit: Array, window: Array) -> Array:
    """Face shapes (T, 52), those that are known throughout averaged and kept within 0 to 1."""
    known = np.isfinite(arkit).all(axis=0)
    out = arkit.copy()
    if known.any():
        out[:, known] = np.clip(_convolved(arkit[:, known], window), 0.0, 1.0)
    return out

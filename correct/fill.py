# SPDX-License-Identifier: GPL-3.0-or-later
"""A range made anew from what lies beside it, for frames in which the capture guessed.

The curve leaves the last good pose with the speed it had, and meets the next one with
its speed: cubic in the tangent space of the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle, right_jacobian_inverse
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT
from . import parts
from .rows import runs, with_motion

Array = NDArray[np.float64]

_LOOK_S = 0.1  # over which the speed beside a range is measured
_FASTEST = 4.0  # a slope carries at most this many times the way between the ends: no loops
_SHORTEST = 2  # frames between two doubtful ones that are doubtful as well


def filled(sequence: SmplxSequence, *, part: str, rows: slice) -> SmplxSequence:
    """The sequence with one part (see `parts.GROUPS`) made anew in `rows` from the frames beside them.

    At an end of the take, or beside a gap, the pose of the one side holds. SequenceError if there
    is no frame on either side.
    """
    return _with_filled(sequence, [(part, rows)])


def doubtful(sequence: SmplxSequence, *, part: str, sigma_m: float, rows: slice | None = None) -> list[slice]:
    """Rows in which a joint of the part is less sure than sigma_m, as runs that `filled` takes."""
    joints = list(parts.joints_of(part))
    bad = sequence.sigma[:, joints].max(axis=1) > sigma_m
    if rows is not None:
        inside = np.zeros(len(bad), dtype=bool)
        inside[rows] = True
        bad &= inside
    found: list[slice] = []
    for run in runs(sequence.frame):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], bad[run], [False]]).astype(np.int8)))
        for start, stop in zip(edges[::2] + run.start, edges[1::2] + run.start, strict=True):
            joins = found and found[-1].stop >= run.start and start - found[-1].stop <= _SHORTEST
            first = found.pop().start if joins else int(start)
            found.append(slice(first, int(stop)))
    return found


def filled_where_doubtful(
    sequence: SmplxSequence, *, part: str, sigma_m: float, rows: slice | None = None
) -> SmplxSequence:
    """`filled` in every run of frames where the part is less sure than sigma_m (within `rows`).

    Of a group, each part where it is itself in doubt: a hidden hand does not take the legs along.
    What has no sure frame beside it stays as it is: there is nothing to fill it from.
    """
    parts.joints_of(part)  # says so of a name that is none
    whole = {(run.start, run.stop) for run in runs(sequence.frame)}
    found = [
        (single, range_)
        for single in parts.GROUPS[part]
        for range_ in doubtful(sequence, part=single, sigma_m=sigma_m, rows=rows)
        if (range_.start, range_.stop) not in whole
    ]
    return _with_filled(sequence, found)


def _with_filled(sequence: SmplxSequence, ranges: Sequence[tuple[str, slice]]) -> SmplxSequence:
    """The sequence with parts made anew in rows."""
    if not ranges:
        return sequence
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3).astype(np.float64)
    trans = sequence.trans.astype(np.float64)
    for part, rows in ranges:
        joints = list(parts.joints_of(part))
        for run in runs(sequence.frame):
            here = slice(max(rows.start, run.start), min(rows.stop, run.stop))
            if here.start >= here.stop:
                continue
            before = here.start - 1 if here.start > run.start else None
            after = here.stop if here.stop < run.stop else None
            if before is None and after is None:
                raise SequenceError(
                    f"frames {sequence.frame[here.start]} to {sequence.frame[here.stop - 1]}: there is no "
                    "frame beside them to fill from; choose a shorter range"
                )
            poses[here, joints] = _turns(poses[:, joints], sequence.time_s, here, before, after, run)
            if parts.has(part, "root"):
                trans[here] = _curve(trans, sequence.time_s, here, before, after, run)
    return with_motion(sequence, poses=poses, trans=trans)


def _turns(
    poses: Array, time_s: Array, here: slice, before: int | None, after: int | None, run: slice
) -> Array:
    """Poses (n, J, 3) for the rows `here`."""
    if before is None or after is None:
        kept = before if before is not None else after
        return (
            np.repeat(poses[kept : kept + 1], here.stop - here.start, axis=0) if kept is not None else poses
        )
    local = matrix_from_axis_angle(poses)
    end = axis_angle_from_matrix(np.swapaxes(local[before], -1, -2) @ local[after])
    left, right = _beside(time_s, before, after, run)
    duration = float(time_s[after] - time_s[before])
    slope_in = _speed(local, time_s, left, before) * duration
    # The speed at the far end is in that pose's own tangent: seen from the first pose it is turned.
    slope_out = _speed(local, time_s, after, right) * duration
    slope_out = (right_jacobian_inverse(end) @ slope_out[..., None])[..., 0]
    along = _hermite(
        end, _bounded(slope_in, end), _bounded(slope_out, end), _times(time_s, here, before, after)
    )
    return axis_angle_from_matrix(local[before] @ matrix_from_axis_angle(along))


def _curve(
    values: Array, time_s: Array, here: slice, before: int | None, after: int | None, run: slice
) -> Array:
    """Values (n, 3) for the rows `here`."""
    if before is None or after is None:
        kept = before if before is not None else after
        return (
            np.repeat(values[kept : kept + 1], here.stop - here.start, axis=0) if kept is not None else values
        )
    left, right = _beside(time_s, before, after, run)
    duration = float(time_s[after] - time_s[before])
    end = values[after] - values[before]
    slope_in, slope_out = (
        (values[b] - values[a]) * (duration / (time_s[b] - time_s[a])) if b > a else np.zeros(3)
        for a, b in ((left, before), (after, right))
    )
    t = _times(time_s, here, before, after)
    return np.asarray(values[before] + _hermite(end, _bounded(slope_in, end), _bounded(slope_out, end), t))


def _beside(time_s: Array, before: int, after: int, run: slice) -> tuple[int, int]:
    """The rows up to which the speed on each side is measured."""
    left = int(np.searchsorted(time_s, time_s[before] - _LOOK_S - 1e-6))
    right = int(np.searchsorted(time_s, time_s[after] + _LOOK_S + 1e-6)) - 1
    return max(left, run.start), min(right, run.stop - 1)


def _speed(local: Array, time_s: Array, start: int, stop: int) -> Array:
    """Angular velocity (J, 3), radians a second, from one row to a later one, in a joint's own axes."""
    if stop <= start:
        return np.zeros((local.shape[1], 3))
    turned = axis_angle_from_matrix(np.swapaxes(local[start], -1, -2) @ local[stop])
    return np.asarray(turned / (time_s[stop] - time_s[start]))


def _bounded(slope: Array, end: Array) -> Array:
    """A slope that is not longer than what the way between the ends makes likely."""
    size = np.linalg.norm(slope, axis=-1, keepdims=True)
    most = _FASTEST * np.maximum(np.linalg.norm(end, axis=-1, keepdims=True), 0.1)
    return np.asarray(slope * np.minimum(1.0, most / np.maximum(size, 1e-9)))


def _times(time_s: Array, here: slice, before: int, after: int) -> Array:
    return np.asarray((time_s[here] - time_s[before]) / (time_s[after] - time_s[before]))


def _hermite(end: Array, slope_in: Array, slope_out: Array, t: Array) -> Array:
    """(n, ...) from zero to `end` with these slopes, at t (n,)."""
    t = t.reshape(-1, *([1] * end.ndim))
    return np.asarray(
        (3.0 * t**2 - 2.0 * t**3) * end + (t**3 - 2.0 * t**2 + t) * slope_in + (t**3 - t**2) * slope_out
    )

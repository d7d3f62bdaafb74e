# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a sequence: runs without a gap, ranges of frames, and a sequence with other poses."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import forward, in_blocks, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT

Array = NDArray[np.float64]


def runs(frame: NDArray[np.integer[Any]]) -> list[slice]:
    """Rows without a gap between them, of increasing video frame numbers (T,). A stride is no gap."""
    if not len(frame):
        return []
    steps = np.diff(frame)
    usual = int(np.median(steps)) if len(steps) else 1
    edges = [0, *(int(row) + 1 for row in np.flatnonzero(steps > usual)), len(frame)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def between(sequence: SmplxSequence, first: int, last: int) -> slice:
    """The rows of video frames first to last, both included. SequenceError if there is none."""
    if last < first:
        raise SequenceError(f"frames {first} to {last}: the last one comes before the first; exchange them")
    found = slice(*np.searchsorted(sequence.frame, [first, last + 1]).tolist())
    if found.start == found.stop:
        there = f"{sequence.frame[0]} to {sequence.frame[-1]}" if len(sequence) else "no frames at all"
        raise SequenceError(
            f"frames {first} to {last}: the person is not in any of them (there is {there}); "
            "choose a range inside the take"
        )
    return found


def joint_rotations(sequence: SmplxSequence, joints: tuple[int, ...] | slice = slice(None)) -> Array:
    """Parent-relative rotations (T, J, 3, 3) of some joints."""
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3)[:, joints]
    return matrix_from_axis_angle(np.asarray(poses, dtype=np.float64))


def with_motion(
    sequence: SmplxSequence, *, poses: Array | None = None, trans: Array | None = None, **changes: Any
) -> SmplxSequence:
    """The sequence with other poses (T, 55, 3) axis-angle and places (T, 3), its joints brought along."""
    count = len(sequence)
    new_poses = sequence.poses.reshape(count, JOINT_COUNT, 3) if poses is None else poses
    new_trans = sequence.trans if trans is None else trans
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    turn, shift = camera[..., :3, :3], camera[..., :3, 3]
    seen = np.empty((count, JOINT_COUNT, 3))
    for block in in_blocks(count):
        local = matrix_from_axis_angle(np.asarray(new_poses[block], dtype=np.float64))
        joints, _ = forward(local, rest[0] + np.asarray(new_trans[block], dtype=np.float64), rest)
        moving = camera.ndim == 3
        away = joints - (shift[block, None] if moving else shift)
        seen[block] = away @ (turn[block] if moving else turn)
    return replace(
        sequence,
        poses=np.asarray(new_poses).reshape(count, -1).astype(np.float32),
        trans=np.asarray(new_trans).astype(np.float32),
        joints_camera=seen.astype(np.float32),
        **changes,
    )


def smooth_step(t: Array) -> Array:
    """0 to 1 with flat ends, of t clipped to 0 to 1."""
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def weight_about(frame: NDArray[np.integer[Any]], rows: slice, *, ease: int) -> Array:
    """(T,) 1 in `rows`, falling smoothly to 0 within `ease` video frames outside; never across a gap."""
    out = np.zeros(len(frame))
    for run in runs(frame):
        start, stop = max(run.start, rows.start), min(run.stop, rows.stop)
        if start >= stop:
            continue
        near = np.asarray(frame[run], dtype=np.float64)
        away = np.maximum(np.maximum(frame[start] - near, near - frame[stop - 1]), 0.0)
        out[run] = smooth_step(1.0 - away / (ease + 1.0))
    return out

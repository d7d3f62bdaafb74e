# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the body kept as it is at one frame, and a range taken over from another sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT
from . import parts, turns
from .rows import weight_about, with_motion

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


def held(sequence: SmplxSequence, *, part: str, rows: slice, at: int, ease: int) -> SmplxSequence:
    """One part (see `parts.GROUPS`) through `rows` as it is at row `at`, relative to what it hangs on.

    ease: video frames before and after the range in which it goes there and leaves.
    """
    if not 0 <= at < len(sequence):
        raise SequenceError(f"row {at}: expected 0 to {len(sequence) - 1}; choose a frame inside the take")
    joints = np.array(parts.joints_of(part))
    share = weight_about(sequence.frame, rows, ease=ease)
    touched = share > 0.0
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3).astype(np.float64)
    trans = sequence.trans.astype(np.float64)
    arkit = sequence.arkit.astype(np.float64)
    kept = poses[at, joints]
    weights = share[touched, None, None]
    touched_rows = np.flatnonzero(touched)
    poses[np.ix_(touched_rows, joints)] = turns.blended(poses[touched][:, joints], kept[None], weights)
    if parts.has(part, "root"):
        trans += share[:, None] * (trans[at] - trans)
    if parts.has(part, "face"):
        arkit += share[:, None] * (arkit[at] - arkit)
    return with_motion(sequence, poses=poses, trans=trans, arkit=arkit.astype(np.float32))


def taken_over(
    sequence: SmplxSequence, other: SmplxSequence, *, rows: slice, ease: int, part: str = "all"
) -> SmplxSequence:
    """`rows` of the sequence as `other` has them, with `ease` video frames of blending on both sides.

    Frames that `other` lacks stay as they are. The bone lengths stay this sequence's own: both are of
    the same person. What the landmarks say (keypoints, doubt, contacts) comes along when the whole
    body does. Both are brought into this sequence's world by their cameras.
    """
    joints = np.array(parts.joints_of(part))
    mine = _common(sequence, other, rows)
    share = weight_about(sequence.frame, slice(int(mine[0]), int(mine[-1]) + 1), ease=ease)
    # Beyond the range the other one may be known or not: blend only where it is.
    _, at_mine, at_theirs = np.intersect1d(sequence.frame, other.frame, return_indices=True)
    use = share[at_mine] > 0.0
    at_mine, at_theirs = at_mine[use], at_theirs[use]
    weights = share[at_mine]
    moved = _in_world_of(sequence, other)
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3).astype(np.float64)
    trans = sequence.trans.astype(np.float64)
    new = moved[0].reshape(len(other), JOINT_COUNT, 3)
    poses[np.ix_(at_mine, joints)] = turns.blended(
        poses[at_mine][:, joints], new[at_theirs][:, joints], weights[:, None, None]
    )
    changes = {}
    if parts.has(part, "root"):
        trans[at_mine] += weights[:, None] * (moved[1][at_theirs] - trans[at_mine])
    if part == "all":
        inside = np.isin(at_mine, mine)
        rows_in, rows_from = at_mine[inside], at_theirs[inside]
        for name in ("sigma", "contact", "keypoints", "arkit", "expression"):
            values = np.array(getattr(sequence, name))
            values[rows_in] = getattr(other, name)[rows_from]
            changes[name] = values
    return with_motion(sequence, poses=poses, trans=trans, **changes)


def _common(sequence: SmplxSequence, other: SmplxSequence, rows: slice) -> Ints:
    """The rows within `rows` whose frames `other` has as well. SequenceError if it has none."""
    mine = np.flatnonzero(np.isin(sequence.frame[rows], other.frame))
    if not len(mine):
        first, last = sequence.frame[rows.start], sequence.frame[rows.stop - 1]
        raise SequenceError(
            f"frames {first} to {last}: the other capture has none of them; choose another range or person"
        )
    return np.asarray(mine + rows.start)


def _in_world_of(sequence: SmplxSequence, other: SmplxSequence) -> tuple[Array, Array]:
    """Poses (T, 165) and trans (T, 3) of `other`, seen by the same camera, in this sequence's world.

    trans is such that this sequence's own rest skeleton has its pelvis where the other one has it.
    """
    poses = other.poses.astype(np.float64)
    pelvis = other.trans.astype(np.float64) + other.rest_joints[0].astype(np.float64)
    ours, theirs = _camera(sequence, other.frame), _camera(other, other.frame)
    if not np.allclose(ours, theirs):
        turn = ours[:, :3, :3] @ np.swapaxes(theirs[:, :3, :3], -1, -2)
        shift = ours[:, :3, 3] - np.einsum("tij,tj->ti", turn, theirs[:, :3, 3])
        pelvis = np.einsum("tij,tj->ti", turn, pelvis) + shift
        poses[:, :3] = axis_angle_from_matrix(turn @ matrix_from_axis_angle(poses[:, :3]))
    return poses, pelvis - sequence.rest_joints[0].astype(np.float64)


def _camera(sequence: SmplxSequence, frame: NDArray[np.integer[Any]]) -> Array:
    """The camera (T, 4, 4) of a sequence at some frames; beyond its own, the nearest it has."""
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    if camera.ndim == 2:
        return np.broadcast_to(camera, (len(frame), 4, 4))
    at = np.clip(np.searchsorted(sequence.frame, frame), 0, len(sequence) - 1)
    return np.asarray(camera[at])

# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sequences that are one person joined into one, and one sequence cut in two.

Joined directly, not solved again: it takes no video and no minutes, works on imported motion as well,
and leaves every frame that lies away from a seam exactly as it was captured. What a new solve
would bring, one set of bone lengths and no jump at the seam, is done here: the person who is kept
lends the skeleton, and what the two say differently at a seam is shared out over the frames around it.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SequenceError
from .kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from .sequence import SmplxSequence
from .skeleton import BODY_JOINT_COUNT, JOINT_COUNT

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_SEAM_S = 0.2  # on either side of a seam: long enough not to be seen, short enough to keep the motion
_GAP_S = 0.25  # across a longer time without frames there is nothing to be smooth with
_SETTLED = 15  # frames over which the two are compared: who is surer must not change from frame to frame

# What has a row for every frame.
_PER_FRAME = (
    "poses", "trans", "expression", "frame", "time_s", "joints_camera", "sigma", "contact", "keypoints",
    "arkit",
)  # fmt: skip


def rows_of(sequence: SmplxSequence, rows: NDArray[np.integer[Any]] | slice) -> SmplxSequence:
    """Only these rows of a sequence, in their order."""
    parts: dict[str, Any] = {name: getattr(sequence, name)[rows] for name in _PER_FRAME}
    if sequence.world_from_camera.ndim == 3:
        parts["world_from_camera"] = sequence.world_from_camera[rows]
    return replace(sequence, **parts)


def split(sequence: SmplxSequence, frame: int) -> tuple[SmplxSequence, SmplxSequence]:
    """What lies before a frame of the video, and what lies at it and after. SequenceError if one is empty."""
    cut = int(np.searchsorted(sequence.frame, frame))
    if not 0 < cut < len(sequence):
        first, last = (int(sequence.frame[i]) for i in (0, -1))
        raise SequenceError(
            f"frame {frame}: all of this person lies on one side of it (frames {first} to {last}); "
            "choose a frame in between"
        )
    return rows_of(sequence, slice(0, cut)), rows_of(sequence, slice(cut, len(sequence)))


def joined(kept: SmplxSequence, other: SmplxSequence) -> SmplxSequence:
    """Both as one person with the skeleton of `kept`.

    In frames that both have, the surer one's are taken: the one whose body has the lower sigma around
    there. SequenceError if the two were not captured with the same lens.
    """
    if not np.allclose(kept.camera_K, other.camera_K):
        raise SequenceError("camera_K: the two were captured with different lenses; join people of one take")
    other = _on_skeleton(other, kept.rest_joints)
    frame = np.union1d(kept.frame, other.frame)
    place_kept, place_other = (np.searchsorted(frame, part.frame) for part in (kept, other))
    doubt = np.full((2, len(frame)), np.inf)
    doubt[0, place_kept] = kept.sigma[:, :BODY_JOINT_COUNT].mean(axis=1)
    doubt[1, place_other] = other.sigma[:, :BODY_JOINT_COUNT].mean(axis=1)
    from_other = _surer(doubt)
    row_kept, row_other = (np.cumsum(np.isin(frame, part.frame)) - 1 for part in (kept, other))
    parts: dict[str, Any] = {}
    for name in (f.name for f in fields(SmplxSequence)):
        a, b = getattr(kept, name), getattr(other, name)
        per_frame = name in _PER_FRAME or (name == "world_from_camera" and a.ndim == 3)
        if not per_frame:
            parts[name] = a
            continue
        values = a[np.maximum(row_kept, 0)].copy()
        values[from_other] = b[row_other[from_other]]
        parts[name] = values
    duration = float(parts["time_s"][-1] - parts["time_s"][0])
    if duration > 0.0:
        parts["mocap_frame_rate"] = float(frame[-1] - frame[0]) / duration
    return _without_jumps(SmplxSequence(**parts), from_other)


def _surer(doubt: Array) -> NDArray[np.bool_]:
    """(T,) whether the second of two is taken; doubt (2, T) is infinite where somebody is not there."""
    both = np.isfinite(doubt).all(axis=0)
    out = np.asarray(~np.isfinite(doubt[0]))
    difference = np.where(both, doubt[1] - np.where(both, doubt[0], 0.0), 0.0)
    window = np.ones(min(_SETTLED, len(both)))
    around = np.convolve(difference, window, mode="same")
    # Where they are as sure as each other, the one who is kept stays.
    return np.asarray(np.where(both, around < -1e-6, out))


def _on_skeleton(sequence: SmplxSequence, rest_joints: NDArray[np.floating[Any]]) -> SmplxSequence:
    """The same motion with other bone lengths, feet still on the floor and, from the camera, still in place.

    A body that is thought larger is as much further away: the path is scaled about the point
    of the floor under the camera.
    """
    if np.allclose(sequence.rest_joints, rest_joints, atol=1e-5):
        return replace(sequence, rest_joints=rest_joints)
    scale = float(rest_joints[0, 1] / sequence.rest_joints[0, 1])
    under = np.atleast_2d(sequence.world_from_camera[..., :3, 3]) * np.array([1.0, 0.0, 1.0])
    pelvis = sequence.rest_joints[0] + sequence.trans
    moved = under + scale * (pelvis - under)
    trans = (moved - rest_joints[0]).astype(sequence.trans.dtype)
    return _with_joints(replace(sequence, trans=trans, rest_joints=rest_joints), slice(0, len(sequence)))


def _with_joints(sequence: SmplxSequence, rows: slice | NDArray[np.integer[Any]]) -> SmplxSequence:
    """The sequence with joints_camera of some rows as its poses, path and skeleton give them."""
    joints_camera = np.array(sequence.joints_camera)
    chosen = np.arange(len(sequence))[rows]
    for block in in_blocks(len(chosen)):
        part = chosen[block]
        local = matrix_from_axis_angle(sequence.poses[part].reshape(-1, JOINT_COUNT, 3).astype(np.float64))
        pelvis = (sequence.rest_joints[0] + sequence.trans[part]).astype(np.float64)
        joints, _ = forward(local, pelvis, sequence.rest_joints.astype(np.float64))
        camera = sequence.world_from_camera
        camera = camera[part] if camera.ndim == 3 else camera[None]
        joints_camera[part] = (joints - camera[:, None, :3, 3]) @ camera[:, :3, :3]
    return replace(sequence, joints_camera=joints_camera)


def _without_jumps(sequence: SmplxSequence, source: NDArray[np.bool_]) -> SmplxSequence:
    """The sequence with every change of source (T,) from one row to the next made smooth.

    What the two say differently is halved, and each half fades out over the frames on its side.
    """
    time_s = np.asarray(sequence.time_s, dtype=np.float64)
    seams = np.flatnonzero((source[1:] != source[:-1]) & (np.diff(time_s) <= _GAP_S))
    if not len(seams):
        return sequence
    ends = np.flatnonzero((source[1:] != source[:-1]) | (np.diff(time_s) > _GAP_S))
    poses = np.array(sequence.poses).reshape(-1, JOINT_COUNT, 3)
    trans = np.array(sequence.trans)
    changed = np.zeros(len(sequence), dtype=bool)
    for seam in seams:
        before = int(ends[ends < seam].max(initial=-1)) + 1  # the first row of the run that ends here
        after = int(ends[ends > seam].min(initial=len(sequence) - 1))  # the last row of the next one
        path, turn = _jump(poses, trans, time_s, int(seam), before, after)
        # Half a run at most: at its other end there may be a seam as well.
        middle = 0.5 * (time_s[seam] + time_s[seam + 1])
        for side, rows in ((1.0, slice(before, seam + 1)), (-1.0, slice(seam + 1, after + 1))):
            reach = min(_SEAM_S, 0.5 * abs(time_s[rows.start] - time_s[rows.stop - 1]) + 1e-3)
            near = np.clip(1.0 - np.abs(time_s[rows] - middle) / max(reach, 1e-3), 0.0, 1.0)
            share = side * 0.5 * near * near * (3.0 - 2.0 * near)
            moved = np.flatnonzero(share) + rows.start
            share = share[moved - rows.start]
            trans[moved] += share[:, None] * path
            turned = matrix_from_axis_angle(poses[moved]) @ matrix_from_axis_angle(
                share[:, None, None] * turn
            )
            poses[moved] = axis_angle_from_matrix(turned)
            changed[moved] = True
    old = sequence.joints_camera
    out = replace(sequence, poses=poses.reshape(len(poses), -1), trans=trans)
    out = _with_joints(out, np.flatnonzero(changed))
    # A joint that was moved to meet the other is as much less sure.
    off = np.linalg.norm(out.joints_camera - old, axis=-1)
    return replace(out, sigma=np.hypot(sequence.sigma, off).astype(sequence.sigma.dtype))


def _jump(
    poses: NDArray[np.floating[Any]], trans: NDArray[np.floating[Any]], time_s: Array, seam: int, before: int,
    after: int,
) -> tuple[Array, Array]:  # fmt: skip
    """The step from row `seam` to the next, less what the motion on both sides explains.

    Returns the pelvis's part (3,) and the joints' (55, 3), the latter as turns in each joint's own frame.
    """
    pairs = [(seam, seam + 1)]
    pairs += [(seam - 1, seam)] if seam - 1 >= before else []
    pairs += [(seam + 1, seam + 2)] if seam + 2 <= after else []
    steps = []
    for a, b in pairs:
        first, second = matrix_from_axis_angle(poses[a]), matrix_from_axis_angle(poses[b])
        turn = axis_angle_from_matrix(np.swapaxes(first, -1, -2) @ second)
        steps.append((np.asarray(trans[b] - trans[a], dtype=np.float64), turn, time_s[b] - time_s[a]))
    path, turn, step = steps[0]
    usual = [(p / max(t, 1e-6), r / max(t, 1e-6)) for p, r, t in steps[1:]]
    if usual:
        path = path - step * np.mean([p for p, _ in usual], axis=0)
        turn = turn - step * np.mean([r for _, r in usual], axis=0)
    return path, turn

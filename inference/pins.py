# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the picture that the animator has put right, as evidence: the frames around them solved again.

The landmarks of a take are not all right, and an animator sees in which frame a wrist is
somewhere else. Such a point counts as certain; the points of the neighbouring frames are moved
along, less and less. The window around it is solved twice, as it was and with the points
put right, and what that changed of the limb goes onto the motion that is there; nothing else
moves. Then the limb is turned until the point lies where the animator put it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import fit, pin_closure, wholebody
from .camera_path import CameraPath, undistorted
from .errors import SequenceError
from .fit.model_points import POINTS
from .kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from .sequence import SmplxSequence
from .skeleton import BODY_JOINT_COUNT, JOINT_COUNT

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Progress = Callable[[int, int], None]

KEYPOINTS: tuple[int, ...] = tuple(int(k) for k in POINTS.keypoint)
"""The points that the fit compares with the picture: only these can be put right."""

_FADE_S = 0.3  # within which a point's shift fades from the frame that it was put right in
_CONTEXT_S = 0.7  # solved beyond that, so that the window's ends are as they were
_EDGE_S = 0.3  # over which the result goes over into what was there
_SEEN = 0.3  # certainty from which on a landmark says where a point was taken to be
_STAGES = 2  # solves of each window
# A fit takes a point far from all others for a mistake; the animator's is none. On feet a certainty also
# says how firmly they stand, so there it is what it is.
_AS_SURE = 25.0
_STAYS = 0.3  # how firmly a hand stays where it is while its elbow is put right; the point itself: 1
_FEET = tuple(range(wholebody.FEET.start, wholebody.FEET.stop))


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A point put right: a frame of the video, a keypoint, and where it is in pixels."""

    frame: int
    keypoint: int
    x: float
    y: float


def solve(
    sequence: SmplxSequence,
    pins: Sequence[Pin],
    *,
    depths: Callable[[slice], Floats],
    around: Iterable[int] = (),
    camera: CameraPath | None = None,
    progress: Progress = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> SmplxSequence:
    """The sequence with its points put right, solved again around the frames `around` (none: all pins').

    depths: the landmarks' 3D points (n, 133, 3) of some rows of the sequence, NaN where unknown.
    SequenceError for a point that is not one of KEYPOINTS, or in a frame that the person is not in.
    """
    _check(sequence, pins)
    frames = sorted(set(around) or {pin.frame for pin in pins})
    windows = _windows(sequence, frames)
    total = sum(window.stop - window.start for window in windows)
    done = 0
    for window in windows:
        before = done

        def report(rounds: int, *, before: int = before, window: slice = window) -> None:
            progress(before + (window.stop - window.start) * rounds // (_STAGES + 1), total)

        sequence = _solved(sequence, pins, window, depths(window), camera, report, check)
        done += window.stop - window.start
        progress(done, total)
    return sequence


def _check(sequence: SmplxSequence, pins: Sequence[Pin]) -> None:
    for pin in pins:
        if pin.keypoint not in KEYPOINTS:
            name = wholebody.NAMES[pin.keypoint] if 0 <= pin.keypoint < wholebody.COUNT else pin.keypoint
            raise SequenceError(
                f"point {name}: cannot be put right; drag one of the body's, such as a wrist or a knee"
            )
        if not np.isfinite([pin.x, pin.y]).all():
            raise SequenceError(f"point {wholebody.NAMES[pin.keypoint]}: is nowhere; drag it again")
        if pin.frame not in sequence.frame:
            raise SequenceError(
                f"frame {pin.frame}: the person is not in the picture; drag a point in a frame of theirs"
            )


def _windows(sequence: SmplxSequence, frames: Sequence[int]) -> list[slice]:
    """Runs of rows around frames, those that overlap made one, none across a gap."""
    reach = _FADE_S + _CONTEXT_S
    rows = np.searchsorted(sequence.frame, frames)
    run = _runs(sequence.frame)
    found: list[slice] = []
    for row in rows:
        near = np.abs(sequence.time_s - sequence.time_s[row]) <= reach + 1e-6
        inside = np.flatnonzero(near & (run == run[row]))
        start, stop = int(inside[0]), int(inside[-1]) + 1
        if found and start <= found[-1].stop and run[found[-1].start] == run[row]:
            found[-1] = slice(found[-1].start, max(stop, found[-1].stop))
        else:
            found.append(slice(start, stop))
    return found


def _runs(frame: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """(T,) number of the run without a gap that each row is in."""
    steps = np.diff(frame)
    usual = int(np.median(steps)) if len(steps) else 1
    return np.concatenate([[0], np.cumsum(steps > usual)]).astype(np.int64)


def _solved(
    sequence: SmplxSequence,
    pins: Sequence[Pin],
    window: slice,
    depth: Floats,
    camera: CameraPath | None,
    report: Callable[[int], None],
    check: Callable[[], None],
) -> SmplxSequence:
    """One window solved again, and closed on the points that were put right in it."""
    time_s = np.asarray(sequence.time_s[window], dtype=np.float64)
    keypoints = np.array(sequence.keypoints[window], dtype=np.float64)
    own = [pin for pin in pins if window.start <= np.searchsorted(sequence.frame, pin.frame) < window.stop]
    rows = [int(np.searchsorted(sequence.frame, pin.frame)) - window.start for pin in own]
    was = _fitted(keypoints, depth, time_s, sequence.camera_K, camera, check)
    report(1)
    moved, hidden = _moved(sequence, window, keypoints, depth, own, rows)
    now = _fitted(moved, hidden, time_s, sequence.camera_K, camera, check)
    report(2)
    carriers = sorted({joint for pin in own for joint in pin_closure.carriers(pin.keypoint)})
    changed = _changed(sequence, window, was, now, carriers, _edges(sequence, window))
    changed = _closed(changed, window, own, rows)
    placed = np.array(changed.keypoints)
    for pin, row in zip(own, rows, strict=True):
        placed[window.start + row, pin.keypoint] = (pin.x, pin.y, 1.0)
    return replace(changed, keypoints=placed)


def _fitted(
    keypoints: Array,
    depth: Floats,
    time_s: Array,
    camera_K: Array,
    camera: CameraPath | None,
    check: Callable[[], None],
) -> fit.FitResult:
    seen = keypoints if camera is None else undistorted(keypoints, camera)
    return fit.solve(
        time_s=time_s, keypoints=seen, points3d=depth, camera_K=np.asarray(camera_K, np.float64), check=check
    )


def _moved(
    sequence: SmplxSequence,
    window: slice,
    keypoints: Array,
    depth: Floats,
    pins: Sequence[Pin],
    rows: Sequence[int],
) -> tuple[Array, Floats]:
    """Keypoints (n, 133, 3) and 3D points of a window with the pins in place, faded around them."""
    out, hidden = keypoints.copy(), np.array(depth)
    for keypoint in sorted({pin.keypoint for pin in pins}):
        taken = _taken_to_be(sequence, window, keypoints, keypoint)
        shift, weight = _shifts(sequence.time_s[window], keypoint, taken, pins, rows)
        touched = weight > 1e-3
        out[touched, keypoint, :2] = taken[touched] + shift[touched]
        sure = _AS_SURE if keypoint not in _FEET else 1.0
        out[touched, keypoint, 2] = np.maximum(keypoints[touched, keypoint, 2], sure * weight[touched])
        # What the networks thought of its depth belongs to where they saw it.
        hidden[touched, keypoint] = np.nan
    return out, hidden


def _shifts(
    time_s: Array, keypoint: int, taken: Array, pins: Sequence[Pin], rows: Sequence[int]
) -> tuple[Array, Array]:
    """How far (n, 2) a point is to go from where it was taken to be (n, 2), and how surely (n,)."""
    mine = sorted(
        (row, pin.x, pin.y) for pin, row in zip(pins, rows, strict=True) if pin.keypoint == keypoint
    )
    shift, weight = np.zeros((len(time_s), 2)), np.zeros(len(time_s))
    times = [time_s[row] for row, _, _ in mine]
    for k, (row, x, y) in enumerate(mine):
        away = time_s - time_s[row]
        # Up to the next point put right, if that is nearer than the fade: from one to the other.
        before = min(_FADE_S, times[k] - times[k - 1]) if k else _FADE_S
        after = min(_FADE_S, times[k + 1] - times[k]) if k + 1 < len(times) else _FADE_S
        share = np.abs(away) / np.where(away >= 0.0, after, before)
        fade = 0.5 + 0.5 * np.cos(np.pi * np.clip(share, 0.0, 1.0))
        shift += fade[:, None] * (np.array([x, y]) - taken[row])
        weight = np.maximum(weight, fade)
    return shift, weight


def _closed(
    sequence: SmplxSequence, window: slice, pins: Sequence[Pin], rows: Sequence[int]
) -> SmplxSequence:
    """The sequence with the body's own points on the pins, and going there and leaving as they fade."""
    camera = _camera(sequence, window)
    back = np.swapaxes(camera[:, :3, :3], -1, -2)
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3).astype(np.float64)
    trans = sequence.trans.astype(np.float64)
    local = matrix_from_axis_angle(poses[window, :BODY_JOINT_COUNT])
    local[:, 0] = back @ local[:, 0]
    pelvis = np.einsum("tij,tj->ti", back, rest[0] + trans[window] - camera[:, :3, 3])
    camera_K = np.asarray(sequence.camera_K, dtype=np.float64)
    for keypoints in _by_limb(pins):
        pinned = {pin.keypoint for pin in pins}
        targets, weights = [], []
        for keypoint in keypoints:
            here = _point(local, pelvis, rest, camera_K, keypoint)
            shift, weight = _shifts(sequence.time_s[window], keypoint, here, pins, rows)
            targets.append(here + shift)
            weights.append(weight if keypoint in pinned else np.full(len(weight), _STAYS))
        use = np.max(weights, axis=0, initial=0.0, where=[[k in pinned] for k in keypoints]) > 1e-3
        local[use], pelvis[use] = pin_closure.closed(
            local[use], pelvis[use], rest_joints=rest, camera_K=camera_K, keypoints=keypoints,
            targets=np.stack(targets, axis=1)[use], weights=np.stack(weights, axis=1)[use],
        )  # fmt: skip
    local[:, 0] = camera[:, :3, :3] @ local[:, 0]
    poses[window, :BODY_JOINT_COUNT] = axis_angle_from_matrix(local)
    trans[window] = np.einsum("tij,tj->ti", camera[:, :3, :3], pelvis) + camera[:, :3, 3] - rest[0]
    return _with_motion(sequence, window, poses, trans)


def _by_limb(pins: Sequence[Pin]) -> list[list[int]]:
    """The pinned points, those of one limb together; with a knee or an elbow, where the limb ends."""
    limbs: dict[tuple[int, ...], list[int]] = {}
    for keypoint in sorted({pin.keypoint for pin in pins}):
        limbs.setdefault(pin_closure.carriers(keypoint), []).append(keypoint)
    for keypoints in limbs.values():
        ends = [pin_closure.end_of(keypoint) for keypoint in keypoints]
        keypoints += [end for end in ends if end is not None and end not in keypoints]
    # The whole body first: limbs hang on it.
    return [limbs[carriers] for carriers in sorted(limbs, key=len, reverse=True)]


def _point(local: Array, pelvis: Array, rest: Array, camera_K: Array, keypoint: int) -> Array:
    """Where (n, 2) a body (n, 22, 3, 3) in the camera frame has one of KEYPOINTS, pixels."""
    column = KEYPOINTS.index(keypoint)
    joints, world = forward(local, pelvis, rest)
    return pin_closure.project(pin_closure.point(joints, world, column), camera_K)


def _taken_to_be(sequence: SmplxSequence, window: slice, keypoints: Array, keypoint: int) -> Array:
    """Where (n, 2) a point was taken to be: its landmark, or the body's point where there was none."""
    landmark = keypoints[:, keypoint]
    seen = (landmark[:, 2] >= _SEEN) & np.isfinite(landmark).all(axis=-1)
    return np.where(seen[:, None], landmark[:, :2], body_points(sequence, window, keypoint))


def body_points(sequence: SmplxSequence, rows: slice, keypoint: int) -> Array:
    """Where (n, 2) in the picture the body has one of KEYPOINTS, pixels."""
    camera = _camera(sequence, rows)
    back = np.swapaxes(camera[:, :3, :3], -1, -2)
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    poses = sequence.poses[rows].reshape(-1, JOINT_COUNT, 3)[:, :BODY_JOINT_COUNT].astype(np.float64)
    local = matrix_from_axis_angle(poses)
    local[:, 0] = back @ local[:, 0]
    pelvis = np.einsum("tij,tj->ti", back, rest[0] + sequence.trans[rows] - camera[:, :3, 3])
    return _point(local, pelvis, rest, np.asarray(sequence.camera_K, dtype=np.float64), keypoint)


def _changed(
    sequence: SmplxSequence,
    window: slice,
    was: fit.FitResult,
    now: fit.FitResult,
    carriers: list[int],
    share: Array,
) -> SmplxSequence:
    """The sequence with what differs between two solves of a window put on top, as far as `share` (n,).

    Only of the joints that carry the points which were put right: a dragged wrist moves no feet.
    """
    camera = _camera(sequence, window)
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3).astype(np.float64)
    mine = matrix_from_axis_angle(poses[window][:, carriers])
    old, new = matrix_from_axis_angle(was.poses[:, carriers]), matrix_from_axis_angle(now.poses[:, carriers])
    turn = axis_angle_from_matrix(np.swapaxes(old, -1, -2) @ new)
    poses[window, carriers] = axis_angle_from_matrix(
        mine @ matrix_from_axis_angle(share[:, None, None] * turn)
    )
    step = np.einsum("tij,tj->ti", camera[:, :3, :3], now.pelvis - was.pelvis)
    trans = sequence.trans.astype(np.float64)
    if 0 in carriers:
        trans[window] += share[:, None] * step
    sigma = np.array(sequence.sigma)
    surer = np.minimum(now.sigma[:, carriers] - was.sigma[:, carriers], 0.0)
    sigma[window, carriers] = np.maximum(sigma[window][:, carriers] + share[:, None] * surer, 1e-3)
    return replace(_with_motion(sequence, window, poses, trans), sigma=sigma.astype(np.float32))


def _with_motion(sequence: SmplxSequence, window: slice, poses: Array, trans: Array) -> SmplxSequence:
    """The sequence with poses (T, 55, 3) and trans (T, 3) that differ in a window, its joints with them."""
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    camera = _camera(sequence, window)
    joints = np.array(sequence.joints_camera)
    for block in in_blocks(window.stop - window.start):
        rows = slice(window.start + block.start, window.start + block.stop)
        placed, _ = forward(matrix_from_axis_angle(poses[rows]), rest[0] + trans[rows], rest)
        joints[rows] = (placed - camera[block, None, :3, 3]) @ camera[block, :3, :3]
    return replace(
        sequence,
        poses=poses.reshape(len(sequence), -1).astype(np.float32),
        trans=trans.astype(np.float32),
        joints_camera=joints.astype(np.float32),
    )


def _camera(sequence: SmplxSequence, rows: slice) -> Array:
    """world_from_camera (n, 4, 4) of some rows."""
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    return camera[rows] if camera.ndim == 3 else np.broadcast_to(camera, (rows.stop - rows.start, 4, 4))


def _edges(sequence: SmplxSequence, window: slice) -> Array:
    """(n,) 1 inside a window, falling to 0 at those ends that the person's motion goes on beyond."""
    run = _runs(sequence.frame)
    time_s = np.asarray(sequence.time_s[window], dtype=np.float64)
    near = np.full(len(time_s), np.inf)
    if window.start > 0 and run[window.start - 1] == run[window.start]:
        near = np.minimum(near, time_s - time_s[0])
    if window.stop < len(run) and run[window.stop] == run[window.stop - 1]:
        near = np.minimum(near, time_s[-1] - time_s)
    t = np.clip(near / _EDGE_S, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))

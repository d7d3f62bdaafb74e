# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's landmarks over a take to SMPL-X rotations in the camera frame.

Bone lengths are found once, on the stretch of the take that shows most of the body;
then windows that overlap are fitted with those lengths and blended, so that memory is
bounded and a long take has no seam.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from ..kinematics import axis_angle_from_matrix, forward, in_blocks, matrix_from_axis_angle
from ..lift.network import lift
from ..side_by_side import side_by_side
from ..skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, LEFT_HAND, PARENTS, RIGHT_HAND
from . import initial
from .body import BodyFit, BodyOptions, fit_body
from .evidence import Evidence, gather
from .face import fit_face, fit_jaw
from .hands import pose_hands
from .lifted import LiftTrust, joint_sigma, with_lift
from .model_points import scaled_rest, stature
from .neck import share_turn
from .world_frame import CameraMotion, in_world, seen_by, turned_back

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_WINDOW = 240  # frames that are solved at once
_OVERLAP = 30
_SCALE_LIMIT = 0.15  # how far the fit may change a bone's log scale from its 3D median
_LARGEST_SIGMA = 1.0  # metres: more says no more than "unknown"
_UNSEEN_SIGMA = 0.05  # metres: a finger joint of a hand that was not seen


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    height_m: float | None = None  # the person's stature, when known
    body: BodyOptions = field(default_factory=BodyOptions)
    trust: LiftTrust = field(default_factory=LiftTrust)


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """One person in the camera frame (x right, y down, z forward)."""

    poses: Array  # (T, 55, 3) axis-angle, parent-relative; the pelvis's is camera-from-pelvis
    pelvis: Array  # (T, 3) the pelvis joint, metres
    rest_joints: Array  # (55, 3)
    joints: Array  # (T, 55, 3)
    sigma: Array  # (T, 55) metres
    arkit: Array  # (T, 52) 0 to 1; NaN where the face is not known
    standing: Array  # (T, 4) 0 to 1: heels and toes that stand still
    up: Array  # (T, 3) against gravity as the lift network sees it; the surer, the nearer to length 1


def solve(
    *,
    time_s: Array,
    keypoints: Floats,
    points3d: Floats,
    camera_K: Array,
    face: Floats | None = None,
    expression: Floats | None = None,
    fingers: Floats | None = None,
    options: FitOptions = FitOptions(),
    motion: CameraMotion | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> FitResult:
    """Solve T frames of one person: keypoints (T, 133, 3), points3d (T, 133, 3), increasing time_s (T,).

    face (T, 204, 3): the points of `landmarks.face_points`; expression (T, 52): ARKit coefficients
    that a network gave, NaN where it did not; fingers (T, 2, 20, 2): angles of the left and the right
    hand's fingers and their spreads, as `landmarks.assembly` has them. None if the backend gives none.

    `motion` is how the camera moves; without it, it stands still. The result is in the camera
    frame either way. `progress` is told the frames done and their total; `check` is called often and may
    raise (Cancelled) to stop.
    """
    count = len(time_s)
    looks = None
    if face is not None and np.isfinite(face).any():
        looks = fit_face(time_s=time_s, face=face, keypoints=keypoints, read=expression)
    evidence = gather(time_s=time_s, keypoints=keypoints, points3d=points3d, camera_K=camera_K, face=looks)
    lifted = lift(time_s=time_s, keypoints=keypoints, camera_K=camera_K, check=check)
    log_scale = initial.proportions(lifted, height_m=options.height_m)
    evidence = with_lift(evidence, lifted, log_scale, options.trust)
    if motion is not None:
        evidence = in_world(evidence, motion)
    best = _best_seen(evidence)
    trial = _fit(_part(evidence, best), log_scale, options, check, free_scale=True)
    # What the view did not show must not run away: a person from the side has no hip width.
    log_scale = log_scale + np.clip(trial.log_scale - log_scale, -_SCALE_LIMIT, _SCALE_LIMIT)
    if options.height_m is not None:
        log_scale = _with_height(log_scale, options.height_m)
    rest = scaled_rest(log_scale)
    doubt = np.minimum(joint_sigma(lifted, evidence, log_scale), _LARGEST_SIGMA)
    standing, up = evidence.standing, lifted.up
    del lifted  # of a long take each of these is a hundred megabytes

    body = _in_windows(evidence, log_scale, options, check, progress, solved=(best, trial))
    del evidence

    if motion is not None:
        body = replace(
            body,
            local=turned_back(motion.camera, body.local),
            pelvis=seen_by(motion.camera, body.pelvis[:, None])[:, 0],
        )
    certainty = keypoints[..., 2].astype(np.float64)
    body = replace(body, local=share_turn(body.local, rest))
    poses = np.zeros((count, JOINT_COUNT, 3))
    for block in in_blocks(count):
        poses[block, :BODY_JOINT_COUNT] = axis_angle_from_matrix(body.local[block])
    sigma = np.zeros((count, JOINT_COUNT))
    sigma[:, :BODY_JOINT_COUNT] = doubt
    arkit = np.full((count, 52), np.nan)
    if looks is None:
        poses[:, INDEX["jaw"]] = fit_jaw(time_s, points3d[:, wholebody.FACE], certainty[:, wholebody.FACE])
    else:
        arkit, poses[:, INDEX["jaw"]] = looks.arkit, looks.jaw
        poses[:, [INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]]] = looks.eyes
    for joint in (22, 23, 24):
        sigma[:, joint] = sigma[:, PARENTS[joint]]
    seen = pose_hands(
        poses,
        time_s=time_s,
        keypoints=keypoints,
        points3d=points3d,
        fingers=fingers,
        camera_K=camera_K,
        pelvis=body.pelvis,
        rest=rest,
    )
    for column, (hand, wrist) in enumerate(((LEFT_HAND, "left_wrist"), (RIGHT_HAND, "right_wrist"))):
        unseen = (1.0 - seen[:, column]) * _UNSEEN_SIGMA
        sigma[:, hand] = np.hypot(sigma[:, INDEX[wrist]], 0.01 + unseen)[:, None]
    joints = np.empty((count, JOINT_COUNT, 3))
    for block in in_blocks(count):
        joints[block], _ = forward(matrix_from_axis_angle(poses[block]), body.pelvis[block], rest)
    return FitResult(
        poses=poses,
        pelvis=body.pelvis,
        rest_joints=rest,
        joints=joints,
        sigma=sigma,
        arkit=arkit,
        standing=standing,
        up=up,
    )


def _in_windows(
    evidence: Evidence,
    log_scale: Array,
    options: FitOptions,
    check: Callable[[], None],
    progress: Callable[[int, int], None],
    *,
    solved: tuple[slice, BodyFit],
) -> BodyFit:
    """The fit of all frames with known bone lengths. `solved`: a window, and its fit that found them."""
    count = len(evidence.time_s)
    body = BodyFit(
        local=np.empty((count, BODY_JOINT_COUNT, 3, 3)),
        pelvis=np.empty((count, 3)),
        log_scale=log_scale,
    )
    best, trial = solved

    def fitted(window: slice) -> BodyFit:
        # The stretch that gave the bone lengths has been solved all but for their last change.
        begin = trial if window == best else None
        return _fit(_part(evidence, window), log_scale, options, check, free_scale=False, begin=begin)

    windows, done = _windows(count), 0
    for window, part in zip(windows, side_by_side(fitted, windows), strict=True):
        _join(body, part, start=window.start, overlap=done - window.start)
        done = window.stop
        progress(done, count)
    return body


def _fit(
    evidence: Evidence,
    log_scale: Array,
    options: FitOptions,
    check: Callable[[], None],
    *,
    free_scale: bool,
    begin: BodyFit | None = None,
) -> BodyFit:
    """A window's fit, started from `begin` or else in closed form."""
    if begin is None:
        local = evidence.turns
        pelvis = initial.translation(evidence, local, scaled_rest(log_scale))
        local, pelvis = initial.calmed(evidence.time_s, local, pelvis)
    else:
        local, pelvis = begin.local, begin.pelvis
    return fit_body(
        evidence,
        local=local,
        pelvis=pelvis,
        log_scale=log_scale,
        free_scale=free_scale,
        options=options.body,
        check=check,
    )


def _windows(count: int) -> list[slice]:
    """Runs of frames, each of which begins a little before the one before ends."""
    out: list[slice] = []
    while not out or out[-1].stop < count:
        start = max(0, out[-1].stop - _OVERLAP) if out else 0
        out.append(slice(start, min(count, start + _WINDOW)))
    return out


def _part(evidence: Evidence, window: slice) -> Evidence:
    return replace(
        evidence,
        **{name: value[window] for name, value in vars(evidence).items() if value is not None},
    )


def _best_seen(evidence: Evidence) -> slice:
    """The window in which most points are seen with most certainty."""
    count = len(evidence.time_s)
    if count <= _WINDOW:
        return slice(0, count)
    total = np.concatenate([[0.0], np.cumsum(evidence.weight.sum(axis=1))])
    start = int(np.argmax(total[_WINDOW:] - total[:-_WINDOW]))
    return slice(start, start + _WINDOW)


def _with_height(log_scale: Array, height_m: float) -> Array:
    """The same proportions at the stature that the animator gave."""
    return np.asarray(log_scale + np.log(height_m / stature(log_scale)))


def _join(body: BodyFit, part: BodyFit, *, start: int, overlap: int) -> None:
    """Write a window's fit into the take's; over the first `overlap` frames one fades into the other."""
    share = (np.arange(overlap) + 1.0) / (overlap + 1.0)
    smooth_share = (share * share * (3.0 - 2.0 * share))[:, None]
    old, new = slice(start, start + overlap), slice(0, overlap)
    fresh = slice(start + overlap, start + len(part.pelvis))
    difference = axis_angle_from_matrix(np.swapaxes(body.local[old], -1, -2) @ part.local[new])
    body.local[old] = body.local[old] @ matrix_from_axis_angle(smooth_share[..., None] * difference)
    body.local[fresh] = part.local[overlap:]
    body.pelvis[old] += smooth_share * (part.pelvis[new] - body.pelvis[old])
    body.pelvis[fresh] = part.pelvis[overlap:]

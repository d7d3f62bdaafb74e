# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift and the fit on motion of people that training never saw, with detector-like errors.

Known motion of the held-out subjects, on bodies and before cameras drawn at random, becomes
2D points as our landmark networks would have given them (`training.synthesis`); nothing
of the picture itself is used. Everybody is 1.70 m tall: a picture does not tell size from
distance, so an unknown stature would only be added to every error alike.

Baselines in the same table: the same network shown one frame at a time; that, with the
low-pass filter that is usual in this field; and the fit without the network's evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, filtfilt

from ...inference.fit.lifted import variances
from ...inference.fit.model_points import POINTS
from ...inference.fit.solve import FitOptions, FitResult, solve
from ...inference.kinematics import forward, matrix_from_axis_angle
from ...inference.lift import layout
from ...inference.lift.network import Lifted, lift, lift_single_frames
from ...inference.lift.points import KEYPOINTS

if TYPE_CHECKING:
    from ...training.synthesis import Batch

Array = NDArray[np.float64]

FILES = ("heldout", "eval_bandai_nc")  # .npz of the motion folder
_FRAMES = 150  # five seconds
_SEED = 4711
_CUT_OFF_HZ = 6.0  # of the usual filter
_BODY = slice(0, layout.JOINTS)
_LIMB_ROWS = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in (5, 6, 7, 8, 9, 10, 13, 14, 15, 16)]
# Of a Laplace error of scale 1, what 90 % stay below: across (in two dimensions) and along.
_WITHIN_90 = (3.890, 2.303)


def measure(
    motion: Path, say: Callable[[str], None], *, windows: int = 48, fitted: int = 16
) -> dict[str, float]:
    """The lift.*, fit.* figures. `fitted` of the windows go through the fit too, which takes longer.

    Needs torch. Raises MotionError without the held-out motion.
    """
    from ...training.motion_data import MotionSet
    from ...training.synthesis import AS_RECORDED, Synthesis

    figures: dict[str, float] = {}
    for name, file in zip(("heldout", "bandai"), FILES, strict=True):
        data = Synthesis(
            MotionSet.load(motion, [file], purpose="evaluation"), variety=AS_RECORDED, seed=_SEED
        )
        batch = data.batch(windows, _FRAMES)
        takes = [_Take(batch, row) for row in range(windows)]
        lifted = [take.lifted() for take in takes]
        figures |= _compare(f"lift.{name}", takes, [_places(x) for x in lifted])
        if name == "heldout":
            single = [take.lifted(alone=True) for take in takes]
            calm = [_filtered(_places(x)) for x in single]
            figures |= _compare("lift.single", takes, [_places(x) for x in single])
            figures |= _compare("lift.single_filtered", takes, calm)
            ratio = figures["lift.heldout.accel_mm"] / figures["lift.single.accel_mm"] - 1.0
            figures["lift.heldout.accel_vs_single"] = 100.0 * ratio
            figures |= _doubt(takes, lifted)
            figures |= _fitted(takes[:fitted], lifted[:fitted], say)
    return figures


class _Take:
    """One window as the capture would see it, and its truth."""

    def __init__(self, batch: Batch, row: int) -> None:
        self.time_s = np.arange(batch.inputs.shape[1]) / layout.FPS
        self.keypoints = np.zeros((len(self.time_s), 133, 3))
        self.keypoints[:, KEYPOINTS, :2] = batch.points[row].numpy()
        self.keypoints[:, KEYPOINTS, 2] = batch.certainty[row].numpy()
        # Places are on the plane z = 1 already.
        self.camera_K = np.eye(3)
        turn = batch.camera_from_virtual[row].numpy().astype(np.float64)
        self.places = np.einsum("tij,tkj->tki", turn, batch.places[row].numpy().astype(np.float64))
        self.pelvis = batch.pelvis[row].numpy().astype(np.float64)

    def lifted(self, *, alone: bool = False) -> Lifted:
        run = lift_single_frames if alone else lift
        return run(time_s=self.time_s, keypoints=self.keypoints, camera_K=self.camera_K)

    def fitted(self) -> FitResult:
        return solve(
            time_s=self.time_s,
            keypoints=self.keypoints,
            points3d=np.full((len(self.time_s), 133, 3), np.nan),
            camera_K=self.camera_K,
            options=FitOptions(height_m=layout.STATURE),
        )


def _places(lifted: Lifted) -> Array:
    return lifted.places


def _filtered(places: Array) -> Array:
    b, a = butter(2, _CUT_OFF_HZ, fs=layout.FPS)
    return np.asarray(filtfilt(b, a, places, axis=0))


def _compare(name: str, takes: list[_Take], found: list[Array]) -> dict[str, float]:
    """Root-centred errors of all 22 joints; the pelvis, which is always right, is not counted."""
    truth = np.stack([take.places for take in takes])
    places = np.stack(found)
    apart = np.linalg.norm(places - truth, axis=-1)[..., 1:]
    jerk = np.diff(places, 2, axis=1) - np.diff(truth, 2, axis=1)
    return {
        f"{name}.mpjpe_mm": float(apart.mean() * 1000),
        f"{name}.pa_mpjpe_mm": float(_aligned(places, truth).mean() * 1000),
        f"{name}.accel_mm": float(np.linalg.norm(jerk, axis=-1)[..., 1:].mean() * 1000),
    }


def _aligned(points: Array, target: Array) -> Array:
    """Distances (..., J) after each frame's best similarity transform."""
    p = points - points.mean(axis=-2, keepdims=True)
    t = target - target.mean(axis=-2, keepdims=True)
    u, s, vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    sign = np.ones_like(s)
    sign[..., 2] = np.sign(np.linalg.det(u @ vt))
    scale = (s * sign).sum(axis=-1) / np.maximum((p**2).sum(axis=(-1, -2)), 1e-12)
    turned = p @ ((u * sign[..., None, :]) @ vt)
    return np.asarray(np.linalg.norm(scale[..., None, None] * turned - t, axis=-1))


def _doubt(takes: list[_Take], lifted: list[Lifted]) -> dict[str, float]:
    sigma, errors, inside = [], [], []
    for take, found in zip(takes, lifted, strict=True):
        error = found.places - take.places
        depth = np.einsum("tki,ti->tk", error, found.sight)
        across = np.linalg.norm(error - depth[..., None] * found.sight[:, None], axis=-1)
        inside.append(
            np.stack([across < _WITHIN_90[0] * found.across, np.abs(depth) < _WITHIN_90[1] * found.along])
        )
        variance_across, variance_along = variances(found)
        sigma.append(np.sqrt(2.0 * variance_across + variance_along)[:, 1:])
        errors.append(np.linalg.norm(error, axis=-1)[:, 1:])
    return {
        "lift.sigma.rank_corr": _rank_correlation(np.concatenate(sigma), np.concatenate(errors)),
        "lift.sigma.cover90": 100.0 * float(np.concatenate(inside, axis=1)[..., 1:].mean()),
    }


def _rank_correlation(a: Array, b: Array) -> float:
    ranks = [np.argsort(np.argsort(x, axis=None)) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def _fitted(takes: list[_Take], lifted: list[Lifted], say: Callable[[str], None]) -> dict[str, float]:
    before, after, sigma, reprojected = [], [], [], []
    for take, found in zip(takes, lifted, strict=True):
        fit = take.fitted()
        joints = fit.joints[:, _BODY]
        after.append(joints - joints[:, :1])
        sigma.append(fit.sigma[:, 1 : layout.JOINTS])
        before.append(found.places)
        local = matrix_from_axis_angle(fit.poses[:, _BODY])
        _, world = forward(local, fit.pelvis, fit.rest_joints)
        reprojected.append(
            (
                _reprojection(take, found.places + found.pelvis[:, None], found.world),
                _reprojection(take, joints, world),
            )
        )
    figures = _compare("lift.same_windows", takes, before) | _compare("fit", takes, after)
    off = np.linalg.norm(np.stack(after) - np.stack([take.places for take in takes]), axis=-1)[..., 1:]
    figures["fit.sigma.rank_corr"] = _rank_correlation(np.stack(sigma), off)
    figures["fit.sigma.ratio"] = float(np.sqrt((off**2).mean() / (np.stack(sigma) ** 2).mean()))
    figures["fit.error_vs_lift"] = 100.0 * (
        figures["fit.mpjpe_mm"] / figures["lift.same_windows.mpjpe_mm"] - 1.0
    )
    figures["fit.pa_vs_lift"] = 100.0 * (
        figures["fit.pa_mpjpe_mm"] / figures["lift.same_windows.pa_mpjpe_mm"] - 1.0
    )
    alone, fitted = (float(np.median(np.concatenate(x))) for x in zip(*reprojected, strict=True))
    say(f"median distance from the points: network {alone:.2f} %, fit {fitted:.2f} % of the stature")
    figures["fit.reproj_vs_lift"] = 100.0 * (fitted / alone - 1.0)
    return figures


def _reprojection(take: _Take, joints: Array, world: Array) -> Array:
    """Distances (N,) of the limbs' points from those that are certain, percent of the stature in the picture.

    The body's points are compared, where a detector puts them (`lift.surface`), not its joints:
    those lie up to 3 cm beside them however well a body fits.
    """
    points = POINTS.posed(joints, world, POINTS.offset)[:, _LIMB_ROWS]
    seen = take.keypoints[:, POINTS.keypoint[_LIMB_ROWS]]
    flat = points[..., :2] / np.maximum(points[..., 2:], 0.1)
    size = layout.STATURE / np.maximum(take.pelvis[:, 2], 0.1)
    distance = np.linalg.norm(flat - seen[..., :2], axis=-1) / size[:, None] * 100.0
    return np.asarray(distance[seen[..., 2] > 0.5])

# SPDX-License-Identifier: GPL-3.0-or-later
"""A person seen by four calibrated cameras, against the reference triangulated from all four.

The only real footage here with something like a truth in 3D. The reference has errors of
its own (median 6 to 9 cm over its mirrored views), and its hips are a detector's. Of the
two people only the second is used: the first one's reference lies outside of the pictures.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.fit.model_points import POINTS
from ...inference.kinematics import forward, matrix_from_axis_angle
from ...inference.sequence import SmplxSequence
from ...inference.skeleton import BODY_JOINT_COUNT
from ...inference.take import Take
from .accuracy import COMPARED, procrustes
from .four_views import raw_landmarks

Array = NDArray[np.float64]

FOLDER = "two_people_four_views"
CAMERAS = ("cam01", "cam02", "cam03", "cam04")
_NAMES = {
    "hip": "Hip",
    "knee": "Knee",
    "ankle": "Ankle",
    "shoulder": "Shoulder",
    "elbow": "Elbow",
    "wrist": "Wrist",
}
_JOINTS = [
    (f"{side}_{name}", f"{side[0].upper()}{_NAMES[name]}") for name in COMPARED for side in ("left", "right")
]


def measure(
    folder: Path, captured: Callable[[Path, str, bool], Take], say: Callable[[str], None]
) -> dict[str, float]:
    """Capture every view and compare. `captured` makes a take of a video under a name, plain or not.

    `four_views.pa_mm` is the mean over the views; `four_views.pa_vs_detector` by what share it is
    lower (negative) than the detector's own 3D points over the same frames and joints, aligned
    alike; `four_views.pa_vs_detector_worst` the same in the view where it is worst. What the
    detector gives when those in front are painted out is `views.*.painted_pa_mpjpe_mm`.
    """
    world = _reference(folder / "pose3d_P2.trc")
    calibration = tomllib.loads((folder / "Calib.toml").read_text(encoding="utf-8"))
    out: dict[str, float] = {}
    for k, camera in enumerate(CAMERAS, start=1):
        video = folder / f"{camera}.mp4"
        take = captured(video, f"views_{camera}", False)
        seen, K = _in_camera(world, calibration[f"cam_{k:02d}"])
        pixels, best = _nearest(take, seen, K)
        if best is None:
            say(f"views {camera}: the person was not captured")
            out[f"views.{camera}.found"] = 0.0
            continue
        figures = _compare(best.frame, _points(best), seen)
        names = tuple(name for name, _ in _JOINTS)
        painted = _compare(best.frame, raw_landmarks(take, best, names), seen)
        figures["painted_pa_mpjpe_mm"] = painted["pa_mpjpe_mm"]
        alone = captured(video, f"views_{camera}_plain", True)
        _, other = _nearest(alone, seen, K)
        if other is not None:
            rows = np.isin(other.frame, best.frame)
            detector = _compare(other.frame[rows], raw_landmarks(alone, other, names)[rows], seen)
            figures["detector_pa_mpjpe_mm"] = detector["pa_mpjpe_mm"]
            figures["detector_found"] = detector["found"]
        say(
            f"views {camera}: {pixels:.0f} px apart, " + ", ".join(f"{n} {v:.2f}" for n, v in figures.items())
        )
        out |= {f"views.{camera}.{name}": value for name, value in figures.items()}
    for name in ("found", "mpjpe_mm", "pa_mpjpe_mm", "mirrored"):
        values = [out[key] for camera in CAMERAS if (key := f"views.{camera}.{name}") in out]
        if values:
            out[f"views.{name}"] = float(np.mean(values))
    return out | _against_detector(out)


def _nearest(take: Take, seen: Array, K: Array) -> tuple[float, SmplxSequence | None]:
    """Of a take's people the one that the reference shows, and how many pixels they are apart."""
    near = [(_pixels(s, seen, K), s) for s in map(take.sequence, take.people)]
    pixels, best = min(near, key=lambda pair: pair[0], default=(np.inf, None))
    return pixels, best if np.isfinite(pixels) else None


def _against_detector(views: dict[str, float]) -> dict[str, float]:
    seen = [camera for camera in CAMERAS if f"views.{camera}.detector_pa_mpjpe_mm" in views]
    if not seen:
        return {}
    mine, detector = (
        np.array([views[f"views.{camera}.{name}"] for camera in seen])
        for name in ("pa_mpjpe_mm", "detector_pa_mpjpe_mm")
    )
    return {
        "four_views.pa_mm": float(mine.mean()),
        "four_views.detector_pa_mm": float(detector.mean()),
        "four_views.pa_vs_detector": float(mine.mean() / detector.mean() - 1.0),
        "four_views.pa_vs_detector_worst": float((mine / detector - 1.0).max()),
    }


def _reference(path: Path) -> Array:
    """Joints (T, 12, 3) of a .trc file in the order of _JOINTS, metres, the calibration's world."""
    lines = path.read_text(encoding="utf-8").splitlines()
    markers = lines[3].split("\t")[2::3]
    rows = np.array(
        [[float(v) if v else np.nan for v in line.split("\t")[2:]] for line in lines[5:] if line.strip()]
    )
    rows = rows[:, : 3 * (rows.shape[1] // 3)].reshape(len(rows), -1, 3)
    chosen = rows[:, [markers.index(name) for _, name in _JOINTS]]
    return np.asarray(chosen[..., [2, 0, 1]])


def _in_camera(world: Array, camera: dict[str, object]) -> tuple[Array, Array]:
    rotation, _ = cv2.Rodrigues(np.array(camera["rotation"], np.float64))
    return world @ rotation.T + np.array(camera["translation"], np.float64), np.array(
        camera["matrix"], np.float64
    )


def _pixels(sequence: SmplxSequence, seen: Array, K: Array) -> float:
    """Median distance between the reference in the picture and the captured joints in the picture."""
    frames, rows = _common(sequence.frame, seen)
    if len(frames) < 5:
        return float("inf")
    places = []
    for points, matrix in ((_points(sequence)[rows], np.asarray(sequence.camera_K)), (seen[frames], K)):
        pixel = points @ matrix.T
        places.append(pixel[..., :2] / pixel[..., 2:])
    return float(np.nanmedian(np.linalg.norm(places[0] - places[1], axis=-1)))


def _points(sequence: SmplxSequence) -> Array:
    """Where a detector would put the points of _JOINTS (T, 12, 3) on the captured body, camera frame.

    The reference is made of a detector's points, whose hips and ankles are not SMPL-X's joints.
    """
    world = np.asarray(sequence.world_from_camera, np.float64)
    local = matrix_from_axis_angle(sequence.poses.reshape(len(sequence), -1, 3)[:, :BODY_JOINT_COUNT])
    local[:, 0] = np.swapaxes(world[..., :3, :3], -1, -2) @ local[:, 0]
    rest = np.asarray(sequence.rest_joints, np.float64)
    joints, turns = forward(local, np.asarray(sequence.joints_camera[:, 0], np.float64), rest)
    points = POINTS.posed(joints, turns, POINTS.offset)
    rows = [int(np.flatnonzero(POINTS.keypoint == wholebody.INDEX[name])[0]) for name, _ in _JOINTS]
    return points[:, rows]


def _common(
    frame: NDArray[np.integer[Any]], seen: Array
) -> tuple[NDArray[np.integer[Any]], NDArray[np.intp]]:
    whole = np.flatnonzero(np.isfinite(seen).all(axis=(1, 2)))
    frames, rows, _ = np.intersect1d(frame, whole, return_indices=True)
    return frames, rows


def _compare(frame: NDArray[np.integer[Any]], points: Array, seen: Array) -> dict[str, float]:
    """Errors of points (T, 12, 3) in frames (T,), over the frames that the reference has.

    `mirrored` is the share of frames in which left and right are exchanged.
    """
    frames, rows = _common(frame, seen)
    mine, real = (_from_hips(places) for places in (points[rows], seen[frames]))
    other = [i + 1 if i % 2 == 0 else i - 1 for i in range(len(_JOINTS))]  # left and right alternate
    apart = np.linalg.norm(mine - real, axis=-1).mean(axis=1)
    exchanged = np.linalg.norm(mine[:, other] - real, axis=-1).mean(axis=1)
    aligned = [np.linalg.norm(procrustes(a, b) - b, axis=-1).mean() for a, b in zip(mine, real, strict=True)]
    return {
        "found": len(frames) / int(np.isfinite(seen).all(axis=(1, 2)).sum()),
        "mpjpe_mm": float(apart.mean() * 1000),
        "pa_mpjpe_mm": float(np.mean(aligned) * 1000),
        "mirrored": float((exchanged < apart).mean()),
    }


def _from_hips(points: Array) -> Array:
    hips = [i for i, (name, _) in enumerate(_JOINTS) if name.endswith("hip")]
    return np.asarray(points - points[:, hips].mean(axis=1, keepdims=True))

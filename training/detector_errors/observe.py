# SPDX-License-Identifier: GPL-3.0-or-later
"""What the landmark networks say about rendered clips, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.landmarks.backend import MediapipeBackend
from ...inference.landmarks.person_detector import Detection, region_from_points
from ...inference.lift.points import KEYPOINTS
from ...inference.people.swaps import repair
from ...inference.people.track import TrackLandmarks
from ...inference.skeleton import INDEX
from .scenes import Camera, Clip, Frame, render
from .truth import rest_places, sight

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """N frames of C clips, P = 35 points. Frames in which nobody was found have found = False."""

    clip: NDArray[np.int64]  # (N,)
    time: NDArray[np.int64]  # (N,) thirtieths of a second from the clip's start
    found: NDArray[np.bool_]  # (N,)
    keypoints: Array  # (N, P, 3) as detected, pixels and certainty
    repaired: Array  # (N, P, 3) after left and right were put right over time
    joints: Array  # (N, 55, 3) truth, camera axes, metres
    turns: Array  # (N, 55, 3, 3) truth, camera from joint
    rest: Array  # (N, 55, 3) the person's joints at rest
    points: Array  # (N, P, 3) truth: where the points are meant to be, camera axes
    hidden: NDArray[np.bool_]  # (N, P) behind another part of the body
    inside: NDArray[np.bool_]  # (N, P) within the picture
    K: Array  # (N, 3, 3)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Observations:
        with np.load(path, allow_pickle=False) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls)})

    @property
    def size_px(self) -> Array:
        """(N,) pixels of 1.7 metres at the pelvis' distance: the unit of all errors."""
        return np.asarray(1.7 * self.K[:, 0, 0] / self.joints[:, 0, 2])

    def projected(self, places: Array) -> Array:
        """Pixels (N, P, 2) of places (N, P, 3) in camera axes."""
        flat = places[..., :2] / np.maximum(places[..., 2:], 0.05)
        return np.asarray(flat * self.K[:, None, [0, 1], [0, 1]] + self.K[:, None, :2, 2])


def observe(clips: Iterable[Clip], *, report: int = 20) -> Observations:
    """Render the clips and run the networks on them as a capture does, each clip for itself."""
    backend = MediapipeBackend(threads=1)
    rows: list[dict[str, Array]] = []
    for number, clip in enumerate(clips):
        rows.extend(_observe_clip(backend, clip, number))
        if report and number % report == report - 1:
            found = np.mean([row["found"] for row in rows])
            print(f"{number + 1} clips, {found:.0%} of frames found", flush=True)
    return Observations(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def _observe_clip(backend: MediapipeBackend, clip: Clip, number: int) -> list[dict[str, Array]]:
    rows, landmarks, state = [], [], None
    rest_points = rest_places(clip.rest)
    for t, frame in enumerate(render(clip)):
        if state is None or clip.step > 1:
            state = backend.begin(_true_detection(frame, clip.camera))
        result = backend.track(frame.image, state)
        found, state = result if result is not None else (None, None)
        landmarks.append(found)
        points, hidden, inside = sight(frame, clip, rest_points)
        rows.append(
            {
                "clip": np.array(number), "time": np.array(t * clip.step),
                "found": np.array(found is not None),
                "keypoints": np.zeros((len(KEYPOINTS), 3)) if found is None else found.keypoints[KEYPOINTS],
                "repaired": np.zeros((len(KEYPOINTS), 3)),
                "joints": frame.joints, "turns": frame.turns, "rest": clip.rest,
                "points": points, "hidden": hidden, "inside": inside, "K": clip.camera.K,
            }
        )  # fmt: skip
    times = [t for t, one in enumerate(landmarks) if one is not None]
    if times:
        seen = [one for one in landmarks if one is not None]
        track = TrackLandmarks(
            frame=np.array(times),
            time_s=np.array(times) * clip.step / 30.0,
            keypoints=np.stack([one.keypoints for one in seen]),
            points3d=np.stack([one.points3d for one in seen]),
            box=np.stack([one.box for one in seen]),
        )
        for t, keypoints in zip(times, repair(track).landmarks.keypoints, strict=True):
            rows[t]["repaired"] = keypoints[KEYPOINTS].astype(np.float64)
    return rows


def _true_detection(frame: Frame, camera: Camera) -> Detection:
    """A detection as it should be: the middle of the hips, and as far up the body as the body reaches."""
    flat = frame.joints[:, :2] / np.maximum(frame.joints[:, 2:], 0.05)
    flat = flat * camera.K[[0, 1], [0, 1]] + camera.K[:2, 2]
    hips = flat[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
    shoulders = flat[[INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=0)
    up = (shoulders - hips) / max(float(np.linalg.norm(shoulders - hips)), 1e-6)
    reach = float(np.linalg.norm(flat - hips, axis=1).max()) * 1.1
    roi = region_from_points(hips, hips + reach * up)
    return Detection(box=roi.scaled(0.8).box().astype(np.float32), roi=roi, score=1.0)

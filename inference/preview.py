# SPDX-License-Identifier: GPL-3.0-or-later
"""A quick pose of one person for every frame that is read, to be seen while the capture runs.

It is a preview and no result: the lift network says how the body stands, from the last
half second, on bones of average proportions, with a little smoothing. The fit that follows
the reading knows the whole take and makes it anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import wholebody
from .fit import initial
from .fit.evidence import Evidence, gather
from .fit.face import fit_jaw
from .fit.hands import glimpse
from .fit.lifted import local_rotations
from .fit.model_points import GROUPS, scaled_rest
from .kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from .lift.network import lift
from .people.motion import place
from .people.tracker import TrackRow
from .skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, LEFT_HAND, RIGHT_HAND

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_RECENT = 16  # frames that the network is shown
_INTERVAL_S = 1.0 / 15.0  # more poses a second than this nobody sees
_SHARE = 0.1  # of the processor's time that the preview may take from the reading
_CALM_S = 0.06  # how long the smoothing remembers, in the video's time
_FORGET_S = 0.5  # after a gap of so long the person starts afresh
_WRIST_LIMIT = 1.4  # radians: a hand's frame that was read wrongly must not break the wrist
_STATURE_M = 1.705  # of the template


@dataclass(frozen=True)
class PreviewPose:
    """One person in one frame, in the camera frame (x right, y down, z forward)."""

    frame: int  # index of the video frame
    time_s: float  # its timestamp
    poses: Array  # (55, 3) axis-angle, parent-relative; the pelvis's is camera-from-pelvis
    pelvis: Array  # (3,) metres
    focal_px: float  # of the camera that this is seen by


class Preview:
    """Makes poses of the main person, or of the one who is nearest to `pick`."""

    def __init__(
        self,
        camera_K: Array,
        *,
        height_m: float | None = None,
        pick: tuple[int, float, float] | None = None,
        interval_s: float = _INTERVAL_S,
    ) -> None:
        """camera_K (3, 3); pick: a video frame and a place in it, pixels.

        interval_s: at least this between two poses; 0: every frame.
        """
        self._camera_K = camera_K
        self._rest = scaled_rest(np.full(len(GROUPS), np.log((height_m or _STATURE_M) / _STATURE_M)))
        self._pick = pick
        self._interval_s = interval_s
        self._due = -np.inf
        self._weight: dict[int, float] = {}  # track: how long and large it was seen
        self._track: int | None = None
        self._picked: int | None = None
        self._last: tuple[float, Array, Array] | None = None  # time, local (55, 3, 3), pelvis
        self._recent: deque[tuple[float, Floats]] = deque(maxlen=_RECENT)  # times, keypoints (133, 3)
        self._recent_of: int | None = None  # the track

    def step(self, frame: int, time_s: float, rows: Sequence[TrackRow]) -> PreviewPose | None:
        """The pose in a frame, in which `rows` are all the people. None: too soon, or nobody is there."""
        row = self._choose(frame, rows)
        if row is None:
            return None
        gap = bool(self._recent) and not 0.0 < time_s - self._recent[-1][0] < _FORGET_S
        if row.track != self._recent_of or gap:
            self._recent.clear()
            self._recent_of = row.track
        self._recent.append((time_s, row.landmarks.keypoints))
        if time.monotonic() < self._due:
            return None
        begun = time.thread_time()
        evidence = gather(
            time_s=np.array([time_s]),
            keypoints=row.landmarks.keypoints[None],
            points3d=row.landmarks.points3d[None],
            camera_K=self._camera_K,
        )
        local, pelvis = self._posed(evidence, row)
        pause_s = min((time.thread_time() - begun) / _SHARE, 0.5)  # the first one loads the network
        self._due = time.monotonic() + (max(self._interval_s, pause_s) if self._interval_s else 0.0)
        if not (np.isfinite(local).all() and np.isfinite(pelvis).all()):
            return None
        local, pelvis = self._calmed(row.track, time_s, local, pelvis)
        focal_px = float(self._camera_K[0, 0])
        return PreviewPose(frame, time_s, axis_angle_from_matrix(local), pelvis, focal_px)

    def _choose(self, frame: int, rows: Sequence[TrackRow]) -> TrackRow | None:
        """Who is shown: the picked one, else who was seen longest and largest of those who are there."""
        if not rows:
            return None
        places = [place(row.landmarks.keypoints, row.landmarks.box) for row in rows]
        for row, (_, size) in zip(rows, places, strict=True):
            self._weight[row.track] = self._weight.get(row.track, 0.0) + size
        if self._pick is None:
            return max(rows, key=lambda row: self._weight[row.track])
        there = {row.track: row for row in rows}
        wanted, x, y = self._pick
        if self._picked is None or (frame <= wanted and self._picked not in there):
            distances = [float(np.hypot(*(centre - (x, y)))) / size for centre, size in places]
            nearest = rows[int(np.argmin(distances))].track
            if frame < wanted:  # a guess until the frame that was clicked in
                return there[nearest]
            self._picked = nearest
        return there.get(self._picked)

    def _posed(self, evidence: Evidence, row: TrackRow) -> tuple[Array, Array]:
        """Local rotations (55, 3, 3) and pelvis (3,) of the one frame of the evidence."""
        lifted = lift(
            time_s=np.array([time_s for time_s, _ in self._recent]),
            keypoints=np.stack([keypoints for _, keypoints in self._recent]),
            camera_K=self._camera_K,
        )
        body = local_rotations(lifted.world[-1:])
        pelvis = initial.translation(evidence, body, self._rest)
        local = np.tile(np.eye(3), (1, JOINT_COUNT, 1, 1))
        local[:, :BODY_JOINT_COUNT] = body
        points3d = row.landmarks.points3d[None].astype(np.float64)
        certainty = row.landmarks.keypoints[None, :, 2].astype(np.float64)
        _, world = forward(local, pelvis, self._rest)
        for part, side, points, hand in (
            (1, "left", wholebody.LEFT_HAND, LEFT_HAND),
            (2, "right", wholebody.RIGHT_HAND, RIGHT_HAND),
        ):
            if evidence.facing_weight[0, part] > 0.0:
                elbow = world[0, INDEX[f"{side}_elbow"]]
                turn = axis_angle_from_matrix(elbow.T @ evidence.facing[0, part])
                turn *= min(1.0, _WRIST_LIMIT / max(float(np.linalg.norm(turn)), 1e-9))
                local[0, INDEX[f"{side}_wrist"]] = matrix_from_axis_angle(turn)
            fingers = glimpse(points3d[:, points], certainty[:, points], left=side == "left")
            local[:, hand] = matrix_from_axis_angle(fingers)
        face = wholebody.FACE
        jaw = fit_jaw(evidence.time_s, points3d[:, face], certainty[:, face])
        local[:, INDEX["jaw"]] = matrix_from_axis_angle(jaw)
        return local[0], pelvis[0]

    def _calmed(self, track: int, time_s: float, local: Array, pelvis: Array) -> tuple[Array, Array]:
        """The pose drawn towards the one before it."""
        if self._last is not None and self._track == track:
            before_s, before, place_before = self._last
            if 0.0 < time_s - before_s < _FORGET_S:
                share = 1.0 - float(np.exp(-(time_s - before_s) / _CALM_S))
                turn = axis_angle_from_matrix(np.swapaxes(before, -1, -2) @ local)
                local = before @ matrix_from_axis_angle(share * turn)
                pelvis = place_before + share * (pelvis - place_before)
        self._track, self._last = track, (time_s, local, pelvis)
        return local, pelvis

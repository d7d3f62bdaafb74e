# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers: 21 points of a hand over a take to 15 joint rotations, and where its palm faces.

What the hand network says and where the forearm points is made into a likely hand with its doubt
(`reader`), and the fit brings that and the picture together (`gauss_newton`). A hand that is not seen goes
over to a relaxed pose and comes back, without a jump.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...camera import rotation_to_ray
from ...kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from .anatomy import ANGLES, anatomy, axis_angles
from .fading import filled
from .gauss_newton import (
    HandEvidence,
    HandState,
    residuals,
    share_left,
    solve_alone,
    solve_together,
)
from .palm import hand_frame
from .reader import PALM, Reading, reader, upright

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_MIN_CERTAINTY = 0.05
_ENOUGH_POINTS = 14  # of the 21; the body's stand-in for a lost hand has four
_WINDOW, _OVERLAP = 600, 30  # frames that are solved at once
_RUN, _RUN_OVERLAP = 2400, 90  # frames of which all is held in memory; the overlap outlasts their errors
_PIXELS = 3.0  # pixels of the picture that a point is off, however large the hand
_FLAT = 1.0  # times the network's own error across the line of sight
_SPREAD, _ANGLE_SPREAD = 2.0, 1.0  # sd of what was read over its spread: its errors go together
# The same of angles where the picture was looked at a second time: of those, and of those read beside them.
_LOOKED_SPREAD, _READ_AFTER = 0.5, 1.4
_LASTING = 0.25  # seconds over which errors are alike
_QUICK = 8.0  # how much more precise than their places are the points' quick moves
_QUICK_ANGLES = 0.06  # and how little what was read of the angles says of them
# Metres between tips in the picture and in space below which they may touch, and over which that fades.
_APART, _APART_FADE, _DEEP, _DEEP_FADE = 0.018, 0.008, 0.045, 0.015
_TOUCH_S, _SURE_TOUCH = 0.05, 0.2
_ACROSS, _ALONG = 0.020, 0.025  # metres, of the hand network's own points
_AROUND, _SUPPORT = 0.25, 0.22  # seconds either way in which it has to be seen, and how surely
_WORTH = 0.4  # 21 points err together: they are worth fewer


@dataclass(frozen=True)
class HandFit:
    """One hand over T frames."""

    pose: Array  # (T, 15, 3) axis-angle, SMPL-X's order
    seen: Array  # (T,) 0 to 1: how surely the hand was seen
    turn: Array  # (T, 3, 3) camera from wrist; identity where not seen


def fit_hand(
    *,
    time_s: Array,
    keypoints: Floats,
    points3d: Floats,
    camera_K: Array,
    left: bool,
    forearm: Array | None = None,
    fingers: Floats | None = None,
) -> HandFit:
    """keypoints (T, 21, 3) pixels and certainty, points3d (T, 21, 3) metres from the wrist, camera axes.

    fingers (T, 20, 2): angles and their spreads, radians, as a second look at the picture has them; NaN where
    nobody looked, None if nowhere.
    forearm (T, 3): unit vectors from elbow to wrist in camera axes, NaN or None where not known.
    """
    count = len(time_s)
    keypoints = np.asarray(keypoints, np.float64)
    points3d = np.asarray(points3d, np.float64)
    finite = np.isfinite(keypoints).all(axis=-1) & np.isfinite(points3d).all(axis=-1)
    certainty = np.where(finite & (keypoints[..., 2] >= _MIN_CERTAINTY), keypoints[..., 2], 0.0)
    enough = (certainty > 0).sum(axis=1) >= _ENOUGH_POINTS
    _, palm_weight = hand_frame(np.where(finite[..., None], points3d, 0.0), certainty, left=left)
    sure = np.where(enough & (palm_weight > 0), np.median(certainty, axis=1), 0.0)
    rows = np.flatnonzero((sure > 0) & (_support(time_s, sure) >= _SUPPORT))
    seen = np.zeros(count)
    turn = np.tile(np.eye(3), (count, 1, 1))
    if not len(rows):
        relaxed = np.broadcast_to(anatomy().relaxed, (count, 5, 4))
        return HandFit(axis_angles(relaxed, left=left), seen, turn)
    seen[rows] = sure[rows]
    arm = np.full((count, 3), np.nan) if forearm is None else forearm
    looked = np.full((count, ANGLES, 2), np.nan) if fingers is None else np.asarray(fingers, np.float64)
    state, done = None, 0
    while done < len(rows):
        first = max(0, done - _RUN_OVERLAP)
        run = rows[first : first + _RUN]
        evidence, start = _gathered(
            time_s[run], keypoints[run], points3d[run], certainty[run], arm[run], looked[run], camera_K,
            left=left,
        )  # fmt: skip
        start = solve_alone(evidence, start)
        part = _joined_up(_settled(evidence, start), start)
        state = part if state is None else _joined(state, part, overlap=done - first)
        done = first + len(run)
    assert state is not None
    turn[rows] = state.turn
    hand = anatomy()
    angles = filled(time_s, rows, state.angles, resting=hand.relaxed)
    return HandFit(axis_angles(angles, left=left), seen, turn)


def _support(time_s: Array, sure: Array) -> Array:
    """How surely (T,) the hand was seen around each frame, on the mean: a lone find says little."""
    first = np.searchsorted(time_s, time_s - _AROUND, side="left")
    last = np.searchsorted(time_s, time_s + _AROUND, side="right")
    total = np.concatenate([[0.0], np.cumsum(sure)])
    return np.asarray((total[last] - total[first]) / (last - first))


def _gathered(
    time_s: Array,
    keypoints: Array,
    points3d: Array,
    certainty: Array,
    forearm: Array,
    looked: Array,
    camera_K: Array,
    *,
    left: bool,
) -> tuple[HandEvidence, HandState]:
    focal = np.array([camera_K[0, 0], camera_K[1, 1]])
    seen = certainty > 0
    # Points outside the picture have no certainty, but a place that the reader can do with.
    placed = np.isfinite(keypoints).all(axis=-1) & np.isfinite(points3d).all(axis=-1)
    keypoints, points3d = _completed(keypoints[..., :2], placed), _completed(points3d, placed)
    flat = (keypoints - camera_K[:2, 2]) / focal
    pixels = _spread(keypoints, placed) / np.sqrt(placed.sum(axis=1))
    likely = upright(flat, points3d, np.median(certainty, axis=1), pixels, forearm, left=left)
    read = reader()(likely)
    turn, _ = hand_frame(read.points, np.ones_like(certainty), left=left)

    depth = _spread(read.points[..., :2], seen) / np.maximum(_spread(flat, seen), 1e-6)
    place = np.concatenate([flat[:, 0], np.ones((len(flat), 1))], axis=1) * depth[:, None]
    hand = anatomy()
    pixel = _PIXELS * depth[:, None] / focal[0]
    flat_sigma = np.hypot(_FLAT * hand.point_error, pixel)
    worth = _WORTH * certainty
    angles, angle_precision = _angles(read, looked)
    evidence = HandEvidence(
        time_s=time_s,
        flat=flat,
        flat_precision=worth / flat_sigma**2,
        solid=read.points,
        across_precision=worth / (_SPREAD * read.across) ** 2,
        along_precision=worth / (_SPREAD * read.along) ** 2,
        mirror=likely.mirror,
        worth=worth,
        pixel=pixel,
        lengths=np.ones((5, 4)),
        angles=angles,
        angle_precision=angle_precision,
        detected=_detected(flat, points3d, read.points),
        touch=_touching(time_s, flat * depth[:, None, None], read.points, certainty),
    )
    return evidence, HandState(place, turn, angles.reshape(-1, 5, 4))


def _angles(read: Reading, looked: Array) -> tuple[Array, Array]:
    """Angles (T, 20) and their precision, of what was read of the points and what the picture looked like.

    Who saw the picture is believed before who knows the points only.
    """
    there = np.isfinite(looked).all(axis=-1)
    sd = read.angle_spread.reshape(-1, ANGLES) * np.where(there, _READ_AFTER, _ANGLE_SPREAD)
    own = 1.0 / sd**2
    seen = np.where(there, 1.0 / (_LOOKED_SPREAD * np.where(there, looked[..., 1], 1.0)) ** 2, 0.0)
    value = own * read.angles.reshape(-1, ANGLES) + seen * np.where(there, looked[..., 0], 0.0)
    return np.asarray(value / (own + seen)), np.asarray(own + seen)


def _detected(flat: Array, points3d: Array, like: Array) -> Array:
    """The hand network's own points (T, 21, 3), camera axes, from the palm's middle, as large as `like`."""
    # They are those of a crop, as if the camera looked straight at it.
    solid = np.einsum("tij,tkj->tki", rotation_to_ray(flat[:, PALM].mean(axis=1)), points3d)
    solid -= solid[:, PALM].mean(axis=1, keepdims=True)
    sizes = [np.sqrt((points**2).sum(axis=(1, 2))) for points in (like, solid)]
    return np.asarray(solid * float(np.median(sizes[0] / np.maximum(sizes[1], 1e-9))))


def _completed(points: Array, placed: NDArray[np.bool_]) -> Array:
    """Points (T, 21, n), those that are nowhere in the middle of the others."""
    known = np.where(placed[..., None], points, 0.0)
    middle = known.sum(axis=1, keepdims=True) / np.maximum(placed.sum(axis=1), 1)[:, None, None]
    return np.asarray(np.where(placed[..., None], points, middle))


def _touching(time_s: Array, flat: Array, solid: Array, certainty: Array) -> Array:
    """How surely (T, 4) the thumb's tip touches each finger's, of places in the picture and in space, metres.

    Tips that lie upon each other in the picture need not touch. Where they are near in space as well, for a
    while, they are taken to: an animator sees a gap sooner than that it should be there.
    """
    thumb, tips = 4, [8, 12, 16, 20]
    near = np.clip((_APART - np.linalg.norm(flat[:, tips] - flat[:, [thumb]], axis=-1)) / _APART_FADE, 0, 1)
    near *= np.clip((_DEEP - np.linalg.norm(solid[:, tips] - solid[:, [thumb]], axis=-1)) / _DEEP_FADE, 0, 1)
    near *= (certainty[:, tips] > 0) & (certainty[:, [thumb]] > 0)
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    calm = gaussian_filter1d(near, _TOUCH_S / max(step, 1e-3), axis=0, mode="nearest")
    return np.asarray(np.where(calm > _SURE_TOUCH, calm, 0.0))


def _spread(points: Array, seen: NDArray[np.bool_]) -> Array:
    mass = np.maximum(seen.sum(axis=1), 1)[:, None]
    points = np.where(seen[..., None], points, 0.0)
    stray = np.where(seen[..., None], points - (points.sum(axis=1) / mass)[:, None], 0.0)
    return np.asarray(np.sqrt((stray**2).sum(axis=(1, 2))))


def _settled(evidence: HandEvidence, state: HandState) -> HandEvidence:
    """The evidence without its lasting errors, for the solution of all frames together.

    Points are off by much more than they tremble, and likewise in neighbouring frames. What each frame's
    own solution leaves of them, smoothed over time, is taken for that error; what moves quickly is then
    believed, so that a tap of a finger keeps its height. Of quick moves the hand network's own points say
    more than what was read of them, which leans towards likely hands.
    """
    flat, solid = residuals(evidence, state)
    square = (flat**2).sum(axis=-1) * evidence.flat_precision
    square += (solid**2 * np.array([1.0, 1.0, 0.0])).sum(axis=-1) * evidence.across_precision
    square += solid[..., 2] ** 2 * evidence.along_precision
    weight = share_left(square) * (evidence.flat_precision > 0) + 1e-6
    step = float(np.median(np.diff(evidence.time_s))) if len(evidence.time_s) > 1 else 1.0
    frames = _LASTING / max(step, 1e-3)

    def slow(values: Array, weight: Array) -> Array:
        top = gaussian_filter1d(values * weight[..., None], frames, axis=0, mode="nearest")
        return np.asarray(top / gaussian_filter1d(weight, frames, axis=0, mode="nearest")[..., None])

    detected = evidence.detected
    across, along = (evidence.worth / (sigma**2 + evidence.pixel**2) for sigma in (_ACROSS, _ALONG))
    bent = state.angles.reshape(-1, ANGLES) - evidence.angles
    return replace(
        evidence,
        angles=evidence.angles + slow(bent[:, None], weight.mean(axis=1, keepdims=True))[:, 0],
        flat=evidence.flat + slow(flat, weight) / state.place[:, None, 2:],
        solid=detected + slow(evidence.solid + solid - detected, weight),
        flat_precision=_quick(evidence.flat_precision, evidence.worth, evidence.pixel),
        across_precision=_quick(across, evidence.worth, evidence.pixel),
        along_precision=_quick(along, evidence.worth, evidence.pixel),
        angle_precision=_QUICK_ANGLES * evidence.angle_precision,
    )


def _quick(precision: Array, worth: Array, pixel: Array) -> Array:
    """The precision (T, 21) of quick moves: what a pixel is worth does not last, the rest does."""
    variance = worth / np.maximum(precision, 1e-12)
    # A half-sure find is worth an eighth of a sure one: its neighbours know better.
    doubt = (worth / _WORTH) ** 2
    return np.asarray(doubt * worth / (np.maximum(variance - pixel**2, 0.0) / _QUICK + pixel**2))


def _joined_up(evidence: HandEvidence, start: HandState) -> HandState:
    """Window by window; where two overlap, one fades into the other."""
    count = len(evidence.time_s)
    out: HandState | None = None
    done = 0
    while done < count:
        first = max(0, done - _OVERLAP)
        window = slice(first, min(count, first + _WINDOW))
        part = solve_together(_rows(evidence, window), _state_rows(start, window))
        out = part if out is None else _joined(out, part, overlap=done - first)
        done = window.stop
    assert out is not None
    return out


def _rows(evidence: HandEvidence, rows: slice | NDArray[np.int64]) -> HandEvidence:
    return replace(
        evidence,
        time_s=evidence.time_s[rows],
        flat=evidence.flat[rows],
        flat_precision=evidence.flat_precision[rows],
        solid=evidence.solid[rows],
        across_precision=evidence.across_precision[rows],
        along_precision=evidence.along_precision[rows],
        worth=evidence.worth[rows],
        pixel=evidence.pixel[rows],
        angles=evidence.angles[rows],
        touch=evidence.touch[rows],
        detected=evidence.detected[rows],
        angle_precision=evidence.angle_precision[rows],
    )


def _state_rows(state: HandState, rows: slice) -> HandState:
    return HandState(state.place[rows], state.turn[rows], state.angles[rows])


def _joined(old: HandState, new: HandState, *, overlap: int) -> HandState:
    share = _eased((np.arange(overlap) + 1.0) / (overlap + 1.0))
    before = len(old.place) - overlap
    turn = old.turn[before:]
    difference = axis_angle_from_matrix(np.swapaxes(turn, -1, -2) @ new.turn[:overlap])
    turn = turn @ matrix_from_axis_angle(share[:, None] * difference)
    angles = old.angles[before:] + share[:, None, None] * (new.angles[:overlap] - old.angles[before:])
    place = old.place[before:] + share[:, None] * (new.place[:overlap] - old.place[before:])
    return HandState(
        np.concatenate([old.place[:before], place, new.place[overlap:]]),
        np.concatenate([old.turn[:before], turn, new.turn[overlap:]]),
        np.concatenate([old.angles[:before], angles, new.angles[overlap:]]),
    )


def _eased(share: Array) -> Array:
    return np.asarray(share * share * (3.0 - 2.0 * share))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers: 21 points of a hand over a take to 15 joint rotations, and where its palm faces.

What the network says is turned into evidence with the errors that it has on rendered hands, the
hand's own bone lengths are found once, and the fit does the rest (`gauss_newton`). A hand that is
not seen goes over to a relaxed pose and comes back, without a jump.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...camera import rotation_to_ray
from ...kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from .anatomy import MIRROR_PLACE, anatomy, axis_angles
from .fading import filled
from .gauss_newton import (
    PALM,
    HandEvidence,
    HandState,
    residuals,
    share_left,
    solve_alone,
    solve_together,
)
from .palm import first_angles, hand_frame
from .points import posed_points

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

_MIN_CERTAINTY = 0.05
_ENOUGH_POINTS = 14  # of the 21; the body's stand-in for a lost hand has four
_WINDOW, _OVERLAP = 600, 30  # frames that are solved at once
_PIXELS = 3.0  # pixels of the picture that a point is off, however large the hand
_FLAT = 1.0  # times the network's own error across the line of sight
_ACROSS, _ALONG = 0.020, 0.025  # metres, of its 3D points
_TURN_A_FRAME = 0.3  # radians that a hand turns in a thirtieth of a second, and the cost of turning over
_DEAREST_STEP = 25.0
_DOUBTFUL_COST, _MIRROR_MARGIN = 12.0, 3.0  # of a frame's solution
_LASTING = 0.25  # seconds over which errors are alike
_QUICK = 8.0  # how much more precise than their places are the points' quick moves
_QUICK_SYNERGY = 0.5  # and how little the synergies say of them
_AROUND, _SUPPORT = 0.25, 0.22  # seconds either way in which it has to be seen, and how surely
_WORTH = 0.4  # 21 points err together: they are worth fewer


@dataclass(frozen=True)
class HandFit:
    """One hand over T frames."""

    pose: Array  # (T, 15, 3) axis-angle, SMPL-X's order
    seen: Array  # (T,) 0 to 1: how surely the hand was seen
    turn: Array  # (T, 3, 3) camera from wrist; identity where not seen


def fit_hand(*, time_s: Array, keypoints: Floats, points3d: Floats, camera_K: Array, left: bool) -> HandFit:
    """keypoints (T, 21, 3) pixels and certainty, points3d (T, 21, 3) metres from the wrist, camera axes."""
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
    evidence, start = _gathered(
        time_s[rows], keypoints[rows], points3d[rows], certainty[rows], camera_K, left=left
    )
    evidence, state = _unmirrored(evidence, *solve_alone(evidence, start), left=left)
    state = _joined_up(_settled(evidence, state), state)
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
    time_s: Array, keypoints: Array, points3d: Array, certainty: Array, camera_K: Array, *, left: bool
) -> tuple[HandEvidence, HandState]:
    focal = np.array([camera_K[0, 0], camera_K[1, 1]])
    flat = np.where(certainty[..., None] > 0, (keypoints[..., :2] - camera_K[:2, 2]) / focal, 0.0)
    points3d = np.where(certainty[..., None] > 0, points3d, 0.0)
    # The 3D points are those of a crop, as if the camera looked straight at it.
    to_ray = rotation_to_ray(flat[:, PALM].mean(axis=1))
    solid = np.einsum("tij,tkj->tki", to_ray, points3d)
    turn, _ = hand_frame(solid, certainty, left=left)
    angles = first_angles(solid, turn, left=left)
    mirror = np.ones(3) if left else MIRROR_PLACE

    template, _ = posed_points(angles, np.ones((5, 4)))
    # The network's metres are those of its own average hand: bring them to the template's.
    spread = np.sqrt(((template - template[:, PALM].mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)))
    own = np.sqrt(((solid - solid[:, PALM].mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)))
    solid = (solid - solid[:, PALM].mean(axis=1, keepdims=True)) * float(np.median(spread / own))

    seen = certainty > 0
    depth = _spread(solid[..., :2], seen) / np.maximum(_spread(flat, seen), 1e-6)
    place = np.concatenate([flat[:, 0], np.ones((len(flat), 1))], axis=1) * depth[:, None]
    hand = anatomy()
    pixel = _PIXELS * depth[:, None] / focal[0]
    flat_sigma = np.hypot(_FLAT * hand.point_error, pixel)
    worth = _WORTH * certainty
    evidence = HandEvidence(
        time_s=time_s,
        flat=flat,
        flat_precision=worth / flat_sigma**2,
        solid=solid,
        across_precision=worth / (_ACROSS**2 + pixel**2),
        along_precision=worth / (_ALONG**2 + pixel**2),
        mirror=mirror,
        worth=worth,
        pixel=pixel,
        lengths=np.ones((5, 4)),
    )
    return evidence, HandState(place, turn, angles)


def _spread(points: Array, seen: NDArray[np.bool_]) -> Array:
    mass = np.maximum(seen.sum(axis=1), 1)[:, None]
    points = np.where(seen[..., None], points, 0.0)
    stray = np.where(seen[..., None], points - (points.sum(axis=1) / mass)[:, None], 0.0)
    return np.asarray(np.sqrt((stray**2).sum(axis=(1, 2))))


def _unmirrored(
    evidence: HandEvidence, state: HandState, cost: Array, *, left: bool
) -> tuple[HandEvidence, HandState]:
    """Frames that fit better with depth the other way round, put right.

    From one view a hand looks like the other hand in a mirror; the network then has near and far
    exchanged. Which hand it is is known from the arm, and fingers bend one way only.
    """
    rows = np.flatnonzero(cost > _DOUBTFUL_COST)
    if not len(rows):
        return evidence, state
    mirrored = replace(_rows(evidence, rows), solid=evidence.solid[rows] * (1.0, 1.0, -1.0))
    turn, _ = hand_frame(mirrored.solid, np.ones(mirrored.solid.shape[:2]), left=left)
    start = HandState(state.place[rows], turn, first_angles(mirrored.solid, turn, left=left))
    other, other_cost = solve_alone(mirrored, start)
    costs = np.stack([cost, np.full(len(cost), np.inf)], axis=1)
    costs[rows, 1] = other_cost + _MIRROR_MARGIN
    turns = np.stack([state.turn, state.turn], axis=1)
    turns[rows, 1] = other.turn
    better = _steadiest(evidence.time_s, costs, turns)[rows] == 1
    rows = rows[better]
    solid = evidence.solid.copy()
    solid[rows] = mirrored.solid[better]
    for whole, part in (
        (state.place, other.place), (state.turn, other.turn), (state.angles, other.angles),
    ):  # fmt: skip
        whole[rows] = part[better]
    return replace(evidence, solid=solid), state


def _steadiest(time_s: Array, costs: Array, turns: Array) -> NDArray[np.int64]:
    """Of the readings of each frame, with costs (T, 2) and turns (T, 2, 3, 3), the likeliest course (T,).

    A hand that turns over from one frame to the next was misread once (Viterbi's algorithm).
    """
    count = len(costs)
    chosen = np.zeros(count, np.int64)
    if count < 2:
        return np.asarray(costs.argmin(axis=1))
    traces = np.einsum("taij,tbij->tab", turns[:-1], turns[1:])
    apart = np.arccos(np.clip((traces - 1.0) / 2.0, -1.0, 1.0))
    frames = np.maximum(np.diff(time_s) * 30.0, 1.0)[:, None, None]
    steps = np.minimum(apart**2 / (_TURN_A_FRAME**2 * frames), _DEAREST_STEP)
    total = costs[0]
    came_from = np.zeros((count, 2), np.int64)
    for t in range(1, count):
        ways = total[:, None] + steps[t - 1]
        came_from[t] = ways.argmin(axis=0)
        total = ways.min(axis=0) + costs[t]
    chosen[-1] = total.argmin()
    for t in range(count - 1, 0, -1):
        chosen[t - 1] = came_from[t, chosen[t]]
    return chosen


def _settled(evidence: HandEvidence, state: HandState) -> HandEvidence:
    """The evidence without its lasting errors, for the solution of all frames together.

    A network's points are off by much more than they tremble, and likewise in neighbouring
    frames. What each frame's own solution leaves of them, smoothed over time, is taken for that
    error; what moves quickly is then believed, so that a tap of a finger keeps its height.
    """
    flat, solid = residuals(evidence, state)
    square = (flat**2).sum(axis=-1) * evidence.flat_precision
    square += (solid**2 * np.array([1.0, 1.0, 0.0])).sum(axis=-1) * evidence.across_precision
    square += solid[..., 2] ** 2 * evidence.along_precision
    weight = share_left(square) * (evidence.flat_precision > 0) + 1e-6
    step = float(np.median(np.diff(evidence.time_s))) if len(evidence.time_s) > 1 else 1.0
    frames = _LASTING / max(step, 1e-3)

    def slow(values: Array) -> Array:
        top = gaussian_filter1d(values * weight[..., None], frames, axis=0, mode="nearest")
        return np.asarray(top / gaussian_filter1d(weight, frames, axis=0, mode="nearest")[..., None])

    return replace(
        evidence,
        flat=evidence.flat + slow(flat) / state.place[:, None, 2:],
        solid=evidence.solid + slow(solid),
        flat_precision=_quick(evidence.flat_precision, evidence.worth, evidence.pixel),
        across_precision=_quick(evidence.across_precision, evidence.worth, evidence.pixel),
        along_precision=_quick(evidence.along_precision, evidence.worth, evidence.pixel),
        synergy=_QUICK_SYNERGY,
    )


def _quick(precision: Array, worth: Array, pixel: Array) -> Array:
    """The precision (T, 21) of quick moves: what a pixel is worth does not last, the rest does."""
    variance = worth / np.maximum(precision, 1e-12)
    # A half-sure find is worth an eighth of a sure one: its neighbours know better.
    doubt = (worth / _WORTH) ** 2
    return np.asarray(doubt * worth / ((variance - pixel**2) / _QUICK + pixel**2))


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

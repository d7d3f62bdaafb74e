# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right, put right over time.

A pose network sees one frame, and in a back view or a fast turn it may call the left
arm the right one, now and then the whole body. Over time the truth shows, because
limbs do not leap. Each frame is in one of five states (as it is, all exchanged, all but
the legs, arms only, legs only); Viterbi finds the sequence of states with the least motion
that is not explained by few changes of state. Of two smooth readings the one that agrees
with the network in more frames is taken for the true one, unless a face speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from .motion import place
from .track import TrackLandmarks

Array = NDArray[np.float64]

_BODY = tuple(range(wholebody.BODY.start, wholebody.FEET.stop))
_ARMS = (7, 8, 9, 10)
_LEGS = (13, 14, 15, 16, *range(17, 23))
# The face has a network of its own, which knows its left: it is never exchanged. Hands go with their wrists.
# Networks also exchange the upper body on legs that are right. Every exchange that occurs needs its own
# state: else one such frame can only be explained by mirroring all frames before or after it.
_UPPER = tuple(point for point in _BODY if point not in _LEGS)
_EXCHANGED: tuple[tuple[int, ...], ...] = ((), _BODY, _UPPER, _ARMS, _LEGS)
STATES = ("none", "body", "upper", "arms", "legs")
_WITH_TRUNK = np.array([5 in points for points in _EXCHANGED])
_WITH_WRISTS = np.array([9 in points for points in _EXCHANGED])
_COMPARED = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)

# Costs are in body heights of motion, averaged over the compared points.
CHANGE = 0.007  # of going from one state to another: less motion than this repairs nothing
# Of each second that is passed over: while a network changes its mind about front and back it gives a
# frame or two that are neither, and from which either reading goes on equally well.
SKIPPED, _PASSED_S, _PASSED_AT_MOST = 0.9, 0.08, 6
# Of anything exchanged, each frame. Networks have 19 frames of 20 right, also from behind, and what they
# exchange they soon put right again: a long exchange must explain more motion than a short one.
STANDING = 0.002
# Of a body that turns its back while its face is seen, each frame. Little more than STANDING: one who bends
# over somebody else is given the other one's face for a while, and that must not mirror the whole take.
FACING = 0.003
# Of limbs stretched to their double, each frame: exchange the legs on hips that stay, and a thigh reaches
# across. A network's own lengths tremble by less than the slack.
STRETCH, _SLACK = 0.02, 1.15
_LIMBS = ((5, 7), (6, 8), (11, 13), (12, 14))
_LEAP = 0.3  # a point that moves further has been lost, and says no more than that
_METRES = 1.7  # of a body height, for the 3D points
_FADE_S = 0.3  # what came before a gap says less
_FACE_SEEN = 0.5


@dataclass(frozen=True)
class SwapRepair:
    landmarks: TrackLandmarks
    state: NDArray[np.int8]  # (N,) index into STATES of what was exchanged
    count: int  # frames with anything exchanged


def repair(track: TrackLandmarks) -> SwapRepair:
    """The same landmarks with left and right exchanged where time says so, in 2D and 3D alike."""
    state = _states(track)
    keypoints, points3d = track.keypoints.copy(), track.points3d.copy()
    for index in range(1, len(STATES)):
        rows = state == index
        if rows.any():
            order = _order(index)
            keypoints[rows] = track.keypoints[rows][:, order]
            points3d[rows] = track.points3d[rows][:, order]
    crossed = _follow_wrists(keypoints, points3d, np.flatnonzero(_WITH_WRISTS[state]))
    fingers = track.fingers
    if fingers is not None and len(crossed):
        fingers = fingers.copy()
        fingers[crossed] = fingers[crossed, ::-1]
    return SwapRepair(
        landmarks=replace(track, keypoints=keypoints, points3d=points3d, fingers=fingers),
        state=state,
        count=int((state > 0).sum()),
    )


def _order(state: int) -> NDArray[np.intp]:
    """Index (133,) that exchanges what the state exchanges."""
    order = np.arange(wholebody.COUNT)
    exchanged = list(_EXCHANGED[state])
    order[exchanged] = np.array(wholebody.MIRROR)[exchanged]
    return order


def _follow_wrists(
    keypoints: NDArray[np.float32], points3d: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Exchange the hands, in place, where they now lie at each other's wrist. Returns those rows."""
    roots, wrists = [wholebody.LEFT_HAND.start, wholebody.RIGHT_HAND.start], [9, 10]
    seen = keypoints[rows][:, roots, 2] > 0

    def miss(order: list[int]) -> Array:
        apart = keypoints[rows][:, roots, :2].astype(np.float64) - keypoints[rows][:, order, :2]
        return np.asarray(np.where(seen, np.linalg.norm(apart, axis=-1), 0.0).sum(axis=1))

    crossed = rows[miss(wrists[::-1]) < miss(wrists)]
    order = np.arange(wholebody.COUNT)
    hands = slice(wholebody.LEFT_HAND.start, wholebody.RIGHT_HAND.stop)
    order[hands] = np.array(wholebody.MIRROR)[hands]
    keypoints[crossed] = keypoints[crossed][:, order]
    points3d[crossed] = points3d[crossed][:, order]
    return crossed


def _states(track: TrackLandmarks) -> NDArray[np.int8]:
    """Viterbi over the frames; a few that fit nothing may be passed over, each at a price."""
    count = len(track)
    if count == 0:
        return np.zeros(0, np.int8)
    seen = [one[np.isfinite(one)] for one in _limb_lengths(track.points3d).T]
    lengths = np.array([np.median(one) if len(one) else np.inf for one in seen])
    frame_s = float(np.median(np.diff(track.time_s))) if count > 1 else 1.0
    passed = min(round(_PASSED_S / frame_s), _PASSED_AT_MOST)
    best = np.full((count, len(STATES)), np.inf)
    before = np.zeros((count, len(STATES), 2), np.int8)  # how many frames between, and the state there
    block = 2000  # frames at once: memory stays flat on long takes
    for start in range(0, count, block):
        end = min(start + block, count)
        own = _frame_cost(track, lengths, start, end)
        steps = [_step_cost(track, frame_s, max(start, lag), end, lag) for lag in range(1, passed + 2)]
        for t in range(start, end):
            if t == 0:
                best[0] = own[0]
                continue
            ways = np.concatenate(
                [
                    best[t - lag][:, None] + step[t - max(start, lag)] + SKIPPED * frame_s * (lag - 1)
                    for lag, step in enumerate(steps, start=1)
                    if lag <= t
                ]
            )
            way = ways.argmin(axis=0)
            best[t] = ways[way, np.arange(len(STATES))] + own[t - start]
            before[t] = np.stack(np.divmod(way, len(STATES)), axis=1)
    state = np.zeros(count, np.int8)
    t, now = count - 1, int(best[-1].argmin())
    state[t] = now
    while t > 0:
        between, previous = (int(value) for value in before[t, now])
        lag = between + 1
        for middle in range(t - 1, t - lag, -1):
            # One that was passed over goes with the frames around it, as well as it can.
            after = _step_cost(track, frame_s, middle + 1, middle + 2, 1)[0][:, state[middle + 1]]
            since = _step_cost(track, frame_s, middle, middle + 1, middle - (t - lag))[0][previous]
            state[middle] = (after + since).argmin()
        t, now = t - lag, previous
        state[t] = now
    return state


def _readings(track: TrackLandmarks, rows: slice) -> tuple[Array, Array, Array]:
    """Points (S, n, P, 2) in pixels, 3D points (S, n, P, 3) in heights, of the S states; certainty (n, P).

    A point is as sure as the less sure one of its pair, so that all readings weigh the same points:
    else the exchange of a wrist that is seen for one that is not would cost nothing.
    """
    keypoints = track.keypoints[rows].astype(np.float64)
    flat, deep = [], []
    for state in range(len(STATES)):
        order = _order(state)[list(_COMPARED)]
        flat.append(keypoints[:, order, :2])
        deep.append(track.points3d[rows][:, order].astype(np.float64) / _METRES)
    compared = list(_COMPARED)
    sure = np.minimum(keypoints[:, compared, 2], keypoints[:, np.array(wholebody.MIRROR)[compared], 2])
    return np.stack(flat), np.stack(deep), sure


def _step_cost(track: TrackLandmarks, frame_s: float, start: int, end: int, lag: int) -> Array:
    """Cost (n, S, S) from each state `lag` frames before to each state, for frames start to end.

    frame_s: the usual time between two frames, seconds.
    """
    if end <= start:
        return np.zeros((0, len(STATES), len(STATES)))
    flat, deep, sure = _readings(track, slice(start - lag, end))
    # One size for both frames of a step: places divided by a size that trembles would seem to move,
    # the more the further they are from the picture's corner.
    keypoints, boxes = track.keypoints[start - lag : end], track.box[start - lag : end]
    sizes = np.array([place(k, b)[1] for k, b in zip(keypoints, boxes, strict=True)])
    size = 0.5 * (sizes[lag:] + sizes[:-lag])[:, None]
    dt = track.time_s[start:end] - track.time_s[start - lag : end - lag]
    trust = np.exp(-np.maximum(dt - (lag + 0.5) * frame_s, 0.0) / _FADE_S)
    weight = sure[:-lag] * sure[lag:]
    cost = np.empty((end - start, len(STATES), len(STATES)))
    for before in range(len(STATES)):
        for after in range(len(STATES)):
            moved = np.linalg.norm(flat[after, lag:] - flat[before, :-lag], axis=-1) / size
            turned = np.linalg.norm(deep[after, lag:] - deep[before, :-lag], axis=-1)
            # Depth knows which hip is in front when the picture has them in one place.
            known = np.isfinite(turned)
            moved = np.minimum(moved, _LEAP) + 0.5 * np.where(known, np.minimum(turned, _LEAP), 0.0)
            mean = (weight * moved).sum(-1) / np.maximum(weight.sum(-1), 1.0)
            cost[:, before, after] = trust * (mean + CHANGE * (before != after))
    return cost


def _limb_lengths(points3d: NDArray[np.float32]) -> Array:
    """Upper arms and thighs (N, 4) in metres; NaN where not seen."""
    ends = points3d[:, np.array(_LIMBS)].astype(np.float64)
    return np.asarray(np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1))


def _stretch(track: TrackLandmarks, lengths: Array, start: int, end: int) -> Array:
    """By how much limbs are too long in each state (n, S): 0 to 1, mean of those seen."""
    points = track.points3d[start:end]
    cost = []
    for state in range(len(STATES)):
        excess = _limb_lengths(points[:, _order(state)]) / lengths - _SLACK
        cost.append(np.nan_to_num(np.clip(excess, 0.0, 1.0)).mean(axis=1))
    return np.stack(cost, axis=1)


def _frame_cost(track: TrackLandmarks, lengths: Array, start: int, end: int) -> Array:
    """Cost (n, S) of each state in itself. lengths (4,) as of `_limb_lengths`, the person's own."""
    keypoints = track.keypoints[start:end]
    face = keypoints[:, wholebody.FACE]
    # The outer corners of the eyes, right and left: where the second lies seen from the first says
    # where the face looks. Along that direction, not along the picture's x: people also lie.
    eyes = face[:, [36, 45]]
    seen = eyes[..., 2].min(axis=1) > _FACE_SEEN
    across = eyes[:, 1, :2] - eyes[:, 0, :2]
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    shoulders = ((keypoints[:, 5, :2] - keypoints[:, 6, :2]) * across).sum(axis=1)
    trunk = keypoints[:, [5, 6], :2].mean(axis=1) - keypoints[:, [11, 12], :2].mean(axis=1)
    length = np.linalg.norm(trunk, axis=1) + 1e-6
    # A frontal face on shoulders that are clearly the other way round: a neck does not turn that far.
    seen &= keypoints[:, [5, 6], 2].min(axis=1) > 0.3
    against = np.where(seen, np.clip(-shoulders / (0.3 * length), -1.0, 1.0), 0.0)
    standing = np.where(np.arange(len(STATES)) > 0, STANDING, 0.0)
    facing = FACING * np.maximum(np.where(_WITH_TRUNK, -against[:, None], against[:, None]), 0.0)
    return np.asarray(standing + facing + STRETCH * _stretch(track, lengths, start, end))

# SPDX-License-Identifier: GPL-3.0-or-later
"""One hand over a run of frames: Gauss-Newton on its place, its turn and its twenty angles.

Evidence is 2D points, which are accurate, and what the reader made of them and of the hand
network's 3D points: points in space, which say what lies in front of what, and angles. First each
frame is solved for itself; then, from the running median of those, all frames together with the
cost of acceleration, so that a frame that was read wrongly stands alone against its neighbours
and loses its weight (Geman and McClure, 1987).
The normal equations are banded. A finger's angles move that finger only, so
their blocks are filled finger by finger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from ...kinematics import axis_angle_from_matrix, in_blocks, matrix_from_axis_angle, skew
from ..smooth import second_difference
from .anatomy import ANGLES, anatomy
from .points import posed_points
from .reader import PALM

Array = NDArray[np.float64]

STATE = 6 + ANGLES  # place, turn, angles
_ROBUST = 3.0  # residuals beyond so many sigmas count less and less
_ALONE, _TOGETHER = 5, 3  # steps
_LARGEST_STEP = 0.5  # radians: beyond it the linear model says little
_RIDGE = 1e-6
_TIPS = (4, 8, 12, 16, 20)
_TOUCHING, _TOUCH_SIGMA = 0.014, 0.004  # metres from tip to tip of two fingers that touch
# Acceleration per frame^2 at 30 frames/s that costs one unit: metres along x, y, z; radians.
_PLACE_ACCELERATION = (0.01, 0.01, 0.02)
_TURN_ACCELERATION = 0.15
_ANGLE_ACCELERATION = 0.35


@dataclass(frozen=True)
class HandEvidence:
    """T frames of one hand. Precisions are 1 / sigma^2, 0 where nothing is known."""

    time_s: Array  # (T,)
    flat: Array  # (T, 21, 2) on the plane z = 1
    flat_precision: Array  # (T, 21) of metres across the line of sight
    solid: Array  # (T, 21, 3) metres of the template's size, camera axes, from the palm's middle
    across_precision: Array  # (T, 21)
    along_precision: Array  # (T, 21)
    worth: Array  # (T, 21) what all precisions were multiplied by, 0 to 1
    pixel: Array  # (T, 1) metres that a point is off because the picture is coarse
    mirror: Array  # (3,) 1 for a left hand, MIRROR_PLACE for a right one
    lengths: Array  # (5, 4) factors on the template's bones
    angles: Array  # (T, 20) as they were read
    angle_precision: Array  # (T, 20)
    detected: Array  # (T, 21, 3) the hand network's own points, as `solid`
    touch: Array  # (T, 4) how surely, 0 to 1, the thumb's tip touches each finger's


@dataclass(frozen=True)
class HandState:
    """place (T, 3) metres, turn (T, 3, 3) camera from wrist, angles (T, 5, 4)."""

    place: Array
    turn: Array
    angles: Array


def solve_alone(evidence: HandEvidence, start: HandState) -> HandState:
    """Every frame for itself."""
    state = start
    for _ in range(_ALONE):
        blocks, pull = _linearised(evidence, state)
        step = -np.linalg.solve(blocks + _damping(blocks), pull[..., None])[..., 0]
        state = _moved(state, step)
    return state


def solve_together(evidence: HandEvidence, start: HandState) -> HandState:
    """All frames, with the cost of acceleration."""
    if len(evidence.time_s) < 3:
        return start
    state = _calmed(start)
    for _ in range(_TOGETHER):
        blocks, pull = _linearised(evidence, state)
        state = _moved(state, _smooth_step(evidence.time_s, state, blocks, pull))
    return state


def residuals(evidence: HandEvidence, state: HandState) -> tuple[Array, Array]:
    """Metres across the line of sight (T, 21, 2), and from the 3D points (T, 21, 3)."""
    points, _ = posed_points(state.angles, evidence.lengths)
    turned = (points * evidence.mirror) @ np.swapaxes(state.turn, -1, -2)
    place = turned + state.place[:, None]
    across = place[..., :2] / np.maximum(place[..., 2:], 0.05)
    flat = (across - evidence.flat) * state.place[:, None, 2:]
    return flat, turned - turned[:, PALM].mean(axis=1, keepdims=True) - evidence.solid


def _damping(blocks: Array) -> Array:
    diagonal = np.einsum("tii->ti", blocks)
    return np.asarray((0.02 * diagonal + _RIDGE)[:, :, None] * np.eye(STATE))


def _moved(state: HandState, step: Array) -> HandState:
    turn = step[:, 3:6]
    size = np.linalg.norm(turn, axis=-1, keepdims=True)
    turn = turn * np.minimum(1.0, _LARGEST_STEP / np.maximum(size, 1e-9))
    angles = np.clip(step[:, 6:], -_LARGEST_STEP, _LARGEST_STEP).reshape(-1, 5, 4) + state.angles
    place = state.place + np.clip(step[:, :3], -0.3, 0.3)
    place[:, 2] = np.maximum(place[:, 2], 0.05)
    hand = anatomy()
    return HandState(place, state.turn @ matrix_from_axis_angle(turn), np.clip(angles, hand.low, hand.high))


def _linearised(evidence: HandEvidence, state: HandState) -> tuple[Array, Array]:
    """Normal matrices (T, 26, 26) and gradients (T, 26) of points, angles and tips that touch."""
    count = len(state.place)
    blocks, pull = np.zeros((count, STATE, STATE)), np.zeros((count, STATE))
    for block in in_blocks(count, size=400):
        _add_evidence(evidence, state, block, blocks, pull)
    if evidence.touch.any():
        _add_touch(evidence, state, blocks, pull)
    blocks[:, range(6, STATE), range(6, STATE)] += evidence.angle_precision
    pull[:, 6:] += (state.angles.reshape(count, ANGLES) - evidence.angles) * evidence.angle_precision
    return blocks, pull


def _add_evidence(evidence: HandEvidence, state: HandState, block: slice, blocks: Array, pull: Array) -> None:
    turn = state.turn[block]
    points, moves = posed_points(state.angles[block], evidence.lengths)
    points, moves = points * evidence.mirror, moves * evidence.mirror
    count = len(points)
    middle = points[:, PALM].mean(axis=1, keepdims=True)
    turned = points @ np.swapaxes(turn, -1, -2)
    place = turned + state.place[block, None]
    depth = np.maximum(place[..., 2], 0.05)
    scale = state.place[block, None, 2] / depth  # metres of the hand's own distance
    across = place[..., :2] / depth[..., None]

    flat = (across - evidence.flat[block]) * state.place[block, None, 2:]
    solid = (points - middle) @ np.swapaxes(turn, -1, -2) - evidence.solid[block]
    flat_weight = _weights((flat**2).sum(axis=-1), evidence.flat_precision[block])
    square = (solid[..., :2] ** 2).sum(axis=-1) * evidence.across_precision[block]
    square += solid[..., 2] ** 2 * evidence.along_precision[block]
    share = share_left(square)

    # Five rows a point: two in the picture, three in space.
    residual = np.concatenate([flat, solid], axis=-1)
    weight = np.empty(residual.shape)
    weight[..., :2] = flat_weight[..., None]
    weight[..., 2:4] = (share * evidence.across_precision[block])[..., None]
    weight[..., 4] = share * evidence.along_precision[block]
    project = np.zeros((count, 21, 2, 3))
    project[..., 0, 0] = project[..., 1, 1] = scale
    project[..., :, 2] = -across * scale[..., None]

    common = np.zeros((count, 21, 5, 6))
    common[..., :2, :3] = project
    common[..., :2, 3:] = -project @ (turn[:, None] @ skew(points))
    common[..., 2:, 3:] = -turn[:, None] @ skew(points - middle)
    weighted = common * weight[..., None]
    flat_common = common.reshape(count, 105, 6)
    flat_weighted = weighted.reshape(count, 105, 6)
    blocks[block, :6, :6] += np.swapaxes(flat_weighted, 1, 2) @ flat_common
    pull[block, :6] += np.einsum("trs,tr->ts", flat_weighted, residual.reshape(count, 105))

    # (T, 5, 4, 3, 4): finger, point, x y z, angle
    own = np.swapaxes(moves, -1, -2)
    own = turn[:, None, None] @ own
    rows = np.empty((count, 5, 4, 5, 4))
    rows[..., :2, :] = project[:, 1:].reshape(count, 5, 4, 2, 3) @ own
    rows[..., 2:, :] = own
    rows = rows.reshape(count, 5, 20, 4)
    weighted = weighted[:, 1:].reshape(count, 5, 20, 6)
    heavy = rows * weight[:, 1:].reshape(count, 5, 20, 1)
    corner = np.swapaxes(weighted, -1, -2) @ rows  # (T, 5, 6, 4)
    square_blocks = np.swapaxes(heavy, -1, -2) @ rows
    force = np.einsum("tfrs,tfr->tfs", heavy, residual[:, 1:].reshape(count, 5, 20))
    for finger in range(5):
        part = slice(6 + 4 * finger, 10 + 4 * finger)
        blocks[block, :6, part] += corner[:, finger]
        blocks[block, part, :6] += np.swapaxes(corner[:, finger], -1, -2)
        blocks[block, part, part] += square_blocks[:, finger]
        pull[block, part] += force[:, finger]


def _add_touch(evidence: HandEvidence, state: HandState, blocks: Array, pull: Array) -> None:
    """Draw the thumb's tip and those that it touches together, as far as their flesh allows."""
    rows = np.flatnonzero(evidence.touch.any(axis=1))
    points, moves = posed_points(state.angles[rows], evidence.lengths)
    tips = points[:, _TIPS]
    thumb = slice(6, 10)
    for finger in range(1, 5):
        apart = tips[:, finger] - tips[:, 0]
        distance = np.linalg.norm(apart, axis=-1)
        way = apart / np.maximum(distance, 1e-9)[:, None]
        off = np.maximum(distance - _TOUCHING, 0.0)
        weight = evidence.touch[rows, finger - 1] * (off > 0.0) / _TOUCH_SIGMA**2
        own = np.einsum("tak,tk->ta", moves[:, finger, 3], way)
        other = -np.einsum("tak,tk->ta", moves[:, 0, 3], way)
        part = slice(6 + 4 * finger, 10 + 4 * finger)
        for first, lever in ((part, own), (thumb, other)):
            pull[rows, first] += (weight * off)[:, None] * lever
            for second, others in ((part, own), (thumb, other)):
                blocks[rows, first, second] += weight[:, None, None] * lever[:, :, None] * others[:, None]


def _weights(square: Array, precision: Array) -> Array:
    return precision * share_left(square * precision)


def share_left(square: Array) -> Array:
    """What is left of a residual's weight, of its square in sigmas."""
    return np.asarray((_ROBUST**2 / (_ROBUST**2 + square)) ** 2)


def _calmed(state: HandState) -> HandState:
    """The running median of three frames: where the common solution starts."""
    angles = state.angles.copy()
    stacked = np.stack([angles[:-2], angles[1:-1], angles[2:]])
    angles[1:-1] = np.median(stacked, axis=0)
    place = state.place.copy()
    place[1:-1] = np.median(np.stack([place[:-2], place[1:-1], place[2:]]), axis=0)
    return HandState(place, _median_turns(state.turn), angles)


def _median_turns(turns: Array, *, reach: int = 2) -> Array:
    """Of each five frames' turns (T, 3, 3) the one that is nearest to the others."""
    count = len(turns)
    around = np.clip(np.arange(count)[:, None] + np.arange(-reach, reach + 1), 0, count - 1)
    near = turns[around]
    traces = np.einsum("taij,tbij->tab", near, near)
    apart = np.arccos(np.clip((traces - 1.0) / 2.0, -1.0, 1.0)).sum(axis=-1)
    # The middle one unless another is clearly nearer.
    apart[:, reach] -= 0.2
    return np.asarray(near[np.arange(count), apart.argmin(axis=1)])


def _smooth_step(time_s: Array, state: HandState, blocks: Array, pull: Array) -> Array:
    """The step (T, 26) that lowers evidence and acceleration together."""
    count = len(time_s)
    sigma = np.concatenate(
        [_PLACE_ACCELERATION, np.full(3, _TURN_ACCELERATION), np.full(ANGLES, _ANGLE_ACCELERATION)]
    )
    precision = 1.0 / sigma**2
    before, middle, after = second_difference(time_s)
    turned = axis_angle_from_matrix(np.swapaxes(state.turn[:-1], -1, -2) @ state.turn[1:])
    move = np.concatenate(
        [np.diff(state.place, axis=0), turned, np.diff(state.angles.reshape(count, -1), axis=0)], axis=1
    )
    force = (after[:, None] * move[1:] - before[:, None] * move[:-1]) * precision
    pull = pull.copy()
    band = np.zeros((2 * STATE + 1, count, STATE))
    for first, weights in enumerate((before, middle, after)):
        pull[first : count - 2 + first] += weights[:, None] * force
        for second, others in list(enumerate((before, middle, after)))[first:]:
            row = STATE * (second - first)
            band[row, first : count - 2 + first] += (weights * others)[:, None] * precision
    for k in range(STATE):
        # Entry (i + k, i) of each block lies in row k of the lower band.
        band[k, :, : STATE - k] += np.diagonal(blocks, offset=-k, axis1=1, axis2=2)
    band[0] += _RIDGE
    flat = band.reshape(2 * STATE + 1, -1)
    return np.asarray(-solveh_banded(flat, pull.reshape(-1), lower=True, overwrite_ab=True)).reshape(
        count, STATE
    )

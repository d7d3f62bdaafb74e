# SPDX-License-Identifier: GPL-3.0-or-later
"""The body fit: Gauss-Newton over all frames of a window at once.

Unknowns: per frame the pelvis's place and 22 joint rotations (69 numbers), and once
per person the log scales of ten groups of bones. Evidence terms touch one frame,
smoothness three neighbouring ones, so the normal equations are banded and solved in
time linear in the frames; the few scales that all frames share border the band and
are eliminated by a Schur complement. Rotations are updated on the right,
R <- R exp(d). Derivatives are analytic; smoothness takes a frame's turn for small (0.1 rad: 2 % off).

Points that do not fit are given less weight at each step (Geman and McClure, 1987).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from ..kinematics import (
    axis_angle_from_matrix,
    forward,
    matrix_from_axis_angle,
    right_jacobian_inverse,
    skew,
)
from ..skeleton import BODY_JOINT_COUNT, INDEX, PARENTS, rest_joints
from . import prior
from .evidence import Evidence
from .initial import LOG_SCALE_SIGMA, STATURE_SIGMA
from .model_points import FOOT_ROWS, GROUPS, JOINT_GROUP, POINTS, scaled_rest, stature_shares
from .smooth import second_difference
from .world_frame import seen_by

Array = NDArray[np.float64]

_STATE = 3 + 3 * BODY_JOINT_COUNT  # numbers a frame
_ALIKE_FRAMES = 10
_BAND = 2 * _STATE  # acceleration couples a number with itself two frames on; nothing reaches further
_RIDGE = 1e-6  # keeps what nothing is known of (a place in a frame or two without points) solvable
_TELL_PLACE = 4  # points
_STAY_SIGMA = 0.3  # metres
_FACING_JOINTS = (INDEX["head"], INDEX["left_wrist"], INDEX["right_wrist"])


@dataclass(frozen=True, kw_only=True)
class BodyOptions:
    """Standard deviations of the evidence; smaller means trusted more."""

    point_sigma: float = 0.007  # 2D points, as a share of the person's upright size in the picture
    facing_sigma: tuple[float, float, float] = (0.05, 0.25, 0.25)  # head, hands, radians
    slide_sigma: float = 0.0015  # metres per frame at 30 frames/s that a standing foot may seem to slide
    robust: float = 3.0  # residuals beyond this many sigmas count less and less
    smoothness: float = 1.0  # multiplies the cost of acceleration
    iterations: int = 15


@dataclass(frozen=True)
class BodyFit:
    """Local rotations (T, 22, 3, 3), pelvis (T, 3), log scales (10,).

    In the camera frame, or in the world's where the evidence says how the camera moves.
    """

    local: Array
    pelvis: Array
    log_scale: Array


def fit_body(
    evidence: Evidence,
    *,
    local: Array,
    pelvis: Array,
    log_scale: Array,
    free_scale: bool,
    options: BodyOptions,
    check: Callable[[], None] = lambda: None,
) -> BodyFit:
    """Fit T frames. With `free_scale` the bone lengths are fitted too, around `log_scale`.

    `check` is called at each step and may raise to stop.
    """
    problem = _Problem(evidence, options, log_scale, free_scale, pelvis)
    state = (local, pelvis, log_scale)
    cost, system = problem.linearise(*state)
    damping, gain = 1e-3, 1.0
    # Bone lengths need no more than a percent of the cost. And the scales' step leaves out the 3D
    # points (`_add_relative`) while the cost has them, so that near the end it cannot judge a step.
    enough, hopeless = (1e-2, 5e-2) if free_scale else (1e-4, 0.0)
    for _ in range(options.iterations):
        check()
        step = system.solve(damping)
        trial = problem.moved(state, step)
        trial_cost, trial_system = problem.linearise(*trial)
        if trial_cost < cost:
            gain = (cost - trial_cost) / cost
            state, cost, system = trial, trial_cost, trial_system
            damping = max(damping / 5.0, 1e-6)
            if gain < enough:
                break
        else:
            damping *= 10.0
            if gain < hopeless or damping > 1e3:
                break
    return BodyFit(*state)


@dataclass
class _System:
    """H d = -g with H = [[A, B], [B', C]]: A banded over frames, C of the shared scales."""

    blocks: Array  # (T, 69, 69) diagonal of A from the evidence
    band: Array  # (2 * 69 + 1, 69 T) lower band of A from smoothness and standing feet
    gradient: Array  # (T * 69,)
    border: Array  # (T * 69, S)
    corner: Array  # (S, S)
    corner_gradient: Array  # (S,)

    def solve(self, damping: float) -> tuple[Array, Array]:
        count = len(self.blocks)
        band = self.band.copy()
        for k in range(_STATE):
            # Entry (i + k, i) of each diagonal block lies in row k of the lower band.
            diagonal = np.diagonal(self.blocks, offset=-k, axis1=1, axis2=2)
            band[k].reshape(count, _STATE)[:, : _STATE - k] += diagonal
        band[0] = (1.0 + damping) * band[0] + _RIDGE
        factor = cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)
        right = np.column_stack([-self.gradient, self.border])
        solved = cho_solve_banded((factor, True), right, overwrite_b=True, check_finite=False)
        first, through = solved[:, 0], solved[:, 1:]
        if not self.corner.size:
            return first.reshape(count, _STATE), np.zeros(0)
        schur = self.corner - self.border.T @ through
        shared = np.linalg.solve(schur, -self.corner_gradient - self.border.T @ first)
        return (first - through @ shared).reshape(count, _STATE), shared


class _Problem:
    def __init__(
        self, evidence: Evidence, options: BodyOptions, log_scale: Array, free_scale: bool, pelvis: Array
    ) -> None:
        self.evidence = evidence
        self.options = options
        self.start_scale = log_scale
        self.free_scale = free_scale
        # A point or two do not tell where a body is: there it stays near its start.
        few = (evidence.weight > 0.0).sum(axis=1) < _TELL_PLACE
        self.start_pelvis, self.stay = pelvis, few / _STAY_SIGMA**2
        self.neutral = matrix_from_axis_angle(prior.NEUTRAL)
        self.point_sigma = options.point_sigma * evidence.size[:, None]
        # Residuals times this root of the precision have unit variance.
        precision = evidence.relative_precision
        self.relative_known = (np.trace(precision, axis1=-2, axis2=-1) > 0.0).astype(np.float64)
        unknown = (1.0 - self.relative_known)[..., None, None] * np.eye(3)
        root = np.swapaxes(np.linalg.cholesky(precision + unknown), -1, -2)
        self.relative_root = root * self.relative_known[..., None, None]
        self.second_difference = second_difference(evidence.time_s)
        self.facing_chain = np.zeros((3, BODY_JOINT_COUNT), dtype=bool)
        for row, joint in enumerate(_FACING_JOINTS):
            while joint >= 0:
                self.facing_chain[row, joint] = True
                joint = PARENTS[joint]

    def moved(
        self, state: tuple[Array, Array, Array], step: tuple[Array, Array]
    ) -> tuple[Array, Array, Array]:
        local, pelvis, log_scale = state
        frames, shared = step
        turn = frames[:, 3:].reshape(len(frames), BODY_JOINT_COUNT, 3)
        # A step of more than half a radian is outside the linear model's reach.
        size = np.linalg.norm(turn, axis=-1, keepdims=True)
        turn = turn * np.minimum(1.0, 0.5 / np.maximum(size, 1e-9))
        log_scale = log_scale + shared if self.free_scale else log_scale
        return local @ matrix_from_axis_angle(turn), pelvis + frames[:, :3], log_scale

    def linearise(self, local: Array, pelvis: Array, log_scale: Array) -> tuple[float, _System]:
        """Cost of a state, and the normal equations around it."""
        count = len(local)
        shared = len(GROUPS) if self.free_scale else 0
        blocks = np.zeros((count, _STATE, _STATE))
        gradient = np.zeros((count, _STATE))
        border = np.zeros((count, _STATE, shared))
        corner = np.zeros((shared, shared))
        corner_gradient = np.zeros(shared)

        def add(jacobian: Array, scale_jacobian: Array, residual: Array, weight: Array) -> None:
            """Rows (T, R, 69), (T, R, S), (T, R), weights (T, R) = 1 / sigma^2."""
            weighted = jacobian * weight[..., None]
            blocks[...] += np.swapaxes(weighted, 1, 2) @ jacobian
            gradient[...] += np.einsum("trs,tr->ts", weighted, residual)
            if shared:
                border[...] += np.swapaxes(weighted, 1, 2) @ scale_jacobian
                flat = scale_jacobian.reshape(-1, shared)
                scaled = flat * weight.reshape(-1, 1)
                corner[...] += scaled.T @ flat
                corner_gradient[...] += scaled.T @ residual.reshape(-1)

        points, point_jacobian, scale_jacobian, world = self._points(local, pelvis, log_scale)
        cost = self._add_picture(add, points, point_jacobian, scale_jacobian)
        cost += self._add_relative(add, points, point_jacobian, scale_jacobian)
        cost += self._add_facing(blocks, gradient, world)
        cost += self._add_prior(blocks, gradient, local)
        away = pelvis - self.start_pelvis
        blocks[:, :3, :3] += self.stay[:, None, None] * np.eye(3)
        gradient[:, :3] += self.stay[:, None] * away
        cost += float((self.stay * (away**2).sum(axis=1)).sum())
        band, smooth_cost = self._smoothness(gradient, local, pelvis)
        cost += self._add_standing(blocks, band, gradient, points, point_jacobian)
        if shared:
            shares = stature_shares(self.start_scale)
            precision = np.eye(shared) / LOG_SCALE_SIGMA**2 + np.outer(shares, shares) / STATURE_SIGMA**2
            # A detector errs alike in neighbouring frames: so many frames are one measurement.
            precision *= max(1.0, count / _ALIKE_FRAMES)
            stray = log_scale - self.start_scale
            corner += precision
            corner_gradient += precision @ stray
            cost += float(stray @ precision @ stray)
        rows = count * _STATE
        system = _System(
            blocks, band, gradient.reshape(rows), border.reshape(rows, shared), corner, corner_gradient
        )
        return cost + smooth_cost, system

    def _points(self, local: Array, pelvis: Array, log_scale: Array) -> tuple[Array, Array, Array, Array]:
        """Points (T, P, 3), their derivatives (T, P, 3, 69) and (T, P, 3, S), world rotations."""
        rest = scaled_rest(log_scale)
        joints, world = forward(local, pelvis, rest)
        points = POINTS.posed(joints, world, POINTS.scaled_offset(log_scale))
        jacobian = np.zeros((*points.shape, _STATE))
        jacobian[..., :3] = np.eye(3)
        for k in range(BODY_JOINT_COUNT):
            rows = np.flatnonzero(POINTS.moves_with[:, k])
            if len(rows):
                lever = points[:, rows] - joints[:, k, None]
                jacobian[:, rows, :, 3 + 3 * k : 6 + 3 * k] = -skew(lever) @ world[:, k, None]
        if not self.free_scale:
            return points, jacobian, np.zeros((*points.shape, 0)), world
        template = rest_joints()
        scale_jacobian = np.zeros((*points.shape, len(GROUPS)))
        for j in range(1, BODY_JOINT_COUNT):
            rows = np.flatnonzero(POINTS.bone_uses[:, j])
            bone = (template[j] - template[PARENTS[j]]) * np.exp(log_scale[JOINT_GROUP[j]])
            scale_jacobian[:, rows, :, JOINT_GROUP[j]] += world[:, PARENTS[j]] @ bone  # (rows, T, 3)
        for row, group in enumerate(POINTS.group):
            scale_jacobian[:, row, :, group] += points[:, row] - joints[:, POINTS.anchor[row]]
        return points, jacobian, scale_jacobian, world

    def _add_picture(self, add: _Add, points: Array, jacobian: Array, scale_jacobian: Array) -> float:
        camera = self.evidence.camera
        if camera is not None:
            points = seen_by(camera, points)
        depth = np.maximum(points[..., 2:], 0.1)
        flat = points[..., :2] / depth
        residual = flat - self.evidence.normalised
        project = np.zeros((*points.shape[:2], 2, 3))
        project[..., 0, 0] = project[..., 1, 1] = 1.0 / depth[..., 0]
        project[..., :, 2] = -flat / depth
        if camera is not None:
            project = project @ np.swapaxes(camera[:, None, :3, :3], -1, -2)
        weight, cost = self._robust(residual / self.point_sigma[..., None], self.evidence.weight)
        weight = weight / self.point_sigma**2
        _add_rows(add, project @ jacobian, project @ scale_jacobian, residual, weight)
        return cost

    def _add_relative(self, add: _Add, points: Array, jacobian: Array, scale_jacobian: Array) -> float:
        hips = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in (11, 12)]
        residual = points - points[:, hips].mean(axis=1, keepdims=True) - self.evidence.relative
        residual = np.einsum("tpij,tpj->tpi", self.relative_root, residual)
        weight, cost = self._robust(residual, self.relative_known)
        _add_rows(
            add,
            self.relative_root @ (jacobian - jacobian[:, hips].mean(axis=1, keepdims=True)),
            # The 3D points are not to set the bones' lengths: their own are an average person's.
            np.zeros_like(scale_jacobian),
            residual,
            weight,
        )
        return cost

    def _add_facing(self, blocks: Array, gradient: Array, world: Array) -> float:
        cost = 0.0
        for row, joint in enumerate(_FACING_JOINTS):
            sigma = self.options.facing_sigma[row]
            inverse = np.swapaxes(world[:, joint], -1, -2)
            residual = axis_angle_from_matrix(inverse @ self.evidence.facing[:, row])
            weight, part = self._robust(
                residual[:, None] / sigma, self.evidence.facing_weight[:, row : row + 1]
            )
            cost += part
            weight = weight[:, 0] / sigma**2
            chain = np.flatnonzero(self.facing_chain[row])
            jacobian = np.zeros((len(world), 3, _STATE))
            inverse_right = right_jacobian_inverse(-residual)
            for k in chain:
                jacobian[:, :, 3 + 3 * k : 6 + 3 * k] = -inverse_right @ (inverse @ world[:, k])
            weighted = jacobian * weight[:, None, None]
            blocks += np.swapaxes(weighted, 1, 2) @ jacobian
            gradient += np.einsum("trs,tr->ts", weighted, residual)
        return cost

    def _add_prior(self, blocks: Array, gradient: Array, local: Array) -> float:
        residual = axis_angle_from_matrix(np.swapaxes(self.neutral, -1, -2) @ local)
        precision = 1.0 / prior.SPREAD**2
        jacobian = right_jacobian_inverse(residual)
        weighted = precision[None, :, :, None] * jacobian
        normal = np.swapaxes(jacobian, -1, -2) @ weighted
        pull = np.einsum("tjab,tja->tjb", weighted, residual)
        cost = float((residual**2 * precision).sum())
        residual = axis_angle_from_matrix(np.swapaxes(self.evidence.turns, -1, -2) @ local)
        jacobian = right_jacobian_inverse(residual)
        trust = self.evidence.turn_precision
        weighted = trust[..., None, None] * jacobian
        normal += np.swapaxes(jacobian, -1, -2) @ weighted
        pull += np.einsum("tjab,tja->tjb", weighted, residual)
        cost += float(((residual**2).sum(axis=-1) * trust).sum())
        for joint, axis, sign, low, high in prior.HINGES:
            turn = axis_angle_from_matrix(local[:, joint])
            angle = turn[:, axis] * sign
            beyond = np.minimum(angle - low, 0.0) + np.maximum(angle - high, 0.0)
            row = right_jacobian_inverse(turn)[:, axis] * sign
            active = (beyond != 0.0) / prior.HINGE_SIGMA**2
            normal[:, joint] += active[:, None, None] * row[:, :, None] * row[:, None]
            pull[:, joint] += (active * beyond)[:, None] * row
            cost += float((active * beyond**2).sum())
        for j in range(BODY_JOINT_COUNT):
            part = slice(3 + 3 * j, 6 + 3 * j)
            blocks[:, part, part] += normal[:, j]
        gradient[:, 3:] += pull.reshape(len(local), -1)
        return cost

    def _add_standing(
        self, blocks: Array, band: Array, gradient: Array, points: Array, jacobian: Array
    ) -> float:
        """A foot that stands still in the picture stands still in space: this is what ties down depth."""
        if len(points) < 2:
            return 0.0
        feet, turns = points[:, FOOT_ROWS], jacobian[:, FOOT_ROWS]
        residual = np.diff(feet, axis=0)
        step = np.diff(self.evidence.time_s) * 30.0
        # Above 30 frames a second in proportion to the evidence, see `second_difference`.
        sigma = self.options.slide_sigma * np.sqrt(step * np.minimum(step, 1.0))[:, None, None]
        certainty = np.minimum(self.evidence.standing[:-1], self.evidence.standing[1:])
        # Not robust: with less weight on large slides, a whole body could drift away in depth.
        weight = certainty / sigma[..., 0] ** 2
        cost = float((weight[..., None] * residual**2).sum())
        count, rows = len(residual), 3 * len(FOOT_ROWS)
        flat_weight = np.repeat(weight, 3, axis=1)
        flat_residual = residual.reshape(count, rows)
        first = turns[:-1].reshape(count, rows, _STATE)
        second = turns[1:].reshape(count, rows, _STATE)
        weighted = first * flat_weight[..., None]
        blocks[:-1] += np.swapaxes(weighted, 1, 2) @ first
        gradient[:-1] -= np.einsum("trs,tr->ts", weighted, flat_residual)
        weighted = second * flat_weight[..., None]
        blocks[1:] += np.swapaxes(weighted, 1, 2) @ second
        gradient[1:] += np.einsum("trs,tr->ts", weighted, flat_residual)
        coupling = -np.swapaxes(weighted, 1, 2) @ first  # rows: the later frame
        frames = band.reshape(_BAND + 1, len(points), _STATE)
        for k in range(1 - _STATE, _STATE):
            # Entry (later a, earlier a - k) lies _STATE + k rows below the diagonal.
            begin = max(0, -k)
            diagonal = np.diagonal(coupling, offset=-k, axis1=1, axis2=2)
            frames[_STATE + k, :-1, begin : begin + diagonal.shape[1]] += diagonal
        return cost

    def _smoothness(self, gradient: Array, local: Array, pelvis: Array) -> tuple[Array, float]:
        """Lower band (2 * 69 + 1, 69 T) of the acceleration cost; adds its gradient; returns its cost."""
        count = len(local)
        sigma = np.concatenate([prior.ROOT_ACCELERATION, np.repeat(prior.ACCELERATION, 3)])
        precision = self.options.smoothness / sigma**2
        band = np.zeros((_BAND + 1, count, _STATE))
        before, middle, after = self.second_difference  # (T - 2,) weights of x[t], x[t + 1], x[t + 2]
        if count < 3:
            return band.reshape(_BAND + 1, -1), 0.0
        turn = axis_angle_from_matrix(np.swapaxes(local[:-1], -1, -2) @ local[1:]).reshape(count - 1, -1)
        move = np.concatenate([np.diff(pelvis, axis=0), turn], axis=1)
        # before * x[t] + middle * x[t+1] + after * x[t+2], where the three weights sum to zero.
        acceleration = after[:, None] * move[1:] - before[:, None] * move[:-1]
        force = acceleration * precision
        gradient[:-2] += before[:, None] * force
        gradient[1:-1] += middle[:, None] * force
        gradient[2:] += after[:, None] * force
        for first, weights in enumerate((before, middle, after)):
            for second, others in list(enumerate((before, middle, after)))[first:]:
                row = _STATE * (second - first)
                band[row, first : count - 2 + first] += (weights * others)[:, None] * precision
        return band.reshape(_BAND + 1, -1), float((acceleration * force).sum())

    def _robust(self, scaled: Array, certainty: Array) -> tuple[Array, float]:
        """Weights of residuals (..., D) in sigmas, certainty (...), by Geman and McClure; and their cost."""
        square = (scaled**2).sum(axis=-1)
        limit = self.options.robust**2
        share = limit / (limit + square)
        return certainty * share**2, float((certainty * square * share).sum())


_Add = Callable[[Array, Array, Array, Array], None]


def _add_rows(add: _Add, jacobian: Array, scale_jacobian: Array, residual: Array, weight: Array) -> None:
    """Points (T, P, D, ...) as rows (T, P * D, ...)."""
    count, points, axes = residual.shape
    add(
        jacobian.reshape(count, points * axes, -1),
        scale_jacobian.reshape(count, points * axes, -1),
        residual.reshape(count, -1),
        np.repeat(weight, axes, axis=1),
    )

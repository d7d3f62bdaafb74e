# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pose of a window costs, and which way that pulls it.

Evidence terms touch one frame, feet that stand two, smoothness three neighbouring ones. What pulls
at a point pulls at every joint that carries it: forces and moments are summed over the tree as for
composite bodies (Featherstone, 1987); `stiffness` does the same for the second derivatives.
Derivatives are analytic; smoothness takes a frame's turn for small (0.1 rad: 2 % off). Arrays have
the frames last, see `turns`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import matrix_from_axis_angle
from ..skeleton import BODY_JOINT_COUNT, INDEX, PARENTS
from . import prior
from .band import BAND, STATE
from .evidence import Evidence
from .initial import LOG_SCALE_SIGMA, STATURE_SIGMA
from .model_points import FOOT_ROWS, GROUPS, JOINT_GROUP, POINTS, scaled_rest, stature_shares
from .smooth import second_difference
from .turns import (
    axis_angle,
    cross,
    frames_last,
    product_after,
    right_jacobian_inverse,
    turned,
    turned_back,
)
from .turns import product as turned_by

Array = NDArray[np.float64]

_ALIKE_FRAMES = 10
_USUAL_DOUBT = 0.1  # metres: where a joint is known better, a point far from it is an outlier
_SEEN_WELL = (0.3, 0.8)  # certainties: not at all, wholly
_STATURE_M = 1.7  # of whom `Evidence.size` is the height
_TELL_PLACE = 4  # points
_STAY_SIGMA = 0.3  # metres
FACING = (INDEX["head"], INDEX["left_wrist"], INDEX["right_wrist"])
HIPS = [int(np.flatnonzero(POINTS.keypoint == k)[0]) for k in (11, 12)]


def _chains() -> NDArray[np.bool_]:
    out = np.eye(BODY_JOINT_COUNT, dtype=bool)
    for j in range(1, BODY_JOINT_COUNT):
        out[j] |= out[PARENTS[j]]
    return out


CHAINS = _chains()  # (22, 22): is joint j turned by turning joint k?
LOADS = POINTS.moves_with.T.astype(np.float64)  # (22, P): does joint k carry point p?
LOOKS = CHAINS[list(FACING)].T.astype(np.float64)  # (22, 3): does joint k turn what faces somewhere?
_DEPTH = CHAINS.sum(axis=1)
_LEVELS = [np.flatnonzero(depth == _DEPTH) for depth in range(2, _DEPTH.max() + 1)]
_PARENTS = np.array(PARENTS[:BODY_JOINT_COUNT])
_BONES = np.eye(len(GROUPS))[list(JOINT_GROUP[:BODY_JOINT_COUNT])].T * POINTS.bone_uses[:, None]  # (P, S, 22)
_OFFSETS = np.eye(len(GROUPS))[POINTS.group]  # (P, S)


@dataclass(frozen=True, kw_only=True)
class BodyOptions:
    """Standard deviations of the evidence; smaller means trusted more."""

    point_sigma: float = 0.007  # 2D points, as a share of the person's upright size in the picture
    facing_sigma: tuple[float, float, float] = (0.15, 0.25, 0.25)  # head, hands, radians
    slide_sigma: float = 0.0015  # metres per frame at 30 frames/s that a standing foot may seem to slide
    robust: float = 3.0  # residuals beyond this many sigmas count less and less
    smoothness: float = 1.0  # multiplies the cost of acceleration
    iterations: int = 15


@dataclass(frozen=True, eq=False)
class State:
    """A window's pose: local rotations (3, 3, 22, T), pelvis (3, T), log scales (10,)."""

    local: Array
    pelvis: Array
    log_scale: Array


@dataclass(frozen=True, eq=False)
class Look:
    """A state held against the evidence."""

    cost: float
    gradient: Array  # (T, 69) half the cost's
    scale_gradient: Array  # (S,); S is 0 where the bones' lengths are known
    local: Array  # (3, 3, 22, T)
    world: Array  # (3, 3, 22, T)
    arms: Array  # (3, 22, T) joints from the pelvis
    points: Array  # (3, P, T) from the pelvis
    picture: Array  # (2, 3, P, T) how a point's move moves it in the picture
    picture_weight: Array  # (P, T) these weights are one over square sigmas
    relative_weight: Array  # (P, T) of `relative_precision`
    facing: Array  # (3, 3, T) how what faces somewhere is to turn, camera or world axes
    facing_weight: Array  # (3, T)
    from_neutral: Array  # (3, 22, T)
    from_read: Array  # (3, 22, T)
    grown: Array | None  # (3, P, S, T) how the scales move the points


class Terms:
    """The cost of a window of T frames around its start."""

    def __init__(self, evidence: Evidence, options: BodyOptions, start: State, *, free_scale: bool) -> None:
        self.count = len(evidence.time_s)
        self.start, self.free_scale, self.limit = start, free_scale, options.robust**2
        self.point_precision = 1.0 / (options.point_sigma * evidence.size) ** 2
        self.normalised, self.weight = frames_last(evidence.normalised), evidence.weight.T
        self.relative = frames_last(evidence.relative)
        self.relative_precision = frames_last(evidence.relative_precision)
        self.relative_known = (np.einsum("iipt->pt", self.relative_precision) > 0.0).astype(np.float64)
        self.picture_limit = self.limit * self._allowed(options)
        self.read, self.read_precision = frames_last(evidence.turns), evidence.turn_precision.T
        self.facing, self.facing_certainty = frames_last(evidence.facing), evidence.facing_weight.T
        self.facing_precision = 1.0 / np.array(options.facing_sigma)[:, None] ** 2
        neutral = matrix_from_axis_angle(prior.NEUTRAL).transpose(1, 2, 0)[..., None]
        self.neutral = np.broadcast_to(neutral, start.local.shape)
        self.spread_precision = 1.0 / prior.SPREAD.T[..., None] ** 2
        camera = evidence.camera
        self.camera = None if camera is None else np.moveaxis(camera, 0, -1)
        # A point or two do not tell where a body is: there it stays near its start.
        self.stay = ((evidence.weight > 0.0).sum(axis=1) < _TELL_PLACE) / _STAY_SIGMA**2
        self.second_difference = second_difference(evidence.time_s)
        sigma = np.concatenate([prior.ROOT_ACCELERATION, np.repeat(prior.ACCELERATION, 3)])
        self.smooth_precision = options.smoothness / sigma**2
        # Above 30 frames a second in proportion to the evidence, see `second_difference`.
        step = np.diff(evidence.time_s) * 30.0
        certainty = np.minimum(evidence.standing[:-1], evidence.standing[1:])
        self.standing = certainty.T / (options.slide_sigma**2 * step * np.minimum(step, 1.0))  # (4, T - 1)
        self.stood_on = np.stack(
            [
                evidence.standing[:, list(feet)].max(axis=1)
                * evidence.weight[:, POINTS.anchor == joint].max(axis=1)
                for joint, feet in prior.STANDING_KNEES
            ]
        )  # (2, T), where the knee is seen
        self.room = np.empty((self.count, STATE, BAND + 1))  # for a system at a time: 18 MB are dear to get
        shares = stature_shares(start.log_scale)
        precision = np.eye(len(GROUPS)) / LOG_SCALE_SIGMA**2 + np.outer(shares, shares) / STATURE_SIGMA**2
        # A detector errs alike in neighbouring frames: so many frames are one measurement.
        self.scale_precision = precision * max(1.0, self.count / _ALIKE_FRAMES)

    def look(self, state: State) -> Look:
        """Cost and gradient of a state."""
        world, arms = _posed(state)
        offset = POINTS.scaled_offset(state.log_scale).T[..., None]
        points = arms[:, POINTS.anchor] + turned(world[:, :, POINTS.carrier], offset)
        rows, residual = self._in_picture(points + state.pelvis[:, None])
        square = (residual * residual).sum(axis=0) * self.point_precision
        picture_weight, cost = self._robust(square, self.weight, self.picture_limit)
        picture_weight = picture_weight * self.point_precision
        pull = turned_back(rows, residual * picture_weight)
        grown, scale_gradient = None, np.zeros(0)
        if self.free_scale:
            # The 3D points are not to set the bones' lengths: their own are an average person's.
            grown = _grown(arms, points)
            stray = state.log_scale - self.start.log_scale
            scale_gradient = self.scale_precision @ stray
            cost += float(stray @ scale_gradient)
            scale_gradient = scale_gradient + np.einsum("ipgt,ipt->g", grown, pull)

        residual = points - points[:, HIPS].mean(axis=1, keepdims=True) - self.relative
        force = turned(self.relative_precision, residual)
        relative_weight, part = self._robust((residual * force).sum(axis=0), self.relative_known)
        force *= relative_weight
        pull += force
        pull[:, HIPS] -= 0.5 * force.sum(axis=1, keepdims=True)
        cost += part

        # A foot that stands still in the picture stands still in space: this is what ties down depth.
        # Not robust: with less weight on large slides, a whole body could drift away in depth.
        slide = np.diff(points[:, FOOT_ROWS] + state.pelvis[:, None])
        force = self.standing * slide
        pull[:, FOOT_ROWS, 1:] += force
        pull[:, FOOT_ROWS, :-1] -= force
        cost += float((force * slide).sum())

        ends = world[:, :, FACING]
        facing = turned(ends, axis_angle(product_after(ends, self.facing)))
        square = (facing * facing).sum(axis=0) * self.facing_precision
        facing_weight, part = self._robust(square, self.facing_certainty)
        facing_weight = facing_weight * self.facing_precision
        cost += part
        gradient = pulled(world, arms, points, pull, -facing * facing_weight)

        from_neutral = axis_angle(product_after(self.neutral, state.local))
        force = self.spread_precision * from_neutral
        cost += float((force * from_neutral).sum())
        moment = turned_back(right_jacobian_inverse(from_neutral), force)
        from_read = axis_angle(product_after(self.read, state.local))
        force = self.read_precision * from_read
        cost += float((force * from_read).sum())
        moment += force  # whose Jacobian leaves its own axis as it is
        for joint, row, beyond, active in hinges(state.local):
            moment[:, joint] += active * beyond * row
            cost += float((active * beyond * beyond).sum())
        for joint, row, bend, weight, part in self.standing_knees(state.local):
            moment[:, joint] += weight * bend * row
            cost += part
        gradient[:, 3:] += moment.transpose(2, 1, 0).reshape(self.count, -1)
        away = state.pelvis - self.start.pelvis
        gradient[:, :3] += (self.stay * away).T
        cost += float((self.stay * away * away).sum())
        cost += self._add_smoothness(gradient, state)
        return Look(
            cost, gradient, scale_gradient, state.local, world, arms, points, rows, picture_weight,
            relative_weight, facing, facing_weight, from_neutral, from_read, grown,
        )  # fmt: skip

    def standing_knees(self, local: Array) -> Iterator[tuple[int, Array, Array, Array, float]]:
        """Of each knee its joint, how turning it changes its bend (3, T), the bend (T,), what straightens
        it (T,), one over a square sigma, where the leg is stood on; and the cost (Tukey's biweight)."""
        for column, (joint, _) in enumerate(prior.STANDING_KNEES):
            turn = axis_angle(local[:, :, joint])
            bend, row = turn[0], right_jacobian_inverse(turn)[0]
            left = np.maximum(1.0 - (bend / prior.STANDING_KNEE_BENT) ** 2, 0.0)
            stiff = self.stood_on[column] / prior.STANDING_KNEE_SIGMA**2
            cost = float((stiff * (1.0 - left**3)).sum()) * prior.STANDING_KNEE_BENT**2 / 3.0
            yield joint, row, bend, stiff * left**2, cost

    def _allowed(self, options: BodyOptions) -> Array:
        """How much further (P, T), in squares, a point may lie from where its joint is thought to be.

        A point far from a joint of which nothing is known is no outlier: somebody's arm in a
        close-up, say, of which only the hand is seen. But it has to be seen well: an arm that nobody
        sees is put anywhere, with little certainty (weights are roots of certainties).
        """
        trace = np.einsum("iipt->pt", self.relative_precision)
        variance = 3.0 / np.maximum(trace, 3.0)  # square metres, mostly of the direction that is best known
        beyond = np.maximum(variance - _USUAL_DOUBT**2, 0.0)
        sure = np.clip((self.weight**2 - _SEEN_WELL[0]) / (_SEEN_WELL[1] - _SEEN_WELL[0]), 0.0, 1.0)
        return np.asarray(1.0 + sure * beyond / (_STATURE_M * options.point_sigma) ** 2)

    def _robust(
        self, square: Array, certainty: Array, limit: Array | float | None = None
    ) -> tuple[Array, float]:
        """Weights of residuals, of their squares in sigmas, by Geman and McClure; and their cost."""
        limit = self.limit if limit is None else limit
        share = limit / (limit + square)
        weight = certainty * share
        return weight * share, float((weight * square).sum())

    def _in_picture(self, points: Array) -> tuple[Array, Array]:
        """How points (3, P, T) move in the picture (2, 3, P, T), and how far off (2, P, T) they are in it."""
        camera = self.camera
        if camera is not None:
            points = np.einsum("jit,jpt->ipt", camera[:3, :3], points - camera[:3, 3][:, None])
        inverse = 1.0 / np.maximum(points[2], 0.1)
        flat = points[:2] * inverse
        rows = np.zeros((2, *points.shape))
        rows[0, 0] = rows[1, 1] = inverse
        rows[:, 2] = -flat * inverse
        if camera is not None:
            rows = np.einsum("aipt,jit->ajpt", rows, camera[:3, :3])
        return rows, flat - self.normalised

    def _add_smoothness(self, gradient: Array, state: State) -> float:
        """Adds the gradient of the cost of acceleration; returns the cost."""
        if self.count < 3:
            return 0.0
        before, middle, after = (weights[:, None] for weights in self.second_difference)
        turn = axis_angle(product_after(state.local[..., :-1], state.local[..., 1:]))
        turn = turn.transpose(2, 1, 0).reshape(self.count - 1, -1)
        move = np.concatenate([np.diff(state.pelvis).T, turn], axis=1)
        # before * x[t] + middle * x[t+1] + after * x[t+2], where the three weights sum to zero.
        acceleration = after * move[1:] - before * move[:-1]
        force = acceleration * self.smooth_precision
        gradient[:-2] += before * force
        gradient[1:-1] += middle * force
        gradient[2:] += after * force
        return float((acceleration * force).sum())


def pulled(world: Array, arms: Array, points: Array, forces: Array, moments: Array | None = None) -> Array:
    """What forces (3, P, T) at the points, and moments (3, 3, T) on what faces somewhere, do to a
    frame's unknowns: (T, 69)."""
    total = LOADS @ forces
    turning = LOADS @ cross(points, forces)
    if moments is not None:
        turning += LOOKS @ moments
    turning = turned_back(world, turning - cross(arms, total))
    out = np.empty((forces.shape[-1], 3 + 3 * BODY_JOINT_COUNT))
    out[:, :3] = total[:, 0].T
    out[:, 3:] = turning.transpose(2, 1, 0).reshape(len(out), -1)
    return out


def hinges(local: Array) -> Iterator[tuple[int, Array, Array, Array]]:
    """Of each hinge its joint, how turning it changes its angle (3, T), how far (T,) that is beyond its
    limits, and one over its square sigma (T,) where it is."""
    for joint, axis, sign, low, high in prior.HINGES:
        turn = axis_angle(local[:, :, joint])
        angle = turn[axis] * sign
        beyond = np.minimum(angle - low, 0.0) + np.maximum(angle - high, 0.0)
        row = right_jacobian_inverse(turn)[axis] * sign
        yield joint, row, beyond, (beyond != 0.0) / prior.HINGE_SIGMA**2


def _posed(state: State) -> tuple[Array, Array]:
    """World rotations (3, 3, 22, T), and joints (3, 22, T) from the pelvis."""
    rest = scaled_rest(state.log_scale)[:BODY_JOINT_COUNT]
    bones = (rest - rest[_PARENTS]).T[..., None]
    world, arms = np.empty_like(state.local), np.zeros(state.local.shape[1:])
    world[:, :, 0] = state.local[:, :, 0]
    for level in _LEVELS:
        parents = _PARENTS[level]
        before = world[:, :, parents]
        arms[:, level] = arms[:, parents] + turned(before, bones[:, level])
        world[:, :, level] = turned_by(before, state.local[:, :, level])
    return world, arms


def _grown(arms: Array, points: Array) -> Array:
    """How points move with the log scales: (3, P, S, T)."""
    bones = arms - arms[:, _PARENTS]
    own = (points - arms[:, POINTS.anchor])[:, :, None] * _OFFSETS[..., None]
    return np.asarray(np.einsum("pgk,ikt->ipgt", _BONES, bones) + own)

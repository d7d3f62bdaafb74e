# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys: smooth Bezier curves through dense keys, within an error that the animator sets.

The keys of a property (all its channels share their times) are knots of a piecewise cubic
with one slope at each knot. For given knots, values and slopes are the least-squares fit to all
dense keys at once, a block-tridiagonal system. Knots are added where the fit is off by more
than the tolerance, then as many as possible are done without. The error is measured at every
dense key, as the angle of the whole rotation or as a distance, never channel by channel.

With handles a third of the way to the next key, a Bezier segment of Blender's F-curves is a
cubic of time: what is fitted here is what Blender plays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# Error (M,) of fitted values (M, C) against the dense ones (M, C).
Measure = Callable[[Floats, Floats], Floats]

_FIRST_PIECE = 12  # dense keys a segment, to begin with, where something moves
_PASSES = 8  # of trying to do without every other knot
# A knot is tried without where its neighbours, as they are, miss by up to so many tolerances: the
# fit that follows does better than they do, and a knot that is needed after all comes back.
_HOPE = 3.0
_WORTH = 0.02  # of the knots: properties of which two passes remove less are left as they are
# How much the slope of the dense keys counts beside them: it decides where a segment has none inside.
_SLOPE_WEIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Curve:
    """Bezier keys of one property with C channels, in place of N dense ones.

    A key is left and reached at its slope; its handles lie a third of the way to its neighbours.
    """

    rows: Ints  # (K,) which of the dense keys they stand at, increasing
    values: Floats  # (K, C)
    slopes: Floats  # (K, C) per unit of time
    error: Floats  # (N,) at every dense key, in the unit of the tolerance
    fitted: Floats  # (N, C) what the curve plays there


def reduce_keys(
    values: Floats,
    times: NDArray[np.number[Any]],
    spans: tuple[tuple[int, int], ...],
    *,
    tolerance: float,
    measure: Measure,
    share: Floats | None = None,
) -> list[Curve]:
    """Curves for B properties of the same kind, each within `tolerance` at every dense key.

    values: (B, N, C) dense keys. times: (N,) where they stand, increasing. spans: first and last
    row of every stretch without a gap; no curve reaches across a gap. measure: the error in
    the unit of the tolerance; it must be 0 for equal values. share: (B, N) which part of the tolerance
    may be used where, more than 0 and at most 1; all of it if None.
    """
    if not tolerance > 0.0:
        raise ValueError(f"tolerance: expected more than 0, got {tolerance}")
    at = np.asarray(times, dtype=np.float64)
    ends, grid = np.zeros(len(at), bool), np.zeros(len(at), bool)
    for first, last in spans:
        ends[[first, last]] = True
        pieces = max(1, round((last - first) / _FIRST_PIECE))
        grid[np.linspace(first, last, pieces + 1).round().astype(np.int64)] = True
    problem = _Problem(values, at, spans, ends, tolerance, measure, share)
    knots = np.tile(ends, (len(values), 1))
    moving = np.flatnonzero(problem.off(knots))
    knots[moving] = grid
    knots[moving] = problem.split(knots[moving], moving)
    for turn in range(_PASSES):
        if not len(moving):
            break
        before = knots[moving]
        after = problem.split(problem.thin(before, moving, odd=bool(turn % 2)), moving)
        removed = before.sum(axis=1) - after.sum(axis=1)
        better = removed > 0
        knots[moving[better]] = after[better]
        moving = moving[removed > _WORTH * before.sum(axis=1)] if turn % 2 else moving
    return problem.curves(knots)


class _Problem:
    """The dense keys of B properties. `which` are some of them, `knots` (b, N) where those have keys."""

    def __init__(
        self,
        values: Floats,
        times: Floats,
        spans: tuple[tuple[int, int], ...],
        ends: Bools,
        tolerance: float,
        measure: Measure,
        share: Floats | None,
    ) -> None:
        self.values, self.times, self.ends = values, times, ends
        self.tolerance, self.measure, self.share = tolerance, measure, share
        self.goes_on = np.ones(len(times), bool)  # False at the last row of a span
        self.goes_on[[last for _, last in spans]] = False
        self.slopes = np.zeros(values.shape)
        for first, last in spans:
            if last > first:
                rows = slice(first, last + 1)
                self.slopes[:, rows] = np.gradient(values[:, rows], times[rows], axis=1)

    def off(self, knots: Bools) -> Bools:
        """(B,) properties for which these knots are too few."""
        fit = _Fit.of(self, np.arange(len(knots)), knots)
        return np.asarray((fit.error > self.tolerance).reshape(len(knots), -1).any(axis=1))

    def split(self, knots: Bools, which: Ints) -> Bools:
        """More knots, until the fit is within the tolerance everywhere."""
        knots = knots.copy()
        rows = np.arange(len(which))
        while len(rows):
            more = _Fit.of(self, which[rows], knots[rows]).where_to_split(self.tolerance)
            knots[rows] |= more
            rows = rows[more.any(axis=1)]
        return knots

    def thin(self, knots: Bools, which: Ints, *, odd: bool) -> Bools:
        """Every other knot taken out, unless its neighbours miss by far without it."""
        fit = _Fit.of(self, which, knots)
        turn = (np.cumsum(knots, axis=1) % 2 == odd) & knots & ~self.ends
        left = knots & ~turn
        stay = left.ravel()[fit.layout.knots]
        trial = _Fit(self, which, _Layout.of(self, left), values=fit.values[stay], slopes=fit.slopes[stay])
        fails = trial.segment_error() > _HOPE * self.tolerance
        return np.asarray(left | (turn & fails[trial.layout.segment].reshape(turn.shape)))

    def curves(self, knots: Bools) -> list[Curve]:
        """The curves with these knots."""
        fit = _Fit.of(self, np.arange(len(knots)), knots)
        cuts = np.cumsum(knots.sum(axis=1))[:-1]
        fitted = fit.fitted.reshape(self.values.shape)
        error = fit.error.reshape(knots.shape) * (1.0 if self.share is None else self.share)
        parts = zip(np.split(fit.values, cuts), np.split(fit.slopes, cuts), strict=True)
        return [
            Curve(np.flatnonzero(knots[k]), values, slopes, error[k], fitted[k])
            for k, (values, slopes) in enumerate(parts)
        ]


@dataclass(frozen=True, eq=False)
class _Layout:
    """Several properties end to end: M dense keys in K segments, from a knot to the row before the next."""

    knots: Ints  # (K,) rows
    joined: Bools  # (K,) the segment reaches the next knot; otherwise a gap or another property follows
    step: Floats  # (K,) its length in time, 1 where it is not joined
    segment: Ints  # (M,)
    basis: tuple[Floats, Floats, Floats, Floats]  # (M,) of value and slope at the start, and at the end

    @classmethod
    def of(cls, problem: _Problem, knots: Bools) -> _Layout:
        rows = np.flatnonzero(knots)
        times = np.tile(problem.times, len(knots))
        joined = np.tile(problem.goes_on, len(knots))[rows]
        step = np.where(joined, np.roll(times[rows], -1) - times[rows], 1.0)
        counts = np.diff(rows, append=knots.size)
        segment = np.repeat(np.arange(len(rows)), counts)
        length = step[segment]
        u = (times - np.repeat(times[rows], counts)) / length
        back = 1.0 - u
        basis = (
            (1.0 + 2.0 * u) * back * back, length * u * back * back,
            u * u * (3.0 - 2.0 * u), -length * u * u * back,
        )  # fmt: skip
        return cls(rows, joined, step, segment, basis)


class _Fit:
    """Knots with their values and slopes, and how far they are off at every dense key."""

    def __init__(
        self, problem: _Problem, which: Ints, layout: _Layout, *, values: Floats, slopes: Floats
    ) -> None:
        self.layout, self.values, self.slopes = layout, values, slopes
        self.shape = (len(which), len(problem.times))
        a, b, c, d = (weight[:, None] for weight in layout.basis)
        here, there = layout.segment, np.minimum(layout.segment + 1, len(values) - 1)
        self.fitted = a * values[here] + b * slopes[here] + c * values[there] + d * slopes[there]
        self.error = problem.measure(self.fitted, problem.values[which].reshape(self.fitted.shape))
        if problem.share is not None:
            self.error = self.error / problem.share[which].ravel()

    @classmethod
    def of(cls, problem: _Problem, which: Ints, knots: Bools) -> _Fit:
        """The least-squares fit to the dense keys."""
        layout = _Layout.of(problem, knots)
        dense = problem.values[which].reshape(knots.size, -1)
        slopes = problem.slopes[which].reshape(dense.shape)[layout.knots]
        a, b, c, d = layout.basis

        def sums(weights: Floats) -> Floats:
            return np.asarray(np.add.reduceat(weights, layout.knots))

        def before(own: Floats) -> Floats:  # what a segment gives to the knot at its end
            return np.concatenate([np.zeros_like(own[:1]), own[:-1]])

        # Half of both neighbouring segments, squared, so that it weighs as dense keys do.
        pull = _SLOPE_WEIGHT * np.square(0.5 * (layout.step + before(layout.step)))
        blocks = np.empty((len(layout.knots), 2, 2))
        blocks[:, 0, 0] = sums(a * a) + before(sums(c * c))
        blocks[:, 0, 1] = blocks[:, 1, 0] = sums(a * b) + before(sums(c * d))
        blocks[:, 1, 1] = sums(b * b) + before(sums(d * d)) + pull
        above = np.empty_like(blocks)
        above[:, 0, 0], above[:, 0, 1] = sums(a * c), sums(a * d)
        above[:, 1, 0], above[:, 1, 1] = sums(b * c), sums(b * d)
        right = np.empty((len(layout.knots), 2, dense.shape[1]))
        for channel in range(dense.shape[1]):
            y = np.ascontiguousarray(dense[:, channel])
            right[:, 0, channel] = sums(a * y) + before(sums(c * y))
            right[:, 1, channel] = sums(b * y) + before(sums(d * y)) + pull * slopes[:, channel]
        solution = solve_chain(blocks, above[:-1], right)
        return cls(problem, which, layout, values=solution[:, 0], slopes=solution[:, 1])

    def segment_error(self) -> Floats:
        """(K,) the largest error from each knot to the next, both counted."""
        at = self.layout
        largest = np.maximum.reduceat(self.error, at.knots)
        end = np.roll(self.error[at.knots], -1)
        return np.asarray(np.maximum(largest, np.where(at.joined, end, 0.0)))

    def where_to_split(self, tolerance: float) -> Bools:
        """(b, N) new knots: in every segment that is off, where it is worst, but not close to its ends."""
        at = self.layout
        inside = np.diff(at.knots, append=len(self.error)) - 1
        bad = (self.segment_error() > tolerance) & at.joined & (inside > 0)
        own = np.maximum.reduceat(self.error, at.knots)
        rows = np.flatnonzero(bad[at.segment] & (self.error == own[at.segment]))
        segments, first = np.unique(at.segment[rows], return_index=True)
        margin = np.maximum(1, (inside[segments] + 1) // 4)
        start = at.knots[segments]
        place = np.clip(rows[first], start + margin, start + inside[segments] + 1 - margin)
        new = np.zeros(len(self.error), bool)
        new[place] = True
        return new.reshape(self.shape)


def solve_chain(blocks: Floats, above: Floats, right: Floats) -> Floats:
    """Solve a symmetric block-tridiagonal system by taking out every other block, again and again.

    blocks: (K, b, b) on the diagonal. above: (K - 1, b, b) right of it. right: (K, b, C).
    Returns (K, b, C). Every step is one pass over half of what is left (cyclic reduction).
    """
    if len(blocks) == 1:
        return np.asarray(np.linalg.solve(blocks, right))
    odd = np.linalg.inv(blocks[1::2])
    into, out = above[0::2], above[1::2]  # from an even block to the next odd one, and from it on
    into_t, out_t = np.swapaxes(into, 1, 2), np.swapaxes(out, 1, 2)
    n, m = len(into), len(out)
    even, even_right = blocks[0::2].copy(), right[0::2].copy()
    even[:n] -= into @ odd @ into_t
    even[1 : m + 1] -= out_t @ odd[:m] @ out
    even_right[:n] -= into @ (odd @ right[1::2])
    even_right[1 : m + 1] -= out_t @ (odd[:m] @ right[1::2][:m])
    solution = np.empty_like(right)
    solution[0::2] = solve_chain(even, -into[:m] @ odd[:m] @ out, even_right)
    rest = right[1::2] - into_t @ solution[0::2][:n]
    rest[:m] -= out @ solution[2::2]
    solution[1::2] = odd @ rest
    return solution

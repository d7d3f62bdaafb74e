# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts as lanes of keys: a point of a foot is down from a key of 1 to a key of 0."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Span = tuple[float, float]  # first frame that it is down, and the frame at which it is up again

LANES = ("left_heel", "left_toe", "right_heel", "right_toe")
"""In the order of SmplxSequence.contact."""

_DOWN = 0.5


def spans(frames: NDArray[np.floating[Any]], values: NDArray[np.floating[Any]]) -> tuple[Span, ...]:
    """When a lane with constant keys, values (K,) at increasing frames (K,), is down.

    As Blender reads such a curve: the first key holds before it, the last one after.
    """
    out: list[Span] = []
    for k, value in enumerate(values):
        if value < _DOWN:
            continue
        start = -np.inf if k == 0 else float(frames[k])
        end = float(frames[k + 1]) if k + 1 < len(frames) else np.inf
        if out and out[-1][1] == start:
            out[-1] = (out[-1][0], end)
        elif end > start:
            out.append((start, end))
    return tuple(out)


def lane_keys(found: Iterable[Span], *, before: float) -> tuple[Array, Array]:
    """Keys (K,) frames and (K,) values of a lane that is down in these spans, up at frame `before`."""
    rows: list[tuple[float, float]] = [(before, 0.0)]
    for start, end in joined(found):
        if rows[-1][0] >= start:
            rows.pop()
        rows += [(start, 1.0), (end, 0.0)]
    frames, values = np.array(rows, dtype=np.float64).T
    return frames, values


def joined(found: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch made one."""
    out: list[Span] = []
    for start, end in sorted(found):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def without(found: Iterable[Span], gap: Span) -> list[Span]:
    """Spans with `gap` cut out of them."""
    out: list[Span] = []
    for start, end in found:
        out += [(a, b) for a, b in ((start, min(end, gap[0])), (max(start, gap[1]), end)) if b > a]
    return out


def sampled(lanes: Mapping[str, Sequence[Span]], frames: NDArray[np.number[Any]]) -> Array:
    """Contacts (N, 4), 0 or 1, at frames (N,); a lane that is not there is up."""
    at = np.asarray(frames, dtype=np.float64)
    out = np.zeros((len(at), len(LANES)))
    for column, lane in enumerate(LANES):
        for start, end in lanes.get(lane, ()):
            out[(at >= start) & (at < end), column] = 1.0
    return out


def changed(before: Mapping[str, Sequence[Span]], after: Mapping[str, Sequence[Span]]) -> Span | None:
    """From where to where the lanes differ, whole contacts included; None if they do not.

    A contact that was moved or cut changes where its foot is held throughout, and so do
    the contacts of the same foot that it overlaps.
    """
    low, high = np.inf, -np.inf
    for side in ("left", "right"):
        names = [lane for lane in LANES if lane.startswith(side)]
        parts = [part for lane in names for part in set(before.get(lane, ())) ^ set(after.get(lane, ()))]
        if not parts:
            continue
        both = itertools.chain.from_iterable(
            lanes.get(lane, ()) for lanes in (before, after) for lane in names
        )
        whole = joined(both)
        for start, end in parts:
            for a, b in whole:
                if a <= end and start <= b:
                    low, high = min(low, a, start), max(high, b, end)
    return (low, high) if low <= high else None


def reach(window: Span, lanes: Mapping[str, Sequence[Span]]) -> Span:
    """A window widened until no contact is cut by its ends, each foot's overlapping ones as one."""
    low, high = window
    for side in ("left", "right"):
        names = [lane for lane in LANES if lane.startswith(side)]
        for a, b in joined(itertools.chain.from_iterable(lanes.get(lane, ()) for lane in names)):
            if a <= window[1] and window[0] <= b:
                low, high = min(low, a), max(high, b)
    return low, high

# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts as lanes of keys: a point of a foot, or a hand, is down from a key of 1 to a key of 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Span = tuple[float, float]  # first frame that it is down, and the frame at which it is up again
Lanes = Mapping[
    str, Sequence[Span]
]  # a lane that is not there was not asked for; an empty one is up throughout

FOOT_LANES = ("left_heel", "left_toe", "right_heel", "right_toe")
"""In the order of SmplxSequence.contact."""

HAND_LANES = ("left_hand", "right_hand")
LANES = (*FOOT_LANES, *HAND_LANES)

LIMBS: dict[str, tuple[str, ...]] = {
    "left_leg": ("left_heel", "left_toe"),
    "right_leg": ("right_heel", "right_toe"),
    "left_arm": ("left_hand",),
    "right_arm": ("right_hand",),
}
"""Lanes that are one limb's: contacts of them that overlap are held together."""

_DOWN = 0.5


def spans(frames: NDArray[np.floating[Any]], values: NDArray[np.floating[Any]]) -> tuple[Span, ...]:
    """When a lane with constant keys, values (K,) at increasing frames (K,), is down.

    As Blender reads such a curve: the first key holds before it, the last one after.
    """
    if not len(frames):
        return ()
    starts = np.array(frames, dtype=np.float64)
    starts[0] = -np.inf
    counted = np.append(starts[1:] > starts[:-1], True)  # of keys at one frame, the last
    starts, down = starts[counted], np.asarray(values)[counted] >= _DOWN
    edges = np.diff(np.concatenate([[False], down, [False]]).astype(np.int8))
    ends = np.append(starts, np.inf)
    rises, falls = starts[edges[:-1] > 0], ends[edges < 0]
    return tuple(zip(rises.tolist(), falls.tolist(), strict=True))


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


def has_feet(lanes: Lanes) -> bool:
    """Whether lanes say when feet stand."""
    return any(lane in lanes for lane in FOOT_LANES)


def has_hands(lanes: Lanes) -> bool:
    """Whether lanes say that a hand rests somewhere."""
    return any(lanes.get(lane) for lane in HAND_LANES)


def sampled(lanes: Lanes, frames: NDArray[np.number[Any]], names: Sequence[str] = FOOT_LANES) -> Array:
    """Contacts (N, len(names)), 0 or 1, at frames (N,); a lane that is not there is up."""
    at = np.asarray(frames, dtype=np.float64)
    out = np.zeros((len(at), len(names)))
    for column, lane in enumerate(names):
        found = np.array(joined(lanes.get(lane, ())), dtype=np.float64).reshape(-1, 2)
        if len(found):
            last = np.searchsorted(found[:, 0], at, side="right") - 1
            out[:, column] = (last >= 0) & (at < found[np.maximum(last, 0), 1])
    return out


def changed(before: Lanes, after: Lanes) -> dict[str, Span]:
    """The limbs whose lanes differ, each with from where to where, whole contacts included.

    A contact that was moved or cut changes where its foot or hand is held throughout, and so do
    the contacts of the same limb that it overlaps.
    """
    out: dict[str, Span] = {}
    for limb, names in LIMBS.items():
        parts = [part for lane in names for part in set(before.get(lane, ())) ^ set(after.get(lane, ()))]
        if parts:
            window = (min(start for start, _ in parts), max(end for _, end in parts))
            out[limb] = widened(window, [lanes.get(lane, ()) for lanes in (before, after) for lane in names])
    return out


def reach(window: Span, lanes: Lanes, limbs: Iterable[str] = LIMBS) -> Span:
    """A window widened until no contact is cut by its ends, each limb's overlapping ones as one."""
    found = [widened(window, [lanes.get(lane, ()) for lane in LIMBS[limb]]) for limb in limbs]
    return min((window, *found))[0], max(end for _, end in (window, *found))


def widened(window: Span, lanes: Iterable[Sequence[Span]]) -> Span:
    """A window with all that touches it in any of these lanes, and all that touches that."""
    there = np.array([span for lane in lanes for span in lane], dtype=np.float64).reshape(-1, 2)
    while True:
        touching = there[(there[:, 0] <= window[1]) & (there[:, 1] >= window[0])]
        low = min(window[0], float(touching[:, 0].min(initial=np.inf)))
        high = max(window[1], float(touching[:, 1].max(initial=-np.inf)))
        if (low, high) == window:
            return window
        window = (low, high)

# SPDX-License-Identifier: GPL-3.0-or-later
"""When a foot or hand rests somewhere, and how what is put right then fades in and out around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Span = tuple[int, int]  # first and last position, as in Motion.spans


def find(
    contact: Array, *, spans: Sequence[Span], on: float, off: float, shortest: int, join: int
) -> list[Span]:
    """Runs of frames in which a contact (N,) of 0 to 1 holds.

    It begins at `on` and lasts until it falls below `off`, so that a value that wavers makes
    one run. Breaks of up to `join` frames are closed, then runs below `shortest` frames left out.
    """
    found: list[Span] = []
    for first, last in spans:
        values = contact[first : last + 1]
        runs = [run for run in _runs(values >= off) if (values[run[0] : run[1] + 1] >= on).any()]
        # The part before it first reaches `on` is approach, not contact.
        runs = [(a + int(np.argmax(values[a : b + 1] >= on)), b) for a, b in runs]
        joined: list[Span] = []
        for start, end in runs:
            if joined and start - joined[-1][1] - 1 <= join:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        found += [(a + first, b + first) for a, b in joined if b - a + 1 >= shortest]
    return found


def standing(
    span: Span, places: Array, *, drift: float, settled: float, shortest: int, pause: int
) -> list[Span]:
    """The parts of a run in which a point at places (N, k) really stays where it is.

    Someone who shuffles or turns on the spot is in contact all the time and still moves on: a
    part ends once the point is `drift` from where it began, and `pause` frames lie before the
    next. At both ends the frames in which it is still (or again) further than `settled` from
    the middle of the part are left out: it arrives and leaves in them.
    """
    if np.isinf(drift) and np.isinf(settled):
        return [span]  # somebody says so
    out: list[Span] = []
    start, last = span
    while last - start + 1 >= shortest:
        began = np.median(places[start : start + shortest], axis=0)
        end = _stays_until(places[start : last + 1], began, drift) + start
        if end < last:
            end -= pause // 2
        if end - start + 1 < shortest:
            start += 1
            continue
        middle = np.median(places[start : end + 1], axis=0)
        still = np.linalg.norm(places[start : end + 1] - middle, axis=-1) <= settled
        if still.any():
            first, final = int(np.argmax(still)), len(still) - 1 - int(np.argmax(still[::-1]))
            if final - first + 1 >= shortest:
                out.append((start + first, start + final))
        start = end + 1 + pause
    return out


def _stays_until(places: Array, settled: Array, drift: float) -> int:
    """The last position before places (N, k) first leave a circle about `settled`; -1 if at once."""
    step = 200  # a run can be thousands of frames long, and most breaks come soon
    for first in range(0, len(places), step):
        away = np.linalg.norm(places[first : first + step] - settled, axis=-1) > drift
        if away.any():
            return first + int(np.argmax(away)) - 1
    return len(places) - 1


def flags(found: Sequence[Span], count: int) -> Flags:
    """Runs as flags (count,)."""
    out = np.zeros(count, dtype=bool)
    for first, last in found:
        out[first : last + 1] = True
    return out


def weight(known: Flags, *, spans: Sequence[Span], ease: int) -> Array:
    """1 where known (N,), falling smoothly to 0 within `ease` frames beside it; never across a gap."""
    out = np.zeros(len(known))
    for first, last in spans:
        here = known[first : last + 1]
        if not here.any():
            continue
        at = np.arange(len(here))
        inside = np.flatnonzero(here)
        after = np.searchsorted(inside, at)
        near = np.minimum(
            np.abs(at - inside[np.minimum(after, len(inside) - 1)]),
            np.abs(at - inside[np.maximum(after - 1, 0)]),
        )
        out[first : last + 1] = _smooth_step(1.0 - near / (ease + 1.0))
    return out


def eased(values: Array, known: Flags, *, spans: Sequence[Span], ease: int) -> Array:
    """Values (N, k) where they are known (N,), and in between a curve that leaves and meets them smoothly.

    It falls to zero within `ease` frames; breaks shorter than two of these are bridged.
    """
    out = np.where(known[:, None], values, 0.0)
    for first, last in spans:
        for a, b in _runs(~known[first : last + 1]):
            start, end = a + first, b + first
            left = start - 1 if start > first else None
            right = end + 1 if end < last else None
            length = end - start + 2
            if left is not None and right is not None and length <= 2 * (ease + 1):
                out[start : end + 1] = _hermite(
                    values[left], _slope(values, known, left, -1, first, last),
                    values[right], _slope(values, known, right, 1, first, last), length,
                )[1:-1]  # fmt: skip
                continue
            steps = ease + 1
            zero = np.zeros(values.shape[1])
            if left is not None:
                fall = _hermite(
                    values[left], _slope(values, known, left, -1, first, last), zero, zero, steps
                )[1:-1][: end - start + 1]
                out[start : start + len(fall)] += fall
            if right is not None:
                rise = _hermite(
                    zero, zero, values[right], _slope(values, known, right, 1, first, last), steps
                )[1:-1][-(end - start + 1) :]
                out[end + 1 - len(rise) : end + 1] += rise
    return out


def envelope(need: Array, *, spans: Sequence[Span], radius: int) -> Array:
    """A smooth curve (N,) that is nowhere below need (N,), which is 0 or more."""
    out = np.zeros_like(need)
    window = np.hanning(2 * radius + 3)[1:-1]
    window /= window.sum()
    for first, last in spans:
        here = need[first : last + 1]
        if not here.any():
            continue
        padded = np.pad(here, 2 * radius, mode="edge")
        highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1).max(axis=-1)
        out[first : last + 1] = np.convolve(highest, window, mode="valid")
    return out


def ramped(need: Array, *, spans: Sequence[Span], step: float) -> Array:
    """The lowest curve (N,) that is nowhere below need (N,) and changes by at most `step` a frame."""
    out = np.array(need)
    for first, last in spans:
        here = need[first : last + 1]
        rise = step * np.arange(len(here))
        after = np.maximum.accumulate(here + rise) - rise
        before = (np.maximum.accumulate(here[::-1] + rise) - rise)[::-1]
        out[first : last + 1] = np.maximum(after, before)
    return out


def smoothed(values: Array, *, spans: Sequence[Span], radius: int) -> Array:
    """Values (N, k) averaged over `radius` frames to each side, never across a gap."""
    out = np.array(values)
    window = np.hanning(2 * radius + 3)[1:-1]
    window /= window.sum()
    for first, last in spans:
        padded = np.pad(values[first : last + 1], ((radius, radius), (0, 0)), mode="edge")
        for k in range(values.shape[1]):
            out[first : last + 1, k] = np.convolve(padded[:, k], window, mode="valid")
    return out


def _runs(on: Flags) -> Iterator[Span]:
    """First and last position of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(start), int(end) - 1


def _slope(values: Array, known: Flags, at: int, inwards: int, first: int, last: int) -> Array:
    """Change a frame at the edge of what is known, 0 where a single frame is known."""
    beside = at + inwards
    if not first <= beside <= last or not known[beside]:
        return np.zeros(values.shape[1])
    return np.asarray((values[beside] - values[at]) * float(inwards))


def _hermite(start: Array, start_slope: Array, end: Array, end_slope: Array, steps: int) -> Array:
    """(steps + 1, k) from start to end with these slopes (a step) at the ends."""
    return np.asarray(_basis(steps) @ np.stack([start, start_slope, end, end_slope]))


@lru_cache(maxsize=256)
def _basis(steps: int) -> Array:
    """(steps + 1, 4) shares of start, slope there, end and slope there along a cubic."""
    t = np.arange(steps + 1) / steps
    return np.stack(
        [2 * t**3 - 3 * t**2 + 1, (t**3 - 2 * t**2 + t) * steps, 3 * t**2 - 2 * t**3, (t**3 - t**2) * steps],
        axis=-1,
    )


def _smooth_step(t: Array) -> Array:
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))

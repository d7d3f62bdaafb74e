# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who over the whole take: the tracker's pieces joined into persons.

A tracker that meets two people crossing can come out with their names exchanged, and
one that loses somebody starts again under a new number. With the whole take known
both are mended: tracks are cut where they leap and where two people cover each other,
and the pieces are joined end to start so that place and colours fit best over all of
them (a minimum-cost assignment, as in network-flow tracking).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .appearance import distance

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

CUT_GAP_S = 0.5  # a track unseen for longer is cut
CUT_JUMP = 0.35  # hips that move further within 1/30 s, in the person's size, are cut
CLOSE = 0.35  # two persons' hips nearer than this cover each other
MAX_LINK = 1.1  # cost from which on two pieces are two persons
REACH, REACH_SPEED = 0.5, 2.0  # how far a person gets unseen: size, and size per second
MAX_REACH = 4.0  # place says nothing after a while
SHADOW = 0.2  # a track that stays nearer than this to a longer one shows the same person
SAME_TRACK, SAME_TRACK_S = 0.3, 0.5  # the tracker's own word, in cost, and how soon it is worth nothing
BRIEF_S, BRIEF = 0.3, 0.3  # a piece shorter than this is likely a mixed-up pose: what it costs
BRIEF_AWAY_S = 1.0  # and nobody who was away for longer comes back as one: it looks a little like everybody
MIN_S = 0.8  # shorter than this is no person
MIN_SHARE = 0.03  # of the longest person's frames,
ENOUGH_S = 10.0  # but who is seen for so long is somebody, however long the take is
GHOST_NEAR, GHOST_SHARE = 0.5, 0.25  # somebody short-lived who clings to somebody else is a mixed-up pose


@dataclass(frozen=True)
class Sightings:
    """Every row of the take without its landmarks; sorted by frame, then track."""

    frame: Ints  # (R,)
    time_s: Floats  # (R,)
    track: Ints  # (R,)
    centre: Floats  # (R, 2) middle of the hips, pixels
    size: Floats  # (R,) pixels
    score: Floats  # (R,)
    appearance: Floats  # (R, K)

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, rows: NDArray[Any]) -> Sightings:
        return Sightings(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True)
class _Piece:
    """Part of one track without a cut: rows of the take and how it starts and ends."""

    track: int
    rows: Ints
    start_s: float
    end_s: float
    seen_s: float  # what its rows cover of that
    head: Floats  # (2,) first place
    tail: Floats  # (2,) last place
    head_velocity: Floats  # (2,) pixels a second
    tail_velocity: Floats
    head_size: float
    tail_size: float
    appearance: Floats


def persons(sightings: Sightings) -> list[Ints]:
    """Rows of each person, increasing in time, at most one a frame; the main person first.

    The main person is the one with the largest sum of sizes over the frames: who is seen
    long and large. Tracks too short to be anybody are left out.
    """
    if len(sightings) == 0:
        return []
    pieces = _pieces(sightings, _shadows(sightings))
    chains = _join(pieces)
    rows = [np.concatenate([pieces[i].rows for i in chain]) for chain in chains]
    longest = max(len(r) for r in rows)
    step = _step(sightings)
    least = max(MIN_S, min(MIN_SHARE * longest * step, ENOUGH_S))
    kept = [r for r in rows if len(r) * step >= least]
    kept = [r for r in kept if not any(_ghost(sightings, r, other) for other in kept)]
    if not kept and longest * step >= min(MIN_S, 0.5 * float(np.ptp(sightings.time_s) + step)):
        kept = [max(rows, key=len)]  # a take of a few frames
    return sorted(kept, key=lambda r: -float(sightings.size[r].sum()))


def picked(sightings: Sightings, people: Sequence[Ints], frame: int, x: float, y: float) -> Ints:
    """The rows of the person of `people` who is at x, y (pixels) in a video frame, or was last or is next.

    Who is not in the picture then may still be meant: the tracker lost them, or the click was on
    another frame. Being away in time counts as much as being away in place: a second for a body's size.
    """

    def away(rows: Ints) -> float:
        distance = np.linalg.norm(sightings.centre[rows] - (x, y), axis=1) / sightings.size[rows]
        return float((distance + np.abs(sightings.time_s[rows] - clicked_s)).min())

    clicked_s = float(np.interp(frame, sightings.frame, sightings.time_s))

    return min(people, key=away)


def _ghost(sightings: Sightings, rows: Ints, other: Ints) -> bool:
    """Whether a short-lived person is, most of the time, a bad reading of another one."""
    if len(rows) > GHOST_SHARE * len(other):
        return False
    _, mine, theirs = np.intersect1d(sightings.frame[rows], sightings.frame[other], return_indices=True)
    a, b = rows[mine], other[theirs]
    apart = np.linalg.norm(sightings.centre[a] - sightings.centre[b], axis=1)
    near = apart < GHOST_NEAR * np.minimum(sightings.size[a], sightings.size[b])
    return bool(near.sum() >= 0.5 * len(rows))


def _step(sightings: Sightings) -> float:
    """Seconds between two frames of the take."""
    times = np.unique(sightings.time_s)
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0 / 30.0


def _shadows(sightings: Sightings) -> set[int]:
    """Tracks that show, most of their time, a person whom a longer track shows better."""
    length = {int(t): int(n) for t, n in zip(*np.unique(sightings.track, return_counts=True), strict=True)}
    together: dict[tuple[int, int], int] = {}
    for rows in _frames(sightings):
        track, centre, size = (getattr(sightings, n)[rows] for n in ("track", "centre", "size"))
        apart = np.linalg.norm(centre[:, None] - centre[None], axis=-1)
        near = apart < SHADOW * np.minimum(size[:, None], size[None])
        for i, j in zip(*np.nonzero(near), strict=True):
            short, long = int(track[i]), int(track[j])
            if (length[short], -short) < (length[long], -long):
                together[short, long] = together.get((short, long), 0) + 1
    return {short for (short, _), count in together.items() if count >= 0.5 * length[short]}


def _pieces(sightings: Sightings, shadows: set[int]) -> list[_Piece]:
    step = _step(sightings)
    covered = _covered(sightings, shadows)
    pieces: list[_Piece] = []
    for track in np.unique(sightings.track):
        if int(track) in shadows:
            continue
        rows = np.flatnonzero(sightings.track == track)
        time, centre, size = (getattr(sightings, n)[rows] for n in ("time_s", "centre", "size"))
        dt = np.diff(time)
        jump = np.linalg.norm(np.diff(centre, axis=0), axis=1) / np.minimum(size[1:], size[:-1])
        cut = (dt > CUT_GAP_S) | (jump > CUT_JUMP * np.maximum(dt * 30.0, 1.0) ** 0.5)
        # In the middle of a cover nobody knows who is who: end there, and judge by what comes out.
        hidden = covered[rows]
        for first, last in _runs(hidden):
            if first > 0 and last < len(rows) - 1:
                cut[(first + last) // 2] = True
        parts = np.split(rows, np.flatnonzero(cut) + 1)
        pieces.extend(_piece(sightings, part, covered, step) for part in parts)
    return sorted(pieces, key=lambda p: (p.start_s, p.track))


def _piece(sightings: Sightings, rows: Ints, covered: NDArray[np.bool_], step: float) -> _Piece:
    part = sightings.at(rows)
    span = max(2, round(0.3 / step))

    def velocity(window: slice) -> Floats:
        times, places = part.time_s[window], part.centre[window]
        if len(times) < 3:
            return np.zeros(2)
        return np.asarray(np.polyfit(times - times.mean(), places, 1)[0])

    clear = ~covered[rows]
    colours = part.appearance[clear if clear.any() else slice(None)]
    return _Piece(
        track=int(part.track[0]),
        rows=rows,
        start_s=float(part.time_s[0]),
        end_s=float(part.time_s[-1]),
        seen_s=len(rows) * step,
        head=part.centre[0],
        tail=part.centre[-1],
        head_velocity=velocity(slice(None, span)),
        tail_velocity=velocity(slice(-span, None)),
        head_size=float(np.median(part.size[:span])),
        tail_size=float(np.median(part.size[-span:])),
        appearance=colours.mean(axis=0),
    )


def _frames(sightings: Sightings) -> list[NDArray[np.intp]]:
    """Rows of every frame with several people in it."""
    starts = np.flatnonzero(np.r_[True, np.diff(sightings.frame) > 0, True])
    return [np.arange(a, b) for a, b in pairwise(starts) if b - a > 1]


def _covered(sightings: Sightings, shadows: set[int]) -> NDArray[np.bool_]:
    """Rows (R,) of people with somebody else's hips close to theirs."""
    out = np.zeros(len(sightings), np.bool_)
    real = ~np.isin(sightings.track, sorted(shadows))
    for frame in _frames(sightings):
        rows = frame[real[frame]]
        centre, size = sightings.centre[rows], sightings.size[rows]
        apart = np.linalg.norm(centre[:, None] - centre[None], axis=-1)
        np.fill_diagonal(apart, np.inf)
        out[rows] = (apart < CLOSE * np.minimum(size[:, None], size[None])).any(axis=1)
    return out


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def _join(pieces: list[_Piece]) -> list[list[int]]:
    """Chains of pieces, each a person, at the least total cost."""
    count = len(pieces)
    # Columns: the pieces that may follow, then "nothing follows" at the price of MAX_LINK.
    cost = np.full((count, 2 * count), 1e6)
    cost[:, count:] = MAX_LINK
    heads = _heads(pieces)
    for i, tail in enumerate(pieces):
        later = int(np.searchsorted(heads.start_s, tail.end_s, side="right"))
        cost[i, later:count] = _link(tail, heads.since(later))
    following = dict(zip(*linear_sum_assignment(cost), strict=True))
    led = {int(j) for j in following.values() if j < count}
    chains = []
    for i in range(count):
        if i not in led:
            chain = [i]
            while (j := int(following[chain[-1]])) < count:
                chain.append(j)
            chains.append(chain)
    return chains


@dataclass(frozen=True)
class _Heads:
    """How P pieces start, in the order of their starts."""

    track: Ints  # (P,)
    start_s: Floats  # (P,)
    place: Floats  # (P, 2)
    velocity: Floats  # (P, 2)
    size: Floats  # (P,)
    brief: Floats  # (P,) 1 where the piece is so short that it is likely a mixed-up pose
    appearance: Floats  # (P, K)

    def since(self, first: int) -> _Heads:
        return _Heads(**{f.name: getattr(self, f.name)[first:] for f in fields(self)})


def _heads(pieces: list[_Piece]) -> _Heads:
    return _Heads(
        track=np.array([p.track for p in pieces]),
        start_s=np.array([p.start_s for p in pieces]),
        place=np.stack([p.head for p in pieces]),
        velocity=np.stack([p.head_velocity for p in pieces]),
        size=np.array([p.head_size for p in pieces]),
        brief=np.array([_brief(p) for p in pieces]),
        appearance=np.stack([p.appearance for p in pieces]),
    )


def _brief(piece: _Piece) -> float:
    return float(piece.seen_s < BRIEF_S)


def _link(tail: _Piece, heads: _Heads) -> Floats:
    """Costs (P,) that each of `heads` is the same person as `tail`, some time later."""
    dt = heads.start_s - tail.end_s
    coast = np.minimum(dt, 0.5)[:, None]
    ahead = tail.tail + coast * tail.tail_velocity
    behind = heads.place - coast * heads.velocity
    miss = np.linalg.norm(ahead - heads.place, axis=1) + np.linalg.norm(behind - tail.tail, axis=1)
    miss = miss / (2.0 * np.minimum(tail.tail_size, heads.size))
    place = miss / np.minimum(REACH + REACH_SPEED * dt, MAX_REACH)
    # A long absence leaves only the colours to go by, and says so.
    unlike = place + 0.3 * np.minimum(dt / 5.0, 1.0)
    colour = distance(tail.appearance, heads.appearance)
    scale = np.abs(np.log(heads.size / tail.tail_size))
    cost = 0.5 * unlike + 1.2 * colour + 0.5 * scale + BRIEF * (heads.brief + _brief(tail))
    # While it saw them the tracker knows best, apart from what colours contradict.
    cost -= np.where(heads.track == tail.track, SAME_TRACK * np.exp(-dt / SAME_TRACK_S), 0.0)
    brief = (heads.brief > 0) | (_brief(tail) > 0)
    return np.asarray(np.where((place > 1.5) | (brief & (dt > BRIEF_AWAY_S)), 1e6, cost))

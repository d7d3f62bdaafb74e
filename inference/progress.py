# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a job is: one value, reported at most a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

STAGES = ("landmarks", "people", "fit", "world", "write")

_INTERVAL_S = 0.2
_RATE_WINDOW_S = 5.0


@dataclass(frozen=True)
class Progress:
    """One report. `done` of `total` units (frames, mostly) of a stage of the job."""

    stage: str  # one of STAGES
    done: int
    total: int  # an estimate while the end of a video is not known; 0 where unknown
    rate: float  # units a second, lately; 0 until it is known
    eta_s: float | None  # seconds left in this stage; None until it is known


ProgressReport = Callable[[Progress], None]


class Meter:
    """Counts one stage and reports it, not more often than a person can read.

    The rate is that of the last few seconds, so that it follows a busy machine.
    """

    def __init__(self, stage: str, total: int, report: ProgressReport, *, done: int = 0) -> None:
        self._stage, self._total, self._report = stage, total, report
        now = time.monotonic()
        self._marks: list[tuple[float, int]] = [(now, done)]
        self._last = -1.0
        self.update(done)

    def update(self, done: int, *, final: bool = False) -> None:
        """`done` units are finished. `final` reports whatever the time is."""
        now = time.monotonic()
        if not final and now - self._last < _INTERVAL_S:
            return
        self._last = now
        if now > self._marks[-1][0]:
            self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] > _RATE_WINDOW_S:
            self._marks.pop(0)
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        rate = (last - first) / (end - start) if end - start > 0.05 else 0.0
        total = max(self._total, done)
        eta = (total - done) / rate if rate > 0.0 else None
        self._report(Progress(self._stage, done, total, rate, eta))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress for people who watch a terminal, and for logs."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from ..inference.progress import Progress

_STAGES = {
    "landmarks": "reading the video",
    "people": "telling people apart",
    "fit": "fitting the bodies",
    "world": "finding the floor",
    "write": "writing",
    "review": "drawing",
    "download": "downloading",
}
_QUIET_S = 1.0  # a stage shorter than this is not worth a line
_LOG_EVERY_S = 5.0  # without a terminal: a line now and then


class ProgressLine:
    """Shows reports on stderr: one line that changes on a terminal, a line now and then in a log.

    A context manager; on leaving, the line is finished.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._stage = ""
        self._began = 0.0
        self._shown = 0.0
        self._finished = False
        self._open = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_line()

    def __call__(self, report: Progress) -> None:
        now = time.monotonic()
        if report.stage != self._stage:
            self._end_line()
            self._stage, self._began, self._shown, self._finished = report.stage, now, 0.0, False
        if now - self._began < _QUIET_S:
            return
        finished = 0 < report.total <= report.done
        if self._live:
            self._stream.write("\r\x1b[2K" + line(report))
            self._open = True
        elif (finished and not self._finished) or now - self._shown >= _LOG_EVERY_S:
            self._shown, self._finished = now, finished
            self._stream.write(line(report) + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line of its own, without tearing the progress."""
        self._end_line()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _end_line(self) -> None:
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
        self._open = False


def line(report: Progress) -> str:
    """One report in words: `reading the video: 120 of 540 (22 %), 24.1 a second, 17 s left`."""
    parts = [str(report.done)]
    if report.total > 0:
        parts = [f"{report.done} of {report.total} ({100 * report.done / report.total:.0f} %)"]
    if report.rate > 0:
        parts.append(f"{report.rate:.1f} a second")
    if report.eta_s is not None and report.done < report.total:
        parts.append(f"{duration(report.eta_s)} left")
    return f"{_STAGES.get(report.stage, report.stage)}: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """`17 s`, `2 min 05 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"

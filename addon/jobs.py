# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture that runs in a child process beside Blender, and what is known of it.

The child is Blender's own Python on `inference/worker.py`. It sends one JSON object a
line; a thread of ours puts the lines in a queue and touches nothing of Blender's; `tick`
empties the queue for a few milliseconds. The child ends by itself when its stdin closes,
so it cannot outlive Blender. Every way out passes through `_finish`.
"""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "inference" / "worker.py"

_PATIENCE_S = 5.0  # how long a child that was told to end may take before it is killed
_LOG_TAIL = 1500  # characters of the child's own words that are shown when it dies
_STOPPED = "The capture was stopped. What was read is kept: press Capture to go on."

STAGES = {
    "landmarks": "Reading",
    "people": "People",
    "fit": "Fitting",
    "world": "Floor",
    "write": "Writing",
}


@dataclass(frozen=True, kw_only=True)
class CaptureRequest:
    """What the animator asked for. The names are those of the worker's options."""

    video: Path
    take: Path  # the take's folder
    people: str = "all"  # or main
    start_frame: int | None = None
    end_frame: int | None = None  # the first frame not read
    focal_px: float | None = None
    height_m: float | None = None
    threads: int | None = None

    def options(self) -> dict[str, Any]:
        """As the worker reads them; what was not asked for is left out."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in values.items()
            if value is not None
        }


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: str  # done; partial: cancelled, with what was read; stopped: before there was a result; failed
    message: str  # one sentence for the animator
    take: Path | None = None  # where something was captured
    people: int = 0
    warnings: tuple[str, ...] = ()
    code: str = ""  # of an error, see `inference.errors`


@dataclass
class State:
    """What the panel shows."""

    stage: str = "Starting"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    eta_s: float | None = None
    cancelling: bool = False

    @property
    def fraction(self) -> float:
        """0 to 1 of the stage."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0

    def text(self) -> str:
        """What is being done, and how far: it fits the progress bar."""
        if self.cancelling:
            return "Stopping, keeping what was read"
        return f"{self.stage}: {self.done} of {self.total}" if self.total > 0 else self.stage

    def speed(self) -> str:
        """How fast, and how long still; empty until that is known."""
        parts = [f"{self.rate:.1f} a second"] if self.rate > 0.0 else []
        if self.eta_s is not None:
            parts.append(f"{_duration(self.eta_s)} left")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"


def site_packages() -> list[str]:
    """Folders that hold the wheels: the extension's own, then Blender's (numpy)."""
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]


class CaptureJob:
    """One capture in a child process. Call `tick` until it says that the job is over."""

    def __init__(self, request: CaptureRequest) -> None:
        self.request = request
        self.state = State()
        self.outcome: Outcome | None = None
        self.log_tail = ""  # the last words of the child's libraries, for the console; set when it is over
        self._messages: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _finish
        self._child = self._start()
        self._reader = threading.Thread(target=self._read, name="rotocap capture", daemon=True)
        self._reader.start()
        self._send(json.dumps(request.options()))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def tick(self, *, budget_s: float = 0.005) -> bool:
        """Take in what the child has sent, for at most budget_s. False when the job is over."""
        until = time.perf_counter() + budget_s
        while self.outcome is None and time.perf_counter() < until:
            try:
                line = self._messages.get_nowait()
            except queue.Empty:
                break
            if line is None:
                self._finish(self._died())
            else:
                self._take_in(line)
        return self.outcome is None

    def run(self, *, interval_s: float = 0.05) -> Outcome:
        """Wait until it is over: for background mode, where nothing else can run."""
        try:
            while self.tick():
                time.sleep(interval_s)
        finally:
            self.stop()
        assert self.outcome is not None  # stop() sets it
        return self.outcome

    def cancel(self) -> None:
        """Stop reading the video, solve what was read. The job goes on until that is done."""
        if self.outcome is None and not self.state.cancelling:
            self.state.cancelling = True
            self._send("cancel")

    def stop(self) -> None:
        """End at once. What is on disk stays, and the next capture goes on from there."""
        self._finish(Outcome("stopped", _STOPPED))

    def _start(self) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-I", str(WORKER)]
        for folder in site_packages():
            arguments += ["--site-packages", folder]
        return subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A file, not a pipe: a pipe that nobody empties would hold the child up.
            stderr=self._log,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._messages.put(line.decode("utf-8", errors="replace"))
        self._messages.put(None)

    def _send(self, line: str) -> None:
        # A child that has died meanwhile is noticed by `tick`, with its reason.
        with contextlib.suppress(BrokenPipeError, OSError):
            assert self._child.stdin is not None
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()

    def _take_in(self, line: str) -> None:
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            return  # a library's own words, not ours
        if not isinstance(message, dict):
            return
        event = message.get("event")
        if event == "progress":
            self.state.stage = STAGES.get(message["stage"], message["stage"])
            self.state.done, self.state.total = int(message["done"]), int(message["total"])
            self.state.rate = float(message.get("rate") or 0.0)
            self.state.eta_s = message.get("eta_s")
        elif event == "done":
            self._finish(self._done(message))
        elif event == "error" and message.get("code") == "stopped":
            self._finish(Outcome("stopped", _STOPPED))
        elif event == "error":
            self._finish(Outcome("failed", str(message["message"]), code=str(message.get("code", ""))))

    def _done(self, message: dict[str, Any]) -> Outcome:
        people = int(message.get("people", 0))
        partial = bool(message.get("partial"))
        who = "1 person" if people == 1 else f"{people} people"
        text = f"Stopped early: {who} captured so far." if partial else f"Captured {who}."
        return Outcome(
            "partial" if partial else "done",
            text,
            take=Path(message["take"]),
            people=people,
            warnings=tuple(str(warning) for warning in message.get("warnings", ())),
        )

    def _died(self) -> Outcome:
        """The child's words ended without a result."""
        try:
            code = self._child.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return Outcome(
                "failed", "The capture process stopped answering. Press Capture to go on.", code="died"
            )
        words = self._last_words().strip().splitlines()
        why = f"exit code {code}" + (f": {words[-1]}" if words else "")
        if code < 0:
            with contextlib.suppress(ValueError):
                why = signal.Signals(-code).name
        kept = "What was captured so far is kept: press Capture to go on from there."
        return Outcome("failed", f"The capture process ended in the middle ({why}). {kept}", code="died")

    def _last_words(self) -> str:
        """The end of what the child's libraries said."""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - _LOG_TAIL))
        return self._log.read().decode("utf-8", errors="replace")

    def _finish(self, outcome: Outcome) -> None:
        """The one way out: the child is gone, its pipes and log are closed, the outcome is set."""
        if self.outcome is not None:
            return
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        try:
            child.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._reader.join(timeout=_PATIENCE_S)
        child.stdout.close()
        self.log_tail = self._last_words()
        self._log.close()
        self.outcome = outcome


_current: CaptureJob | None = None


def start(request: CaptureRequest) -> CaptureJob:
    """Start a capture. There is one at a time: an earlier one is stopped first."""
    global _current
    stop()
    _current = CaptureJob(request)
    return _current


def current() -> CaptureJob | None:
    """The capture that runs, or the last one that ran."""
    return _current


def stop() -> None:
    """Stop the capture that runs, if there is one: Blender closes, or the extension is disabled."""
    if _current is not None:
        _current.stop()

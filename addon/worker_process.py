# SPDX-License-Identifier: GPL-3.0-or-later
"""The child process that does what takes long, and what it says.

The child is Blender's own Python on `inference/worker.py`. It sends one JSON object a
line; a thread of ours puts the lines in a queue and touches nothing of Blender's. The
child ends by itself when its stdin closes, so it cannot outlive Blender.
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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "inference" / "worker.py"

PATIENCE_S = 5.0  # how long a child that was told to end may take before it is killed
_LOG_TAIL = 1500  # characters of the child's own words that are shown when it dies

Message = dict[str, Any]


def site_packages() -> list[str]:
    """Folders that hold the wheels: the extension's own, then Blender's (numpy)."""
    return [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]


class WorkerProcess:
    """One task in a child process. Read `messages` until `ended`, then `close`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """options: what `inference/worker.py` reads first; paths become text. OSError if it cannot start."""
        self.ended = False  # nothing more will come
        self.log_tail = ""  # the last words of the child's libraries, for the console; set by `close`
        self._closed = False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close
        try:
            self._child = self._start()
        except OSError:
            self._log.close()
            raise
        self._reader = threading.Thread(target=self._read, name="rotocap worker", daemon=True)
        self._reader.start()
        self.send(json.dumps(options, default=str))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    def messages(self, *, budget_s: float) -> Iterator[Message]:
        """What the child has sent and nobody has read, for at most budget_s."""
        until = time.perf_counter() + budget_s
        while not self.ended and time.perf_counter() < until:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self.ended = True
                return
            with contextlib.suppress(json.JSONDecodeError):  # a library's own words, not ours
                message = json.loads(line)
                if isinstance(message, dict):
                    yield message

    def send(self, line: str) -> None:
        """Say something to the child. One that has died meanwhile shows in `ended`."""
        with contextlib.suppress(OSError, ValueError):
            assert self._child.stdin is not None
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()

    def why_it_ended(self) -> str:
        """Why the child's words ended, as a person may want to report it. Before `close`."""
        try:
            code = self._child.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return "it stopped answering"
        words = self._last_words().strip().splitlines()
        why = f"exit code {code}" + (f": {words[-1]}" if words else "")
        if code < 0:
            with contextlib.suppress(ValueError):
                why = signal.Signals(-code).name
        return why

    def close(self, *, patience_s: float = PATIENCE_S) -> None:
        """The one way out: the child is told to end and, if it has not after patience_s, made to."""
        if self._closed:
            return
        self._closed = self.ended = True
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.close()
        try:
            child.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._reader.join(timeout=PATIENCE_S)
        child.stdout.close()
        self.log_tail = self._last_words()
        self._log.close()

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
            # Below Blender's own priority, which the worker itself sees to elsewhere: the window comes first.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
            | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._lines.put(line.decode("utf-8", errors="replace"))
        self._lines.put(None)

    def _last_words(self) -> str:
        """The end of what the child's libraries said."""
        size = self._log.seek(0, 2)
        self._log.seek(max(0, size - _LOG_TAIL))
        return self._log.read().decode("utf-8", errors="replace")

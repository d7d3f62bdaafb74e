# SPDX-License-Identifier: GPL-3.0-or-later
"""A few frames solved or captured again in the child process: one task that ends in one file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..inference.errors import RotocapError
from .worker_process import WorkerProcess

_BUDGET_S = 0.003  # of Blender's main thread for a tick
_LOOK_S = 0.03
_STAGES = {"landmarks": "Reading", "fit": "Fitting"}


class CorrectTask:
    """One task of the worker that ends in one file. Call `tick` until it is over, then `result`."""

    def __init__(self, options: Mapping[str, Any], *, out: Path) -> None:
        """OSError if the child cannot be started."""
        self.out = out
        self.text = "Starting"
        self.fraction = 0.0
        self._problem = ""
        self._done = False
        self._child = WorkerProcess(options)

    def tick(self) -> bool:
        """Take in what the child has said. False when it is over."""
        for message in self._child.messages(budget_s=_BUDGET_S):
            event = message.get("event")
            if event == "progress":
                total = int(message.get("total") or 0)
                self.fraction = min(int(message["done"]) / total, 1.0) if total else 0.0
                self.text = _STAGES.get(str(message.get("stage")), "Solving")
            elif event == "done":
                self._done = True
            elif event == "error":
                self._problem = str(message.get("message"))
        if not (self._done or self._problem or self._child.ended):
            return True
        if not self._done and not self._problem:
            self._problem = f"the process that solves it ended in the middle ({self._child.why_it_ended()})"
        self.close()
        return False

    def run(self) -> None:
        """Wait for it: for background mode, where nothing else can run."""
        try:
            while self.tick():
                time.sleep(_LOOK_S)
        finally:
            self.close()

    def result(self) -> Path:
        """The file. RotocapError says what went wrong."""
        if self._problem or not self.out.is_file():
            raise RotocapError(self._problem or f"{self.out.name}: was not written; try again")
        return self.out

    def close(self, *, patience_s: float = 1.0) -> None:
        """The child is gone after this; it is killed if it has not ended by itself within patience_s."""
        self._child.close(patience_s=patience_s)

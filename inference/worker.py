# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture in a process of its own, so that Blender never waits and a crash costs a chunk.

    python -I inference/worker.py [--site-packages FOLDER ...]

The first line on stdin is one JSON object. Its `task` says what to do (TASKS), the rest are
that task's options: for `capture` the fields of CaptureOptions, with `take` for `out`, and
`preview`; for `people` those of FindOptions; for `pins` those of PinOptions; for `again` those of
AgainOptions. Then, on stdout, one JSON object a line:

    {"event": "progress", "stage", "done", "total", "rate", "eta_s"}
    {"event": "pose", "frame", "time_s", "focal_px", "poses", "pelvis"}      a PreviewPose, with `preview`
    {"event": "people", "frame", "size", "boxes"}                who is in a frame: FoundPeople
    {"event": "person", "name", "main", "frames", "first_frame", "last_frame", "gaps", "swaps_repaired"}
    {"event": "done", "take", "people", "partial", "warnings", "used", "threads"}
                                      of a capture, with what the networks ran on; else without these
    {"event": "error", "code", "message"}          code as in `errors`; "stopped" before there was
                                                   anything to solve; "internal" is a fault of ours

The line `cancel` on stdin stops the reading and solves what was read; a second one
stops at once. The end of stdin, which is how the death of the parent shows, stops at
once too. Whatever was read stays in the take, and the next capture goes on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TextIO

_GRACE_S = 20.0  # to write the last chunk after the parent is gone
_BEHIND = 5  # added to the niceness: Blender, whose window the animator looks at, comes first


class Control:
    """What the parent said on stdin. Read in a thread, since a read blocks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cancel = threading.Event()
        self._abandon = threading.Event()

    def watch(self) -> None:
        threading.Thread(target=self._watch, name="rotocap-control", daemon=True).start()

    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def abandoned(self) -> bool:
        return self._abandon.is_set()

    def _watch(self) -> None:
        for line in self._stream:
            if line.strip() == "cancel":
                if self._cancel.is_set():
                    self._abandon.set()
                self._cancel.set()
        self._cancel.set()
        self._abandon.set()
        # Nobody is left to notice if the capture hangs in a decoder or a network.
        time.sleep(_GRACE_S)
        os._exit(1)


def load_package(root: Path) -> None:
    """Make the repository, or the installed extension, importable as `rotocap` in any folder."""
    if "rotocap" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "rotocap", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{root}: no package here")
    module = importlib.util.module_from_spec(spec)
    sys.modules["rotocap"] = module
    spec.loader.exec_module(module)


def private_stdout() -> TextIO:
    """The real stdout for events only; what libraries print goes to stderr from here on."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return events


def run(options: dict[str, Any], send: Callable[[dict[str, Any]], None], control: Control) -> int:
    """Do the task that the options name, telling `send` about it. Returns the exit status."""
    # Not at the top: this file is also the script that makes the package importable first.
    from .errors import Cancelled, RotocapError

    options = dict(options)
    task = options.pop("task", "capture")
    try:
        if task not in TASKS:
            raise RotocapError(f"worker: expected a task of {sorted(TASKS)}, got {task!r}")
        TASKS[task](options, send, control)
    except Cancelled:
        text = "Stopped. What was read is kept; the next capture goes on from there"
        send({"event": "error", "code": "stopped", "message": text})
        return Cancelled.exit_code
    except RotocapError as error:
        send({"event": "error", "code": error.code, "message": str(error)})
        return error.exit_code
    except OSError as error:  # a file that the system does not let us have
        traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}; check the path, and that you may use it"
        send({"event": "error", "code": RotocapError.code, "message": text})
        return RotocapError.exit_code
    except Exception as error:
        # The traceback goes to the log that keeps stderr; the animator gets a sentence.
        traceback.print_exc()
        text = (
            f"{type(error).__name__}: {error}. This is a fault in Rotocap; please report it. The take is kept"
        )
        send({"event": "error", "code": "internal", "message": text})
        return 1
    return 0


def _asked(kind: type[Any], options: dict[str, Any], *, needs: tuple[str, ...]) -> Any:
    """The options as a value of the dataclass `kind`. RotocapError if they do not fit it."""
    from .errors import RotocapError

    types = {field.name: str(field.type) for field in fields(kind)}
    unknown = sorted(options.keys() - types.keys())
    missing = sorted(set(needs) - options.keys())
    if unknown or missing:
        raise RotocapError(f"worker options: unknown {unknown}, missing {missing}; expected {sorted(types)}")
    values = {}
    for name, value in options.items():
        if types[name].startswith("Path") and value is not None:
            value = Path(value)
        # JSON knows no tuples.
        values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _capture(options: dict[str, Any], send: Callable[[dict[str, Any]], None], control: Control) -> None:
    from . import capture as job
    from . import models
    from .preview import PreviewPose

    def show(pose: PreviewPose) -> None:
        numbers = [round(float(value), 4) for value in pose.poses.ravel()]
        pelvis = [round(float(value), 4) for value in pose.pelvis]
        where = {"frame": pose.frame, "time_s": pose.time_s, "focal_px": pose.focal_px}
        send({"event": "pose", **where, "poses": numbers, "pelvis": pelvis})

    # The take is called `out` where it is not on its way through Blender.
    renamed = {"out" if name == "take" else name: value for name, value in options.items()}
    preview = renamed.pop("preview", False)
    asked = _asked(job.CaptureOptions, renamed, needs=("video", "out"))
    take = job.capture(
        asked,
        progress=lambda report: send({"event": "progress", **asdict(report)}),
        cancelled=control.cancelled,
        abandoned=control.abandoned,
        preview=show if preview else None,
    )
    for person in take.people:
        told = ("name", "main", "frames", "first_frame", "last_frame", "gaps", "swaps_repaired")
        send({"event": "person", **{name: getattr(person, name) for name in told}})
    send(
        {
            "event": "done",
            "take": str(take.path),
            "people": len(take.people),
            "partial": take.status != "complete",
            "warnings": list(take.warnings),
            "used": models.used(),
            "threads": asked.threads,
        }
    )


def _people(options: dict[str, Any], send: Callable[[dict[str, Any]], None], control: Control) -> None:
    from . import people_in_frame as job

    found = job.find(_asked(job.FindOptions, options, needs=("video", "picture")))
    send({"event": "people", "frame": found.frame, "size": found.size, "boxes": found.boxes})
    send({"event": "done"})


def _pins(options: dict[str, Any], send: Callable[[dict[str, Any]], None], control: Control) -> None:
    from . import pinned_take as job
    from .errors import Cancelled

    def check() -> None:
        if control.cancelled():
            raise Cancelled

    def progress(done: int, total: int) -> None:
        send({"event": "progress", "stage": "fit", "done": done, "total": total, "rate": 0.0, "eta_s": None})

    asked = _asked(job.PinOptions, options, needs=("take", "base", "out", "pins"))
    job.solve_file(asked, progress=progress, check=check)
    send({"event": "done"})


def _again(options: dict[str, Any], send: Callable[[dict[str, Any]], None], control: Control) -> None:
    from . import capture_again as job

    job.capture_again(
        _asked(job.AgainOptions, options, needs=("take", "person", "out", "first", "last")),
        progress=lambda report: send({"event": "progress", **asdict(report)}),
        abandoned=control.cancelled,
    )
    send({"event": "done"})


Task = Callable[[dict[str, Any], Callable[[dict[str, Any]], None], Control], None]
TASKS: dict[str, Task] = {"capture": _capture, "people": _people, "pins": _pins, "again": _again}


def serve(events: TextIO) -> int:
    """Read the options from stdin, capture, write events. Returns the exit status."""
    stdin = os.fdopen(os.dup(0), encoding="utf-8")
    first = stdin.readline()
    if not first:  # closed before it said what to do
        return 1
    control = Control(stdin)
    control.watch()

    def send(event: dict[str, Any]) -> None:
        try:
            events.write(json.dumps(event, ensure_ascii=False) + "\n")
            events.flush()
        except BrokenPipeError:  # the parent is gone: stdin says so as well, and that stops the capture
            return

    try:
        options = json.loads(first)
        if not isinstance(options, dict):
            raise ValueError("not an object")
    except ValueError as error:
        send({"event": "error", "code": "failed", "message": f"options: expected one JSON object ({error})"})
        return 1
    return run(options, send, control)


def main(arguments: list[str]) -> int:
    """The script: make the package importable, then go on inside it."""
    events = private_stdout()
    for flag, folder in zip(arguments[::2], arguments[1::2], strict=True):
        if flag != "--site-packages":
            raise SystemExit(f"{flag}: unknown; expected --site-packages FOLDER")
        # At the end: Blender's own numpy comes first.
        sys.path.append(folder)
    # Many small products: a second thread of the linear algebra costs more than it gives,
    # and far more on a busy machine. Read once, when numpy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if hasattr(os, "nice"):
        os.nice(_BEHIND)
    load_package(Path(__file__).resolve().parents[1])
    status: int = importlib.import_module("rotocap.inference.worker").serve(events)
    return status


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # Not sys.exit: threads of the networks and of the decoder may hold the interpreter for seconds.
    sys.stderr.flush()
    os._exit(status)

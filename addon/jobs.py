# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture that runs beside Blender, and what is known of it.

A job knows the child process (`worker_process`) and nothing of the scene: what is done
with its poses and its result is in `capture_session`. Every way out passes through `_finish`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .worker_process import PATIENCE_S, WorkerProcess

_TICK_S = 0.004  # of Blender's main thread that a tick may take for messages
_LINGER_S = 2.0  # how long a child may take to go after its last word
_STOPPED = "The capture was stopped. What was read is kept: press Go On to finish it."

STAGES = {
    "landmarks": "Reading",
    "people": "People",
    "fit": "Fitting",
    "world": "Floor",
    "write": "Writing",
}
_STARTING = "Starting"


@dataclass(frozen=True, kw_only=True)
class CaptureRequest:
    """What the animator asked for. The names are those of the worker's options."""

    video: Path
    take: Path  # the take's folder
    people: str = "all"  # or main, or picked
    pick: tuple[int, float, float] | None = None  # who was picked: a video frame, and x, y in it in pixels
    hands: bool = True
    face: bool = True
    face_landmarker: Path | None = None  # folder of a network of the user's that reads expressions
    start_frame: int | None = None
    end_frame: int | None = None  # the first frame not read
    focal_px: float | None = None
    camera_path: Path | None = None  # a camera that moves, see `inference.camera_path`
    height_m: float | None = None
    threads: int | None = None
    preview: bool = False  # whether poses are told while the video is read

    def options(self) -> dict[str, Any]:
        """As the worker reads them; what was not asked for is left out."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"task": "capture", **{name: value for name, value in values.items() if value is not None}}


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: str  # done; partial: cancelled, with what was read; stopped: before there was a result; failed
    message: str  # one sentence for the animator
    take: Path | None = None  # where something was captured
    people: int = 0
    warnings: tuple[str, ...] = ()
    ran_on: str = ""  # what the networks really ran on, in words
    code: str = ""  # of an error, see `inference.errors`


@dataclass(frozen=True)
class Pose:
    """A quick pose of the main person, for the eye: `inference.preview.PreviewPose` as it was sent."""

    frame: int  # index of the video frame
    time_s: float
    poses: tuple[float, ...]  # (165,) axis-angle of the 55 joints, the pelvis's from the camera
    pelvis: tuple[float, ...]  # (3,) metres, camera frame
    focal_px: float


@dataclass
class State:
    """What the panel shows."""

    stage: str = _STARTING
    done: int = 0
    total: int = 0
    rate: float = 0.0
    eta_s: float | None = None
    cancelling: bool = False

    @property
    def reading(self) -> bool:
        """Whether the video is being read, or about to be: after that only the solving is left."""
        return self.stage in (_STARTING, STAGES["landmarks"])

    @property
    def fraction(self) -> float:
        """0 to 1 of the stage."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0

    def text(self) -> str:
        """What is being done, and how far: it fits the progress bar."""
        if self.cancelling and self.reading:
            return "Stopping, keeping what was read"
        return f"{self.stage}: {self.done} of {self.total}" if self.total > 0 else self.stage

    def speed(self) -> str:
        """How fast, and how long still; empty until that is known."""
        parts = [f"{self.rate:.1f} frames a second"] if self.rate > 0.0 else []
        if self.eta_s is not None:
            parts.append(f"{_duration(self.eta_s)} left")
        return ", ".join(parts)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"


def used(providers: Sequence[str], threads: int) -> str:
    """What networks ran on, by ONNX Runtime's own names, in words; empty if none ran."""
    if not providers:
        return ""
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    return f"Used: {names}, {'1 thread' if threads == 1 else f'{threads} threads'}."


class CaptureJob:
    """One capture in a child process. Call `tick` until it says that the job is over."""

    def __init__(self, request: CaptureRequest) -> None:
        self.request = request
        self.state = State()
        self.outcome: Outcome | None = None
        self.pose: Pose | None = None  # the latest one
        self.log_tail = ""  # the last words of the child's libraries, for the console; set when it is over
        # For measurements: milliseconds of Blender's main thread that each tick took, seconds from the
        # press of the button to a posed armature, and from cancel to the end of the reading.
        self.ticks_ms: list[float] = []
        self.first_pose_s: float | None = None
        self.cancel_s: float | None = None
        self.begun = time.perf_counter()
        self._cancelled_at: float | None = None
        self._result: Outcome | None = None
        self._result_at = 0.0
        self._worker = WorkerProcess(request.options())

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._worker.pid

    def tick(self, *, budget_s: float = _TICK_S) -> bool:
        """Take in what the child has sent, for at most budget_s. False when the job is over."""
        if self.outcome is None:
            for message in self._worker.messages(budget_s=budget_s):
                self._take_in(message)
            if self._worker.ended:
                self._finish(self._result or self._died())
            elif self._result is not None and time.perf_counter() > self._result_at + _LINGER_S:
                self._finish(self._result, patience_s=0.0)
        stopped = self.outcome is not None or not self.state.reading
        if self._cancelled_at is not None and self.cancel_s is None and stopped:
            self.cancel_s = time.perf_counter() - self._cancelled_at
        return self.outcome is None

    @property
    def holds_the_window(self) -> bool:
        """Whether Esc is this job's. One that was cancelled ends by itself, on the side."""
        return self.outcome is None and not self.state.cancelling

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
        """Stop reading the video, solve what was read. A second time: stop at once, and keep it unsolved."""
        if self.outcome is None:
            self.state.cancelling = True
            self._cancelled_at = self._cancelled_at or time.perf_counter()
            self._worker.send("cancel")

    def stop(self) -> None:
        """End at once. What is on disk stays, and the next capture goes on from there."""
        # While it reads it has frames to write; what it solves is made anew anyway.
        self._finish(Outcome("stopped", _STOPPED), patience_s=PATIENCE_S if self.state.reading else 0.3)

    def _take_in(self, message: dict[str, Any]) -> None:
        event = message.get("event")
        if event == "progress":
            self.state.stage = STAGES.get(message["stage"], message["stage"])
            self.state.done, self.state.total = int(message["done"]), int(message["total"])
            self.state.rate = float(message.get("rate") or 0.0)
            self.state.eta_s = message.get("eta_s")
        elif event == "pose":
            self.pose = Pose(
                int(message["frame"]), float(message["time_s"]),
                tuple(message["poses"]), tuple(message["pelvis"]), float(message["focal_px"]),
            )  # fmt: skip
        elif event == "done":
            self._ends_with(self._done(message))
        elif event == "error" and message.get("code") == "stopped":
            self._ends_with(Outcome("stopped", _STOPPED))
        elif event == "error":
            self._ends_with(Outcome("failed", str(message["message"]), code=str(message.get("code", ""))))

    def _ends_with(self, outcome: Outcome) -> None:
        """The last word is there. The child is given the time to go: waiting for it would stop the window."""
        self._result, self._result_at = outcome, time.perf_counter()

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
            ran_on=self._ran_on(message),
        )

    def _ran_on(self, message: dict[str, Any]) -> str:
        text = used(message.get("used", ()), int(message.get("threads", 0)))
        if text and self.request.face_landmarker is not None:
            text += " Expressions: the face_landmarker in your folder of networks."
        return text

    def _died(self) -> Outcome:
        """The child's words ended without a result."""
        why = self._worker.why_it_ended()
        kept = "What was captured so far is kept: press Go On to finish it."
        return Outcome("failed", f"The capture process ended in the middle ({why}). {kept}", code="died")

    def _finish(self, outcome: Outcome, *, patience_s: float = PATIENCE_S) -> None:
        """The one way out: the child is gone, its pipes and log are closed, the outcome is set."""
        if self.outcome is not None:
            return
        self._worker.close(patience_s=patience_s)
        self.log_tail = self._worker.log_tail
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

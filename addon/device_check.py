# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a process of our own what the networks run on here, without Blender waiting for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bpy

from .jobs import used
from .models import redraw_preferences
from .worker_process import site_packages

SCRIPT = Path(__file__).resolve().parent.parent / "inference" / "device_check.py"
_LOOK_S = 0.25

_child: subprocess.Popen[bytes] | None = None
_answer = ""


def answer() -> str:
    """What came of the last check, as a sentence; empty if there was none."""
    return _answer


def running() -> bool:
    return _child is not None


def start(threads: int | None) -> None:
    """Begin a check; `answer` has what came of it once `running` is false."""
    global _child
    stop()
    arguments = [sys.executable, "-I", str(SCRIPT)]
    for folder in site_packages():
        arguments += ["--site-packages", folder]
    if threads is not None:
        arguments += ["--threads", str(threads)]
    _child = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if not bpy.app.background:
        bpy.app.timers.register(_look, first_interval=_LOOK_S)


def wait() -> str:
    """Until the answer is there: for background mode, where timers do not run."""
    if _child is not None:
        _child.wait()
        _look()
    return _answer


def stop() -> None:
    """End a check that runs."""
    global _child
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    if _child is not None:
        _child.kill()
        _child.communicate()
        _child = None


def _look() -> float | None:
    global _child, _answer
    if _child is None:
        return None
    if _child.poll() is None:
        return _LOOK_S
    words, _ = _child.communicate()  # a few hundred bytes: they fit the pipe
    _answer = _sentence(words, _child.returncode)
    _child = None
    redraw_preferences()
    return None


def _sentence(words: bytes, status: int) -> str:
    try:
        found = json.loads(words)
    except ValueError:
        return f"The networks could not be tried (exit code {status}). Install Rotocap again."
    if "error" in found:
        return f"The networks do not run here: {found['error']}"
    ran_on = used(found["used"][:1], found["threads"]).removesuffix(".")
    return (
        f"{ran_on}, ONNX Runtime {found['runtime']}. "
        f"The body network takes {found['ms']:.0f} ms a person and frame."
    )

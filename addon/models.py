# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks as the preferences show them: which there are, which are here, what is arriving.

A download runs in a thread that touches nothing of Blender's; a timer of ours looks at it
four times a second, so that the window stays alive and the bar moves.
"""

from __future__ import annotations

import functools
import json
import threading
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..inference.catalogue import CatalogueEntry, UnconfirmedModelError, catalogue, download, find
from ..inference.errors import Cancelled, RotocapError
from ..inference.models import MANIFEST, MODELS, has_face_landmarker

PACKAGE = __package__.rpartition(".")[0]

_LOOK_S = 0.25
_PATIENCE_S = 2.0  # how long a stopped download may take to notice

# What each network that comes with us finds, in the animator's words.
_PURPOSE = {
    "pose_detection": "People in the picture",
    "pose_landmark": "Body, 39 points",
    "pose_mask": "Which pixels are whose, where people cross",
    "palm_detection": "Hands in the picture",
    "hand_landmark": "Fingers, 21 points a hand",
    "hand_recrop": "Where a hand is, from the body",
    "face_detection": "Faces in the picture",
    "face_landmark": "Face, 468 points",
    "iris_landmark": "Eyes",
}


@dataclass(frozen=True)
class EmbeddedModel:
    """A network that came with the extension."""

    name: str
    purpose: str
    bytes: int
    there: bool  # its file is on the disk, whole by its size


@functools.cache
def embedded() -> tuple[EmbeddedModel, ...]:
    """The networks that came with the extension; empty if their list cannot be read."""
    try:
        listed = json.loads((MODELS / MANIFEST).read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError):
        return ()
    sizes = {path.stem: path.stat().st_size for path in MODELS.glob("*.onnx")}
    return tuple(
        EmbeddedModel(name, _PURPOSE.get(name, name), about["bytes"], sizes.get(name) == about["bytes"])
        for name, about in listed.items()
    )


@functools.cache
def entries() -> tuple[CatalogueEntry, ...]:
    """What can be downloaded. Raises ModelError if the catalogue is damaged."""
    return tuple(catalogue())


def folder(*, create: bool = False) -> Path:
    """Where downloaded networks lie. It stays when the extension is updated."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path="models", create=create))


def face_landmarker() -> Path | None:
    """The folder of downloaded networks, if it holds Google's face_landmarker: captures use it then."""
    try:
        own = folder()
    except ValueError:  # not installed as an extension: there is no such folder
        return None
    return own if has_face_landmarker(own) else None


class Download:
    """One network on its way; `state` is read by the panel, everything else by the thread."""

    def __init__(self, entry: CatalogueEntry, into: Path, expected_sha256: str | None = None) -> None:
        self.entry = entry
        self.done = 0
        self.total = entry.bytes
        self.message = ""  # how it ended, for the animator; empty while it runs
        self.failed = False
        self.unconfirmed = ""  # the hash that the file has, where nobody said yet what it should be
        self.running = True
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(into, expected_sha256), name="rotocap download", daemon=True
        )
        self._thread.start()

    @property
    def fraction(self) -> float:
        """0 to 1; 0 while nobody knows how much there is."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def text(self) -> str:
        """How far it is: it fits the progress bar."""
        if self._stop.is_set():  # a connection that says nothing is given up after half a minute only
            return f"{self.entry.id}: stopping"
        of = f" of {self.total / 1e6:.0f}" if self.total else ""
        return f"{self.entry.id}: {self.done / 1e6:.0f}{of} MB"

    def cancel(self) -> None:
        """Stop as soon as the next block has come; nothing of it stays on the disk."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until it is over, or for so long."""
        self._thread.join(seconds)

    def _run(self, into: Path, expected_sha256: str | None) -> None:
        try:
            download(
                self.entry, into, expected_sha256=expected_sha256, progress=self._on,
                cancelled=self._stop.is_set,
            )  # fmt: skip
            self.message = f"{self.entry.id} is here, and its bytes are the expected ones."
        except Cancelled:
            self.message = f"{self.entry.id}: stopped. Nothing was kept."
        except UnconfirmedModelError as error:
            self.unconfirmed = error.sha256
            self.message = (
                f"{self.entry.id} has arrived, but nobody has published what its bytes should be. "
                f"Compare the SHA-256 with one that you trust: {error.sha256}"
            )
        except RotocapError as error:
            self.message, self.failed = str(error), True
        except Exception as error:  # a thread's error would only be printed
            self.message, self.failed = f"{self.entry.id}: {type(error).__name__}: {error}", True
        finally:
            self.running = False

    def _on(self, done: int, total: int | None) -> None:
        self.done, self.total = done, total


_current: Download | None = None


def current() -> Download | None:
    """The download that runs, or the last one that ran."""
    return _current


def running() -> bool:
    return _current is not None and _current.running


def start(name: str, *, expected_sha256: str | None = None) -> Download:
    """Fetch the network of that name. One at a time; ModelError if there is no such network."""
    global _current
    stop()
    _current = Download(find(name, entries=list(entries())), folder(create=True), expected_sha256)
    if not bpy.app.background and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=_LOOK_S)
    return _current


def dismiss() -> None:
    """Forget how the last download ended."""
    global _current
    stop()
    _current = None


def stop() -> None:
    """Stop what is arriving: another one is asked for, Blender closes, or we are disabled."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    if _current is not None and _current.running:
        _current.cancel()
        _current.wait(_PATIENCE_S)


def _look() -> float | None:
    """Draw the preferences anew while something arrives, and once when it is over."""
    redraw_preferences()
    return _LOOK_S if running() else None


def redraw_preferences() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()

# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the catalogue's networks are, where nobody has published it: their servers are asked on a click.

The answers are kept beside the downloaded networks, so that each is asked for once.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..inference.catalogue import CatalogueEntry, ask_size
from ..inference.errors import ModelError
from . import models

_FILE = "sizes.json"  # bytes by address
_LOOK_S = 0.25


class Question:
    """Servers that are asked one after the other, in a thread that touches nothing of Blender's."""

    def __init__(self, entries: Sequence[CatalogueEntry], into: Path) -> None:
        self.message = ""  # what went wrong last, for the animator
        self.running = True
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(entries, into), name="rotocap sizes", daemon=True
        )
        self._thread.start()

    def cancel(self) -> None:
        """Ask no more; the answer that is awaited comes or is given up by itself."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def _run(self, entries: Sequence[CatalogueEntry], into: Path) -> None:
        found = dict(read(into))
        try:
            for entry in entries:
                if self._stop.is_set():
                    break
                try:
                    size = ask_size(entry)
                except ModelError as error:
                    self.message = str(error)
                    continue
                if size is not None:
                    found[entry.url] = size
            into.mkdir(parents=True, exist_ok=True)
            (into / _FILE).write_text(json.dumps(found, indent=1), encoding="utf-8")
        except OSError as error:
            self.message = f"{into}: cannot be written ({error.strerror or error}). The sizes are not kept."
        finally:
            read.cache_clear()
            self.running = False


_current: Question | None = None


@functools.cache
def read(folder: Path) -> dict[str, int]:
    """What was answered so far, bytes by address; nothing if the file is not there or damaged."""
    try:
        told = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return {str(address): int(size) for address, size in told.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def size(entry: CatalogueEntry) -> int | None:
    """Bytes to download, None while nobody knows."""
    return entry.bytes if entry.bytes is not None else read(models.folder()).get(entry.url)


def current() -> Question | None:
    return _current


def running() -> bool:
    return _current is not None and _current.running


def start() -> Question:
    """Ask for all that are not known. Raises ModelError if the catalogue is damaged."""
    global _current
    unknown = [entry for entry in models.entries() if size(entry) is None]
    _current = Question(unknown, models.folder(create=True))
    if not bpy.app.background and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=_LOOK_S)
    return _current


def stop() -> None:
    """Blender closes, or we are disabled."""
    global _current
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    if _current is not None:
        _current.cancel()
    _current = None
    read.cache_clear()


def _look() -> float | None:
    models.redraw_preferences()
    return _LOOK_S if running() else None

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file manager does when files are dropped: the source's side of XDND, in a process of its own.

    python3 drop_files.py X Y FILE...      X, Y: pixels of the screen from its top left

Ends with 0 when the window there has fetched the files' names and said that it is finished.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from Xlib import X, display
from Xlib.protocol import event

_PATIENCE_S = 60.0
_VERSION = 5

screen = display.Display()
root = screen.screen().root
atom = screen.intern_atom


def window_at(x: int, y: int) -> object:
    """The window under a place that says that it takes drops."""
    window, wanted = root, atom("XdndAware")
    while True:
        if window.get_full_property(wanted, X.AnyPropertyType) is not None:
            return window
        window = window.translate_coords(root, x, y).child if window != root else root.query_pointer().child
        if not window:
            raise SystemExit(f"no window at {x}, {y} takes drops")


def drop(x: int, y: int, files: list[Path]) -> None:
    root.warp_pointer(x, y)
    screen.sync()
    source = root.create_window(0, 0, 1, 1, 0, screen.screen().root_depth)
    source.set_selection_owner(atom("XdndSelection"), X.CurrentTime)
    target, uris = window_at(x, y), atom("text/uri-list")

    def say(what: str, *values: int) -> None:
        data = [source.id, *values, *[0] * (4 - len(values))]
        target.send_event(event.ClientMessage(window=target, client_type=atom(what), data=(32, data)))
        screen.flush()

    def answers() -> list[object]:
        time.sleep(0.1)
        return [screen.next_event() for _ in range(screen.pending_events())]

    def is_said(told: object, what: str) -> bool:
        return told.type == X.ClientMessage and told.client_type == atom(what)

    until = time.monotonic() + _PATIENCE_S
    say("XdndEnter", _VERSION << 24, uris)
    accepted = False
    while not accepted:
        if time.monotonic() > until:
            raise SystemExit("the window does not say whether it takes the files")
        # As the mouse does on its way: some windows want to see it move.
        for step in (3, 0):
            say("XdndPosition", 0, (x - step) << 16 | y, X.CurrentTime, atom("XdndActionCopy"))
        accepted = any(is_said(told, "XdndStatus") and told.data[1][1] & 1 for told in answers())
    say("XdndDrop", 0, X.CurrentTime)
    while time.monotonic() < until:
        for told in answers():
            if told.type == X.SelectionRequest:
                text = "".join(f"{file.as_uri()}\r\n" for file in files).encode()
                told.requestor.change_property(told.property, uris, 8, text)
                told.requestor.send_event(
                    event.SelectionNotify(
                        time=told.time,
                        requestor=told.requestor,
                        selection=told.selection,
                        target=told.target,
                        property=told.property,
                    )
                )
            elif is_said(told, "XdndFinished"):
                return
    raise SystemExit("the window took the drop and never said that it was finished")


drop(int(sys.argv[1]), int(sys.argv[2]), [Path(name) for name in sys.argv[3:]])

# SPDX-License-Identifier: GPL-3.0-or-later
"""A real window's mouse and keyboard, and pictures of it, for the stories beside this file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

OUT = Path(__file__).parent / "out"

Steps = Iterator[float]  # each yields how many seconds Blender gets for itself before the next
report: list[str] = []


def say(text: str) -> None:
    report.append(text)
    print(text, flush=True)


def picture(name: str) -> None:
    subprocess.run(["import", "-window", "root", str(OUT / name)], check=True)


def viewport() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> Steps:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            picture("failed.png")
            raise AssertionError(f"waited {seconds:.0f} s for: {what}")
        yield 0.1


def move(x: int, y: int) -> Steps:
    window, _, _ = viewport()
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.05


def press(key: str, *, ctrl: bool = False) -> Steps:
    window, area, _ = viewport()
    x, y = area.x + 200, area.y + 300
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.05
    window.event_simulate(key, "PRESS", x=x, y=y, ctrl=ctrl)
    yield 0.05
    window.event_simulate(key, "RELEASE", x=x, y=y, ctrl=ctrl)
    yield 0.3


def find(wanted: str, found: list[tuple[int, int]], *, across: float = 0.45) -> Steps:
    """Hover down the sidebar until the button or field of `wanted` is under the mouse.

    wanted: how a command begins (bpy.ops.rotocap.capture), or how a field's data path ends.
    across: where to look, 0 is the sidebar's left edge and 1 its right.
    """
    window, area, region = viewport()
    manager = bpy.context.window_manager
    x = region.x + int(region.width * across)
    for y in range(region.y + region.height - 10, region.y, -12):
        yield from move(x, y)
        manager.clipboard = ""
        with bpy.context.temp_override(window=window, area=area, region=region):
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
            elif bpy.ops.ui.copy_data_path_button.poll():
                bpy.ops.ui.copy_data_path_button()
        if manager.clipboard.startswith(wanted) or manager.clipboard.endswith("." + wanted):
            found.append((x, y))
            return
    picture("failed.png")
    raise AssertionError(f"nothing for {wanted} in the sidebar")


def click_at(x: int, y: int, *, ctrl: bool = False) -> Steps:
    window, _, _ = viewport()
    yield from move(x, y)
    window.event_simulate("LEFTMOUSE", "PRESS", x=x, y=y, ctrl=ctrl)
    yield 0.05
    window.event_simulate("LEFTMOUSE", "RELEASE", x=x, y=y, ctrl=ctrl)
    yield 0.2


def click(wanted: str, *, above: int = 0, across: float = 0.45, ctrl: bool = False) -> Steps:
    """Press a button, or what is `above` it by so many pixels: a panel's header tells nothing."""
    found: list[tuple[int, int]] = []
    yield from find(wanted, found, across=across)
    x, y = found[0]
    yield from click_at(x, y + above, ctrl=ctrl)
    if not above:
        say(f"pressed the button of {wanted}")

# SPDX-License-Identifier: GPL-3.0-or-later
"""A real window's mouse and keyboard, and pictures of it, for the stories beside this file."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

HERE = Path(__file__).parent
OUT = HERE / "out"

Steps = Iterator[float]  # each yields how many seconds Blender gets for itself before the next

# What this loop takes on a processor that nobody else uses. Waits are longer where it takes longer.
_NOMINAL_S = 0.12


def _patience() -> float:
    begun = time.perf_counter()
    total = 0
    for number in range(3_000_000):
        total += number
    return max(1.0, (time.perf_counter() - begun) / _NOMINAL_S)


PATIENCE = _patience()


def say(text: str) -> None:
    """At once in the file: a story may end Blender."""
    with (OUT / "result.txt").open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    print(text, flush=True)


Box = tuple[int, int, int, int]  # left, bottom, right, top in Blender's pixels of the window


def picture(name: str, *, page: str = "", box: Box | None = None) -> None:
    """The screen; and what a page of docs/ shows of it, by its name, see `make docs-images`."""
    subprocess.run(["import", "-window", "root", str(OUT / name)], check=True)
    if not page:
        return
    window, area, _ = viewport()
    # Without another box all that the animator works with: above the viewport the menus, below it the time.
    left, bottom, right, top = box or (0, 0, area.x + area.width, window.height)
    (OUT / "docs").mkdir(exist_ok=True)
    part = f"{right - left}x{top - bottom}+{left}+{window.height - top}"
    command = ["convert", str(OUT / name), "-crop", part, "+repage", "-resize", "900x>", "-strip"]
    subprocess.run([*command, "-quality", "88", str(OUT / "docs" / f"{page}.jpg")], check=True)


def first_window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def viewport() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    """The first window, its 3D viewport, and the sidebar there."""
    window = first_window()
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def in_viewport() -> dict[str, object]:
    """For a command as if it were pressed in the viewport."""
    window, area, _ = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def sidebar(*, down_to: int) -> Box:
    """Its panels down to a height of the window, without the view and the tabs' names beside them."""
    _, _, region = viewport()
    view, tabs = 8, 26
    return region.x + view, down_to, region.x + region.width - tabs, region.y + region.height


def show_tab() -> Steps:
    """Open the sidebar at our tab."""
    _, area, _ = viewport()
    area.spaces.active.show_region_ui = True
    for _ in range(60):  # a slow window takes its time until the sidebar has our tab
        yield 0.5
        if viewport()[2].active_panel_category == "Rotocap":
            break
        with contextlib.suppress(TypeError):  # not there yet
            viewport()[2].active_panel_category = "Rotocap"
        viewport()[1].tag_redraw()


def settled() -> Steps:
    """Panels have slid into their places; a slow window stops on the way."""
    for _ in range(6):
        viewport()[1].tag_redraw()
        yield 0.4


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> Steps:
    """seconds: on a quiet machine."""
    begun, patience = time.monotonic(), PATIENCE
    while not condition():
        if time.monotonic() > begun + seconds * patience:
            patience, before = _patience(), patience  # other work may have come since
            if patience < 1.1 * before:
                picture("failed.png")
                raise AssertionError(f"waited {time.monotonic() - begun:.0f} s for: {what}")
        yield 0.1


def move(x: int, y: int) -> Steps:
    first_window().event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.05


def press(
    key: str, *, text: str = "", ctrl: bool = False, shift: bool = False, at: tuple[int, int] | None = None
) -> Steps:
    """A key, and what it types, with the mouse over the viewport or where it is said."""
    window = first_window()
    if at is None:
        area = viewport()[1]
        at = (area.x + 200, area.y + 300)
    x, y = at
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    yield 0.05
    typed = {"unicode": text} if text else {}
    window.event_simulate(key, "PRESS", x=x, y=y, ctrl=ctrl, shift=shift, **typed)
    yield 0.05
    window.event_simulate(key, "RELEASE", x=x, y=y, ctrl=ctrl, shift=shift)
    yield 0.3


def drag(start: tuple[int, int], end: tuple[int, int], *, steps: int = 5, picture_of: str = "") -> Steps:
    """With the left button from one place of the window to another; a picture before it is let go."""
    window, _, _ = viewport()
    window.event_simulate("MOUSEMOVE", "NOTHING", x=start[0], y=start[1])
    yield 0.1
    window.event_simulate("LEFTMOUSE", "PRESS", x=start[0], y=start[1])
    yield 0.1
    for step in range(1, steps + 1):
        x = start[0] + (end[0] - start[0]) * step // steps
        y = start[1] + (end[1] - start[1]) * step // steps
        window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
        yield 0.05
    if picture_of:
        picture(picture_of)
    window.event_simulate("LEFTMOUSE", "RELEASE", x=end[0], y=end[1])
    yield 0.3


def find(wanted: str, found: list[tuple[int, int]], *, across: float = 0.45) -> Steps:
    """Hover down the sidebar, and scroll it, until the button or field of `wanted` is under the mouse.

    wanted: how a command begins (bpy.ops.rotocap.capture), or how a field's data path ends.
    across: where to look, 0 is the sidebar's left edge and 1 its right.
    """
    _, _, region = viewport()
    x = region.x + int(region.width * across)
    header = region.y + region.height - 15  # of the first panel: an empty place would zoom the view below it
    yield from wheel(x, header, "WHEELUPMOUSE", 40)
    for _ in range(3):
        for y in range(region.y + region.height - 10, region.y, -12):
            yield from move(x, y)
            if not _is_under_mouse(wanted):
                continue
            for there in (y, y + 12):  # a busy window may still tell what was under the mouse before
                yield from move(x, there)
                yield 0.2
                if _is_under_mouse(wanted):
                    found.append((x, there))
                    return
        yield from wheel(x, header, "WHEELDOWNMOUSE", 8)
    picture("failed.png")
    raise AssertionError(f"nothing for {wanted} in the sidebar")


def _is_under_mouse(wanted: str) -> bool:
    """Whether the mouse is over that button or field of the sidebar."""
    window, area, region = viewport()
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area, region=region):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
        elif bpy.ops.ui.copy_data_path_button.poll():
            bpy.ops.ui.copy_data_path_button()
    told = manager.clipboard
    return told == wanted or told.startswith(f"{wanted}(") or told.endswith(f".{wanted}")


def scroll_down() -> Steps:
    """To the end of the sidebar."""
    _, _, region = viewport()
    yield from wheel(region.x + region.width // 2, region.y + region.height - 15, "WHEELDOWNMOUSE", 60)


def wheel(x: int, y: int, direction: str, ticks: int) -> Steps:
    """Turn the wheel over a place of the window."""
    window, _, _ = viewport()
    window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=y)
    for _ in range(ticks):
        window.event_simulate(direction, "PRESS", x=x, y=y)
    yield 0.3
    window.event_simulate("MOUSEMOVE", "NOTHING", x=window.width // 3, y=y)  # off the sidebar's buttons
    yield 0.2


def click_at(x: int, y: int, *, ctrl: bool = False) -> Steps:
    window = first_window()
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""The doubt of every performance as a strip along the timeline: what is drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import captured
from ..captured import Captured
from ..scene_from_take import scene_fps
from . import shapes
from .shapes import Shapes

Floats = NDArray[np.floating[Any]]

_HEIGHT, _SPACE = 5.0, 1.0  # pixels at a scale of one
_SCROLLER, _SCRUBBER = 14.0, 24.0  # pixels that Blender's scroll bar and its frame numbers take
_LOWEST = 2.0  # pixels of a strip where there is little room
_SHADES = 24  # doubts are drawn in so many steps: neighbours of one shade are one box

_KEPT = 8  # timelines, each with the range that it shows


class _View(NamedTuple):
    """What a timeline shows, and how: all that a strip depends on beside the performances."""

    x0: float  # where frame 0 lies, pixels
    slope: float  # pixels a frame
    width: int
    height: int
    pixel: float  # Blender's scale of the interface
    fps: float
    limit: float  # from which doubt on a frame is doubtful, metres


_drawn: dict[tuple[Any, ...], Shapes] = {}  # what was drawn last, and would be again


def shapes_of(context: bpy.types.Context, region: bpy.types.Region) -> Shapes:
    """The strips of all performances that are shown, in pixels of a region that has frames along x.

    As long as nothing changes it is the same value, so that it is built and sent to the graphics card once.
    """
    scene = context.scene
    settings = scene.rotocap
    if not settings.see.strip or not len(settings.performances):
        return shapes.EMPTY
    to_region = region.view2d.view_to_region
    x0, x1 = (float(to_region(frame, 0.0, clip=False)[0]) for frame in (0.0, 10000.0))
    view = _View(
        x0, (x1 - x0) / 10000.0, region.width, region.height, context.preferences.system.ui_scale,
        scene_fps(scene), settings.see.doubtful,
    )  # fmt: skip
    shown = [(captured.of(entry), tuple(entry.colour)) for entry in settings.performances if entry.visible]
    key = (view, *((data.serial if data is not None else None, colour) for data, colour in shown))
    drawn = _drawn.pop(key, None) or _strips(shown, view)
    _drawn[key] = drawn  # the last one used comes last
    while len(_drawn) > _KEPT:
        del _drawn[next(iter(_drawn))]
    return drawn


def _strips(shown: list[tuple[Captured | None, tuple[float, ...]]], view: _View) -> Shapes:
    """A strip for each, from the bottom; as high as all of them find room."""
    bottom = (_SCROLLER + _SPACE) * view.pixel
    room = (view.height - _SCRUBBER * view.pixel - bottom) / max(len(shown), 1)
    height = min(max(room - _SPACE * view.pixel, _LOWEST * view.pixel), _HEIGHT * view.pixel)
    parts = []
    for data, colour in shown:
        if data is None:
            continue
        parts.append(
            strip(
                data, x0=view.x0, slope=view.slope, width=view.width, bottom=bottom, fps=view.fps,
                limit=view.limit, colour=np.asarray(colour), height=height,
            )
        )  # fmt: skip
        bottom += height + _SPACE * view.pixel
    return shapes.together(parts)


def strip(
    data: Captured,
    *,
    x0: float,
    slope: float,
    width: int,
    bottom: float,
    fps: float,
    limit: float,
    colour: Floats,
    height: float = _HEIGHT,
) -> Shapes:
    """One performance's strip: its doubt in every pixel column, the worst of the frames that fall there.

    x0: where frame 0 lies, and slope the pixels a frame. A box in the person's colour comes before it.
    """
    half = 0.5 * max(data.step_s * fps, 1.0)  # a row is shown until the next one
    frames = data.scene_frames(fps)
    left = np.floor(x0 + slope * (frames - half)).astype(np.int64)
    right = np.maximum(np.ceil(x0 + slope * (frames + half)).astype(np.int64), left + 1)
    inside = (right > 0) & (left < width)
    if not inside.any():
        return shapes.EMPTY
    worst = np.full(width, -1.0)
    _raise_to(worst, np.clip(left[inside], 0, width), np.clip(right[inside], 0, width), data.doubt[inside])
    # Neighbouring columns of one shade are one box.
    shade = np.where(worst < 0.0, -1, np.minimum(worst / (2.0 * limit), 1.0) * (_SHADES - 1)).astype(int)
    starts = np.flatnonzero(np.concatenate([[True], shade[1:] != shade[:-1]]))
    ends = np.append(starts[1:], width)
    seen = shade[starts] >= 0
    starts, ends = starts[seen], ends[seen]
    colours = np.ones((len(starts), 4), np.float32)
    colours[:, :3] = shapes.doubt_colours(shade[starts] * (2.0 * limit / (_SHADES - 1)), limit)
    colours[:, 3] = 0.9
    heights = (bottom, bottom + height)
    x = np.stack([starts, ends], axis=-1).astype(np.float64)
    first = float(x[0, 0])
    tab = np.array([[first - 1.2 * height, first - 0.2 * height]])
    return shapes.together(
        [shapes.boxes(tab, heights, np.array([[*colour, 1.0]])), shapes.boxes(x, heights, colours)]
    )


def forget() -> None:
    _drawn.clear()


def _raise_to(worst: Floats, left: Floats, right: Floats, values: Floats) -> None:
    """Let worst (W,) be at least values (N,) in the columns from left (N,) up to right (N,)."""
    longest = int((right - left).max())
    for step in range(longest):  # one column where many frames share it, some where a frame is wide
        covered = left + step < right
        np.maximum.at(worst, left[covered] + step, values[covered])

# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers between a raw capture and the keys: points put right, then the clean-up's steps.

The raw file is never written. What was solved again lies beside it under names that
tell what it was made from, so that an undo finds the former result.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..correct.measure import Change
from ..correct.steps import Fill, Hold, Range, Smooth, Step, Swap, TakeOver, clean
from ..inference.errors import RigError, RotocapError, SequenceError, TakeError
from ..inference.sequence import SmplxSequence
from ..retarget.timeline import Timeline
from . import performances
from .correct_properties import RotocapCleanStep, RotocapCorrections
from .performance_properties import RotocapPerformance
from .scene_from_take import FIRST_FRAME, scene_fps, timeline_of

_KEPT = 3  # sequences that stay in memory: the raw one, the cleaned one, one of another person

_loaded: OrderedDict[tuple[str, int], SmplxSequence] = OrderedDict()
_cleaned: OrderedDict[tuple[str, ...], tuple[SmplxSequence, list[Change | None]]] = OrderedDict()


def entry_of(scene: bpy.types.Scene, armature: bpy.types.Object | None) -> RotocapPerformance | None:
    """The performance that moves an armature."""
    if armature is None:
        return None
    return next((e for e in scene.rotocap.performances if e.armature == armature), None)


def chosen(context: bpy.types.Context) -> RotocapPerformance | None:
    """The performance that the animator means: of the active armature, or the one chosen in the list."""
    active = context.object
    if active is not None and active.type == "MESH" and active.parent is not None:
        active = active.parent
    return entry_of(context.scene, active) or performances.active(context)


def required(context: bpy.types.Context) -> tuple[RotocapPerformance, bpy.types.Object]:
    """The performance that is meant, and its armature. RigError if there is none."""
    entry = chosen(context)
    if entry is None:
        raise RigError("No performance yet: apply a take, or select the armature that one moves")
    if entry.armature is None or entry.armature.name not in context.scene.objects:
        raise RigError(f"{entry.name}: its armature is gone from this scene; apply the take again")
    return entry, entry.armature


def raw(entry: RotocapPerformance) -> SmplxSequence:
    """The capture as it is on disk. TakeError says where it should be."""
    path = performances.file_of(entry)
    if not path.parent.is_dir():
        raise TakeError(f"{path.parent}: the take's folder is gone; put it back, or capture the video again")
    return _load(path)


def pinned_file(entry: RotocapPerformance) -> Path | None:
    """Where the capture with its points put right lies; None without such points."""
    pins = pins_of(entry.corrections)
    return file_of_pins(entry, pins) if pins and entry.corrections.pins_on else None


def file_of_pins(entry: RotocapPerformance, pins: Sequence[tuple[int, int, float, float]]) -> Path:
    """The file of the capture with these points put right: each set of points has one of its own."""
    path = performances.file_of(entry)
    if not pins:
        return path
    text = json.dumps([path.stat().st_mtime_ns if path.is_file() else 0, *pins])
    return path.with_name(f"{path.stem}.pins-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz")


def pins_of(corrections: RotocapCorrections) -> list[tuple[int, int, float, float]]:
    """The points put right, in an order of their own: frame, keypoint, x, y."""
    return sorted((pin.frame, pin.keypoint, round(pin.x, 2), round(pin.y, 2)) for pin in corrections.pins)


def solved(entry: RotocapPerformance) -> SmplxSequence:
    """The capture with the points that were put right, as far as they have been solved."""
    path = pinned_file(entry)
    return raw(entry) if path is None or not path.is_file() else _load(path)


def cleaned(scene: bpy.types.Scene, entry: RotocapPerformance) -> SmplxSequence:
    """What goes onto the armature: the capture after the steps of the clean-up that are on.

    Keeps what each step did for the list. RotocapError names the step that does not fit.
    """
    sequence = solved(entry)
    corrections = entry.corrections
    steps = [step for step in corrections.steps if step.on] if corrections.clean_on else []
    if not steps:
        return sequence
    pinned = pinned_file(entry)
    source = pinned if pinned is not None and pinned.is_file() else performances.file_of(entry)
    key = (_stamp(source), str(scene_fps(scene)), *(_told(entry, step) for step in steps))
    if key not in _cleaned:
        made = [step_of(scene, entry, step, sequence) for step in steps]
        _cleaned[key] = _clean(sequence, made, steps)
        while len(_cleaned) > _KEPT:
            _cleaned.popitem(last=False)
    after, changes = _cleaned[key]
    for step, change in zip(steps, changes, strict=True):
        step.said = change.line() if change is not None else ""
        step.most = _scene_frame(scene, sequence, change.frame) if change is not None else 0
    return after


def _told(entry: RotocapPerformance, step: RotocapCleanStep) -> str:
    """All that a step's result depends on, beside the motion before it."""
    names = ("kind", "part", "what", "strength", "use_range", "first", "last", "only_doubt", "doubt_m", "at",
             "ease")  # fmt: skip
    file = performances.file_of(entry).with_name(step.file) if step.file else None
    return repr([*(getattr(step, name) for name in names), _stamp(file) if file is not None else ""])


def _stamp(path: Path) -> str:
    """A file as it is now."""
    return f"{path} {path.stat().st_mtime_ns}" if path.is_file() else str(path)


def _clean(
    sequence: SmplxSequence, made: list[Step], steps: list[RotocapCleanStep]
) -> tuple[SmplxSequence, list[Change | None]]:
    changes: list[Change | None] = []
    for number, step in enumerate(made):
        try:
            sequence, (change,) = clean(sequence, [step])
        except SequenceError as error:
            raise SequenceError(f"clean-up step {number + 1}, {steps[number].name}: {error}") from error
        changes.append(change)
    return sequence, changes


def step_of(
    scene: bpy.types.Scene, entry: RotocapPerformance, step: RotocapCleanStep, sequence: SmplxSequence
) -> Step:
    """A step of the list as the core knows it, its scene frames turned into the video's."""
    frames = video_range(scene, sequence, step.first, step.last) if step.use_range else None
    whole = (int(sequence.frame[0]), int(sequence.frame[-1]))
    if step.kind == "smooth":
        return Smooth(part=step.part, strength=step.strength, frames=frames)
    if step.kind == "fill":
        return Fill(part=step.part, frames=frames, sigma_m=step.doubt_m if step.only_doubt else None)
    if step.kind == "swap":
        return Swap(what=step.what, frames=frames or whole)
    if step.kind == "hold":
        (at, _) = video_range(scene, sequence, step.at, step.at)
        return Hold(part=step.part, frames=frames or whole, at=at, ease=step.ease)
    path = performances.file_of(entry).with_name(step.file)
    return TakeOver(frames=frames or whole, other=_load(path), ease=step.ease, part=step.part)


def range_about(scene: bpy.types.Scene, entry: RotocapPerformance, *, around: int) -> Range:
    """Scene frames that the animator means: the preview range, or so many about the playhead, of those that
    the person is in. SequenceError if the person is in none of them."""
    first, last = scene.frame_current - around, scene.frame_current + around
    where = f"frame {scene.frame_current}"
    if scene.use_preview_range:
        first, last = scene.frame_preview_start, scene.frame_preview_end
        where = f"the preview range, {first} to {last}"
    if last < entry.first or first > entry.last:
        raise SequenceError(
            f"{where}: {entry.name} is not in the picture here ({entry.first} to {entry.last}); go to a "
            "frame of theirs, or set the preview range there"
        )
    return max(first, entry.first), min(last, entry.last)


def video_range(scene: bpy.types.Scene, sequence: SmplxSequence, first: int, last: int) -> Range:
    """Video frames of a range of scene frames. SequenceError if the person is in none of them."""
    if last < first:
        raise SequenceError(f"frames {first} to {last}: the last one comes before the first; exchange them")
    fps = scene_fps(scene)
    places = np.asarray(sequence.time_s) * fps + FIRST_FRAME
    # Where the scene is faster than the video, several of its frames show one of the video's.
    slack = max(0.5, 0.5 * fps / sequence.mocap_frame_rate)
    inside = np.flatnonzero((places >= first - slack) & (places < last + slack))
    if not len(inside):
        there = f"{round(places[0])} to {round(places[-1])}" if len(places) else "none"
        raise SequenceError(
            f"frames {first} to {last}: the person is not in any of them (there is {there}); "
            "choose a range inside the take"
        )
    return int(sequence.frame[inside[0]]), int(sequence.frame[inside[-1]])


def video_frame(scene: bpy.types.Scene, sequence: SmplxSequence, frame: float) -> int:
    """The row of the sequence that a scene frame shows."""
    places = np.asarray(sequence.time_s) * scene_fps(scene) + FIRST_FRAME
    row = int(np.argmin(np.abs(places - frame)))
    if abs(places[row] - frame) > max(1.0, scene_fps(scene) / sequence.mocap_frame_rate):
        raise SequenceError(
            f"frame {frame:g}: the person is not in the picture here; go to a frame of theirs"
        )
    return row


def _scene_frame(scene: bpy.types.Scene, sequence: SmplxSequence, frame: int) -> int:
    """The scene's frame that shows a video frame of a sequence."""
    row = min(int(np.searchsorted(sequence.frame, frame)), len(sequence) - 1)
    return round(float(sequence.time_s[row]) * scene_fps(scene) + FIRST_FRAME)


def timeline(scene: bpy.types.Scene, sequence: SmplxSequence) -> Timeline:
    """Which frames of the scene show the sequence, as it was applied."""
    return timeline_of(scene, sequence, subframes=scene.rotocap.retarget.subframes)


@contextmanager
def kept_on_error(entry: RotocapPerformance) -> Iterator[None]:
    """What was put right is as before if this ends in a RotocapError: there is no undo step then."""
    before = _values(entry.corrections)
    try:
        yield
    except RotocapError:
        _set_values(entry.corrections, before)
        raise


def _values(group: bpy.types.PropertyGroup) -> dict[str, Any]:
    """All values of a group, with those of the lists in it."""
    return {
        prop.identifier: [_values(item) for item in getattr(group, prop.identifier)]
        if prop.type == "COLLECTION"
        else getattr(group, prop.identifier)
        for prop in group.bl_rna.properties
        if prop.identifier != "rna_type"
    }


def _set_values(group: bpy.types.PropertyGroup, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, list):
            there = getattr(group, name)
            there.clear()
            for item in value:
                _set_values(there.add(), item)
    # After the lists, whose own changes mark the group as stale.
    for name, value in values.items():
        if not isinstance(value, list):
            setattr(group, name, value)


def forget() -> None:
    """Let go of sequences in memory: another file is opened, or the extension is disabled."""
    _loaded.clear()
    _cleaned.clear()


def _load(path: Path) -> SmplxSequence:
    if not path.is_file():
        raise TakeError(f"{path}: no such file; capture the video again, or take the step away that needs it")
    key = (str(path), path.stat().st_mtime_ns)
    if key not in _loaded:
        _loaded[key] = SmplxSequence.load(path)
        while len(_loaded) > _KEPT:
            _loaded.popitem(last=False)
    return _loaded[key]

# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator's own poses as a layer above the capture: an NLA track of offsets that combine.

An edit is a pose at a frame. What it differs by from the layers below becomes a key
in the Action of the edits track, between keys that offset nothing. The keys are the truth: an
animator may move their values in the graph editor. Applying a take anew never touches them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..correct.offsets import Edited, apart, difference, neutral, offset_keys, shorter_arc
from ..inference.errors import RigError
from . import keys, tracks
from .blender_versions import Channels, curves_of

Array = NDArray[np.float64]

_TURNED = np.radians(0.02)  # less is rounding, not an edit
_MOVED = 1e-5
_REACHED = np.radians(0.1)  # a pose that is not reached to this is said to be overridden
_OF_A_BONE = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(\w+)$')
_LARGEST_NAMED = 3  # bones that are named in an edit's name


@dataclass(frozen=True)
class Corrected:
    """What a pose became."""

    bones: tuple[str, ...]
    missed: tuple[str, ...]  # bones that did not come to where they were posed: something plays above


def correct(scene: bpy.types.Scene, armature: bpy.types.Object, *, falloff: int) -> Corrected:
    """Make the pose that the animator left on `armature` at this frame an edit. RigError says why not."""
    animation = _ready(armature)
    frame = scene.frame_current
    posed = _channels(armature)
    _evaluate(scene)
    played = _channels(armature)
    changed = [path for path, value in posed.items() if _differs(path, played[path], value)]
    if not changed:
        raise RigError(
            f"{armature.name}: nothing is posed differently at frame {frame}; in Pose Mode, move a bone to "
            "where it should be, then press Correct before you change the frame"
        )
    strip = strip_of(animation)
    muted = _muted(animation, strip)
    _evaluate(scene)
    below = _channels(armature)
    _unmute(animation, strip, muted)
    edits = _edits(armature)
    values = {path: difference(_kind(path), below[path], posed[path]) for path in changed}
    entry = next((e for e in edits.entries if e.frame == frame), None) or edits.entries.add()
    entry.frame, entry.falloff = frame, falloff
    entry.channels = "\n".join(dict.fromkeys([*entry.channels.splitlines(), *changed]))
    bones = tuple(dict.fromkeys(_bone(path) for path in entry.channels.splitlines()))
    entry.name = _name(bones)
    edits.index = list(edits.entries).index(entry)
    _rebuild(armature, {frame: values})
    _evaluate(scene)
    reached = _channels(armature)
    missed = [path for path in changed if apart(_kind(path), reached[path], posed[path]) > _REACHED]
    return Corrected(tuple(dict.fromkeys(map(_bone, changed))), tuple(dict.fromkeys(map(_bone, missed))))


def remove(scene: bpy.types.Scene, armature: bpy.types.Object, index: int) -> None:
    """Take one edit away; its neighbours stay. RigError if there is no such edit."""
    _ready(armature)
    edits = _edits(armature)
    if not 0 <= index < len(edits.entries):
        raise RigError(f"{armature.name}: has no edit number {index + 1}; it has {len(edits.entries)}")
    values = _values(armature)
    edits.entries.remove(index)
    edits.index = max(0, min(edits.index, len(edits.entries) - 1))
    _rebuild(armature, values)
    _evaluate(scene)


def reshape(scene: bpy.types.Scene, armature: bpy.types.Object) -> None:
    """Lay the keys out again after an edit's falloff was changed."""
    _ready(armature)
    _rebuild(armature, _values(armature))
    _evaluate(scene)


def strip_of(animation: bpy.types.AnimData | None) -> bpy.types.NlaStrip | None:
    """The strip that plays the edits, if there is one."""
    found = tracks.edits_track(animation) if animation is not None else None
    return found[1] if found is not None else None


def shown(armature: bpy.types.Object) -> bool:
    """Whether the edits play."""
    found = tracks.edits_track(armature.animation_data) if armature.animation_data is not None else None
    return found is not None and not found[0].mute


def show(armature: bpy.types.Object, on: bool) -> None:
    """Let the edits play, or not."""
    found = tracks.edits_track(armature.animation_data) if armature.animation_data is not None else None
    if found is None:
        raise RigError(f"{armature.name}: has no edits yet; pose it at a frame and press Correct")
    found[0].mute = not on


def lost(armature: bpy.types.Object) -> bool:
    """Whether there are edits in the list whose keys somebody deleted."""
    kept = getattr(armature, "rotocap", None)
    return kept is not None and len(kept.edits.entries) > 0 and strip_of(armature.animation_data) is None


def _ready(armature: bpy.types.Object) -> bpy.types.AnimData:
    if armature.type != "ARMATURE":
        raise RigError(f"{armature.name}: is a {armature.type.lower()}; choose the armature that was posed")
    if armature.library is not None:
        raise RigError(f"{armature.name}: is linked from another file; make a library override of it first")
    animation = armature.animation_data or armature.animation_data_create()
    if animation.use_tweak_mode:
        raise RigError(f"{armature.name}: leave the NLA's tweak mode (Tab in the NLA editor) first")
    if not animation.use_nla:
        raise RigError(f"{armature.name}: its NLA is switched off; switch it on in the NLA editor")
    if any(track.is_solo for track in animation.nla_tracks):
        raise RigError(f"{armature.name}: a track plays alone; take the star off it in the NLA editor")
    action = animation.action
    if action is not None and any(_OF_A_BONE.match(curve.data_path) for curve in curves_of(action)):
        raise RigError(
            f"{armature.name}: its action {action.name} has keys on bones and plays over everything. Switch "
            "Auto Keying off; push the action down in the NLA editor if its keys are to stay, or else unlink "
            "it; then pose the bone and press Correct"
        )
    return animation


def _edits(armature: bpy.types.Object) -> bpy.types.PropertyGroup:
    return armature.rotocap.edits


def _evaluate(scene: bpy.types.Scene) -> None:
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


def _rotation(bone: bpy.types.PoseBone) -> str:
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        bone.rotation_mode, "rotation_euler"
    )


def _channels(armature: bpy.types.Object) -> dict[str, Array]:
    """All values that the animator can pose now, by path."""
    played = _animated(armature)
    # A bone that nothing animates keeps whatever stands in it: only one that is selected is meant.
    active = {_bone(path) for path in played} | {bone.name for bone in armature.pose.bones if _selected(bone)}
    out = {}
    for bone in armature.pose.bones:
        if bone.name not in active:
            continue
        start = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
        for kind in (_rotation(bone), "location", "scale"):
            out[start + kind] = np.array(getattr(bone, kind), dtype=np.float64)
    return out


def _selected(bone: bpy.types.PoseBone) -> bool:
    return bool(bone.select if hasattr(bone, "select") else bone.bone.select)


def _animated(armature: bpy.types.Object) -> set[str]:
    paths: set[str] = set()
    animation = armature.animation_data
    for track in animation.nla_tracks if animation is not None else ():
        for strip in track.strips:
            if strip.action is not None and not track.mute:
                paths |= {c.data_path for c in curves_of(strip.action) if _OF_A_BONE.match(c.data_path)}
    return paths


def _kind(path: str) -> str:
    return path.rsplit(".", 1)[1]


def _bone(path: str) -> str:
    found = _OF_A_BONE.match(path)
    assert found is not None  # paths are ours, or were matched before
    return bpy.utils.unescape_identifier(found[1])


def _differs(path: str, first: Array, second: Array) -> bool:
    kind = _kind(path)
    return apart(kind, first, second) > (_TURNED if kind.startswith("rotation") else _MOVED)


def _muted(animation: bpy.types.AnimData, strip: bpy.types.NlaStrip | None) -> bool:
    """Silence the edits; returns whether their track was muted before."""
    found = tracks.edits_track(animation)
    if found is None or strip is None:
        return False
    before, found[0].mute = found[0].mute, True
    return bool(before)


def _unmute(animation: bpy.types.AnimData, strip: bpy.types.NlaStrip | None, before: bool) -> None:
    found = tracks.edits_track(animation)
    if found is not None and strip is not None:
        found[0].mute = False  # an edit that is made is meant to be seen


def _name(bones: tuple[str, ...]) -> str:
    more = len(bones) - _LARGEST_NAMED
    return ", ".join(bones[:_LARGEST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _values(armature: bpy.types.Object) -> dict[int, dict[str, Array]]:
    """What every edit holds, read off the keys: frame -> path -> value; deleted channels are left out."""
    strip = strip_of(armature.animation_data)
    if strip is None or strip.action is None:
        return {}
    curves: dict[str, dict[int, bpy.types.FCurve]] = {}
    for curve in curves_of(strip.action):
        curves.setdefault(curve.data_path, {})[curve.array_index] = curve
    out: dict[int, dict[str, Array]] = {}
    for entry in _edits(armature).entries:
        at = _action_time(strip, entry.frame)
        for path in entry.channels.splitlines():
            rest = neutral(_kind(path))
            if path in curves:
                value = np.array([curves[path][k].evaluate(at) if k in curves[path] else rest[k]
                                  for k in range(len(rest))])  # fmt: skip
                out.setdefault(entry.frame, {})[path] = value
    return out


def _action_time(strip: bpy.types.NlaStrip, frame: float) -> float:
    """The Action's time at a scene frame, for a strip that the animator may have moved."""
    return float(strip.action_frame_start + (frame - strip.frame_start) / (strip.scale or 1.0))


def _rebuild(armature: bpy.types.Object, new: dict[int, dict[str, Array]]) -> None:
    """Lay all edits out as keys. `new` holds values that the keys do not hold yet."""
    animation = armature.animation_data
    old = strip_of(animation)
    values = _values(armature)
    for frame, channels in new.items():
        values.setdefault(frame, {}).update(channels)
    edits: dict[str, list[Edited]] = {}
    for entry in _edits(armature).entries:
        at = _action_time(old, entry.frame) if old is not None else float(entry.frame)
        for path, value in values.get(entry.frame, {}).items():
            if path in entry.channels.splitlines():
                edits.setdefault(path, []).append(Edited(at, float(entry.falloff), value))
    if not edits:
        tracks.remove_edits(animation)
        return
    channels = Channels(f"{armature.name} edits", armature)
    for path, of_channel in edits.items():
        kind = _kind(path)
        laid = offset_keys(of_channel, neutral(kind))
        points = shorter_arc(laid.values) if kind == "rotation_quaternion" else laid.values
        keys.write_flat(channels, path, points, frames=laid.frames, marked=laid.edited, group=_bone(path))
    tracks.play_edits(armature, channels)

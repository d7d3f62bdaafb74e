# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts: custom properties of the armature's data with constant keys, one lane a foot point.

They are on the data, in the Action that is active there, so that the dope sheet shows them while the pose
stays with the NLA.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import bpy
import numpy as np

from ..correct.lanes import LANES, Span, joined, lane_keys, spans, without
from ..inference.errors import RigError
from ..retarget.contacts import Hold
from .blender_versions import Channels, curves_of, give_action
from .correct_properties import LANE_NAMES

_GROUP = "Contacts"
_CONSTANT = 0
_DOWN, _UP = 1, 2  # keyframe types, which are their colours: extreme, breakdown
_POINTS = {"heel": "heel", "ball": "toe"}

Lanes = dict[str, tuple[Span, ...]]


def path_of(lane: str) -> str:
    return f'["{lane}"]'


def read(armature: bpy.types.Object) -> Lanes | None:
    """When each point is down, as the keys say now; None if the armature has no lanes."""
    action = _action(armature)
    if action is None:
        return None
    out: Lanes = {}
    for curve in curves_of(action):
        lane = curve.data_path[2:-2]
        if lane not in LANES or curve.data_path != path_of(lane):
            continue
        pairs = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", pairs)
        # A key between two frames that is dragged with snapping off counts from the next frame on.
        out[lane] = () if curve.mute else spans(np.ceil(pairs[::2] - 1e-3), pairs[1::2])
    return out or None


def as_text(lanes: Mapping[str, Sequence[Span]] | None) -> str:
    """Lanes as a line of text that says the same for the same lanes; empty for none."""
    if lanes is None:
        return ""
    return json.dumps({lane: [list(span) for span in lanes.get(lane, ())] for lane in LANES})


def from_text(text: str) -> Lanes | None:
    """What `as_text` wrote."""
    if not text:
        return None
    return {lane: tuple((float(a), float(b)) for a, b in found) for lane, found in json.loads(text).items()}


def of_holds(holds: Sequence[Hold], frames: Sequence[float] | np.ndarray) -> Lanes:
    """The lanes of feet that were held: positions in frames (N,) become frames."""
    found: dict[str, list[Span]] = {lane: [] for lane in LANES}
    for hold in holds:
        side, kind = hold.limb.split("_")
        if kind == "leg":
            span = (float(frames[hold.first]), float(np.floor(frames[hold.last])) + 1.0)
            found[f"{side}_{_POINTS[hold.point]}"].append(span)
    return {lane: tuple(joined(of)) for lane, of in found.items()}


def write(armature: bpy.types.Object, lanes: Mapping[str, Sequence[Span]], *, before: float) -> None:
    """Keys for all lanes, in the place of those that are there. before: a frame at which all are up."""
    data = require_editable(armature)
    channels = Channels(f"{armature.name} contacts", data, active=True)
    channels.remove([path_of(lane) for lane in LANES])
    for lane in LANES:
        data[lane] = 0
        data.id_properties_ui(lane).update(
            min=0, max=1, soft_min=0, soft_max=1,
            description=f"{LANE_NAMES[lane]} on the floor: 1 from a key on, until a key of 0. Drag the keys "
            "in the dope sheet; the legs follow at once",
        )  # fmt: skip
        frames, values = lane_keys(lanes.get(lane, ()), before=before)
        curve = channels.new(path_of(lane), 0, _GROUP)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set(
            "co", np.stack([frames, values], axis=-1).astype(np.float32).ravel()
        )
        curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), _CONSTANT, np.int32))
        curve.keyframe_points.foreach_set("type", np.where(values > 0.5, _DOWN, _UP).astype(np.int32))
        curve.update()
    give_action(data.animation_data or data.animation_data_create(), channels)


def remove(armature: bpy.types.Object) -> None:
    """Take the lanes away."""
    data = require_editable(armature)
    if _action(armature) is not None:
        channels = Channels("", data, active=True)
        channels.remove([path_of(lane) for lane in LANES])
        if not any(True for _ in curves_of(channels.action)):
            bpy.data.actions.remove(channels.action)
    for lane in LANES:
        if lane in data:
            del data[lane]


def set_down(armature: bpy.types.Object, lane: str, span: Span, down: bool, *, before: float) -> None:
    """Put one point down, or lift it, over a span. RigError without lanes."""
    lanes = read(armature)
    if lanes is None:
        raise RigError(f"{armature.name}: has no lanes yet; press Make Lanes first")
    there = list(lanes.get(lane, ()))
    lanes[lane] = tuple(joined([*there, span]) if down else without(there, span))
    write(armature, lanes, before=before)


def require_editable(armature: bpy.types.Object) -> bpy.types.Armature:
    """The armature's data, if keys can be put on it. RigError says what to do."""
    data = armature.data
    if data.library is not None:
        raise RigError(
            f"{armature.name}: its armature data is linked from another file, so contacts cannot be kept on "
            "it; make the data local, or a library override of it"
        )
    return data


def _action(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The action on the armature's data that holds lanes."""
    animation = armature.data.animation_data
    action = animation.action if animation is not None else None
    if action is None:
        return None
    names = {path_of(lane) for lane in LANES}
    return action if any(curve.data_path in names for curve in curves_of(action)) else None

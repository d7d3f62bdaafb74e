# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts: custom properties of the armature's data with constant keys, one a foot point or hand.

They are on the data, in the Action that is active there, so that the dope sheet shows them while the pose
stays with the NLA.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import lru_cache

import bpy
import numpy as np

from ..correct.lanes import (
    FOOT_LANES,
    HAND_LANES,
    LANES,
    Lanes,
    Span,
    has_feet,
    joined,
    lane_keys,
    spans,
    without,
)
from ..inference.errors import RigError
from ..retarget.contacts import Hold
from .blender_versions import Channels, curves_of, give_action
from .correct_properties import LANE_NAMES

_GROUP = "Contacts"
_CONSTANT = 0
_DOWN, _UP = 1, 2  # keyframe types, which are their colours: extreme, breakdown
_POINTS = {"heel": "heel", "ball": "toe"}
_TELLS = {
    **dict.fromkeys(FOOT_LANES, "on the floor: 1 from a key on, until a key of 0. Drag the keys in the dope "
                    "sheet; the legs follow at once"),
    **dict.fromkeys(HAND_LANES, "stays where it is in the room: 1 from a key on, until a key of 0. Drag the "
                    "keys in the dope sheet; the arm follows at once"),
}  # fmt: skip


def path_of(lane: str) -> str:
    return f'["{lane}"]'


def read(armature: bpy.types.Object) -> Lanes | None:
    """When each point is down, as the keys say now, of the lanes that there are; None if there is none."""
    animation = armature.data.animation_data
    action = animation.action if animation is not None else None
    if action is None:
        return None
    found = {curve.data_path: curve for curve in curves_of(action)}
    out: dict[str, tuple[Span, ...]] = {}
    for lane in LANES:
        curve = found.get(path_of(lane))
        if curve is None:
            continue
        pairs = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", pairs)
        # A key between two frames that is dragged with snapping off counts from the next frame on.
        out[lane] = () if curve.mute else spans(np.ceil(pairs[::2] - 1e-3), pairs[1::2])
    return out or None


def as_text(lanes: Lanes | None) -> str:
    """Lanes as a line of text that says the same for the same lanes; empty for none."""
    return json.dumps({lane: lanes[lane] for lane in LANES if lane in lanes}) if lanes else ""


@lru_cache(maxsize=8)
def from_text(text: str) -> Lanes:
    """What `as_text` wrote; no lanes for an empty text."""
    if not text:
        return {}
    return {lane: tuple((float(a), float(b)) for a, b in found) for lane, found in json.loads(text).items()}


def of_holds(holds: Sequence[Hold], frames: Sequence[float] | np.ndarray) -> Lanes:
    """The lanes of feet that were held: positions in frames (N,) become frames."""
    found: dict[str, list[Span]] = {lane: [] for lane in FOOT_LANES}
    for hold in holds:
        side, kind = hold.limb.split("_")
        if kind == "leg":
            span = (float(frames[hold.first]), float(np.floor(frames[hold.last])) + 1.0)
            found[f"{side}_{_POINTS[hold.point]}"].append(span)
    return {lane: tuple(joined(of)) for lane, of in found.items()}


def write(armature: bpy.types.Object, lanes: Lanes, *, before: float) -> None:
    """Keys for these lanes, in the place of those that they have; the others stay.

    before: a frame at which all are up.
    """
    data = require_editable(armature)
    channels = Channels(f"{armature.name} contacts", data, active=True)
    channels.remove([path_of(lane) for lane in lanes])
    for lane, found in lanes.items():
        if lane not in data:
            data[lane] = 0
        data.id_properties_ui(lane).update(
            min=0, max=1, soft_min=0, soft_max=1, description=f"{LANE_NAMES[lane]} {_TELLS[lane]}"
        )
        frames, values = lane_keys(found, before=before)
        curve = channels.new(path_of(lane), 0, _GROUP)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set(
            "co", np.stack([frames, values], axis=-1).astype(np.float32).ravel()
        )
        curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), _CONSTANT, np.int32))
        curve.keyframe_points.foreach_set("type", np.where(values > 0.5, _DOWN, _UP).astype(np.int32))
        curve.update()
    give_action(data.animation_data or data.animation_data_create(), channels)


def remove(armature: bpy.types.Object, lanes: Collection[str] = LANES) -> None:
    """Take lanes away."""
    data = require_editable(armature)
    if read(armature) is not None:
        channels = Channels("", data, active=True)
        channels.remove([path_of(lane) for lane in lanes])
        if not any(True for _ in curves_of(channels.action)):
            bpy.data.actions.remove(channels.action)
    for lane in lanes:
        if lane in data:
            del data[lane]


def at(lanes: Lanes | None, lane: str, frame: float) -> Span | None:
    """The contact of a lane that a frame is in."""
    there = lanes.get(lane, ()) if lanes is not None else ()
    return next((span for span in there if span[0] <= frame < span[1]), None)


def set_down(armature: bpy.types.Object, lane: str, span: Span, down: bool, *, before: float) -> None:
    """Put one point down, or lift it, over a span.

    RigError for a foot without lanes: what it did all along as captured would be lost. A hand's lane begins
    with its first contact.
    """
    lanes = read(armature) or {}
    if lane in FOOT_LANES and not has_feet(lanes):
        raise RigError(f"{armature.name}: has no lanes yet; press Make Lanes first")
    there = lanes.get(lane, ())
    write(armature, {lane: joined([*there, span]) if down else without(there, span)}, before=before)


def require_editable(armature: bpy.types.Object) -> bpy.types.Armature:
    """The armature's data, if keys can be put on it. RigError says what to do."""
    data = armature.data
    if data.library is not None:
        raise RigError(
            f"{armature.name}: its armature data is linked from another file, so contacts cannot be kept on "
            "it; make the data local, or a library override of it"
        )
    return data

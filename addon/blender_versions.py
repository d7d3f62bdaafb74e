# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows how Blender 4.2 to 5.x differ.

4.2 and 4.3: an Action holds F-curves. 4.4 and later: an Action holds layers and slots, and
the F-curves of a slot lie in a channel bag. 5.0 removed the old way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import bpy

SLOTS = "slots" in bpy.types.Action.bl_rna.properties
TURNS_VIDEOS = bpy.app.version >= (4, 5)  # shows phone videos upright


class Channels:
    """An Action with room for the F-curves of one data-block: a new one, or the one that is active on it."""

    def __init__(self, name: str, owner: bpy.types.ID, *, active: bool = False) -> None:
        """name: of a new Action. active: the one that `owner` plays itself is used, if there is one."""
        animation = owner.animation_data if active else None
        there = animation.action if animation is not None else None
        self.action = there or bpy.data.actions.new(name)
        self.slot = None
        self._bag = None
        if SLOTS:
            slot = animation.action_slot if there is not None else None
            self.slot = slot or self.action.slots.new(id_type=owner.id_type, name=owner.name)
            layers = self.action.layers
            layer = layers[0] if len(layers) else layers.new("Layer")
            strip = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
            self._bag = strip.channelbag(self.slot, ensure=True)
        elif there is None and hasattr(self.action, "id_root"):
            self.action.id_root = owner.id_type

    def remove(self, paths: Collection[str]) -> None:
        """Take the F-curves of these properties away."""
        curves = self.action.fcurves if self._bag is None else self._bag.fcurves
        for curve in [curve for curve in curves if curve.data_path in paths]:
            curves.remove(curve)

    def new(self, path: str, index: int, group: str = "") -> bpy.types.FCurve:
        """A new F-curve, in the group of that name where one is given."""
        if self._bag is None:
            return self.action.fcurves.new(path, index=index, action_group=group)
        curve = self._bag.fcurves.new(path, index=index)
        if group:
            curve.group = self._bag.groups.get(group) or self._bag.groups.new(group)
        return curve


def curves_of(action: bpy.types.Action) -> Iterator[bpy.types.FCurve]:
    """All F-curves of an Action, of all its slots."""
    if not SLOTS:
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def set_strip_slot(strip: bpy.types.NlaStrip, slot: object | None) -> None:
    """Let an NLA strip play this slot of its Action (where slots exist)."""
    if SLOTS and slot is not None:
        strip.action_slot = slot


def copy_strip_action(strip: bpy.types.NlaStrip) -> None:
    """Let an NLA strip play a copy of its Action, with the slot that it plays."""
    identifier = strip.action_slot.identifier if SLOTS and strip.action_slot is not None else None
    strip.action = strip.action.copy()
    if identifier is not None:
        strip.action_slot = strip.action.slots.get(identifier)


def copy_active_action(animation: bpy.types.AnimData) -> None:
    """Let `animation` play a copy of its active Action, with the slot that it plays."""
    identifier = animation.action_slot.identifier if SLOTS and animation.action_slot is not None else None
    animation.action = animation.action.copy()
    if identifier is not None:
        animation.action_slot = animation.action.slots.get(identifier)


def give_action(animation: bpy.types.AnimData, channels: Channels) -> None:
    """Let `animation` play a new Action itself, not by way of an NLA track."""
    animation.action = channels.action
    if SLOTS:
        animation.action_slot = channels.slot


def active_slot(animation: bpy.types.AnimData) -> object | None:
    """The slot that plays in `animation`, None where slots do not exist."""
    return animation.action_slot if SLOTS else None


def shows_upright(shown: tuple[int, int], *, size: tuple[int, int], rotation_deg: int) -> bool:
    """Whether Blender turned a video itself: 4.5 does, 4.3 does not.

    shown: the size it gives the clip; size: the upright one. A square one, or a half turn,
    does not show in the size, so then the version decides.
    """
    if rotation_deg % 360 == 0:
        return True
    if rotation_deg % 180 and shown[0] != shown[1]:
        return shown == size
    return TURNS_VIDEOS

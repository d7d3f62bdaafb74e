# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure the capture is of each limb, as curves that the graph editor shows.

They are animated custom properties of the armature's data, not of its object: there they are the
active Action, which the graph editor shows, while the motion plays from the NLA undisturbed.
"""

from __future__ import annotations

import bpy

from ..inference.sequence import SmplxSequence
from ..retarget.timeline import Timeline
from . import doubt, keys
from .blender_versions import Channels, give_action

_MARK = "rotocap_doubt"  # custom property of an Action of ours


def label(limb: str) -> str:
    """The custom property that carries a limb's doubt."""
    return f"doubt {limb} (cm)"


def write(armature: bpy.types.Object, sequence: SmplxSequence, timeline: Timeline, *, name: str) -> bool:
    """Keys of every limb's doubt, in centimetres, in place of those from before.

    False where there is no room: the data is linked from another file, or another Action is active on it.
    """
    data = armature.data
    active = data.animation_data.action if data.animation_data is not None else None
    if data.library is not None or (active is not None and _MARK not in active):
        return False
    limbs = 100.0 * timeline.sample(doubt.by_limb(sequence.sigma))
    channels = Channels(name, data)
    channels.action[_MARK] = True
    kinds = keys.interpolation(len(timeline), timeline.spans)
    for column, limb in enumerate(doubt.LIMBS):
        data[label(limb)] = float(limbs[0, column])
        data.id_properties_ui(label(limb)).update(
            min=0.0, soft_max=50.0, description=f"How far the {limb} may be off, in centimetres"
        )
        path = f'["{bpy.utils.escape_identifier(label(limb))}"]'
        keys.write(channels, path, limbs[:, column], frames=timeline.frames, kinds=kinds, group="Doubt")
    give_action(data.animation_data or data.animation_data_create(), channels)
    if active is not None and active.users == 0:
        bpy.data.actions.remove(active)
    return True

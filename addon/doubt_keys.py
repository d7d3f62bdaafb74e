# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure the capture is of each limb, as curves that the graph editor shows.

They are animated custom properties of the armature's data, not of its object: there they are the
active Action, which the graph editor shows, while the motion plays from the NLA undisturbed.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.sequence import SmplxSequence
from ..retarget.timeline import Timeline
from . import doubt, keys
from .blender_versions import Channels, curves_of, give_action

_STEP_CM = 0.5  # nobody needs it finer, and a level curve needs few keys


def label(limb: str) -> str:
    """The custom property that carries a limb's doubt."""
    return f"doubt {limb} (cm)"


def write(armature: bpy.types.Object, sequence: SmplxSequence, timeline: Timeline, *, name: str) -> bool:
    """Keys of every limb's doubt, in centimetres, in place of those from before.

    Other curves of an Action that is active on the data stay. False where the data is linked from another
    file.
    """
    data = armature.data
    if data.library is not None:
        return False
    limbs = 100.0 * timeline.sample(doubt.by_limb(sequence.sigma))
    channels = Channels(name, data, active=True)
    channels.remove([f'["{bpy.utils.escape_identifier(label(limb))}"]' for limb in doubt.LIMBS])
    kinds = keys.interpolation(len(timeline), timeline.spans)
    for column, limb in enumerate(doubt.LIMBS):
        data[label(limb)] = float(limbs[0, column])
        data.id_properties_ui(label(limb)).update(
            min=0.0, soft_max=50.0, description=f"How far the {limb} may be off, in centimetres"
        )
        path = f'["{bpy.utils.escape_identifier(label(limb))}"]'
        values = _STEP_CM * np.round(limbs[:, column] / _STEP_CM)
        kept = _turns(values, timeline.spans)
        keys.write(
            channels, path, values[kept], frames=timeline.frames[kept], kinds=kinds[kept], group="Doubt"
        )
    _unselect(channels)
    give_action(data.animation_data or data.animation_data_create(), channels)
    return True


def _turns(values: NDArray[np.floating[Any]], spans: tuple[tuple[int, int], ...]) -> NDArray[np.intp]:
    """The positions in values (N,) that a curve needs: where it begins or ends to be level, and at ends."""
    level = np.diff(values) == 0.0
    needed = np.ones(len(values), dtype=bool)
    needed[1:-1] = ~(level[1:] & level[:-1])
    needed[[end for span in spans for end in span]] = True
    return np.flatnonzero(needed)


def _unselect(channels: Channels) -> None:
    """New keys are selected, and a graph of thousands of selected keys shows nothing but them."""
    paths = {f'["{bpy.utils.escape_identifier(label(limb))}"]' for limb in doubt.LIMBS}
    for curve in curves_of(channels.action):
        if curve.data_path in paths:
            points = curve.keyframe_points
            for flag in ("select_control_point", "select_left_handle", "select_right_handle"):
                points.foreach_set(flag, np.zeros(len(points), bool))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an arm is long enough for where its hand is held."""

from __future__ import annotations

import bpy
import numpy as np

from ..correct.lanes import Span
from . import corrections
from .correct_target import plan_of
from .performance_properties import RotocapPerformance

_LOOKS = 8  # frames


def stray(scene: bpy.types.Scene, entry: RotocapPerformance, lane: str, span: Span) -> float:
    """How far (metres) a held hand still gets about, as the armature plays: its arm does not reach it."""
    ready = plan_of(scene, entry, corrections.cleaned(scene, entry))
    bone = entry.armature.pose.bones[ready.bone_map[lane][0]]
    frame, subframe = scene.frame_current, scene.frame_subframe
    first, last = max(span[0], entry.first), min(span[1] - 1.0, entry.last)
    places = []
    for look in np.unique(np.linspace(first, last, _LOOKS).round()).astype(int).tolist():
        scene.frame_set(look)
        places.append(entry.armature.matrix_world @ bone.head)
    scene.frame_set(frame, subframe=subframe)
    return float(np.linalg.norm(np.ptp(np.array(places), axis=0)))

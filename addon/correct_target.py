# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performance is put on: its armature at rest beside the source's."""

from __future__ import annotations

import pickle
from collections import OrderedDict

import bpy

from ..inference.sequence import SmplxSequence
from ..retarget.axes import to_blender
from ..retarget.solve import Plan, RetargetOptions, plan
from . import motion, retarget, rig_map
from .performance_properties import RotocapPerformance
from .performances import is_ours
from .rig_follow import with_followed
from .rig_reader import read_rig

_KEPT = 4

_plans: OrderedDict[bytes, Plan] = OrderedDict()


def plan_of(scene: bpy.types.Scene, entry: RotocapPerformance, sequence: SmplxSequence) -> Plan:
    """The plan of putting a sequence on the performance's armature; kept while neither's rest changes."""
    armature = entry.armature
    rig = read_rig(armature)
    if is_ours(entry):
        bone_map, options = motion.joint_map(rig), RetargetOptions()
    else:
        bone_map = rig_map.read(armature) or rig_map.find(rig).bone_map
        options = retarget.settings_of(scene).transfer
        rig = with_followed(armature, rig, bone_map)
    rest = to_blender(sequence.rest_joints)
    key = pickle.dumps((rig, bone_map, options, rest))
    if key not in _plans:
        _plans[key] = plan(rig, bone_map, rest, options)
        while len(_plans) > _KEPT:
            _plans.popitem(last=False)
    return _plans[key]


def forget() -> None:
    """Let go of what is kept: another file is opened, or the extension is disabled."""
    _plans.clear()

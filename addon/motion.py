# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's captured motion as keys on an armature with SMPL-X's bone names."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ..correct.lanes import HAND_LANES, Lanes, has_feet, has_hands, sampled
from ..inference.errors import RigError
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT, JOINT_NAMES
from ..retarget.bone_map import JOINTS, BoneMap
from ..retarget.contacts import ContactOptions
from ..retarget.grounding import ground
from ..retarget.keyed import every_frame
from ..retarget.motion import Motion
from ..retarget.rig import Rig
from ..retarget.solve import solve
from ..retarget.timeline import Timeline
from . import keys, tracks
from .blender_versions import Channels
from .rig_reader import read_rig

# The animator's word: what stands stands, however short and wherever it is.
AS_SAID = ContactOptions(shortest_s=0.0, join_s=0.0, drift=np.inf, settled=np.inf)
NOTHING_HELD = ContactOptions(feet=False)


def write_motion(
    armature: bpy.types.Object,
    sequence: SmplxSequence,
    timeline: Timeline,
    *,
    name: str,
    source: str = "",
    lanes: Lanes | None = None,
) -> list[str]:
    """Keys of the whole take on a new Action and NLA track. Returns what the animator should know.

    source: an earlier result from it is replaced, see `tracks.play`. lanes: when which point of a
    foot, or which hand, is held; None: nothing is held.

    The capture keeps its place in the scene's world, whichever way the object is turned;
    only the length of the rig's legs scales the path that it travels.
    """
    rig = read_rig(armature)
    render = bpy.context.scene.render
    motion = Motion.from_sequence(sequence, timeline, fps=render.fps / render.fps_base)
    solved = solve(motion, rig, joint_map(rig))
    if lanes is not None:
        motion, options = as_said(motion, lanes, NOTHING_HELD)
        solved = ground(solved, motion, options).solved
    channels = Channels(name, armature)
    keys.write_bones(
        channels, every_frame(solved.channels()), frames=timeline.frames, spans=timeline.spans
    )  # fmt: skip
    return tracks.play(armature, channels, track=name, source=source)


def as_said(motion: Motion, lanes: Lanes, otherwise: ContactOptions) -> tuple[Motion, ContactOptions]:
    """The motion with the contacts that lanes say, and how they are held.

    otherwise: how feet are held if no lane says when they stand, and whether hands are looked at.
    """
    options = otherwise
    if has_feet(lanes):
        motion = replace(motion, contact=sampled(lanes, motion.frames))
        options = replace(AS_SAID, hands=otherwise.hands)
    if has_hands(lanes):
        motion = replace(motion, hand_contact=sampled(lanes, motion.frames, HAND_LANES))
    return motion, options


def joint_map(rig: Rig) -> BoneMap:
    """The bone map of a rig with SMPL-X's bone names. RigError if it lacks one of the 22 body joints."""
    missing = [name for name in JOINT_NAMES[:BODY_JOINT_COUNT] if name not in rig]
    if missing:
        matched = [name for name in JOINT_NAMES if name in rig]
        raise RigError(
            f"{rig.name}: its bones are not named as SMPL-X's joints. "
            f"Matched {len(matched)} of {len(JOINT_NAMES)} ({', '.join(matched) or 'none'}); "
            f"missing of the body: {', '.join(missing)}. "
            "Rename them, or apply to a new armature instead."
        )
    roles: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for role, joints in JOINTS.items():
        names = tuple(name for joint in joints if (name := JOINT_NAMES[joint]) in rig and name not in taken)
        if names:  # twist bones and metacarpals follow joints that are other roles' already
            roles[role] = names
            taken.update(names)
    return BoneMap(roles, preset="smplx", score=1.0)

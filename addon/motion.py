# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's captured motion as keys on an armature with SMPL-X's bone names."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ..inference.errors import RigError
from ..inference.kinematics import forward
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT, JOINT_NAMES, PARENTS
from ..retarget import quaternions
from ..retarget.axes import rotations_to_blender, to_blender
from ..retarget.by_name import RigRest, bone_rotations, rest_alignment
from ..retarget.timeline import Timeline
from . import keys, tracks
from .armature import ROTATION_CHANNELS, rest_of
from .blender_versions import Channels

Array = NDArray[np.float64]


def write_motion(
    armature: bpy.types.Object, sequence: SmplxSequence, timeline: Timeline, *, name: str
) -> list[str]:
    """Keys of the whole take on a new Action and NLA track. Returns the joints the rig lacks.

    The capture keeps its place in the scene's world, whichever way the object is turned;
    only the length of the rig's legs scales the path that it travels.
    """
    rig = rest_of(armature)
    turn = _turn(armature)
    poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3)
    local = quaternions.to_matrix(timeline.sample_rotations(quaternions.from_axis_angle(poses)))
    pelvis = timeline.sample(sequence.rest_joints[0] + sequence.trans)
    _, world = forward(local, pelvis, sequence.rest_joints)

    # From here on everything is in the armature's own frame.
    world = turn.T @ rotations_to_blender(world) @ turn
    source_rest = to_blender(sequence.rest_joints) @ turn
    rotations = bone_rotations(world, rest_alignment(source_rest, rig, PARENTS), rig)
    place = to_blender(pelvis) @ turn * _leg_ratio(source_rest, rig)
    root = rig.joints.index(0)
    location = (place - rig.heads[root]) @ rig.axes[root]

    channels = Channels(name, armature)
    kinds = keys.interpolation(len(timeline), timeline.spans)
    root_path = f'pose.bones["{JOINT_NAMES[0]}"].location'
    keys.write(channels, root_path, location, frames=timeline.frames, kinds=kinds, group=JOINT_NAMES[0])
    for k, joint in enumerate(rig.joints):
        bone = armature.pose.bones[JOINT_NAMES[joint]]
        path = f'pose.bones["{bone.name}"].{ROTATION_CHANNELS.get(bone.rotation_mode, "rotation_euler")}'
        values = _channel_values(
            bone.rotation_mode, quaternions.continuous(quaternions.from_matrix(rotations[:, k]))
        )
        keys.write(channels, path, values, frames=timeline.frames, kinds=kinds, group=bone.name)
    tracks.play(armature, channels, track=name)
    return [JOINT_NAMES[j] for j in range(JOINT_COUNT) if j not in rig.joints]


def _turn(armature: bpy.types.Object) -> Array:
    """Rotation (3, 3) of the armature's object in the world."""
    bpy.context.view_layer.update()
    _, rotation, scale = armature.matrix_world.decompose()
    if min(scale) <= 0.0 or max(scale) - min(scale) > 1e-4 * max(scale):
        shown = ", ".join(f"{s:.4g}" for s in scale)
        raise RigError(f"{armature.name}: scaled differently along its axes ({shown}); apply its scale first")
    return np.array(rotation.to_matrix(), dtype=np.float64)


def _leg_ratio(source_rest: Array, rig: RigRest) -> float:
    """Length of the rig's legs, in the rig's own units, over the person's in metres."""
    where = {joint: k for k, joint in enumerate(rig.joints)}
    mine = theirs = 0.0
    for hip, knee, ankle in ((1, 4, 7), (2, 5, 8)):
        for a, b in ((hip, knee), (knee, ankle)):
            mine += float(np.linalg.norm(source_rest[b] - source_rest[a]))
            theirs += float(np.linalg.norm(rig.heads[where[b]] - rig.heads[where[a]]))
    return theirs / mine


def _channel_values(mode: str, rotations: Array) -> Array:
    """Quaternions (N, 4) in the bone's own rotation mode: an animator's choice is not changed."""
    if mode == "QUATERNION":
        return rotations
    if mode == "AXIS_ANGLE":
        out = np.empty((len(rotations), 4))
        for n, wxyz in enumerate(rotations):
            axis, angle = Quaternion(wxyz).to_axis_angle()
            out[n] = (angle, *axis)
        return out
    out, before = np.empty((len(rotations), 3)), None
    for n, wxyz in enumerate(rotations):
        quaternion = Quaternion(wxyz)
        before = quaternion.to_euler(mode) if before is None else quaternion.to_euler(mode, before)
        out[n] = before
    return out

# SPDX-License-Identifier: GPL-3.0-or-later
"""The SMPL-X armature.

Bones lie along the limbs. A bone's Z axis points the way its joint bends, so that a
positive rotation about X closes the elbow, the knee or a finger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_NAMES, PARENTS
from ..retarget.axes import BLENDER_FROM_SMPLX, to_blender

Array = NDArray[np.float64]

# OpenCV's camera (x right, y down, z forward) from Blender's (x right, y up, looking along -z).
CAMERA_FLIP: Array = np.diag([1.0, -1.0, -1.0])

# The child a bone points at, where it has several or none that it should.
_AIM = {
    "pelvis": "spine1", "spine3": "neck", "head": None, "left_wrist": "left_middle1",
    "right_wrist": "right_middle1", "left_foot": None, "right_foot": None,
    "jaw": None, "left_eye_smplhf": None, "right_eye_smplhf": None,
}  # fmt: skip
# Where bones without such a child point, in SMPL-X axes, and their length in metres.
_ENDS: dict[str, tuple[tuple[float, float, float], float]] = {
    "head": ((0.0, 1.0, 0.0), 0.16),
    "left_foot": ((0.0, 0.0, 1.0), 0.07),
    "right_foot": ((0.0, 0.0, 1.0), 0.07),
    "jaw": ((0.0, -0.45, 0.9), 0.07),
    "left_eye_smplhf": ((0.0, 0.0, 1.0), 0.03),
    "right_eye_smplhf": ((0.0, 0.0, 1.0), 0.03),
}
_UP, _DOWN, _FRONT, _BACK = (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)
_SHORTEST = 0.01  # m: Blender deletes bones of no length


def camera_to_blender(world_from_camera: NDArray[np.floating]) -> Array:
    """Blender's camera matrices (..., 4, 4) from OpenCV's, both camera to world."""
    out = np.zeros(world_from_camera.shape)
    out[..., :3, :3] = BLENDER_FROM_SMPLX @ world_from_camera[..., :3, :3] @ CAMERA_FLIP
    out[..., :3, 3] = to_blender(world_from_camera[..., :3, 3])
    out[..., 3, 3] = 1.0
    return out


def _tail(joint: int, rest: Array, stature: float) -> Array:
    name = JOINT_NAMES[joint]
    children = [child for child, parent in enumerate(PARENTS) if parent == joint]
    aim = _AIM.get(name, JOINT_NAMES[children[0]] if children else None)
    if aim is not None:
        offset = rest[INDEX[aim]] - rest[joint]
    elif name in _ENDS:
        direction, length = _ENDS[name]
        offset = np.array(direction) * length * stature
    else:  # a fingertip goes on as the joint before it
        offset = 0.85 * (rest[joint] - rest[PARENTS[joint]])
    length = float(np.linalg.norm(offset))
    if length < _SHORTEST:
        offset = np.array(_UP) * _SHORTEST if length < 1e-6 else offset * (_SHORTEST / length)
    return np.asarray(rest[joint] + offset)


def _bends_towards(name: str) -> tuple[float, float, float]:
    """The way a joint closes, in SMPL-X axes at rest."""
    if "knee" in name:
        return _BACK
    if any(part in name for part in ("ankle", "foot", "collar", "eye")):
        return _UP
    if "thumb" in name:
        return _BACK
    if name == "jaw" or any(part in name for part in ("wrist", "index", "middle", "ring", "pinky")):
        return _DOWN
    return _FRONT


@contextmanager
def _edit_mode(armature: bpy.types.Object) -> Iterator[None]:
    layer = bpy.context.view_layer
    before = layer.objects.active
    if before is not None and before.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = armature
    # Said outright: the window's own active object is another one while it shows another scene.
    with bpy.context.temp_override(active_object=armature, object=armature):
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            yield
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")
            layer.objects.active = before


def new_armature(
    name: str, rest_joints: NDArray[np.floating], collection: bpy.types.Collection
) -> bpy.types.Object:
    """An armature of 55 bones named as SMPL-X's joints, at rest on rest_joints (55, 3)."""
    rest = np.asarray(rest_joints, dtype=np.float64)
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    collection.objects.link(armature)
    stature = float(np.linalg.norm(rest[INDEX["head"]] - rest[0])) / 0.56
    with _edit_mode(armature):
        for joint, (bone_name, parent) in enumerate(zip(JOINT_NAMES, PARENTS, strict=True)):
            bone = data.edit_bones.new(bone_name)
            bone.head = Vector(to_blender(rest[joint]))
            bone.tail = Vector(to_blender(_tail(joint, rest, stature)))
            bone.align_roll(Vector(to_blender(np.array(_bends_towards(bone_name)))))
            if parent >= 0:
                bone.parent = data.edit_bones[JOINT_NAMES[parent]]
    _sort_bones(data)
    data.display_type = "STICK"  # the body is to be seen behind it
    armature.show_in_front = True
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    return armature


def _sort_bones(data: bpy.types.Armature) -> None:
    names = {"Body": range(BODY_JOINT_COUNT), "Face": range(22, 25), "Hands": range(25, 55)}
    for name, joints in names.items():
        bones = data.collections.new(name)
        for joint in joints:
            bones.assign(data.bones[JOINT_NAMES[joint]])

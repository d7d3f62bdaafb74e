# SPDX-License-Identifier: GPL-3.0-or-later
"""The body that moves while a capture still runs: a preview, made of quick poses, without keys.

It is not the animator's: it cannot be selected, it is marked, and it goes when the capture
is over, when the file is saved and when an undo brings back one that a step had kept.
Nothing here holds a reference to Blender's data from one call to the next, since an undo
makes every one stale; things are found again by their mark.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..inference.kinematics import matrix_from_axis_angle
from ..inference.skeleton import JOINT_COUNT, JOINT_NAMES, rest_joints
from ..retarget import quaternions
from ..retarget.axes import BLENDER_FROM_SMPLX, rotations_to_blender, to_blender
from . import armature, body
from .jobs import Pose

MARK = "rotocap_live"  # custom property of everything that belongs to a live body

_NAME = "Capturing"
_COLOUR = (0.35, 0.55, 0.75)
_STATURE_M = 1.705  # of the template
_APART_M = 0.9  # how near it may stand to somebody who is there already
_NAME_AT = np.array([0.0, -0.85, 0.0])  # metres from the pelvis in the camera's frame: over the head

Array = NDArray[np.float64]


class LiveBody:
    """An armature and body in one scene, posed by `show`."""

    def __init__(self, *, height_m: float | None = None) -> None:
        self._rest = rest_joints() * ((height_m or _STATURE_M) / _STATURE_M)
        self._bones: Array | None = None  # (55, 3, 3) rest matrices in the armature
        self._world: Array | None = None  # (4, 4) where the camera of the poses stands, Blender's axes
        self._origin = np.zeros(3)  # of the armature, where its name is written, seen from that camera
        self._video = Path()
        self._fitted = False  # whether it stood in the picture of the scene's camera with the last pose
        self._steps: Iterator[bpy.types.Object] | None = None  # of what is still to be made
        self._name = ""

    def begin(self, scene: bpy.types.Scene, video: Path) -> bool:
        """Begin to make it, hidden until the first pose; `go_on` until it is whole.

        False if the animator is in the middle of an edit. RuntimeError if Blender refuses.
        """
        self._steps = None
        if bpy.context.mode not in ("OBJECT", "POSE") or bpy.context.scene != scene:
            return False
        remove_all()
        collection = bpy.data.collections.new(_NAME)
        scene.collection.children.link(collection)
        before = bpy.context.view_layer.objects.active
        mode = before.mode if before is not None else "OBJECT"
        try:
            rig = armature.new_armature(f"{_NAME} {video.stem}", self._rest, collection)
            if mode == "POSE" and bpy.ops.object.mode_set.poll():
                bpy.ops.object.mode_set(mode=mode)
        except RuntimeError:  # of an operator: nothing half made is left
            _ours(collection, *collection.objects)
            remove_all()
            raise
        rig.show_in_front = False
        _ours(collection, rig)
        bones = [rig.data.bones[name].matrix_local.to_3x3() for name in JOINT_NAMES]
        self._bones = np.array(bones, dtype=np.float64)
        self._world = None
        self._video = video
        self._name = rig.name
        self._steps = body.body_in_steps(f"{_NAME} body", self._rest, rig, collection, colour=_COLOUR)
        return True

    def go_on(self, *, budget_s: float) -> bool:
        """Make more of it, for about budget_s. True when it is whole.

        RuntimeError if it was taken away meanwhile. After an undo or a save `begin` again instead.
        """
        until = time.perf_counter() + budget_s
        try:
            while self._steps is not None:
                mesh = next(self._steps, None)
                if mesh is None:
                    self._steps = None
                elif MARK not in mesh:
                    _ours(mesh, *mesh.data.materials)
                if time.perf_counter() >= until:
                    break
        except ReferenceError as error:
            self._steps = None
            raise RuntimeError("it was deleted") from error
        return self._steps is None

    def show(self, pose: Pose, scene: bpy.types.Scene) -> bool:
        """Take the pose. False if the body is not there any more."""
        rig = self._found()
        if rig is None or self._bones is None:
            return False
        local = matrix_from_axis_angle(np.asarray(pose.poses).reshape(JOINT_COUNT, 3))
        turned = np.swapaxes(self._bones, -1, -2) @ rotations_to_blender(local) @ self._bones
        pelvis = np.asarray(pose.pelvis)
        fits = self.fits_the_picture(scene)
        if fits:
            # What sees it has another lens than the capture has: at another distance it is as large.
            pelvis = pelvis * (1.0, 1.0, _focal_px(scene.camera.data, scene) / pose.focal_px)
        if fits is not self._fitted:
            self._fitted, self._world = fits, None  # it is placed anew
        if self._world is None:
            self._origin = pelvis + _NAME_AT
        if fits:
            self._stand(rig, np.array(scene.camera.matrix_world.normalized(), dtype=np.float64))
        elif self._world is None:
            world = level_camera(pelvis, height=float(self._rest[0, 1]))
            self._stand(rig, _with_room(world, pelvis, scene))
        # Over another video, or none, nothing else says whose body it is.
        rig.show_name = not fits
        place = self._bones[0].T @ to_blender(pelvis - self._rest[0] - self._origin)
        for name, quaternion in zip(JOINT_NAMES, quaternions.from_matrix(turned), strict=True):
            rig.pose.bones[name].rotation_quaternion = quaternion
        rig.pose.bones[JOINT_NAMES[0]].location = place
        if rig.hide_viewport:
            for thing in (rig, *rig.children):
                thing.hide_viewport = False
        return True

    def _stand(self, rig: bpy.types.Object, world: Array) -> None:
        """The poses are a camera's: the armature is placed as that camera sees it."""
        if self._world is None or not np.allclose(world, self._world, atol=1e-6):
            self._world = world
            to_camera = np.eye(4)
            to_camera[:3, :3] = armature.CAMERA_FLIP @ BLENDER_FROM_SMPLX.T
            to_camera[:3, 3] = armature.CAMERA_FLIP @ self._origin
            rig.matrix_world = Matrix(world @ to_camera)

    def fits_the_picture(self, scene: bpy.types.Scene) -> bool:
        """Whether it stands before the scene's camera: not while that one shows another video, or none."""
        return shows(scene.camera, self._video)

    def _found(self) -> bpy.types.Object | None:
        thing = bpy.data.objects.get(self._name)
        if thing is not None and MARK in thing and thing.type == "ARMATURE":
            return thing
        # The animator may have given it another name.
        thing = next((ob for ob in bpy.data.objects if MARK in ob and ob.type == "ARMATURE"), None)
        self._name = thing.name if thing is not None else ""
        return thing


def shows(camera: bpy.types.Object | None, video: Path) -> bool:
    """Whether a camera has this video behind what it sees."""
    if camera is None or camera.type != "CAMERA":
        return False
    behind = map(_shown_by, camera.data.background_images)
    return any(shown is not None and Path(bpy.path.abspath(shown.filepath)) == video for shown in behind)


def _shown_by(
    background: bpy.types.CameraBackgroundImage,
) -> bpy.types.MovieClip | bpy.types.Image | None:
    return background.clip if background.source == "MOVIE_CLIP" else background.image


def _focal_px(camera: bpy.types.Camera, scene: bpy.types.Scene) -> float:
    """In pixels of the video behind a camera that fits its sensor to the width of the render, as ours do."""
    frame = (scene.render.resolution_x, scene.render.resolution_y)
    background = camera.background_images[0] if camera.background_images else None
    shown = _shown_by(background) if background is not None else None
    size = tuple(shown.size) if shown is not None and min(shown.size) > 0 else frame
    if background is not None and abs(math.sin(background.rotation)) > 0.5:
        size = size[::-1]  # a phone's video that lies on its side
    # The whole video is in the frame, with borders where the render has another shape.
    scale = min(frame[0] / size[0], frame[1] / size[1])
    return camera.lens / camera.sensor_width * frame[0] / scale


def _with_room(world: Array, pelvis: Array, scene: bpy.types.Scene) -> Array:
    """A camera (4, 4) gone to its left until who it sees at a pelvis (3,) stands beside everybody else.

    To the right, the sidebar would lie over them.
    """
    others = [
        np.array(thing.matrix_world @ thing.pose.bones[0].head)[:2]
        for thing in scene.objects
        if thing.type == "ARMATURE" and MARK not in thing and thing.pose.bones and thing.visible_get()
    ]
    out = world.copy()
    for _ in range(len(others)):
        at = (out[:3, 3] + out[:3, :3] @ armature.CAMERA_FLIP @ pelvis)[:2]
        if all(float(np.linalg.norm(at - other)) >= _APART_M for other in others):
            break
        out[:3, 3] -= _APART_M * out[:3, 0]
    return out


def level_camera(pelvis: Array, *, height: float) -> Array:
    """A camera (4, 4) that looks straight ahead and sees a pelvis (3,) so high over the scene's origin."""
    out = np.eye(4)
    # Blender's camera looks along -z with +y up: stood up, it looks along +y.
    out[:3, :3] = np.array(Matrix.Rotation(math.radians(90.0), 3, "X"))
    out[:3, 3] = np.array([0.0, 0.0, height]) - out[:3, :3] @ armature.CAMERA_FLIP @ pelvis
    return out


def _ours(*things: bpy.types.ID) -> None:
    """Mark things, and the data of objects; hide objects until there is a pose."""
    for thing in things:
        thing[MARK] = True
        if isinstance(thing, bpy.types.Object):
            thing.data[MARK] = True
            thing.hide_select = thing.hide_render = thing.hide_viewport = True


def remove_all() -> None:
    """Take every live body away, also one that an undo or a file brought back."""
    for store in (
        bpy.data.objects, bpy.data.collections, bpy.data.meshes, bpy.data.armatures, bpy.data.materials,
    ):  # fmt: skip
        marked = [thing for thing in store if MARK in thing and thing.library is None]
        if marked:
            bpy.data.batch_remove(marked)

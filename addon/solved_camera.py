# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that Blender's motion tracker has solved for a clip, as the capture reads it.

The tracker counts frames from 1, which is the clip's first picture; its cameras look
along -Z with Y up, and it measures the picture from its lower left corner.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..inference.camera_path import CameraPath
from ..inference.errors import VideoError
from ..retarget.axes import BLENDER_FROM_SMPLX

Array = NDArray[np.float64]

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # Blender's camera axes to x right, y down, z forward
GOOD_PX = 2.0  # average error of a solve, above which the animator is told
# Where Blender keeps the coefficients of a lens.
_COEFFICIENTS = {
    "POLYNOMIAL": ("k1", "k2", "k3"),
    "DIVISION": ("division_k1", "division_k2"),
    "BROWN": ("brown_k1", "brown_k2", "brown_k3", "brown_k4", "brown_p1", "brown_p2"),
}


def is_solved(clip: bpy.types.MovieClip | None) -> bool:
    """Whether the clip's camera is solved."""
    return clip is not None and _reconstruction(clip).is_valid and len(_reconstruction(clip).cameras) > 0


def describe(clip: bpy.types.MovieClip) -> list[str]:
    """A solved camera in short sentences, what is wrong with it among them."""
    solve = _reconstruction(clip)
    frames = len(solve.cameras)
    out = [f"{frames} of {clip.frame_duration} frames, {solve.average_error:.2f} px error"]
    if solve.average_error > GOOD_PX:
        out.append(f"More than {GOOD_PX:g} px: the person will drift. Solve it again with better tracks")
    if clip.tracking.camera.distortion_model == "NUKE":
        out.append("The lens is Nuke's: its distortion is left out. Choose Polynomial or Division and solve")
    return out


def follower(scene: bpy.types.Scene, clip: bpy.types.MovieClip) -> bpy.types.Object | None:
    """The scene's camera that follows the solve, if the animator has placed it: with floor and scale."""
    for thing in scene.objects:
        for constraint in thing.constraints:
            if constraint.type != "CAMERA_SOLVER" or constraint.mute:
                continue
            shown = scene.active_clip if constraint.use_active_clip else constraint.clip
            if shown == clip and np.abs(np.array(_base(thing)) - np.eye(4)).max() > 1e-4:
                return thing
    return None


def _base(thing: bpy.types.Object) -> Matrix:
    """Where an object is before its constraints: this is what Set Floor and Set Scale change."""
    base = thing.matrix_basis
    if thing.parent is not None:
        base = thing.parent.matrix_world @ thing.matrix_parent_inverse @ base
    return base


def path_of(
    clip: bpy.types.MovieClip,
    *,
    size: tuple[int, int],
    rotation_deg: int,
    camera: bpy.types.Object | None = None,
) -> CameraPath:
    """The solved camera's path and lens, in the clip's own time. VideoError if it is not solved.

    size: of the upright picture. rotation_deg: how far Blender still shows it turned, that is by how
    much clockwise it would have to be turned. camera: see `follower`; the path is in its scene then.
    """
    if not is_solved(clip):
        raise VideoError(
            f"{clip.name}: its camera is not solved; solve it in the Movie Clip Editor, "
            "or switch Solved Camera off"
        )
    cameras = _reconstruction(clip).cameras
    frame = np.array([camera.frame for camera in cameras], dtype=np.float64)
    matrices = np.array([camera.matrix for camera in cameras], dtype=np.float64) @ _FLIP
    order = np.argsort(frame, kind="stable")
    frame, matrices = frame[order], matrices[order]
    kept = np.flatnonzero(np.diff(frame, prepend=-np.inf) > 0)
    frame, matrices = frame[kept], matrices[kept]
    if camera is not None:
        scene_up = np.eye(4)
        scene_up[:3, :3] = BLENDER_FROM_SMPLX.T
        matrices = scene_up @ np.array(_base(camera), dtype=np.float64) @ matrices
    # Whatever scale the animator gave the solve, its rotations are rotations.
    turn = matrices[:, :3, :3]
    matrices[:, :3, :3] = turn / np.cbrt(np.linalg.det(turn))[:, None, None]
    lens = clip.tracking.camera
    width, height = clip.size
    focal = float(lens.focal_length_pixels)
    x, y = lens.principal_point_pixels
    # Here pixels have their origin at the centre of the top left one.
    camera_K = np.array(
        [[focal, 0.0, x - 0.5], [0.0, focal * lens.pixel_aspect, height - y - 0.5], [0.0, 0.0, 1.0]]
    )
    if rotation_deg:
        matrices, camera_K = _upright(matrices, camera_K, (width, height), rotation_deg)
    model = lens.distortion_model
    names = _COEFFICIENTS.get(model, ())
    values = np.array([getattr(lens, name) for name in names], dtype=np.float64)
    if model == "BROWN":
        values[4] = -values[4]  # the tracker's y points up
        if rotation_deg:
            values[4:] = 0.0  # what is not round about the middle would have to be turned, too
    return CameraPath(
        time_s=(frame - 1.0 + clip.frame_offset) / float(clip.fps),
        world_from_camera=matrices,
        camera_K=camera_K,
        lens=model if names and np.any(values) else "",
        lens_k=values if names and np.any(values) else np.zeros(0),
        placed=camera is not None,
    )


def _upright(
    matrices: Array, camera_K: Array, size: tuple[int, int], rotation_deg: int
) -> tuple[Array, Array]:
    """Cameras (N, 4, 4) and lens (3, 3) that see the picture turned clockwise by so many degrees."""
    width, height = size
    out_K = camera_K.copy()
    turn = np.eye(4)
    for _ in range(rotation_deg // 90 % 4):
        # A picture's point (x, y) goes to (height - 1 - y, x).
        fx, fy, cx, cy = out_K[0, 0], out_K[1, 1], out_K[0, 2], out_K[1, 2]
        out_K = np.array([[fy, 0.0, height - 1.0 - cy], [0.0, fx, cx], [0.0, 0.0, 1.0]])
        turn = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ turn
        width, height = height, width
    return matrices @ turn.T, out_K


def _reconstruction(clip: bpy.types.MovieClip) -> bpy.types.MovieTrackingReconstruction:
    for thing in clip.tracking.objects:
        if thing.is_camera:
            return thing.reconstruction
    return clip.tracking.reconstruction

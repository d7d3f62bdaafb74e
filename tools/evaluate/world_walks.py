# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks of people who are held out, filmed by still cameras: rendered, so that the truth is exact.

The free body, shaped to a stature, walks as CMU's subjects 5 and 12 did. The camera stands
where the whole walk is in the picture. Drawn by `inference/raster`, so no Blender is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.body import FreeBody
from ...inference.camera import intrinsics
from ...inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ...inference.raster import Image, Surface, draw
from ...inference.sequence import SmplxSequence
from ...inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, rest_joints
from ...training.motion_data import FRAME_RATE, MotionSequence, MotionSet
from ..make_sample import vertex_colours

Array = NDArray[np.float64]

SIZE = (960, 540)
_LOOK = 1  # raise it when what is drawn changes: cached films are made anew
_FRAMES = 150
_STATURE = 1.705  # metres, of the free body
_MARGIN = 0.06  # of the picture's width and height, that stays free around the joints
_TILE = 0.4  # metres
_FLOOR = ((150.0, 165.0, 176.0), (138.0, 152.0, 163.0))  # BGR
_WALL = (205.0, 208.0, 210.0)
_SHADOW = 0.55
_STILL_SPEED = 0.15  # metres a second: a foot that moves less rests
_CREEP = 0.4  # metres a second: a recorded foot that is slower rests, more surely the slower it is
_STILL_HEIGHT = 0.05  # metres above where it stands at rest


@dataclass(frozen=True)
class Walk:
    """One film. The camera's place is told from the walk: 0 degrees of yaw is straight ahead of it."""

    motion: str  # name of a held-out sequence
    yaw_deg: float  # to the walker's left
    pitch_deg: float  # how far the camera looks down
    fov_deg: float  # along the picture's longer side
    stature_m: float

    @property
    def name(self) -> str:
        recipe = hashlib.sha256(f"{self!r} {SIZE} {_FRAMES} {_LOOK}".encode()).hexdigest()[:8]
        return f"{Path(self.motion).name}_yaw{self.yaw_deg:g}_{recipe}"


WALKS = (
    Walk("cmu/daz/05_01", yaw_deg=90, pitch_deg=4, fov_deg=60, stature_m=1.70),
    Walk("cmu/daz/12_01", yaw_deg=15, pitch_deg=8, fov_deg=50, stature_m=1.82),
    Walk("cmu/daz/12_02", yaw_deg=-50, pitch_deg=20, fov_deg=65, stature_m=1.62),
    Walk("cmu/daz/12_03", yaw_deg=165, pitch_deg=0, fov_deg=45, stature_m=1.75),
    Walk("cmu/daz/12_02", yaw_deg=125, pitch_deg=30, fov_deg=75, stature_m=1.70),
    Walk("cmu/daz/05_01", yaw_deg=-30, pitch_deg=-4, fov_deg=55, stature_m=1.66),
)


def truth(walk: Walk, motion: MotionSet) -> SmplxSequence:
    """The walk as a perfect capture would state it. Keypoints are absent: certainty 0.

    World as in `inference/world`: floor at y = 0, the start over the origin, the camera looks along -Z.
    """
    source = next(s for s in motion if s.name == walk.motion)
    poses, pelvis, rest = _body(source, walk.stature_m)
    local = matrix_from_axis_angle(poses)
    joints, _ = forward(local, pelvis, rest)
    camera = _camera(walk, joints)
    # Turn the world about +Y until the camera looks along -Z, and begin over the origin.
    back = -camera[:3, 2] * [1.0, 0.0, 1.0]
    back /= np.linalg.norm(back)
    turn = np.stack([np.cross([0.0, 1.0, 0.0], back), [0.0, 1.0, 0.0], back])
    start = turn @ pelvis[0] * [1.0, 0.0, 1.0]
    camera[:3] = np.column_stack([turn @ camera[:3, :3], turn @ camera[:3, 3] - start])
    poses[:, 0] = axis_angle_from_matrix(turn @ local[:, 0])
    joints = joints @ turn.T - start
    pelvis = pelvis @ turn.T - start
    count = len(poses)
    small = np.float32
    return SmplxSequence(
        poses=poses.reshape(count, -1).astype(small),
        trans=(pelvis - rest[0]).astype(small),
        betas=np.zeros(10, small),
        expression=np.zeros((count, 10), small),
        rest_joints=rest.astype(small),
        frame=np.arange(count),
        time_s=np.arange(count) / FRAME_RATE,
        mocap_frame_rate=FRAME_RATE,
        camera_K=intrinsics(*SIZE, fov_deg=walk.fov_deg),
        world_from_camera=camera,
        joints_camera=((joints - camera[:3, 3]) @ camera[:3, :3]).astype(small),
        sigma=np.zeros((count, JOINT_COUNT), small),
        contact=_contact(joints, rest).astype(small),
        keypoints=np.zeros((count, 133, 3), small),
        arkit=np.zeros((count, 52), small),
    )


def _body(source: MotionSequence, stature: float) -> tuple[Array, Array, Array]:
    """poses (T, 55, 3), pelvis (T, 3), rest joints (55, 3) of a person of that stature.

    A larger person's walk is larger by as much, so that the feet stand as they did.
    """
    scale = stature / _STATURE
    count = min(len(source), _FRAMES)
    poses = np.zeros((count, JOINT_COUNT, 3))
    poses[:, :BODY_JOINT_COUNT] = source.pose[:count]
    poses[:, 25:] = _RELAXED_HANDS
    rest = scale * rest_joints()
    pelvis = scale * source.trans[:count].astype(np.float64)
    return poses, _planted(poses, pelvis, rest), rest


def _planted(poses: Array, pelvis: Array, rest: Array) -> Array:
    """The pelvis' path (T, 3), moved so that the ball of the foot that rests does not slide.

    The recorded feet creep by 5 mm a frame, more than what is to be measured.
    """
    for _ in range(3):  # what is left gets weighed anew
        joints, _ = forward(matrix_from_axis_angle(poses[:, :BODY_JOINT_COUNT]), pelvis, rest)
        balls = joints[:, [INDEX["left_foot"], INDEX["right_foot"]]]
        step = np.diff(balls, axis=0)
        speed = np.linalg.norm(step, axis=-1) * FRAME_RATE
        low = balls[1:, :, 1] - rest[INDEX["left_foot"], 1] < _STILL_HEIGHT
        weight = low * np.exp(-((speed / _CREEP) ** 2))
        slide = (weight[..., None] * step).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)[:, None]
        slide[:, 1] = 0.0
        pelvis = pelvis - np.concatenate([np.zeros((1, 3)), np.cumsum(slide, axis=0)])
    return pelvis


def _relaxed() -> Array:
    """Hands (30, 3) with fingers a little bent: flexion of left fingers is negative z."""
    left = np.zeros((15, 3))
    left[:12, 2] = np.radians(-22.0)
    return np.concatenate([left, left * [1.0, -1.0, -1.0]])


_RELAXED_HANDS = _relaxed()


def _camera(walk: Walk, joints: Array) -> Array:
    """World from camera (4, 4): as near as the whole walk allows, never under the floor."""
    pelvis = joints[:, 0]
    ahead = (pelvis[-1] - pelvis[0]) * [1.0, 0.0, 1.0]
    yaw = np.arctan2(ahead[0], ahead[2]) + np.radians(walk.yaw_deg)
    pitch = np.radians(walk.pitch_deg)
    toward = -np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.cross(toward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(toward, right), toward], axis=1)
    points = joints.reshape(-1, 3)
    target = 0.5 * (points.min(axis=0) + points.max(axis=0))
    K = intrinsics(*SIZE, fov_deg=walk.fov_deg)
    half = (np.array(SIZE) / 2.0) * (1.0 - 2.0 * _MARGIN)
    for distance in np.arange(2.0, 20.0, 0.05):
        place = target - distance * toward
        seen = (points - place) @ rotation
        if seen[:, 2].min() < 0.5:
            continue
        if (np.abs(seen[:, :2] / seen[:, 2:]) * K[0, 0] <= half).all():
            break
    place[1] = max(place[1], 0.1)
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = rotation, place
    return out


def _contact(joints: Array, rest: Array) -> Array:
    """Left heel, left toe, right heel, right toe (T, 4): by the joints' own height and speed."""
    speed = np.linalg.norm(np.gradient(joints, axis=0), axis=-1) * FRAME_RATE
    out = []
    for side in ("left", "right"):
        for name in ("ankle", "foot"):
            j = INDEX[f"{side}_{name}"]
            out.append((joints[:, j, 1] < rest[j, 1] + _STILL_HEIGHT) & (speed[:, j] < _STILL_SPEED))
    return np.stack(out, axis=1).astype(np.float64)


def film(walk: Walk, motion: MotionSet, folder: Path, say: Callable[[str], None]) -> Path:
    """The walk's film in the folder; drawn only where it is not there yet."""
    out = folder / f"{walk.name}.mp4"
    if out.is_file():
        return out
    folder.mkdir(parents=True, exist_ok=True)
    say(f"drawing {out.name}")
    sequence = truth(walk, motion)
    part = out.with_name(f"{out.stem}.part.mp4")
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), FRAME_RATE, SIZE)
    try:
        for picture in pictures(sequence):
            writer.write(picture)
    finally:
        writer.release()
    part.replace(out)
    return out


def pictures(sequence: SmplxSequence, *, every: int = 1) -> list[Image]:
    """Each n-th frame of the walk as a picture (H, W, 3) BGR."""
    body = FreeBody.load()
    colours = np.asarray(255.0 * _display(vertex_colours(body))[:, ::-1], np.float32)
    black = np.zeros_like(colours)
    camera = np.asarray(sequence.world_from_camera)
    K = np.asarray(sequence.camera_K)
    room = draw(np.full((SIZE[1], SIZE[0], 3), _WALL, np.uint8), [_floor(camera)], K)
    out = []
    for row in range(0, len(sequence), every):
        vertices = body.posed(sequence.poses[row], sequence.trans[row], sequence.rest_joints)
        flat = vertices + np.outer(-vertices[:, 1], [0.25, 1.0, -0.15])  # light from above and aside
        flat[:, 1] = 0.002
        picture = draw(room, [_surface(flat, camera, body, black)], K, opacity=1.0 - _SHADOW)
        out.append(draw(picture, [_surface(vertices, camera, body, colours)], K))
    return out


def _display(linear: Array) -> Array:
    return np.asarray(np.clip(1.35 * linear, 0.0, 1.0) ** (1.0 / 2.2))


def _surface(vertices: Array, camera: Array, body: FreeBody, colours: NDArray[np.float32]) -> Surface:
    return Surface(_seen(vertices, camera), body.faces, colours)


def _seen(vertices: Array, camera: Array) -> NDArray[np.float32]:
    return np.asarray((vertices - camera[:3, 3]) @ camera[:3, :3], np.float32)


def _floor(camera: Array) -> Surface:
    """Tiles around the walk: small, since the renderer leaves out triangles that reach behind the camera."""
    edge = np.arange(-24.0, 24.0, _TILE)
    x, z = (grid.ravel() for grid in np.meshgrid(edge, edge))
    corners = np.array([[0, 0], [_TILE, 0], [_TILE, _TILE], [0, _TILE]])
    vertices = np.zeros((len(x), 4, 3))
    vertices[..., 0] = x[:, None] + corners[:, 0]
    vertices[..., 2] = z[:, None] + corners[:, 1]
    odd = ((np.round(x / _TILE) + np.round(z / _TILE)) % 2).astype(int)
    colours = np.repeat(np.array(_FLOOR, np.float32)[odd], 4, axis=0)
    quad = 4 * np.arange(len(x))[:, None]
    # Counter-clockwise from above.
    faces = np.concatenate([quad + np.array([0, 2, 1]), quad + np.array([0, 3, 2])])
    return Surface(_seen(vertices.reshape(-1, 3), camera), faces, colours)

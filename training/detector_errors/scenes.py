# SPDX-License-Identifier: GPL-3.0-or-later
"""Short clips of rendered people in known motion: what the landmark networks are tried on.

The free body (`inference/body.py`) in clothes of random colours, posed by recorded motion
with fingers from a bank of hand poses, before simple backgrounds, drawn by `inference/raster.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference.body import FreeBody
from ...inference.fit.model_points import GROUPS, scaled_rest
from ...inference.kinematics import forward_poses
from ...inference.raster import Surface, draw_with_depth
from ...inference.skeleton import INDEX, JOINT_NAMES
from ..motion_data import MotionSet

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

_SIZES = ((640, 480), (480, 640), (640, 640), (848, 480))
_BONE_SPREAD = 0.05  # sd of the log of bone lengths
_SLEEVES = {"long": 0.0, "short": 0.6, "none": 1.0}  # how much of the upper arm is bare


@dataclass(frozen=True)
class Camera:
    """A pinhole that stands still, and the picture's size."""

    K: Array  # (3, 3)
    rotation: Array  # (3, 3) camera from world
    centre: Array  # (3,) in the world, metres
    width: int
    height: int

    def sees(self, places: Array) -> Array:
        """World places (..., 3) in camera axes."""
        return np.asarray((places - self.centre) @ self.rotation.T)


@dataclass(frozen=True)
class Clip:
    """One take to render: T frames, `step` frames of the motion (30 a second) apart."""

    poses: Array  # (T, 55, 3)
    trans: Array  # (T, 3)
    rest: Array  # (55, 3)
    camera: Camera
    seed: int  # of clothes, background and noise
    step: int


@dataclass(frozen=True)
class Frame:
    """A rendered frame and its truth, camera axes."""

    image: Image  # (H, W, 3) BGR
    depth: NDArray[np.float32]  # (H, W)
    joints: Array  # (55, 3)
    turns: Array  # (55, 3, 3) camera from joint


def draw_clips(
    motion: MotionSet,
    hands: Array,
    count: int,
    rng: np.random.Generator,
    *,
    frames: int = 12,
    step: int = 1,
) -> Iterator[Clip]:
    """Clips drawn evenly over sequences; hands (H, 15, 3) are left-hand poses."""
    span = (frames - 1) * step + 1
    long_enough = [s for s in motion if len(s) >= span]
    for _ in range(count):
        sequence = long_enough[rng.integers(len(long_enough))]
        start = int(rng.integers(len(sequence) - span + 1))
        part = slice(start, start + span, step)
        left, right = _fingers(hands, frames, rng), _fingers(hands, frames, rng)
        fingers = np.concatenate([left, right * (1.0, -1.0, -1.0)], axis=1)
        poses = np.zeros((frames, len(JOINT_NAMES), 3))
        poses[:, :22] = sequence.pose[part]
        poses[:, 25:] = fingers
        trans = sequence.trans[part].astype(np.float64)
        rest = scaled_rest(rng.normal(0.0, _BONE_SPREAD, len(GROUPS)))
        joints, _ = forward_poses(poses, trans - rest[0], rest)
        camera = _camera(joints[:, :22], rng)
        yield Clip(poses, trans - rest[0], rest, camera, int(rng.integers(2**31)), step)


def _fingers(hands: Array, frames: int, rng: np.random.Generator) -> Array:
    """From one pose of the bank towards another, (T, 15, 3)."""
    first, second = hands[rng.integers(len(hands), size=2)]
    share = np.clip(rng.uniform(-0.3, 0.7) + np.linspace(0, rng.uniform(0, 0.8), frames), 0, 1)
    return np.asarray(first + share[:, None, None] * (second - first))


def _camera(joints: Array, rng: np.random.Generator) -> Camera:
    """From any side, -60 to 60 degrees from level, near and far, now and then cut by the picture's edge."""
    width, height = _SIZES[rng.integers(len(_SIZES))]
    level = rng.random() < 0.5
    pitch = np.clip(rng.normal(0.12, 0.15), -1, 1) if level else rng.uniform(-np.pi / 3, np.pi / 3)
    yaw, roll = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.05)
    half = np.tan(np.radians(rng.uniform(25, 80)) / 2)
    focal = max(width, height) / 2 / half
    size_px = np.exp(rng.uniform(np.log(110), np.log(700)))  # of 1.7 m
    distance = max(1.7 * focal / size_px, 1.1)
    middle = (joints.min(axis=(0, 1)) + joints.max(axis=(0, 1))) / 2
    forward = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([-np.cos(yaw), 0.0, np.sin(yaw)])
    down = np.cross(forward, right)
    rotation = np.stack([right, down, forward])
    c, s = np.cos(roll), np.sin(roll)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ rotation
    # Off the middle by as much as keeps most of the person in the picture, or more in one clip of five.
    room = np.maximum(np.array([width, height]) - 0.9 * size_px, 0.0) / 2
    if rng.random() < 0.2:
        room = room + 0.35 * size_px
    shift = rng.uniform(-1, 1, 2) * room / focal * distance
    centre = middle - rotation.T @ np.array([shift[0], shift[1], distance])
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(K, rotation, centre, width, height)


def render(clip: Clip) -> Iterator[Frame]:
    """The clip's frames."""
    rng = np.random.default_rng(clip.seed)
    body = FreeBody.load()
    colours = _clothes(body, rng)
    backdrop = _backdrop(clip.camera, rng)
    blur, noise, quality = rng.uniform(0.3, 1.0), rng.uniform(1, 6), int(rng.integers(55, 96))
    gain = rng.uniform(0.7, 1.15)
    joints, turns = forward_poses(clip.poses, clip.trans, clip.rest)
    seen = clip.camera.sees(joints)
    for t in range(len(clip.poses)):
        vertices = clip.camera.sees(body.posed(clip.poses[t], clip.trans[t], clip.rest))
        surface = Surface(vertices.astype(np.float32), body.faces, colours)
        image, depth = draw_with_depth(backdrop, [surface], clip.camera.K)
        soft = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32) * gain
        soft += rng.normal(0, noise, image.shape).astype(np.float32)
        ok, packed = cv2.imencode(
            ".jpg", np.clip(soft, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        assert ok
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        yield Frame(picture, depth, seen[t], clip.camera.rotation @ turns[t])


def _clothes(body: FreeBody, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colours (V, 3) BGR 0 to 255: skin, hair, shirt, trousers or shorts, shoes or bare feet."""
    v = body.vertices
    part = body.weights.argmax(axis=1)
    skin = np.array([0.55, 0.67, 0.87]) * rng.uniform(0.35, 1.05)
    grey = rng.uniform(0.05, 0.9, (3, 1))
    shirt, trousers, shoes = grey + rng.uniform(0, 0.6) * (rng.uniform(0.05, 0.9, (3, 3)) - grey)
    hair = rng.choice(np.array([[0.03, 0.04, 0.06], [0.10, 0.16, 0.25], [0.35, 0.55, 0.70]]))
    colour = np.tile(skin, (len(v), 1))

    def of(*names: str) -> NDArray[np.bool_]:
        return np.isin(part, [INDEX[name] for name in names])

    trunk = of("spine1", "spine2", "spine3", "left_collar", "right_collar", "pelvis")
    legs = of("left_hip", "right_hip", "left_knee", "right_knee", "pelvis")
    hem = rng.uniform(0.88, 0.98)
    bare = _SLEEVES[str(rng.choice(list(_SLEEVES)))]
    arm = of("left_shoulder", "right_shoulder", "left_elbow", "right_elbow")
    reach = np.abs(v[:, 0])
    sleeve = arm & (reach < np.interp(bare, [0, 0.6, 1.0], [0.66, 0.32, 0.0]))
    trousers_end = rng.choice([0.10, 0.10, 0.48])
    colour[(legs | trunk) & (v[:, 1] <= hem) & (v[:, 1] > trousers_end)] = trousers
    colour[(trunk & (v[:, 1] > hem)) | sleeve] = shirt
    colour[trunk & (v[:, 1] > 1.40) & (reach < 0.08)] = skin
    if rng.random() < 0.8:
        colour[of("left_ankle", "right_ankle", "left_foot", "right_foot") | (legs & (v[:, 1] < 0.1))] = shoes
    head = of("head", "jaw", "neck")
    crown = head & (v[:, 1] + 0.55 * (0.06 - v[:, 2]) > 1.645)
    colour[crown | (head & (v[:, 2] < 0.0) & (v[:, 1] > 1.535))] = hair
    x = np.abs(v[:, 0])
    lips = head & (x < 0.026) & (np.abs(v[:, 1] - 1.521) < 0.011) & (v[:, 2] > 0.128)
    colour[lips] = skin * (0.7, 0.55, 0.8)
    brow = head & (v[:, 2] > 0.1) & (x > 0.012) & (x < 0.05)
    colour[brow & (np.abs(v[:, 1] - 1.622 + 0.15 * np.abs(x - 0.03)) < 0.005)] = hair
    for side in ("left", "right"):
        eye = of(f"{side}_eye_smplhf")
        colour[eye] = 0.85
        colour[eye & (v[:, 2] > v[eye, 2].max() - 0.0035)] = 0.06
    # Folds and light do not leave cloth in one shade.
    shade = 1.0 + 0.08 * np.sin(v @ rng.normal(0, 25, 3)) + rng.normal(0, 0.02, len(v))
    return np.asarray(np.clip(255 * colour * shade[:, None], 0, 255), np.float32)


def _backdrop(camera: Camera, rng: np.random.Generator) -> Image:
    """A wall, a floor and some shapes."""
    h, w = camera.height, camera.width
    wall, floor = rng.uniform(40, 225, (2, 1)) * rng.normal(1, 0.12, (2, 3))
    down = camera.rotation[:, 1]  # the world's up, in camera axes
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    K = camera.K
    height = down[0] * (x - K[0, 2]) / K[0, 0] + down[1] * (y - K[1, 2]) / K[1, 1] + down[2]
    image = np.where((height > rng.uniform(-0.3, 0.1))[..., None], wall, floor)
    for _ in range(rng.integers(0, 8)):
        a = rng.uniform(0, 1, 2) * (w, h)
        b = a + rng.uniform(0.03, 0.4, 2) * (w, h)
        spot = slice(int(a[1]), int(b[1])), slice(int(a[0]), int(b[0]))
        image[spot] = 0.5 * image[spot] + 0.5 * rng.uniform(0, 255) * rng.normal(1, 0.2, 3)
    cells = int(rng.integers(4, 40))
    rough = cv2.resize(rng.normal(0, 1, (cells, cells)), (w, h), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image + rng.uniform(2, 25) * rough[..., None], 0, 255), np.uint8)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of heads, as a film camera has them: light, perspective, blur, noise and compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .heads import Head, ball_points, cloud

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

SIZE = 256  # pixels of a picture's side
_SUPER = 1.3  # points are drawn on a grid so much finer
_MIDDLE = np.array([0.0, 1.575, 0.06])  # of a head, what the camera looks at


@dataclass(frozen=True)
class Look:
    """How somebody is filmed: constant over a clip."""

    distance: float  # m from the camera
    face_px: float  # pixels of 0.15 m at the face
    light: Array  # (3,) direction towards it, camera axes
    ambient: float
    gain: float
    blur: float
    noise: float
    quality: int
    backdrop: Image
    glasses: float  # 0: none, else thickness in m


def random_look(rng: np.random.Generator, *, face_px: tuple[float, float] = (100.0, 155.0)) -> Look:
    light = rng.normal(0, 1, 3) * (0.8, 0.6, 0.4) + (0, -0.6, -1.3)
    cells = int(rng.integers(3, 20))
    rough = cv2.resize(rng.normal(0, 1, (cells, cells, 3)), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    backdrop = rng.uniform(30, 220, 3) + rng.uniform(2, 25) * rough
    return Look(
        distance=float(np.exp(rng.uniform(np.log(0.5), np.log(3.0)))),
        face_px=float(np.exp(rng.uniform(*np.log(face_px)))),
        light=light / np.linalg.norm(light),
        ambient=rng.uniform(0.45, 0.75),
        gain=rng.uniform(0.85, 1.2),
        blur=rng.uniform(0.3, 0.9),
        noise=rng.uniform(0.5, 5.0),
        quality=int(rng.integers(60, 97)),
        backdrop=np.clip(backdrop, 0, 255).astype(np.uint8),
        glasses=float(rng.uniform(0.0008, 0.002)) if rng.random() < 0.12 else 0.0,
    )


def face_region(look: Look) -> tuple[float, float, float]:
    """Where the face is in a picture before anybody has looked: x, y and side in pixels."""
    return SIZE / 2 - 0.5, SIZE / 2 - 0.5 + 0.1 * look.face_px, 1.65 * look.face_px


def picture(
    head: Head,
    arkit: Array,
    turn: Rotation,
    look: Look,
    rng: np.random.Generator,
    *,
    shift: Array | None = None,
) -> Image:
    """(SIZE, SIZE, 3) BGR of the head, turned by `turn` about its middle, moved by shift (2,) pixels."""
    places, normals, colours = head.points(arkit)
    if look.glasses:
        rims, out = _glasses(head, look.glasses)
        places, normals = np.concatenate([places, rims]), np.concatenate([normals, out])
        colours = np.concatenate([colours, np.full((len(rims), 3), 0.06, np.float32)])
    # World (y up, facing +z) to camera (y down, z forward).
    R = (np.diag([1.0, -1.0, -1.0]) @ turn.as_matrix()).astype(np.float32)
    seen = (places - _MIDDLE.astype(np.float32)) @ R.T
    seen[:, 2] += look.distance
    facing = normals @ R.T
    side = int(SIZE * _SUPER)
    focal = look.face_px / 0.15 * (look.distance - 0.06) * _SUPER
    middle = (np.zeros(2) if shift is None else shift) * _SUPER + side / 2 - 0.5
    depth = seen[:, 2]
    x = np.rint(focal * seen[:, 0] / depth + middle[0]).astype(np.int32)
    y = np.rint(focal * seen[:, 1] / depth + middle[1]).astype(np.int32)
    front = (facing * seen).sum(1) < 0
    front &= (x >= 0) & (x < side - 1) & (y >= 0) & (y < side - 1)
    _hide_what_lies_inside(front, x, y, side)
    # Shapes of other people may let an eyeball come through its lids.
    balls = len(cloud().rest)
    depth[balls : balls + 2 * ball_points()] += 0.0015
    at = np.flatnonzero(front)
    at = at[_in_front(x[at], y[at], depth[at], side)]
    # Far points first, near ones over them; 16-bit depths sort quickly.
    near = depth[at]
    at = at[
        np.argsort(
            (65535 * (near.max() - near) / max(float(np.ptp(near)), 1e-6)).astype(np.uint16), kind="stable"
        )
    ]
    shade = look.ambient + (1.05 - look.ambient) * np.clip(facing[at] @ look.light.astype(np.float32), 0, 1)
    lit = np.clip(colours[at] * (255 * look.gain) * shade[:, None], 0, 255).astype(np.uint8)
    canvas = cv2.resize(look.backdrop, (side, side))
    drawn = np.zeros((side, side), np.uint8)
    # Each point covers four pixels, so that little shows through between them.
    place = ((y[at] * side + x[at])[:, None] + (0, 1, side, side + 1)).ravel()
    canvas.reshape(-1, 3)[place] = np.repeat(lit, 4, axis=0)
    drawn.ravel()[place] = 1
    _close_holes(canvas, drawn)
    image = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(image, (0, 0), look.blur).astype(np.float32)
    soft += rng.normal(0, look.noise, image.shape).astype(np.float32)
    _, packed = cv2.imencode(
        ".jpg", np.clip(soft, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, look.quality]
    )
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _hide_what_lies_inside(
    front: NDArray[np.bool_], x: NDArray[np.int32], y: NDArray[np.int32], side: int
) -> None:
    """Let, in place, eyeballs be seen between their lids only, and the mouth's inside between the lips.

    Points have gaps between them, through which what lies behind the skin would shine.
    """
    shared = cloud()
    count, balls = len(shared.rest), ball_points()
    parts = [(shared.lips, np.flatnonzero(shared.inside | shared.tongue))]
    parts += [
        (rim, np.arange(count + e * balls, count + (e + 1) * balls)) for e, rim in enumerate(shared.rims)
    ]
    for border, hidden in parts:
        mask = np.zeros((side, side), np.uint8)
        outline = cv2.convexHull(np.stack([x[border], y[border]], axis=1))
        cv2.fillConvexPoly(mask, outline, 1)
        hidden = hidden[front[hidden]]
        front[hidden] = mask[y[hidden], x[hidden]] > 0


def _in_front(
    x: NDArray[np.int32], y: NDArray[np.int32], depth: NDArray[np.float32], side: int
) -> NDArray[np.bool_]:
    """Which points have nothing close before them that they could show through."""
    cells = side // 2 + 1
    cell = (y // 2) * cells + x // 2
    nearest = np.full(cells * cells, np.inf, np.float32)
    np.minimum.at(nearest, cell, depth)
    return np.asarray(depth < nearest[cell] + 0.004)


def _close_holes(canvas: Image, drawn: Image) -> None:
    """Fill, in place, pixels between points that no point fell on."""
    closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = (closed > 0) & (drawn == 0)
    if holes.any():
        weight = cv2.blur(drawn.astype(np.float32), (5, 5))
        mean = (
            cv2.blur(canvas.astype(np.float32) * drawn[..., None], (5, 5))
            / np.maximum(weight, 1e-6)[..., None]
        )
        canvas[holes] = mean[holes].astype(np.uint8)


def _glasses(head: Head, thick: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points of two rims and a bridge before the eyes."""
    centres = cloud().eye_centres + head.eye_shift
    angle = np.linspace(0, 2 * np.pi, 700)
    rings = [
        c + np.stack([0.024 * np.cos(angle), 0.019 * np.sin(angle) - 0.003, np.full(700, 0.024)], 1)
        for c in centres
    ]
    bridge = np.linspace(rings[1][0], rings[0][350], 200)
    line = np.concatenate([*rings, bridge])
    spread = np.linspace(-thick, thick, 7)
    rims = np.concatenate([line + np.array([0.0, s, 0.0]) for s in spread])
    return rims.astype(np.float32), np.tile(np.array([0, 0, 1.0], np.float32), (len(rims), 1))

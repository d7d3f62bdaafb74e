# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera whose movement is known, such as one that Blender's Movie Clip Editor has solved.

camera.npz
    time_s             (N,)       seconds of the video, increasing
    world_from_camera  (N, 4, 4)  rigid; camera axes x right, y down, z forward; any unit of length
    camera_K           (3, 3)     pinhole intrinsics of the upright picture, pixels
    lens               name of the distortion's formula, see `undistorted`; "" for none
    lens_k             (M,)       its coefficients
    placed             ()         whether its frame is the world: +Y up, floor at y = 0, metres
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import RotocapError
from .kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from .sequence import load_arrays, save_arrays

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

FILE = "camera.npz"  # in a take's folder
# How many coefficients each formula of Blender's has.
LENSES = {"": 0, "POLYNOMIAL": 3, "DIVISION": 2, "BROWN": 6}
_STEPS = 8  # of the fixed point: lenses bend the picture's corner by a few percent


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """Where a camera was, frame by frame. Raises RotocapError on values that no camera has."""

    time_s: Array  # (N,)
    world_from_camera: Array  # (N, 4, 4)
    camera_K: Array  # (3, 3)
    lens: str = ""
    lens_k: Array = field(default_factory=lambda: np.zeros(0))
    placed: bool = False

    def __post_init__(self) -> None:
        count = len(self.time_s)
        shapes = {"time_s": (count,), "world_from_camera": (count, 4, 4), "camera_K": (3, 3)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape or not count:
                raise _unusable(f"{name}: expected {shape} with at least one frame, got {value.shape}")
            if not np.isfinite(value).all():
                raise _unusable(f"{name}: has values that are not finite")
        if (np.diff(self.time_s) <= 0).any():
            raise _unusable("time_s: expected increasing times")
        turn = self.world_from_camera[:, :3, :3]
        if np.abs(np.swapaxes(turn, -1, -2) @ turn - np.eye(3)).max() > 1e-3 or np.linalg.det(turn).min() < 0:
            raise _unusable("world_from_camera: expected rotations without scale")
        if not (self.camera_K[0, 0] > 0 and self.camera_K[1, 1] > 0):
            raise _unusable(f"camera_K: expected focal lengths above 0, got {self.camera_K[0, 0]:g}")
        if LENSES.get(self.lens) != len(self.lens_k):
            raise _unusable(f"lens: expected one of {LENSES}, got {self.lens!r} with {len(self.lens_k)}")

    def save(self, path: Path) -> None:
        """Write the path. TakeError if the disk refuses."""
        save_arrays(
            path,
            {
                "time_s": self.time_s,
                "world_from_camera": self.world_from_camera,
                "camera_K": self.camera_K,
                "lens": np.array(self.lens),
                "lens_k": self.lens_k,
                "placed": np.array(self.placed),
            },
        )

    @classmethod
    def load(cls, path: Path) -> CameraPath:
        """Read what `save` wrote. TakeError if it is missing or damaged, RotocapError if it does not fit."""
        arrays = load_arrays(path)
        names = ("time_s", "world_from_camera", "camera_K")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise _unusable(f"{path.name} lacks {', '.join(missing)}")
        values = {name: np.asarray(arrays[name], np.float64) for name in names}
        lens_k = np.asarray(arrays.get("lens_k", np.zeros(0)), np.float64)
        return cls(
            **values,
            lens=str(arrays.get("lens", "")),
            lens_k=lens_k,
            placed=bool(arrays.get("placed", False)),
        )

    @property
    def moves(self) -> bool:
        """Whether the camera changes its place, and does not only turn on a tripod."""
        return bool(np.ptp(self.world_from_camera[:, :3, 3], axis=0).max() > 1e-6)

    def at(self, time_s: Array) -> Array:
        """World from camera (T, 4, 4) at times (T,); before the first and after the last it stands still."""
        place = np.clip(np.searchsorted(self.time_s, time_s, side="right") - 1, 0, len(self.time_s) - 1)
        after = np.minimum(place + 1, len(self.time_s) - 1)
        step = np.where(after > place, self.time_s[after] - self.time_s[place], 1.0)
        share = np.clip((time_s - self.time_s[place]) / step, 0.0, 1.0)
        a, b = self.world_from_camera[place], self.world_from_camera[after]
        out = a.copy()
        turn = axis_angle_from_matrix(np.swapaxes(a[:, :3, :3], -1, -2) @ b[:, :3, :3])
        out[:, :3, :3] = a[:, :3, :3] @ matrix_from_axis_angle(share[:, None] * turn)
        out[:, :3, 3] += share[:, None] * (b[:, :3, 3] - a[:, :3, 3])
        return out

    def unsolved(self, time_s: Array) -> float:
        """Seconds of times (T,) that lie outside of what is known of the camera."""
        if not len(time_s):
            return 0.0
        # Half a frame is the rounding of timestamps.
        slack = 0.5 * float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else np.inf
        early = self.time_s[0] - slack - time_s[0]
        late = time_s[-1] - self.time_s[-1] - slack
        return float(max(early, 0.0) + max(late, 0.0))


def placed_as(path: CameraPath, time_s: Array, world_from_camera: Array) -> CameraPath:
    """The whole path in the world of a take that came of it: a part captured again comes out in that world.

    world_from_camera (T, 4, 4) at times (T,): the take's. The similarity between the two is found by least
    squares, of which there is one.
    """
    there = path.at(time_s)
    turns = world_from_camera[:, :3, :3] @ np.swapaxes(there[:, :3, :3], -1, -2)
    left, _, right = np.linalg.svd(turns.sum(axis=0))
    turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    mine, theirs = world_from_camera[:, :3, 3], there[:, :3, 3] @ turn.T
    way, other = mine - mine.mean(axis=0), theirs - theirs.mean(axis=0)
    spread = float((other**2).sum())
    scale = float((way * other).sum()) / spread if spread > 1e-12 else 1.0
    out = path.world_from_camera.copy()
    out[:, :3, :3] = turn @ out[:, :3, :3]
    out[:, :3, 3] = scale * (out[:, :3, 3] @ turn.T - theirs.mean(axis=0)) + mine.mean(axis=0)
    return replace(path, world_from_camera=out, placed=True)


def undistorted(keypoints: Floats, path: CameraPath) -> NDArray[np.float32]:
    """Keypoints (T, P, 3) where a lens without distortion would show them: pixels and certainty.

    The formulas are those of Blender's motion tracker, in coordinates on the plane z = 1
    with r the distance from the principal point. POLYNOMIAL and BROWN take the straight
    picture to the bent one, x_bent = x (1 + k1 r^2 + k2 r^4 + k3 r^6 [+ k4 r^8]) (BROWN with
    tangential terms), DIVISION the other way round, x = x_bent / (1 + k1 r^2 + k2 r^4).
    """
    out = np.asarray(keypoints, dtype=np.float32)
    if not path.lens or not np.any(path.lens_k):
        return out
    focal = np.array([path.camera_K[0, 0], path.camera_K[1, 1]])
    centre = path.camera_K[:2, 2]
    bent = (np.nan_to_num(keypoints[..., :2].astype(np.float64)) - centre) / focal
    if path.lens == "DIVISION":
        r2 = (bent**2).sum(axis=-1, keepdims=True)
        straight = bent / (1.0 + path.lens_k[0] * r2 + path.lens_k[1] * r2**2)
    else:
        straight = bent.copy()
        for _ in range(_STEPS):
            straight = straight + bent - _bent(straight, path)
    out = out.copy()
    known = np.isfinite(keypoints[..., :2]).all(axis=-1)
    out[known, :2] = (straight * focal + centre)[known]
    return out


def _bent(straight: Array, path: CameraPath) -> Array:
    """What the lens makes of points (..., 2) on the plane z = 1."""
    k = path.lens_k
    r2 = (straight**2).sum(axis=-1, keepdims=True)
    radial = 1.0 + r2 * (k[0] + r2 * (k[1] + r2 * k[2]))
    if path.lens == "POLYNOMIAL":
        return np.asarray(straight * radial)
    radial = radial + k[3] * r2**4
    x, y = straight[..., :1], straight[..., 1:]
    p1, p2 = k[4], k[5]
    tangential = np.concatenate(
        [2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x), 2.0 * p2 * x * y + p1 * (r2 + 2.0 * y * y)], axis=-1
    )
    return np.asarray(straight * radial + tangential)


def _unusable(why: str) -> RotocapError:
    return RotocapError(
        f"the camera's path cannot be used: {why}; solve the camera again, or capture without"
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""People before a camera whose path is known: how long its unit is, which feet stand, where down is.

A solved path has no unit of length, no up and no floor. The people give all three, as
they do for a camera that stands still, but once for the whole path: its unit is the one
with which feet that stand do not move, up is where upright people point, and the floor
is the plane under the feet that stand.

Two fits are made of each person. The first knows only how the camera turns. From its
feet comes the unit of the path, and then which feet stand in the world; with both the
second fit is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import world
from .camera_path import CameraPath
from .fit import FitResult
from .fit.model_points import FOOT_KEYPOINTS
from .fit.world_frame import CameraMotion, placed
from .kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from .skeleton import INDEX

Array = NDArray[np.float64]

_HALF_S = 0.1  # a foot is compared with itself so long before and after
_STANDING_SPEED = 0.15  # metres a second, as in `fit.evidence`
_SEEN = 0.3  # certainty of a foot point from which on it tells
_DEPTH_WORTH = 1.0 / 25.0  # of a movement along the ray, which a picture hardly shows
_PLAIN_SPEED = 0.3  # metres a second: feet that seem to move more count less and less
_UNITS = np.geomspace(0.02, 50.0, 240)  # times the first guess
_SURE = 0.20  # relative doubt of the unit above which the animator is told
_UP_SIGMA = np.radians(2.0)  # of what upright people say
_FLOOR_SIGMA = 0.04  # metres that a standing foot's place errs in height,
_INDEPENDENT = 15  # frames of standing that are one measurement of it
_METRES = (0.7, 1.4)  # metres to a unit of a scene that is meant to be in metres: people differ in height
_CROWN = 1.705 / (1.705 - 0.167)  # stature to the height of the head joint, of the free body
_ABOUT = "how the camera moved"
_TILT_LIMIT = np.radians(6.0)  # a floor that is steeper is a ramp or stairs, not a fault of up


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What the first fit says of one person's feet."""

    time_s: Array  # (T,)
    camera: Array  # (T, 4, 4) world from camera, in the path's own unit
    feet: Array  # (T, 4, 3) heels and toes in the camera's frame, metres
    seen: Array  # (T, 4) certainty, 0 to 1
    stature: float = 1.7  # metres, as the first fit has it

    @classmethod
    def of(cls, person: FitResult, *, time_s: Array, camera: Array, keypoints: NDArray[np.float32]) -> Steps:
        certainty = np.nan_to_num(keypoints[:, FOOT_KEYPOINTS, 2].astype(np.float64))
        return cls(
            time_s=time_s,
            camera=camera,
            feet=world.feet_of(person),
            seen=certainty,
            stature=_CROWN * float(person.rest_joints[INDEX["head"], 1]),
        )


@dataclass(frozen=True)
class Unit:
    """Metres to one unit of the path, and the relative doubt of that (infinite: feet do not tell)."""

    metres: float
    doubt: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the second fit of each person is to be made, and what world they are in."""

    motions: list[CameraMotion]
    heights_m: list[float | None]  # statures that the path tells, None where it does not
    placed: bool  # whether the path's own frame is the world
    warnings: list[str]

    def world_from_camera(self, people: Sequence[FitResult]) -> list[Array]:
        """The moving camera (T, 4, 4) of each person's frames in the world that all share."""
        cameras = [motion.camera for motion in self.motions]
        return cameras if self.placed else world_from_camera(people, cameras)


def plan(people: Sequence[Steps], path: CameraPath) -> Plan:
    """What the first fits say of the path.

    A path that stands in a world of metres already (`CameraPath.placed`) stays there, and it is
    the people whose size is found: how tall somebody is, is the same question as how long the unit is.
    """
    unit = unit_of(people, path)
    heights: list[float | None] = [None] * len(people)
    sure = unit.doubt <= _SURE
    # Feet that do not tell are no reason to doubt the animator's scene.
    placed = path.placed and (not sure or _METRES[0] <= unit.metres <= _METRES[1])
    said = warnings(Unit(1.0, 0.0) if placed else unit, people, path)
    if path.placed and not placed:
        said.append(
            f"{_ABOUT} in your scene does not fit the person: one unit of it is about {unit.metres:.2g} m. "
            "Set the scale of the tracked scene in metres to have the person in it"
        )
    if placed and path.moves and sure:
        heights = [float(np.clip(steps.stature / unit.metres, 0.5, 2.5)) for steps in people]
        people = [replace(steps, feet=steps.feet / unit.metres) for steps in people]
    if placed:
        unit = Unit(1.0, unit.doubt)
    return Plan(
        motions=[walking(steps, unit) for steps in people],
        heights_m=heights,
        placed=placed,
        warnings=said,
    )


def warnings(unit: Unit, people: Sequence[Steps], path: CameraPath) -> list[str]:
    """What the animator should know of a capture with this path."""
    out = []
    if unit.doubt > _SURE:
        out.append(
            f"{_ABOUT} is not sure: no foot was seen to stand long enough while it moved. "
            "Check the person's path, or capture a part in which the feet are in the picture"
        )
    unsolved = max((path.unsolved(steps.time_s) for steps in people), default=0.0)
    if unsolved > 0.0:
        out.append(
            f"{_ABOUT} is not known for {unsolved:.1f} s of the video, in which it is taken to stand still; "
            "solve the camera for all of it, or capture only the part that is solved"
        )
    return out


def is_warning(text: str) -> bool:
    """Whether `warnings` said it, of a solve that is made anew."""
    return text.startswith(_ABOUT)


def turning(camera: Array) -> CameraMotion:
    """For the first fit: only how the camera (T, 4, 4) turns is known."""
    turn = camera.copy()
    turn[:, :3, 3] = 0.0
    return CameraMotion(camera=turn, standing=np.zeros((len(camera), 4)))


def walking(steps: Steps, unit: Unit) -> CameraMotion:
    """For the second fit: the camera's path in metres, and which feet stand in its world."""
    camera = in_metres(steps.camera, unit)
    pairs = _Pairs.of(steps)
    moved = pairs.feet + unit.metres * pairs.camera[:, None]
    speed = np.sqrt(_squared(moved, pairs.ray)) / pairs.span[:, None]
    still = pairs.seen * np.clip(2.0 - speed / _STANDING_SPEED, 0.0, 1.0)
    standing = np.zeros((len(camera), 4))
    standing[pairs.middle] = still
    return CameraMotion(camera=camera, standing=standing)


def in_metres(camera: Array, unit: Unit) -> Array:
    """The path (T, 4, 4) with its places in metres."""
    out = camera.copy()
    out[:, :3, 3] *= unit.metres
    return out


def unit_of(people: Sequence[Steps], path: CameraPath) -> Unit:
    """The unit with which feet that stand do not move: at each time the stiller foot counts.

    A search over all units, since a wrong one makes other feet seem to stand; then least
    squares on the feet that it found.
    """
    if not path.moves:
        return Unit(1.0, 0.0)
    parts = [_Pairs.of(steps) for steps in people]
    feet = np.concatenate([part.feet for part in parts])
    shift = np.concatenate([part.camera for part in parts])[:, None]
    ray = np.concatenate([part.ray for part in parts])
    span = np.concatenate([part.span for part in parts])[:, None]
    use = np.concatenate([part.seen for part in parts]) > _SEEN
    moving = np.linalg.norm(shift, axis=-1) > 1e-9
    use &= moving
    if use.sum() < 10:
        return Unit(_of_people_at_rest(people, path), np.inf)
    size = np.linalg.norm(shift[:, 0], axis=-1)
    guess = float(np.median(np.linalg.norm(feet, axis=-1)[use]) / max(np.median(size[size > 1e-9]), 1e-9))
    guess = max(guess, 1e-6)

    def cost(metres: float) -> tuple[float, Array]:
        square = _squared(feet + metres * shift, ray) / span**2
        square = np.where(use, square, np.inf)
        plain = np.where(use, _PLAIN_SPEED**2 / (_PLAIN_SPEED**2 + square), 0.0)
        best = plain.max(axis=1)
        return float((1.0 - best).sum()), np.where(use & (plain >= best[:, None]), plain, 0.0)

    metres = min((guess * step for step in _UNITS), key=lambda unit: cost(unit)[0])
    for _ in range(10):
        weight = cost(metres)[1] ** 2
        along = (weight * _product(shift, shift, ray)).sum()
        metres = max(float(-(weight * _product(feet, shift, ray)).sum() / max(along, 1e-12)), 1e-9)
    weight = cost(metres)[1] ** 2
    along = (weight * _product(shift, shift, ray)).sum()
    residual = (weight * _squared(feet + metres * shift, ray)).sum() / max(weight.sum(), 1e-9)
    # Neighbouring frames err alike.
    doubt = np.sqrt(_INDEPENDENT * residual / max(along, 1e-12)) / metres
    return Unit(metres, float(doubt))


def _of_people_at_rest(people: Sequence[Steps], path: CameraPath) -> float:
    """Without feet: the unit with which the people's middle moves least, as of one who sits."""
    above = below = 0.0
    for steps in people:
        turn, place = steps.camera[:, :3, :3], steps.camera[:, :3, 3]
        body = np.einsum("tij,tj->ti", turn, steps.feet.mean(axis=1))
        ray = (body / np.maximum(np.linalg.norm(body, axis=-1, keepdims=True), 1e-9))[1:]
        shift, moved = np.diff(place, axis=0)[:, None], np.diff(body, axis=0)[:, None]
        above -= float(_product(moved, shift, ray).sum())
        below += float(_squared(shift, ray).sum())
    metres = above / max(below, 1e-12)
    if metres > 0.0:
        return metres
    # Nothing tells: a walk around somebody is some metres long.
    return 1.0 / max(float(np.ptp(path.world_from_camera[:, :3, 3], axis=0).max()), 1e-9)


@dataclass(frozen=True)
class _Pairs:
    """Each frame's feet a moment before and after, where nothing is missing in between. N pairs."""

    middle: NDArray[np.int64]  # (N,) the frame
    feet: Array  # (N, 4, 3) how the feet moved, turned to the path's axes but not carried along, metres
    camera: Array  # (N, 3) how the camera moved, in the path's unit
    ray: Array  # (N, 3) where the camera sees the person, path's axes
    span: Array  # (N,) seconds
    seen: Array  # (N, 4)

    @classmethod
    def of(cls, steps: Steps) -> _Pairs:
        time, last = steps.time_s, len(steps.time_s) - 1
        before = np.searchsorted(time, time - _HALF_S - 1e-6)
        after = np.minimum(np.searchsorted(time, time + _HALF_S - 1e-6), last)
        span = time[after] - time[before]
        middle = np.flatnonzero((span > 0.0) & (span < 4.0 * _HALF_S))
        a, b = before[middle], after[middle]
        turn, place = steps.camera[:, :3, :3], steps.camera[:, :3, 3]
        feet = np.einsum("tij,tpj->tpi", turn, steps.feet)
        ray = feet[middle].mean(axis=1)
        ray /= np.maximum(np.linalg.norm(ray, axis=-1, keepdims=True), 1e-9)
        seen = np.minimum(np.minimum(steps.seen[a], steps.seen[b]), steps.seen[middle])
        return cls(middle, feet[b] - feet[a], place[b] - place[a], ray, span[middle], seen)


def _product(a: Array, b: Array, ray: Array) -> Array:
    """Inner product (N, P) of movements (N, P, 3), in which the part along the ray (N, 3) counts little."""
    along = (a @ ray[..., None])[..., 0] * (b @ ray[..., None])[..., 0]
    return np.asarray((a * b).sum(axis=-1) - (1.0 - _DEPTH_WORTH) * along)


def _squared(a: Array, ray: Array) -> Array:
    return _product(a, a, ray)


def along_path(person: FitResult, camera: Array) -> FitResult:
    """A fit in the camera's frame as one in the frame of its path (T, 4, 4), metres."""
    poses = person.poses.copy()
    poses[:, 0] = axis_angle_from_matrix(camera[:, :3, :3] @ matrix_from_axis_angle(poses[:, 0]))
    joints = person.joints @ np.swapaxes(camera[:, :3, :3], -1, -2) + camera[:, None, :3, 3]
    up = np.einsum("tij,tj->ti", camera[:, :3, :3], person.up)
    return replace(person, poses=poses, pelvis=placed(camera, person.pelvis), joints=joints, up=up)


def world_from_camera(people: Sequence[FitResult], cameras: Sequence[Array]) -> list[Array]:
    """The moving camera (T, 4, 4) of each person's frames in the world that all share.

    cameras: each person's path in metres, see `in_metres`. The world is that of
    `world.world_from_camera`, as the first camera of the first person sees it.
    """
    begin = np.linalg.inv(cameras[0][0])
    paths = [begin @ camera for camera in cameras]
    walkers = [along_path(person, path) for person, path in zip(people, paths, strict=True)]
    # The picture's own up, over the whole path.
    picture_up = -np.concatenate([path[:, :3, 1] for path in paths]).mean(axis=0)
    rotation = _flattened(walkers, world.upright(walkers, picture_up=picture_up))
    level = world.on_floor(walkers, rotation)
    return [level @ path for path in paths]


def _flattened(people: Sequence[FitResult], rotation: Array) -> Array:
    """`rotation` (3, 3), world from path, and the small turn after it that lays the standing feet level.

    Upright people lean by a degree or two, which is a hand's breadth of height in a walk of four metres.
    """
    place = np.concatenate([(world.feet_of(p) @ rotation.T) for p in people])
    place[..., 1] -= np.concatenate([np.broadcast_to(world.soles(p), (len(p.poses), 4)) for p in people])
    weight = np.concatenate([person.standing for person in people])
    # The heel and the toes of a foot are one measurement, and so are neighbouring frames.
    weight = np.where(weight >= weight.max(axis=1, keepdims=True), weight, 0.0) / _INDEPENDENT
    place, weight = place.reshape(-1, 3), weight.reshape(-1)
    if weight.sum() < 2.0:
        return rotation
    slope = np.zeros(2)
    share = weight
    for _ in range(5):
        x, height, z = (place - (share[:, None] * place).sum(axis=0) / share.sum()).T
        rows = np.stack([x, z], axis=1)
        # The plane is height = rows @ slope; people who stand say that the slope is near 0.
        normal = rows.T @ (share[:, None] * rows) / _FLOOR_SIGMA**2 + np.eye(2) / _UP_SIGMA**2
        slope = np.linalg.solve(normal, rows.T @ (share * height) / _FLOOR_SIGMA**2)
        # A foot on a step or a knee says nothing about the floor.
        share = weight / (1.0 + ((height - rows @ slope) / (3.0 * _FLOOR_SIGMA)) ** 2) ** 2
    if np.linalg.norm(slope) > _TILT_LIMIT:
        return rotation
    # From the plane's normal (-slope[0], 1, -slope[1]) to +Y.
    return np.asarray(matrix_from_axis_angle(np.array([slope[1], 0.0, -slope[0]])) @ rotation)

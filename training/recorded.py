# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorded skeleton's motion as that of the 22 body joints, at 30 frames a second.

Every recorded joint is turned from its file's zero pose; ours from a T-pose with straight
limbs. A limb of ours is turned by G S^-1: G the recorded bone's turn in the world, S the
smallest rotation that takes the recorded bone of the zero pose to where our bone lies in
the T-pose. So arms and legs point exactly as recorded, on anybody's skeleton, and the twist
about them is the recorded one up to what the two zero poses differ by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_NAMES, PARENTS, rest_joints
from .motion_data import FRAME_RATE, MotionError

Array = NDArray[np.float64]
# The recorded joint that turns ours; or two, and how far from the first to the second.
Source = str | tuple[str, str, float]

_HEAD_DOWN = np.radians(6.0)  # how far people's heads are bent in the median of upright standing
_UPRIGHT = 0.92  # cosine between trunk and plumb line
_UPRIGHT_FRAMES = 30  # fewer say nothing of how somebody holds his head
_SPIKE = np.radians(60.0)  # a joint this far from the median of its neighbours in time is a spike
_SPIKE_FRAMES = 3
_LEAP = np.radians(75.0)  # between two frames: a glitch
_LEAP_M = 0.5
_SHORTEST = 24  # frames
# Degrees that no joint reaches; more means lost markers.
_IMPOSSIBLE = {
    "ankle": 80, "foot": 80, "wrist": 115, "neck": 75, "head": 85, "spine1": 75, "spine2": 60,
    "spine3": 60, "knee": 165, "elbow": 165,
}  # fmt: skip
_LIMBS = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist", "wrist": "middle1"}


@dataclass(frozen=True, eq=False)
class Recorded:
    """J joints over T frames in the file's own unit. +Y up, +Z ahead and +X left in the zero pose."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root, which is first; parents come before their children
    offsets: Array  # (J, 3) from the parent, in the zero pose
    rotations: Array  # (T, J, 3, 3) from the zero pose, relative to the parent
    root: Array  # (T, 3)
    frame_time: float  # seconds

    def place(self, name: str) -> Array:
        """Where a joint (3,) lies from the root in the zero pose."""
        out, joint = np.zeros(3), self.names.index(name)
        while self.parents[joint] >= 0:
            out, joint = out + self.offsets[joint], self.parents[joint]
        return out


@dataclass(frozen=True, kw_only=True)
class Family:
    """How one family of files names its joints, and what is peculiar about its zero pose."""

    name: str  # in the names of sequences
    source: Mapping[str, Source]  # one for each of our 22 joints
    bone: Mapping[str, str]  # our limb joint: the recorded joint that its bone leads to, in the zero pose
    as_parent: tuple[str, ...] = ()  # joints of ours whose zero pose is off as that of the limb above
    correction: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)  # degrees, axis-angle
    leading: int = 0  # frames at the start that are no motion


def to_body(recorded: Recorded, family: Family) -> tuple[Array, Array]:
    """Local rotations (N, 22, 3, 3) and the pelvis (N, 3) in metres at 30 frames a second.

    The path is scaled as the legs are. MotionError if the file lacks a joint or 2 frames.
    """
    needed = {
        s for source in family.source.values() for s in ([source] if isinstance(source, str) else source[:2])
    }
    if missing := sorted(needed - set(recorded.names)):
        raise MotionError(f"lacks {', '.join(missing)}; it is no file of the family {family.name}")
    rotations, root = resampled(recorded, first=family.leading)
    turns = np.empty_like(rotations)
    for joint, parent in enumerate(recorded.parents):
        turns[:, joint] = rotations[:, joint] if parent < 0 else turns[:, parent] @ rotations[:, joint]
    rest = rest_joints()
    world = np.empty((len(turns), BODY_JOINT_COUNT, 3, 3))
    index = {name: joint for joint, name in enumerate(recorded.names)}
    for joint, name in enumerate(JOINT_NAMES[:BODY_JOINT_COUNT]):
        source = family.source[name]
        if isinstance(source, str):
            turn = turns[:, index[source]]
        else:
            turn = _between(turns[:, index[source[0]]], turns[:, index[source[1]]], source[2])
        world[:, joint] = turn @ _zero(recorded, family, name, rest).T
    local = world.copy()
    for joint in range(1, BODY_JOINT_COUNT):
        local[:, joint] = np.swapaxes(world[:, PARENTS[joint]], -1, -2) @ world[:, joint]
    legs = [
        str(family.source[f"{side}_{name}"])
        for side in ("left", "right")
        for name in ("hip", "knee", "ankle")
    ]
    hips, knee, ankle = 0.5 * (recorded.place(legs[0]) + recorded.place(legs[3])), legs[1], legs[2]
    length = np.linalg.norm(recorded.place(knee) - recorded.place(legs[0])) + np.linalg.norm(
        recorded.place(ankle) - recorded.place(knee)
    )
    mine = [rest[INDEX[f"left_{name}"]] for name in ("hip", "knee", "ankle")]
    scale = (np.linalg.norm(mine[1] - mine[0]) + np.linalg.norm(mine[2] - mine[1])) / length
    middle = 0.5 * (rest[INDEX["left_hip"]] + rest[INDEX["right_hip"]]) - rest[0]
    return local, scale * root + world[:, 0] @ (scale * hips - middle)


def _zero(recorded: Recorded, family: Family, name: str, rest: Array) -> Array:
    """S (3, 3) of one of our joints: the identity but for limbs, and what is known to be off."""
    off = matrix_from_axis_angle(np.radians(family.correction.get(name, (0.0, 0.0, 0.0)))).T
    side, _, part = name.rpartition("_")
    if name in family.as_parent:
        part = {"ankle": "knee", "foot": "knee", "elbow": "shoulder", "wrist": "shoulder"}[part]
    if part not in _LIMBS:
        return off
    limb = f"{side}_{part}"
    end = family.bone[limb]
    along = recorded.offsets[recorded.names.index(end)]
    ours = rest[INDEX[f"{side}_{_LIMBS[part]}"]] - rest[INDEX[limb]]
    return off @ _swing(along, ours)


def _swing(start: Array, end: Array) -> Array:
    """The smallest rotation (3, 3) that takes direction start (3,) to end (3,)."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    return matrix_from_axis_angle(axis / max(sine, 1e-12) * np.arctan2(sine, start @ end))


def _between(a: Array, b: Array, share: float | Array) -> Array:
    """Rotations a share of the way from a to b."""
    turn = axis_angle_from_matrix(np.swapaxes(a, -1, -2) @ b)
    return np.asarray(a @ matrix_from_axis_angle(np.asarray(share) * turn))


def resampled(recorded: Recorded, *, first: int = 0) -> tuple[Array, Array]:
    """Rotations (N, J, 3, 3) and root (N, 3) from frame `first` on, at 30 frames a second."""
    rotations, root = recorded.rotations[first:], recorded.root[first:]
    step = 1.0 / (FRAME_RATE * recorded.frame_time)
    if abs(step - round(step)) < 0.02:  # 0.0083333 a frame is 120 a second
        step = float(round(step))
    if len(root) < 2 or (count := int((len(root) - 1) / step + 1e-6) + 1) < 2:
        raise MotionError(f"has {len(root)} frames; at 30 a second that is no motion")
    at = step * np.arange(count)
    before = np.minimum(at.astype(int), len(root) - 1)
    after = np.minimum(before + 1, len(root) - 1)
    share = at - before
    if not share.any():
        return rotations[before], root[before]
    turned = _between(rotations[before], rotations[after], share[:, None, None])
    return turned, root[before] + share[:, None] * (root[after] - root[before])


def head_pitch(local: Array) -> Array | None:
    """How far chest, neck and head (3,) are bent down in the median of somebody's upright frames.

    local (N, 22, 3, 3) of all takes of the person; radians. None where too few frames are upright.
    """
    _, world = forward(local, np.zeros((len(local), 3)), rest_joints())
    upright = (world[:, 0, 1, 1] > _UPRIGHT) & (world[:, INDEX["spine3"], 1, 1] > _UPRIGHT)
    if upright.sum() < _UPRIGHT_FRAMES:
        return None
    ahead = world[upright][..., 2][:, [INDEX["spine3"], INDEX["neck"], INDEX["head"]]]
    return np.asarray(np.median(np.arctan2(-ahead[..., 1], np.hypot(ahead[..., 0], ahead[..., 2])), axis=0))


def with_head_level(local: Array, pitch: Array | None) -> Array:
    """Local rotations with neck and head turned about their own x so that the median is as people's is.

    The zero of the head was set anew for each of CMU's subjects.
    """
    if pitch is None:
        return local
    _, world = forward(local, np.zeros((len(local), 3)), rest_joints())
    chest, neck, head = (INDEX[name] for name in ("spine3", "neck", "head"))
    amount = np.clip([0.5 * (pitch[0] + _HEAD_DOWN) - pitch[1], _HEAD_DOWN - pitch[2]], -0.8, 0.8)
    turns = matrix_from_axis_angle(amount[:, None] * np.array([1.0, 0.0, 0.0]))
    new_neck, new_head = world[:, neck] @ turns[0], world[:, head] @ turns[1]
    out = local.copy()
    out[:, neck] = np.swapaxes(world[:, chest], -1, -2) @ new_neck
    out[:, head] = np.swapaxes(new_neck, -1, -2) @ new_head
    return out


def without_spikes(local: Array) -> Array:
    """Local rotations with flips of up to 3 frames bridged; the pelvis is left alone."""
    width = 2 * _SPIKE_FRAMES + 1
    if len(local) < width + 1:
        return local
    out = local.copy()
    padded = np.concatenate(
        [np.repeat(local[:1], _SPIKE_FRAMES, 0), local, np.repeat(local[-1:], _SPIKE_FRAMES, 0)]
    )
    around = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    # The frame of the window that is nearest to all others is the median of rotations.
    for joint in range(1, BODY_JOINT_COUNT):
        window = np.moveaxis(around[:, joint], -1, 1)  # (N, width, 3, 3)
        cosine = 0.5 * (np.einsum("nuij,nvij->nuv", window, window) - 1.0)
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        median = angle.sum(axis=-1).argmin(axis=-1)
        bad = angle[np.arange(len(local)), median, _SPIKE_FRAMES] > _SPIKE
        good = np.flatnonzero(~bad)
        if not bad.any() or not len(good):
            continue
        rows = np.flatnonzero(bad)
        place = np.searchsorted(good, rows)
        before, after = good[np.maximum(place - 1, 0)], good[np.minimum(place, len(good) - 1)]
        share = np.where(after > before, (rows - before) / np.maximum(after - before, 1), 0.0)
        out[rows, joint] = _between(local[before, joint], local[after, joint], share[:, None])
    return out


def stretches(local: Array, pelvis: Array) -> list[tuple[Array, Array]]:
    """The parts of at least 24 frames between glitches: leaps, and poses that nobody can take.

    Each begins over the origin, with its feet on the floor.
    """
    turn = axis_angle_from_matrix(np.swapaxes(local[:-1], -1, -2) @ local[1:])
    leap = (np.linalg.norm(turn, axis=-1).max(axis=1) > _LEAP) | (
        np.linalg.norm(np.diff(pelvis, axis=0), axis=1) > _LEAP_M
    )
    angle = np.degrees(np.linalg.norm(axis_angle_from_matrix(local), axis=-1))
    impossible = np.zeros(len(local), bool)
    for joint, name in enumerate(JOINT_NAMES[:BODY_JOINT_COUNT]):
        limit = _IMPOSSIBLE.get(name.rpartition("_")[2])
        if limit is not None:
            impossible |= angle[:, joint] > limit
    cuts = np.unique(
        np.concatenate(
            [
                [0, len(local)],
                np.flatnonzero(leap) + 1,
                np.flatnonzero(impossible),
                np.flatnonzero(impossible) + 1,
            ]
        )
    )
    rest, balls = rest_joints(), [INDEX["left_foot"], INDEX["right_foot"]]
    out = []
    for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        if last - first < _SHORTEST or impossible[first]:
            continue
        part, path = local[first:last], pelvis[first:last].copy()
        joints, _ = forward(part, path, rest)
        path[:, 1] -= np.percentile(joints[:, balls, 1].min(axis=1), 5) - rest[balls[0], 1]
        path[:, [0, 2]] -= path[0, [0, 2]]
        out.append((part, path))
    return out

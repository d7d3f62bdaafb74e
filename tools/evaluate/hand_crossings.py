# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered people whose hands cross, meet and pass before the face: does each hand stay its own?

The free body in random clothes, from in front and from the sides, its wrists led along paths;
the networks see the pictures as they would a video, and the sides are repaired over time as in
a capture. A hand that is found is right if it lies on its own true hand and not on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.kinematics import axis_angle_from_matrix, forward_poses, matrix_from_axis_angle
from ...inference.landmarks.backend import MediapipeBackend
from ...inference.landmarks.draw import draw_keypoints
from ...inference.people.swaps import repair
from ...inference.people.track import TrackLandmarks
from ...inference.people.tracker import PeopleTracker
from ...inference.skeleton import INDEX, JOINT_COUNT, MIRROR, rest_joints
from ...training.detector_errors.scenes import Camera, Clip, render
from .hand_seen import found_in

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

FPS = 30.0
_FRAMES = 32
_FLIP = np.array([1.0, -1.0, -1.0])  # an axis-angle vector, seen in a mirror across x = 0
_HANDS = (wholebody.LEFT_HAND, wholebody.RIGHT_HAND)
# Nearer than this, in lengths of the palm, two hands lie on each other and cannot be told by place.
_APART = 0.5

# Ways of the left wrist (metres: to the person's left, up, ahead) at the start, the middle and the end;
# the right wrist goes the mirrored way, lower and further ahead by the last number.
_WAYS = {
    "cross": ((0.26, 1.20, 0.30), (-0.16, 1.22, 0.36), (0.26, 1.20, 0.30), 0.09),
    "cross_high": ((0.24, 1.50, 0.34), (-0.14, 1.52, 0.36), (0.24, 1.50, 0.34), 0.08),
    "fold": ((0.28, 1.05, 0.22), (-0.20, 1.14, 0.26), (-0.20, 1.14, 0.26), 0.07),
    "pray": ((0.26, 1.15, 0.30), (0.03, 1.25, 0.36), (0.03, 1.25, 0.36), 0.0),
    "wring": ((0.12, 1.10, 0.36), (-0.03, 1.12, 0.36), (0.12, 1.10, 0.36), 0.05),
    "face": ((0.20, 1.20, 0.30), (0.02, 1.52, 0.26), (0.20, 1.20, 0.30), 0.30),
}


@dataclass(frozen=True)
class Crossing:
    """What the networks made of one clip of T frames."""

    name: str
    found: NDArray[np.bool_]  # (T, 2) left and right
    astray: Array  # (T, 2) from the hand to its own true place, in palms
    swapped: Array  # (T, 2) to the other one's
    apart: Array  # (T,) between the two true places, in palms


def clips(count: int, *, seed: int = 7) -> Iterator[tuple[str, Clip]]:
    """Clips to render, all ways in turn."""
    rng = np.random.default_rng(seed)
    names = list(_WAYS)
    for number in range(count):
        name = names[number % len(names)]
        poses = _poses(name, rng)
        yield (
            name,
            Clip(poses, np.zeros((_FRAMES, 3)), rest_joints(), _camera(rng), int(rng.integers(2**31)), 1),
        )


def _poses(name: str, rng: np.random.Generator) -> Array:
    """(T, 55, 3) of a body that stands and leads its wrists along a way."""
    start, middle, end, lower = _WAYS[name]
    share = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, _FRAMES))
    second = np.arange(_FRAMES) >= _FRAMES // 2
    outer = np.where(second[:, None], end, start)
    way = outer + share[:, None] * (np.array(middle) - outer)
    way += rng.normal(0, 0.015, 3)
    upper_hand = 1.0 if rng.random() < 0.5 else -1.0
    shift = np.array([0.0, -0.5 * lower, 0.5 * lower])
    poses = np.zeros((_FRAMES, JOINT_COUNT, 3))
    twists = rng.uniform(-70, 20, 2)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        target = way - sign * upper_hand * shift
        _arm(poses, side, target, float(np.radians(twists[0 if sign > 0 else 1])))
        _fingers(poses, side, float(rng.uniform(0.0, 1.0)))
    poses[:, INDEX["head"], 1] = rng.normal(0, 0.15)
    return poses


def _arm(poses: Array, side: str, wrist: Array, twist: float) -> None:
    """Shoulder, elbow and wrist, in place, that put the wrist on (T, 3), given as if it were the left one."""
    rest = rest_joints()
    shoulder, elbow, hand = (rest[INDEX[f"left_{name}"]] for name in ("shoulder", "elbow", "wrist"))
    a, b = np.linalg.norm(elbow - shoulder), np.linalg.norm(hand - elbow)
    line = wrist - shoulder
    d = np.minimum(np.linalg.norm(line, axis=1), 0.98 * (a + b))
    along = line / np.linalg.norm(line, axis=1, keepdims=True)
    pole = np.array([0.5, -1.0, -0.2])
    out = pole - along * (along @ pole)[:, None]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    near = (a**2 - b**2 + d**2) / (2 * d)
    upper = along * near[:, None] + out * np.sqrt(np.maximum(a**2 - near**2, 0.0))[:, None]
    fore = along * d[:, None] - upper
    upper /= np.linalg.norm(upper, axis=1, keepdims=True)
    fore /= np.linalg.norm(fore, axis=1, keepdims=True)
    hinge = np.cross(upper, fore)
    hinge /= np.linalg.norm(hinge, axis=1, keepdims=True)
    bend = np.arccos(np.clip((upper * fore).sum(axis=1), -1, 1))
    joints = {
        "shoulder": axis_angle_from_matrix(np.stack([upper, -hinge, np.cross(upper, -hinge)], axis=-1)),
        "elbow": axis_angle_from_matrix(
            matrix_from_axis_angle(bend[:, None] * [0.0, -1.0, 0.0])
            @ matrix_from_axis_angle(np.array([[0.5 * twist, 0.0, 0.0]]))
        ),
        "wrist": np.tile([0.5 * twist, 0.0, 0.0], (len(wrist), 1)),
    }
    for name, turns in joints.items():
        poses[:, INDEX[f"{side}_{name}"]] = turns if side == "left" else turns * _FLIP


def _fingers(poses: Array, side: str, fist: float) -> None:
    """Fingers, in place, from open (0) to nearly a fist (1)."""
    for finger in ("index", "middle", "ring", "pinky"):
        for knuckle, bend in enumerate((55.0, 70.0, 40.0), start=1):
            turn = np.radians([0.0, 0.0, -(6.0 + fist * bend)])
            joint = INDEX[f"left_{finger}{knuckle}"]
            poses[:, joint if side == "left" else MIRROR[joint]] = turn if side == "left" else turn * _FLIP


def _camera(rng: np.random.Generator) -> Camera:
    """In front of the person, up to 50 degrees to a side: head to hips, or all of the body."""
    width, height = 640, 480
    yaw, pitch = np.radians(rng.uniform(-50, 50)), np.radians(rng.uniform(-5, 20))
    whole = rng.random() < 0.5
    focal = 700.0
    distance = 3.0 if whole else 1.7
    middle = np.array([0.0, 0.95 if whole else 1.3, 0.1])
    forward = -np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return Camera(K, rotation, middle - distance * forward, width, height)


def measure(*, count: int, say: Callable[[str], None], sheet: list[Image] | None = None) -> dict[str, float]:
    """hands.handedness (percent of the hands found that are on their own side), and how many are found."""
    backend = MediapipeBackend(threads=2)
    seen = []
    for name, clip in clips(count):
        one = observe(name, clip, backend, sheet)
        if one is not None:
            seen.append(one)
            right, told = _right(one)
            say(f"{name:10}: {one.found.mean():.0%} of the hands found, {right} of {told} on their own side")
    rights = np.array([_right(one) for one in seen]).sum(axis=0)
    found = np.concatenate([one.found for one in seen])
    astray = np.concatenate([one.astray[one.found] for one in seen])
    return {
        "hands.handedness": 100.0 * float(rights[0] / max(rights[1], 1)),
        "hands.crossings_told": float(rights[1]),
        "hands.crossings_found": 100.0 * float(found.mean()),
        "hands.crossings_astray_percent": 100.0 * float((astray > 1.0).mean()),
    }


def _right(one: Crossing) -> tuple[int, int]:
    """Hands on their own side, of those that can be told by place."""
    told = one.found & (one.apart > _APART)[:, None]
    return int((told & (one.astray < one.swapped)).sum()), int(told.sum())


def observe(name: str, clip: Clip, backend: MediapipeBackend, sheet: list[Image] | None) -> Crossing | None:
    """A clip as a capture sees it. None if the networks find nobody."""
    tracker = PeopleTracker(backend)
    rows, images = [], []
    for t, frame in enumerate(render(clip)):
        found = tracker.step(frame.image, t / FPS)
        rows.append(max(found, key=lambda row: row.landmarks.score) if found else None)
        images.append(frame.image)
    seen = np.array([t for t, row in enumerate(rows) if row is not None])
    if len(seen) < 2:
        return None
    track = TrackLandmarks(
        frame=seen,
        time_s=seen / FPS,
        keypoints=np.stack([row.landmarks.keypoints for row in rows if row is not None]),
        points3d=np.stack([row.landmarks.points3d for row in rows if row is not None]),
        box=np.stack([row.landmarks.box for row in rows if row is not None]),
    )
    keypoints = np.zeros((len(rows), wholebody.COUNT, 3))
    keypoints[seen] = repair(track).landmarks.keypoints
    true, palm = _truth(clip)
    own, other = (
        np.stack(
            [
                np.linalg.norm(keypoints[:, part][:, [0, 5, 9, 17], :2].mean(axis=1) - place, axis=1) / palm
                for part, place in zip(_HANDS, places, strict=True)
            ],
            axis=1,
        )
        for places in (true, true[::-1])
    )
    one = Crossing(
        name=name,
        found=np.stack([found_in(keypoints[:, part]) for part in _HANDS], axis=1),
        astray=own,
        swapped=other,
        apart=np.linalg.norm(true[0] - true[1], axis=1) / palm,
    )
    if sheet is not None:
        for t in range(2, len(images), 7):
            picture = images[t].copy()
            draw_keypoints(picture, keypoints[t], size=2.0)
            sheet.append(cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA))
    return one


def _truth(clip: Clip) -> tuple[Array, Array]:
    """Middles of both palms (2, T, 2) and the palm's length (T,), pixels."""
    joints, _ = forward_poses(clip.poses, clip.trans, clip.rest)
    seen = clip.camera.sees(joints)
    pixels = seen[..., :2] / seen[..., 2:] @ clip.camera.K[:2, :2].T + clip.camera.K[:2, 2]
    middles = [
        pixels[:, [INDEX[f"{side}_{name}"] for name in ("wrist", "index1", "middle1", "pinky1")]].mean(axis=1)
        for side in ("left", "right")
    ]
    depth = seen[:, [INDEX["left_wrist"], INDEX["right_wrist"]], 2].mean(axis=1)
    return np.stack(middles), 0.09 * clip.camera.K[0, 0] / depth

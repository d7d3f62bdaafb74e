# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered hands in known motion, and what the hand network says of them.

One hand and its forearm of the free body, fingers and bones of other lengths each time, posed
from a bank of hand poses and from the joints' limits, before any side of a camera, near and far,
before rough backgrounds. The network follows it from a true first region, as a capture does.

    python -m rotocap.training.hands_rendered MOTION_FOLDER OUT.npz --clips 160 --part train
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..inference.body import FreeBody
from ..inference.fit.hands.anatomy import FINGERS, anatomy, axis_angles
from ..inference.fit.model_points import GROUPS, scaled_rest
from ..inference.kinematics import forward, matrix_from_axis_angle
from ..inference.landmarks.crop import Image, Picture, Roi, upright_angle
from ..inference.landmarks.hands import PRESENT, HandNetworks, Side
from ..inference.raster import Surface, draw
from ..inference.skeleton import INDEX, JOINT_COUNT, LEFT_HAND, PARENTS, RIGHT_HAND

Array = NDArray[np.float64]

_SIDE = 320  # pixels of the square that is rendered
_HAND_SPREAD, _BONE_SPREAD = 0.06, 0.05  # sd of the log of a hand's size and of its single bones
_PALM_PX = (14.0, 130.0)  # from the wrist to the knuckles
ELBOW_AHEAD = -0.4  # z of the direction to the elbow, least
WRIST_BEND = (0.15, 0.15, 0.4)  # sd of the wrist's own turn, radians: roll, sideways, up and down
FPS = 30.0

# How far from the last joint the finger ends, as a share of the bone before it, read off the free body.
TIP_SHARE = {"thumb": 0.72, "index": 1.05, "middle": 0.84, "ring": 1.0, "pinky": 1.13}


@dataclass(frozen=True)
class Seen:
    """N clips of T frames, all the truth in camera axes. Where no hand was found, points are NaN."""

    left: NDArray[np.bool_]  # (N,)
    rest: Array  # (N, 55, 3)
    pose: Array  # (N, T, 15, 3) true finger rotations, axis-angle
    wrist: Array  # (N, T, 3, 3) camera from wrist
    arm: Array  # (N, T, 3, 3) camera from forearm
    truth: Array  # (N, T, 21, 3) true joints and fingertips, metres
    K: Array  # (N, 3, 3)
    points: Array  # (N, T, 21, 2) as detected, pixels
    metres: Array  # (N, T, 21, 3) as detected, relative to the wrist
    presence: Array  # (N, T)
    rightness: Array  # (N, T)
    palm_px: Array  # (N,)
    # (N, T, 20, 2) what a second look said of the angles; None of hands that it is to learn from
    fingers: Array | None = None

    @classmethod
    def stacked(cls, rows: Sequence[Mapping[str, Any]]) -> Seen:
        return cls(
            **{f.name: np.stack([row[f.name] for row in rows]) for f in fields(cls) if f.name in rows[0]}
        )

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **{name: value for name, value in vars(self).items() if value is not None})

    @classmethod
    def load(cls, path: Path) -> Seen:
        with np.load(path, allow_pickle=False) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})


# From poses (H, 15, 3), a number of frames T and a source of chance to (T, 15, 3).
Motion = Callable[[Array, int, np.random.Generator], Array]
# A picture, surfaces to draw over it and the camera's K.
Paint = Callable[[Image, list[Surface], Array], Image]


def bank(motion: Path, part: str) -> Array:
    """Left-hand poses (H, 15, 3) of the bank: `train`, or `test` of other signs and other people's."""
    with np.load(motion / "hand_bank.npz", allow_pickle=False) as data:
        labels = sorted({str(label) for label in data["label"]})
        held_out = set(labels[::3])
        test = np.array([str(label) in held_out for label in data["label"]])
        test |= np.char.startswith(data["source"], "stewdio") == False  # noqa: E712
        return np.asarray(data["left"][test if part == "test" else ~test], np.float64)


def random_pose(rng: np.random.Generator) -> Array:
    """A left-hand pose (15, 3) within the joints' limits, neighbouring fingers alike by half."""
    hand = anatomy()
    bend = 0.5 * rng.uniform(0, 1) + 0.5 * rng.uniform(0, 1, (5, 1))
    share = np.clip(bend + rng.normal(0, 0.2, (5, 4)), 0, 1)
    low, high = 0.6 * hand.low, 0.85 * hand.high
    angles = low + (high - low) * share
    # A knuckle that is bent does not spread, and the end joint follows the middle one.
    room = np.clip(1.0 - angles[:, 0], 0.2, 1.0)
    angles[:, 1] = np.clip(rng.normal(0, 0.12, 5) * room, hand.low[:, 1], hand.high[:, 1])
    angles[1:, 3] = np.clip(0.6 * angles[1:, 2] + rng.normal(0, 0.12, 4), 0, hand.high[1:, 3])
    return axis_angles(angles, left=True)


def _motion(poses: Array, frames: int, rng: np.random.Generator) -> Array:
    """From one pose to another, or there and back as a tap does, (T, 15, 3) of a left hand."""
    ends = [
        poses[rng.integers(len(poses))].copy() if rng.random() < 0.7 else random_pose(rng) for _ in range(2)
    ]
    for end in ends:
        if end[12:].any() and rng.random() < 0.5:
            continue
        end[12:] = poses[rng.integers(len(poses)), 12:]  # a thumb from a true hand
    time = np.linspace(0, 1, frames)
    share = np.clip(rng.uniform(-0.5, 0.5) + rng.uniform(0.2, 2.0) * time, 0, 1)
    if rng.random() < 0.3:
        share = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1, 4) * time * frames / FPS)
    return np.asarray(ends[0] + share[:, None, None] * (ends[1] - ends[0]))


def hand_points(local: Array, wrist: Array, rest: Array, *, left: bool) -> Array:
    """The 21 true points (T, 21, 3) from the wrist: joints and fingertips, of local (T, 15, 3, 3)."""
    side, part = ("left", LEFT_HAND) if left else ("right", RIGHT_HAND)
    whole = np.tile(np.eye(3), (len(local), JOINT_COUNT, 1, 1))
    whole[:, part] = local
    joints, world = forward(whole, np.zeros((len(local), 3)), rest)
    root = joints[:, INDEX[f"{side}_wrist"]]
    out = np.zeros((len(local), 21, 3))
    for f, finger in enumerate(FINGERS):
        chain = [INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3)]
        out[:, 4 * f + 1 : 4 * f + 4] = joints[:, chain] - root[:, None]
        tip = (rest[chain[2]] - rest[chain[1]]) * TIP_SHARE[finger]
        out[:, 4 * f + 4] = out[:, 4 * f + 3] + world[:, chain[2]] @ tip
    return np.asarray(np.einsum("tij,tkj->tki", wrist, out))


def _rest(rng: np.random.Generator) -> Array:
    rest = scaled_rest(rng.normal(0.0, 0.04, len(GROUPS)))
    template = rest.copy()
    size = np.exp(rng.normal(0, _HAND_SPREAD))
    lengths = np.exp(rng.normal(0, _BONE_SPREAD, 15)) * size
    for part in (LEFT_HAND, RIGHT_HAND):
        for k, j in enumerate(range(part.start, part.stop)):
            rest[j] = rest[PARENTS[j]] + (template[j] - template[PARENTS[j]]) * lengths[k]
    return rest


def render(
    poses: Array, rng: np.random.Generator, *, frames: int, motion: Motion = _motion, paint: Paint = draw
) -> tuple[list[Image], dict[str, Array]]:
    """One clip's pictures, and its truth by the names of `Seen`."""
    left = bool(rng.random() < 0.5)
    side, part = ("left", LEFT_HAND) if left else ("right", RIGHT_HAND)
    mirror = np.array([1.0, 1.0, 1.0]) if left else np.array([1.0, -1.0, -1.0])
    rest = _rest(rng)
    whole = np.zeros((frames, JOINT_COUNT, 3))
    whole[:, part] = motion(poses, frames, rng) * mirror
    bend = rng.normal(0, WRIST_BEND)
    whole[:, INDEX[f"{side}_wrist"]] = bend + np.outer(np.linspace(0, 1, frames), rng.normal(0, 0.2, 3))
    start = matrix_from_axis_angle(uniform_turn(rng))
    # Towards the elbow, in camera axes; a forearm that points at the camera hides its hand.
    while start[2, 0] * (-1.0 if left else 1.0) < ELBOW_AHEAD:
        start = matrix_from_axis_angle(uniform_turn(rng))
    spin = np.outer(np.linspace(0, frames / FPS, frames), rng.normal(0, 0.7, 3))
    # Camera from the arm: it stands in its rest axes.
    turn = start @ matrix_from_axis_angle(spin)
    palm_px = float(np.exp(rng.uniform(*np.log(_PALM_PX))))
    distance = float(np.exp(rng.uniform(np.log(0.5), np.log(4.0))))
    focal = palm_px * distance / 0.105
    # A hand at the picture's edge is seen along another ray than the camera's axis.
    ray = rng.uniform(-0.35, 0.35, 2)
    centre = (_SIDE - 1) / 2 - ray * focal
    K = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1.0]])
    body = _arm(side)
    drift = np.outer(np.linspace(-0.5, 0.5, frames), rng.normal(0, 0.04, 2))

    weight = body.weights
    skin = np.array([0.55, 0.67, 0.87]) * rng.uniform(0.35, 1.05) * 255
    colours = np.tile(skin, (len(weight), 1))
    colours *= (1 + 0.06 * np.sin(body.vertices @ rng.normal(0, 60, 3)))[:, None]
    if rng.random() < 0.5:
        colours[weight[:, INDEX[f"{side}_elbow"]] > 0.5] = rng.uniform(10, 240, 3)
    backdrop = _backdrop(rng)
    blur, noise, quality = rng.uniform(0.3, 1.0), rng.uniform(1, 6), int(rng.integers(55, 96))

    images, wrists, truths = [], [], []
    for t in range(frames):
        vertices = body.posed(whole[t], np.zeros(3), rest)
        local = matrix_from_axis_angle(whole[t : t + 1])
        joints, world = forward(local, rest[:1], rest)
        wrist = INDEX[f"{side}_wrist"]
        root = joints[0, wrist]
        middle = joints[0, INDEX[f"{side}_middle1"]]
        place = np.append(ray + drift[t] / distance, 1.0) * distance
        seen = (vertices - middle) @ turn[t].T + place
        image = paint(backdrop, [Surface(seen.astype(np.float32), body.faces, colours.astype(np.float32))], K)
        soft = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32)
        soft += noise * rng.standard_normal(image.shape, dtype=np.float32)
        _, packed = cv2.imencode(
            ".jpg", np.clip(soft, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        images.append(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
        camera_from_wrist = turn[t] @ world[0, wrist]
        points = hand_points(local[:, part], camera_from_wrist[None], rest, left=left)[0]
        wrists.append(camera_from_wrist)
        truths.append(points + (root - middle) @ turn[t].T + place)
    truth = {
        "left": np.array(left), "rest": rest, "pose": whole[:, part], "wrist": np.stack(wrists),
        "arm": turn, "truth": np.stack(truths), "K": K, "palm_px": np.array(palm_px),
    }  # fmt: skip
    return images, truth


def unrendered(
    poses: Array, rng: np.random.Generator, *, left: bool, frames: int
) -> tuple[Array, Array, Array, Array]:
    """A clip without pictures: pose (T, 15, 3), rest (55, 3), places (T, 21, 3) in camera axes, K."""
    pose = _motion(poses, frames, rng) * (1.0 if left else np.array([1.0, -1.0, -1.0]))
    rest = _rest(rng)
    spin = np.outer(np.linspace(0, frames / FPS, frames), rng.normal(0, 0.7, 3))
    wrist = matrix_from_axis_angle(uniform_turn(rng)) @ matrix_from_axis_angle(spin)
    places = hand_points(matrix_from_axis_angle(pose), wrist, rest, left=left)
    K = np.array([[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]])
    return pose, rest, places + np.append(rng.uniform(-0.3, 0.3, 2), rng.uniform(0.6, 1.5)), K


@cache
def _arm(side: str) -> FreeBody:
    """The free body's hand and forearm alone."""
    body = FreeBody.load()
    part = LEFT_HAND if side == "left" else RIGHT_HAND
    own = [INDEX[f"{side}_wrist"], INDEX[f"{side}_elbow"], *range(part.start, part.stop)]
    kept = np.flatnonzero(body.weights[:, own].sum(axis=1) > 0.5)
    place = np.full(len(body.vertices), -1)
    place[kept] = np.arange(len(kept))
    faces = place[body.faces]
    return replace(
        body,
        vertices=body.vertices[kept],
        weights=body.weights[kept],
        faces=faces[(faces >= 0).all(axis=1)],
        _shaped={},
    )


def uniform_turn(rng: np.random.Generator) -> Array:
    q = rng.normal(0, 1, 4)
    q /= np.linalg.norm(q)
    angle = 2 * np.arccos(np.clip(q[0], -1, 1))
    return np.asarray(q[1:] / max(float(np.linalg.norm(q[1:])), 1e-9) * angle)


def _backdrop(rng: np.random.Generator) -> Image:
    image = np.full((_SIDE, _SIDE, 3), rng.uniform(30, 220) * rng.normal(1, 0.15, 3))
    cells = int(rng.integers(3, 40))
    rough = cv2.resize(rng.normal(0, 1, (cells, cells)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    image += rng.uniform(2, 25) * rough[..., None]
    for _ in range(rng.integers(0, 6)):
        a, b = rng.uniform(0, _SIDE, 2), rng.uniform(10, 150, 2)
        spot = slice(int(a[1]), int(a[1] + b[1])), slice(int(a[0]), int(a[0] + b[0]))
        image[spot] = 0.5 * image[spot] + 0.5 * rng.uniform(0, 255) * rng.normal(1, 0.2, 3)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def true_region(points: Array, rng: np.random.Generator) -> Roi:
    """Where a hand with these pixels (21, 2) is, a little off, as a search would find it."""
    angle = upright_angle(points[0], (points[5] + points[17]) / 4 + points[9] / 2) + rng.normal(0, 0.15)
    turn = Roi(0.0, 0.0, 1.0, angle).rotation
    flat = points[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]] @ turn
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = float((high - low).max()) * np.exp(rng.normal(0, 0.1))
    middle = turn @ ((low + high) / 2) + rng.normal(0, 0.06, 2) * size
    return Roi(float(middle[0]), float(middle[1]), size, angle).scaled(2.0, up=0.1)


def observe(images: list[Image], truth: dict[str, Array], networks: HandNetworks, rng: np.random.Generator):
    """The truth and what the network said, by the names of `Seen`."""
    frames = len(images)
    found = {
        "points": np.full((frames, 21, 2), np.nan), "metres": np.full((frames, 21, 3), np.nan),
        "presence": np.zeros(frames), "rightness": np.zeros(frames),
        "fingers": np.full((frames, 20, 2), np.nan),
    }  # fmt: skip
    roi = None
    places = truth["truth"]
    flat = places[..., :2] / places[..., 2:] * truth["K"][0, 0] + truth["K"][:2, 2]
    for t, image in enumerate(images):
        hand = networks.read(Picture(image), roi or true_region(flat[t], rng))
        found["presence"][t], found["rightness"][t] = hand.presence, hand.rightness
        roi = None
        if hand.presence >= PRESENT:
            looked = hand.of(Side.LEFT if truth["left"] else Side.RIGHT)
            found["points"][t], found["metres"][t] = hand.points, looked.metres
            found["fingers"][t] = looked.fingers
            roi = hand.next_roi()
    return truth | found


def make(motion: Path, *, part: str, clips: int, frames: int = 10, seed: int = 1) -> Seen:
    """Rendered and looked at; `part` chooses the poses (`bank`)."""
    rng = np.random.default_rng([seed, 0 if part == "train" else 1])
    poses, networks = bank(motion, part), HandNetworks(threads=1)
    rows = []
    for number in range(clips):
        if number % 20 == 0:
            print(f"{number} of {clips} clips", flush=True)
        images, truth = render(poses, rng, frames=frames)
        rows.append(observe(images, truth, networks, rng))
    return Seen.stacked(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motion", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=160)
    parser.add_argument("--part", choices=("train", "test"), default="train")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seen = make(options.motion, part=options.part, clips=options.clips, seed=options.seed)
    seen.save(options.out)
    print(
        f"{len(seen.left)} clips, hands found in {np.isfinite(seen.points[..., 0, 0]).mean():.0%} of frames"
    )


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hand reader learns from: rendered hands through the real hand network, one picture each.

    python -m rotocap.training.hands_samples MOTION_FOLDER build/training/hands --count 4500

Each picture is read twice, the second time in the mirror, by another camera and from the region that the
first reading leads to, as when a hand is followed. What the hand network knows at its points is kept, for
the second look (`hands_look`). Written in parts, so that it goes on where it was stopped.
Beside them stand hands whose points are off by chance alone: they cost nothing, and teach what a hand is.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.camera import rotation_to_ray
from ..inference.fit.hands.anatomy import JOINTS, MIRROR_PLACE, MIRROR_TURN, anatomy, axis_angles
from ..inference.fit.hands.points import posed_points
from ..inference.fit.hands.reader import PALM
from ..inference.kinematics import matrix_from_axis_angle
from ..inference.landmarks.crop import Picture, Roi
from ..inference.landmarks.hands import PRESENT, Hand, HandNetworks
from ..inference.landmarks.second_look import at_points
from ..inference.skeleton import INDEX, MIRROR, rest_joints
from .hands_anatomy import angles_of
from .hands_pictures import Painter
from .hands_rendered import (
    ELBOW_AHEAD,
    WRIST_BEND,
    Seen,
    bank,
    random_pose,
    render,
    true_region,
    uniform_turn,
)

Array = NDArray[np.float64]

_PART = 300  # pictures a file
_OWN_SIDE = 0.3  # a hand read as the other one by more than this is refused by the capture
# Errors of hands that were not rendered, metres along each axis, and how many times as large they get.
_LARGEST = 1.4
_FLAT_ERROR, _SOLID_ERROR = 0.006, np.array([0.010, 0.010, 0.017])

# What the body fit's forearm is off, in each axis of a unit vector (across, along the line of sight): about
# 15 degrees. On the sample clip it was .07 and .26.
FOREARM_ERROR = np.array([0.10, 0.10, 0.26])


@dataclass(frozen=True)
class Samples:
    """N hands of any side, as a capture sees them, and what is true of them."""

    left: NDArray[np.bool_]  # (N,)
    flat: Array  # (N, 21, 2) on the plane z = 1
    points3d: Array  # (N, 21, 3) as detected, relative to the wrist
    certainty: Array  # (N,)
    pixel: Array  # (N,) pixels from the points' middle, root mean square
    forearm: Array  # (N, 3) true, from elbow to wrist, camera axes
    points: Array  # (N, 21, 3) true points of a hand of the template's size, camera axes
    angles: Array  # (N, 5, 4) true

    def part(self, rows: NDArray[Any]) -> Samples:
        return Samples(**{name: value[rows] for name, value in vars(self).items()})

    @classmethod
    def joined(cls, parts: list[Samples]) -> Samples:
        return cls(**{name: np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])})


def mixed_pose(poses: Array, rng: np.random.Generator) -> Array:
    """A left-hand pose (15, 3): of the bank, of fingers of several of its hands, or within the limits."""
    kind = rng.random()
    if kind < 0.35:
        pose = poses[rng.integers(len(poses))].copy()
    elif kind < 0.65:
        pose = np.zeros((15, 3))
        for finger in range(5):
            pose[JOINTS[finger]] = poses[rng.integers(len(poses)), JOINTS[finger]]
        if rng.random() < 0.3:
            other, chosen = random_pose(rng), rng.random(5) < 0.5
            pose[JOINTS[chosen].ravel()] = other[JOINTS[chosen].ravel()]
    else:
        pose = random_pose(rng)
        if rng.random() < 0.6:
            pose[12:] = poses[rng.integers(len(poses)), 12:]
    off = rng.normal(0, 0.12, (5, 4)) * np.array([1.0, 0.5, 1.0, 0.7])
    return np.asarray(pose + axis_angles(off, left=True) + rng.normal(0, 0.05, (15, 3)))


def _between(poses: Array, frames: int, rng: np.random.Generator) -> Array:
    """On the way from one pose to another, (T, 15, 3)."""
    first, second = mixed_pose(poses, rng), mixed_pose(poses, rng)
    share = np.clip(rng.uniform(0, 0.6) + rng.uniform(0, 0.6) * np.linspace(0, 1, frames), 0, 1)
    return np.asarray(first + share[:, None, None] * (second - first))


def read_twice(poses: Array, networks: HandNetworks, rng: np.random.Generator) -> list[dict[str, Any]]:
    """One picture of a new hand, and the same in the mirror where the hand was found: rows of `Seen`."""
    painter = Painter(rng)
    images, clip = render(poses, rng, frames=1, motion=_between, paint=painter)
    image = images[0]
    truth = {k: v[0] if k in ("pose", "wrist", "arm", "truth") else v for k, v in clip.items()}
    places, K = truth["truth"], truth["K"]
    flat = places[:, :2] / places[:, 2:] * K[0, 0] + K[:2, 2]
    hand = networks.read(Picture(image), true_region(flat, rng))
    rows = [_row(truth, hand)]
    if hand.presence < PRESENT:
        return rows
    last = image.shape[1] - 1
    roi = hand.next_roi()
    mirrored = painter.worn(np.ascontiguousarray(image[:, ::-1]))
    hand = networks.read(Picture(mirrored), Roi(last - roi.x, roi.y, roi.size, -roi.angle))
    K = K.copy()
    K[0, 2] = last - K[0, 2]
    other = truth | {
        "left": ~truth["left"], "rest": truth["rest"][list(MIRROR)] * MIRROR_PLACE, "K": K,
        "pose": truth["pose"] * MIRROR_TURN, "truth": places * MIRROR_PLACE,
        "wrist": _mirrored(truth["wrist"]), "arm": _mirrored(truth["arm"]),
    }  # fmt: skip
    return [*rows, _row(other, hand)]


def _row(truth: dict[str, Any], hand: Hand) -> dict[str, Any]:
    found = {name: getattr(hand, name) for name in ("points", "metres", "presence", "rightness")}
    row = {name: np.asarray(value) for name, value in (truth | found).items()}
    alone = ("left", "rest", "K", "palm_px")
    row = {name: value if name in alone else value[None] for name, value in row.items()}
    assert hand.sight is not None
    row["roi"] = hand.sight.roi.to_array()
    row["inner"] = at_points(hand.sight.inner, hand.sight.places).astype(np.float16)
    return row


def _mirrored(turn: Array) -> Array:
    return np.asarray(MIRROR_PLACE[:, None] * turn * MIRROR_PLACE)


def believed(seen: Seen) -> NDArray[np.bool_]:
    """(N, T) the frames that a capture would believe."""
    side = np.where(seen.left[:, None], 1.0 - seen.rightness, seen.rightness)
    return np.asarray(np.isfinite(seen.points[:, :, 0, 0]) & (seen.presence >= PRESENT) & (side > _OWN_SIDE))


def samples_of(seen: Seen) -> Samples:
    """The hands that a capture would believe, each frame for itself."""
    frames = seen.pose.shape[1]
    left = np.repeat(seen.left, frames)
    count = len(left)
    rightness, presence = seen.rightness.reshape(count), seen.presence.reshape(count)
    side = np.where(left, 1.0 - rightness, rightness)
    points, wrist = seen.points.reshape(count, 21, 2), seen.wrist.reshape(count, 3, 3)
    K = np.repeat(seen.K, frames, axis=0)
    flat = (points - K[:, None, :2, 2]) / K[:, 0, 0][:, None, None]
    angles = _true_angles(seen.pose.reshape(count, 15, 3), left)
    everything = Samples(
        left=left,
        flat=flat,
        points3d=seen.metres.reshape(count, 21, 3),
        certainty=presence * np.minimum(1.0, 0.5 + side),
        pixel=spread_px(points),
        forearm=np.einsum("nij,nj->ni", seen.arm.reshape(count, 3, 3), forearm_axis(left)),
        points=_template(angles, wrist, left),
        angles=angles,
    )
    return everything.part(believed(seen).reshape(count))


def spread_px(points: Array) -> Array:
    """(N,) of pixels (N, 21, 2): how far they are from their middle, root mean square."""
    stray = points - points.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt((stray**2).sum(axis=-1).mean(axis=-1)))


def forearm_axis(left: NDArray[np.bool_]) -> Array:
    """(N, 3) from elbow to wrist at rest."""
    rest = rest_joints()
    bones = [rest[INDEX[f"{side}_wrist"]] - rest[INDEX[f"{side}_elbow"]] for side in ("left", "right")]
    unit = [bone / np.linalg.norm(bone) for bone in bones]
    return np.asarray(np.where(left[:, None], unit[0], unit[1]))


def _true_angles(pose: Array, left: NDArray[np.bool_]) -> Array:
    hand = anatomy()
    own = np.where(left[:, None, None], pose, pose * MIRROR_TURN)
    return np.asarray(np.clip(angles_of(own, hand.axes), hand.low, hand.high))


def _template(angles: Array, wrist: Array, left: NDArray[np.bool_]) -> Array:
    points, _ = posed_points(angles, np.ones((5, 4)))
    points = points * np.where(left[:, None, None], 1.0, MIRROR_PLACE)
    points = points @ np.swapaxes(wrist, -1, -2)
    return np.asarray(points - points[:, PALM].mean(axis=1, keepdims=True))


def imagined(poses: Array, count: int, rng: np.random.Generator) -> Samples:
    """Left hands of one size, whose points are off by chance alone, by none to more than the network's."""
    pose = np.stack([mixed_pose(poses, rng) for _ in range(count)])
    left = np.ones(count, bool)
    angles = _true_angles(pose, left)
    lengths = np.exp(rng.normal(0, 0.05, (5, 4)))
    arm = matrix_from_axis_angle(np.stack([uniform_turn(rng) for _ in range(4 * count)]))
    arm = arm[-arm[:, 2, 0] >= ELBOW_AHEAD][:count]
    wrist = arm @ matrix_from_axis_angle(rng.normal(0, WRIST_BEND, (count, 3)))
    own, _ = posed_points(angles, lengths)
    own = own @ np.swapaxes(wrist, -1, -2)
    place = np.concatenate(
        [rng.uniform(-0.35, 0.35, (count, 2)), np.ones((count, 1))], axis=1
    ) * np.exp(rng.uniform(np.log(0.5), np.log(4.0), (count, 1)))  # fmt: skip
    seen = own + place[:, None]
    size = _LARGEST * rng.uniform(0, 1, (count, 1, 1)) ** 2
    flat = seen[..., :2] + _FLAT_ERROR * size * rng.normal(0, 1, (count, 21, 2))
    flat = flat / seen[..., 2:]
    ray = rotation_to_ray(flat[:, PALM].mean(axis=1))
    solid = own @ ray
    solid = solid - solid[:, :1] + _SOLID_ERROR * size * rng.normal(0, 1, (count, 21, 3))
    palm_px = np.exp(rng.uniform(np.log(14.0), np.log(130.0), count))
    return Samples(
        left=left,
        flat=flat,
        points3d=solid,
        certainty=rng.uniform(0.6, 1.0, count),
        pixel=spread_px(flat / np.linalg.norm(flat[:, 9] - flat[:, 0], axis=1)[:, None, None])
        * palm_px
        * rng.uniform(0.5, 1.0, count),
        forearm=np.einsum("nij,nj->ni", arm, forearm_axis(left)),
        points=_template(angles, wrist, left),
        angles=angles,
    )


def make(motion: Path, folder: Path, *, count: int) -> None:
    """Files of `_PART` pictures in `folder`, until there are `count`."""
    folder.mkdir(parents=True, exist_ok=True)
    poses, networks = bank(motion, "train"), HandNetworks(threads=1)
    for number in range(-(-count // _PART)):
        file = folder / f"hands_{number:03d}.npz"
        if file.is_file():
            continue
        rng = np.random.default_rng([1000 + number, 7])
        rows = [row for _ in range(_PART) for row in read_twice(poses, networks, rng)]
        unfinished = file.with_suffix(".new.npz")
        np.savez_compressed(unfinished, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
        unfinished.rename(file)
        print(f"{file}: {len(rows)} hands", flush=True)


def files(folder: Path) -> list[Path]:
    """What `make` wrote."""
    return sorted(folder.glob("hands_[0-9][0-9][0-9].npz"))


def looked_file(file: Path) -> Path:
    """Where `hands_look` puts what a network that was not trained on a file of samples made of it."""
    return file.with_name(file.name.replace("hands_", "looked_"))


def load(folder: Path) -> list[Samples]:
    """What `make` wrote, a file each, after a second look. Files that nobody looked at are left out."""
    out = []
    for file in files(folder):
        if looked_file(file).is_file():
            with np.load(looked_file(file), allow_pickle=False) as looked:
                out.append(samples_of(replace(Seen.load(file), metres=looked["metres"])))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motion", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=4500)
    options = parser.parse_args()
    make(options.motion, options.out, count=options.count)


if __name__ == "__main__":
    main()

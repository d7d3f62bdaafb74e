# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a hand that `inference/fit/hands` reads: axes, limits, where points lie.

    python -m rotocap.training.hands_anatomy MOTION_FOLDER RENDERED.npz

Axes and mean angles are read off the hand poses of the bank's training part, places of the 21
points and their errors off rendered hands (`hands_rendered`). Limits are round numbers for
healthy adults (Kapandji, The Physiology of the Joints; Lin, Wu and Huang, Modeling the
constraints of human hand motion, 2000), widened to what the bank shows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.fit.hands.anatomy import FINGERS
from ..inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..inference.skeleton import DATA, INDEX, JOINT_COUNT, LEFT_HAND, RIGHT_HAND, rest_joints
from .hands_rendered import TIP_SHARE, Seen, bank

Array = NDArray[np.float64]

OUT = DATA / "hand_anatomy.json"
# Bend of the first joint, spread, bend of the second and third joint, degrees.
_LIMITS = {
    "thumb": ((-35, 60), (-40, 40), (-10, 75), (-30, 90)),
    "index": ((-25, 95), (-25, 25), (0, 112), (-10, 85)),
    "middle": ((-25, 95), (-20, 20), (0, 112), (-10, 85)),
    "ring": ((-25, 95), (-25, 25), (0, 112), (-10, 85)),
    "pinky": ((-30, 95), (-40, 25), (0, 110), (-10, 85)),
}
# A hand that hangs or rests, degrees.
_RELAXED = {
    "thumb": (10, 0, 15, 15),
    "index": (15, 0, 25, 12),
    "middle": (20, 0, 30, 15),
    "ring": (24, 0, 32, 17),
    "pinky": (26, 0, 32, 17),
}
_SOURCE = (
    "Axes and mean from hand poses of stewdio/handy.js, MIT, (c) 2020-2021 Stewart Smith. "
    "Limits: Kapandji, The Physiology of the Joints; Lin, Wu and Huang, 2000. "
    "Places and errors of the points: the hand network on rendered hands of the free body."
)


def joint(finger: str, number: int) -> int:
    """Place of a finger's joint (1 to 3) in a hand's 15."""
    return INDEX[f"left_{finger}{number}"] - LEFT_HAND.start


def _axes(poses: Array) -> Array:
    """(5, 4, 3): bend and spread axis of the first joint, hinges of the second and third."""
    out = np.zeros((5, 4, 3))
    for f, finger in enumerate(FINGERS):
        for number in (1, 2, 3):
            turns = poses[:, joint(finger, number)]
            _, _, rows = np.linalg.svd(turns, full_matrices=False)
            bend = rows[0] * np.sign((turns @ rows[0]).mean())
            row = (0, 2, 3)[number - 1]
            out[f, row] = bend
            if number == 1:
                # Positive spread turns a left finger about its back, towards the thumb.
                out[f, 1] = rows[1] * (np.sign(rows[1, 1]) or 1.0)
    return out


def angles_of(poses: Array, axes: Array) -> Array:
    """Angles (N, 5, 4) nearest to poses (N, 15, 3) of left hands."""
    out = np.zeros((len(poses), 5, 4))
    for f, finger in enumerate(FINGERS):
        for number, rows in ((1, (0, 1)), (2, (2,)), (3, (3,))):
            turns = poses[:, joint(finger, number)]
            for row in rows:
                out[:, f, row] = turns @ axes[f, row]
    return out


def _carriers() -> list[str]:
    """The joint that carries each of the 21 points, by its plain name."""
    out = ["wrist"]
    for finger in FINGERS:
        out += ["wrist", f"{finger}1", f"{finger}2", f"{finger}3"]
    return out


def offsets(seen: Seen, *, rounds: int = 8) -> tuple[Array, Array]:
    """Where the network puts its points: (21, 3) in the carrier's axes from the true place, left hand.

    And the errors that stay, (21,) metres: the median across the line of sight.
    """
    carriers = _carriers()
    world = np.stack([_turns(seen, row, carriers) for row in range(len(seen.left))])  # (N, T, 21, 3, 3)
    mirror = np.where(seen.left[:, None], 1.0, np.array([-1.0, 1.0, 1.0]))
    size = np.array([_hand_size(rest) for rest in seen.rest])
    good = (seen.presence > 0.7) & (np.where(seen.left[:, None], 1 - seen.rightness, seen.rightness) > 0.5)
    good &= seen.palm_px[:, None] > 30
    flat = (seen.points - seen.K[:, None, None, :2, 2]) / seen.K[:, 0, 0][:, None, None, None]
    place = seen.truth
    across = place[..., :2] / place[..., 2:]
    project = np.zeros((*place.shape[:3], 2, 3))
    project[..., 0, 0] = project[..., 1, 1] = 1 / place[..., 2]
    project[..., :, 2] = -across / place[..., 2:]
    # Metres across the line of sight.
    depth = place[..., 2]
    rows = np.einsum("ntkab,ntkbc,nc->ntkac", project, world, mirror) * size[:, None, None, None, None]
    rows *= depth[..., None, None]
    error = (flat - across) * depth[..., None]
    out, left = np.zeros((21, 3)), np.zeros(21)
    for k in range(21):
        a, b = rows[:, :, k][good], error[:, :, k][good]
        known = np.isfinite(b).all(axis=-1)
        a, b = a[known], b[known]
        for _ in range(rounds):
            stray = b - a @ out[k]
            weight = 1 / (1 + (stray**2).sum(-1) / 0.006**2) ** 2
            normal = np.einsum("n,nai,naj->ij", weight, a, a) + 1e-3 * np.eye(3)
            out[k] = np.linalg.solve(normal, np.einsum("n,nai,na->i", weight, a, b))
        left[k] = np.median(np.linalg.norm(b - a @ out[k], axis=-1))
    return out, left


def _hand_size(rest: Array) -> float:
    """Of this hand, as a share of the template's."""
    template = rest_joints()
    ends = [INDEX[f"left_{name}"] for name in ("index1", "middle1", "pinky1")]
    root = INDEX["left_wrist"]
    span = [np.linalg.norm(joints[ends] - joints[root], axis=1).sum() for joints in (rest, template)]
    return float(span[0] / span[1])


def _turns(seen: Seen, row: int, carriers: list[str]) -> Array:
    left = bool(seen.left[row])
    side, part = ("left", LEFT_HAND) if left else ("right", RIGHT_HAND)
    local = np.tile(np.eye(3), (len(seen.pose[row]), JOINT_COUNT, 1, 1))
    local[:, part] = matrix_from_axis_angle(seen.pose[row])
    _, world = forward(local, np.zeros((len(local), 3)), seen.rest[row])
    return np.asarray(seen.wrist[row][:, None] @ world[:, [INDEX[f"{side}_{name}"] for name in carriers]])


def write(motion: Path, rendered: Path, out: Path = OUT) -> None:
    poses = bank(motion, "train")
    axes = _axes(poses)
    angles = angles_of(poses, axes).reshape(len(poses), 20)
    mean = angles.mean(axis=0)
    shift, left = offsets(Seen.load(rendered))
    names = ("bend1", "spread", "bend2", "bend3")
    limits = np.radians([_LIMITS[finger] for finger in FINGERS])
    stray = axis_angle_from_matrix(matrix_from_axis_angle(poses[:1]))  # a check that the bank is sane
    assert np.abs(stray - poses[:1]).max() < 1e-3
    data = {
        "source": _SOURCE,
        "fingers": list(FINGERS),
        "angles": list(names),
        "tip_share": [TIP_SHARE[finger] for finger in FINGERS],
        "axes": np.round(axes, 4).tolist(),
        "limits": np.round(limits, 4).tolist(),
        "relaxed": np.round(np.radians([_RELAXED[finger] for finger in FINGERS]), 4).tolist(),
        "mean": np.round(mean.reshape(5, 4), 4).tolist(),
        "point_offsets": np.round(shift, 5).tolist(),
        "point_errors": np.round(left, 5).tolist(),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items()]
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motion", type=Path)
    parser.add_argument("rendered", type=Path)
    options = parser.parse_args()
    write(options.motion, options.rendered)
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right exchanged over a range, where the capture took one for the other.

Limbs alone: the left leg goes where the right one was, on its own hip, with its knee where the
other knee was. The whole body: seen from the camera, a body and its mirror image in depth have
their joints in the same places of the picture, with left for right. So a body that was taken
for the one that looks this way becomes the one that looks the other way, every limb where
the picture shows it, and every joint bent as it was, on the other side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import INDEX, JOINT_COUNT, MIRROR, PARENTS
from .rows import with_motion

Array = NDArray[np.float64]

WHAT = ("legs", "arms", "body")
_HINGE = {
    # From one side's rest to the other's, so that the bone points as the other did and bends the same way.
    "leg": np.eye(3),
    "arm": np.diag([-1.0, -1.0, 1.0]),
}
_CHAINS = {"leg": ("hip", "knee", "ankle", "foot"), "arm": ("shoulder", "elbow", "wrist", None)}
_LEVEL = np.array([1.0, 0.0, 1.0])
_MIRRORED = np.array([1.0, -1.0, -1.0])  # of an axis-angle vector, by a mirror across the body's middle


def swapped(sequence: SmplxSequence, *, what: str, rows: slice) -> SmplxSequence:
    """The sequence with left and right exchanged in `rows`: legs, arms (with hands), or the whole body."""
    if what not in WHAT:
        raise SequenceError(f"what to swap: expected {', '.join(WHAT)}, got {what!r}")
    count = len(sequence)
    poses = sequence.poses.reshape(count, JOINT_COUNT, 3).astype(np.float64)
    rest = sequence.rest_joints.astype(np.float64)
    pelvis = rest[0] + sequence.trans[rows].astype(np.float64)
    here = poses[rows]
    if what == "body":
        poses[rows] = _in_depth(sequence, rows, here, pelvis)
    else:
        local = matrix_from_axis_angle(here)
        joints, world = forward(local, pelvis, rest)
        _exchange(local, joints, world, here, rest, what.removesuffix("s"))
        poses[rows] = axis_angle_from_matrix(local)
    contact = np.array(sequence.contact)
    if what != "arms":
        contact[rows] = contact[rows][:, [2, 3, 0, 1]]
    sigma = np.array(sequence.sigma)
    sigma[rows] = sigma[rows][:, _order(what)]
    return with_motion(sequence, poses=poses, contact=contact, sigma=sigma)


def _order(what: str) -> list[int]:
    """Index (55,) that exchanges the joints that `what` exchanges."""
    legs = {INDEX[f"{s}_{n}"] for s in ("left", "right") for n in ("hip", "knee", "ankle", "foot")}
    order = []
    for joint in range(JOINT_COUNT):
        is_leg = joint in legs
        moves = what == "body" or (what == "legs") == is_leg
        order.append(MIRROR[joint] if moves else joint)
    return order


def _in_depth(sequence: SmplxSequence, rows: slice, poses: Array, pelvis: Array) -> Array:
    """Poses (n, 55, 3) of the mirror image about an upright plane through the pelvis, across the view."""
    camera = np.asarray(sequence.world_from_camera, dtype=np.float64)
    camera = camera[rows] if camera.ndim == 3 else np.broadcast_to(camera, (len(poses), 4, 4))
    away = (pelvis - camera[:, :3, 3]) * _LEVEL
    # Seen from straight above, the way the picture's top points is as good as any.
    overhead = np.linalg.norm(away, axis=-1, keepdims=True) < 1e-3
    away = np.where(overhead, -camera[:, :3, 1] * _LEVEL, away)
    away /= np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
    mirror = np.eye(3) - 2.0 * away[:, :, None] * away[:, None, :]
    out = poses[:, list(MIRROR)] * _MIRRORED
    root = matrix_from_axis_angle(poses[:, 0])
    out[:, 0] = axis_angle_from_matrix(mirror @ root @ np.diag([-1.0, 1.0, 1.0]))
    return np.asarray(out)


def _exchange(new: Array, joints: Array, world: Array, poses: Array, rest: Array, kind: str) -> None:
    """Bring both limbs of a kind to where the other one was; `new` (n, 55, 3, 3) is changed."""
    names = _CHAINS[kind]
    for side, other in (("left", "right"), ("right", "left")):
        upper, middle, end = (INDEX[f"{side}_{name}"] for name in names[:3])
        theirs = [INDEX[f"{other}_{name}"] for name in names[:3]]
        root = joints[:, upper]
        knee = _bent(root, joints[:, theirs[1]], joints[:, theirs[2]], _lengths(rest, upper, middle, end))
        turn_upper = _pointing(world[:, theirs[0]] @ _HINGE[kind], rest[middle] - rest[upper], knee[0] - root)
        turn_lower = _pointing(
            world[:, theirs[1]] @ _HINGE[kind], rest[end] - rest[middle], knee[1] - knee[0]
        )
        parent = world[:, PARENTS[upper]]
        new[:, upper] = np.swapaxes(parent, -1, -2) @ turn_upper
        new[:, middle] = np.swapaxes(turn_upper, -1, -2) @ turn_lower
        # Foot, toes, hand and fingers stand to the limb as the other's did, mirrored.
        far = [end, *_below(end)]
        new[:, far] = matrix_from_axis_angle(poses[:, [MIRROR[joint] for joint in far]] * _MIRRORED)


def _below(joint: int) -> list[int]:
    found = [joint]
    for k in range(joint + 1, JOINT_COUNT):
        if PARENTS[k] in found:
            found.append(k)
    return found[1:]


def _lengths(rest: Array, upper: int, middle: int, end: int) -> tuple[float, float]:
    return (
        float(np.linalg.norm(rest[middle] - rest[upper])),
        float(np.linalg.norm(rest[end] - rest[middle])),
    )


def _bent(root: Array, middle: Array, end: Array, lengths: tuple[float, float]) -> tuple[Array, Array]:
    """Knee and ankle (n, 3) of a limb from `root` that ends at `end`, or as near as it reaches."""
    a, b = lengths
    way = end - root
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    along = way / np.maximum(distance, 1e-9)
    reach = np.clip(distance, abs(a - b) + 1e-6, a + b - 1e-6)
    foot = (a**2 - b**2 + reach**2) / (2.0 * reach)
    out = np.sqrt(np.maximum(a**2 - foot**2, 0.0))
    side = middle - root
    side = side - (side * along).sum(-1, keepdims=True) * along
    side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-9)
    return root + foot * along + out * side, root + reach * along


def _pointing(turn: Array, bone: Array, way: Array) -> Array:
    """Rotations (n, 3, 3) nearest to `turn` that bring a rest bone (3,) to point along `way` (n, 3)."""
    now = turn @ (bone / np.linalg.norm(bone))
    wanted = way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    axis = np.cross(now, wanted)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (now * wanted).sum(-1, keepdims=True))
    return np.asarray(matrix_from_axis_angle(axis / np.maximum(sine, 1e-12) * angle) @ turn)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right exchanged over a range, where the capture took one for the other.

Not a mirror image: the left leg goes where the right one was, on its own hip, with its knee
where the other knee was. Exchanging the body also turns the trunk about, since the one
whose left hip is where the right one was faces the other way; the head, which a face
tells apart, stays as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import BODY_JOINT_COUNT, INDEX, JOINT_COUNT, MIRROR, PARENTS
from .rows import with_motion

Array = NDArray[np.float64]

WHAT = ("legs", "arms", "body")
_ABOUT = np.diag([-1.0, 1.0, -1.0])  # half a turn about the vertical
_HINGE = {
    # From one side's rest to the other's, so that the bone points as the other did and bends the same way.
    "leg": np.eye(3),
    "arm": np.diag([-1.0, -1.0, 1.0]),
}
_CHAINS = {"leg": ("hip", "knee", "ankle", "foot"), "arm": ("shoulder", "elbow", "wrist", None)}
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
    local = matrix_from_axis_angle(here)
    joints, world = forward(local, pelvis, rest)
    new = local.copy()
    if what == "body":
        new = _turned_about(new, world)
    for kind in ("leg", "arm"):
        if what in (f"{kind}s", "body"):
            _exchange(new, joints, world, here, pelvis, rest, kind)
    poses[rows] = axis_angle_from_matrix(new)
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


def _turned_about(local: Array, world: Array) -> Array:
    """The trunk faces the other way, where it is and as bent as it was; neck and head stay in the room."""
    out = local.copy()
    trunk = [INDEX[name] for name in ("spine1", "spine2", "spine3")]
    out[:, 0] = local[:, 0] @ _ABOUT
    for joint in trunk:
        out[:, joint] = _ABOUT @ local[:, joint] @ _ABOUT
    for side, other in (("left", "right"), ("right", "left")):
        # The collar that was the other one: half a turn takes one side's to the other's.
        mine, theirs = INDEX[f"{side}_collar"], INDEX[f"{other}_collar"]
        out[:, mine] = _ABOUT @ local[:, theirs] @ _ABOUT
    neck = INDEX["neck"]
    chest = world[:, INDEX["spine3"]] @ _ABOUT
    out[:, neck] = np.swapaxes(chest, -1, -2) @ world[:, neck]
    return out


def _exchange(
    new: Array, joints: Array, world: Array, poses: Array, pelvis: Array, rest: Array, kind: str
) -> None:
    """Bring both limbs of a kind to where the other one was; `new` (n, 55, 3, 3) is changed."""
    placed, turned = forward(new[:, :BODY_JOINT_COUNT], pelvis, rest)
    names = _CHAINS[kind]
    for side, other in (("left", "right"), ("right", "left")):
        upper, middle, end = (INDEX[f"{side}_{name}"] for name in names[:3])
        theirs = [INDEX[f"{other}_{name}"] for name in names[:3]]
        root = placed[:, upper]
        knee = _bent(root, joints[:, theirs[1]], joints[:, theirs[2]], _lengths(rest, upper, middle, end))
        turn_upper = _pointing(world[:, theirs[0]] @ _HINGE[kind], rest[middle] - rest[upper], knee[0] - root)
        turn_lower = _pointing(
            world[:, theirs[1]] @ _HINGE[kind], rest[end] - rest[middle], knee[1] - knee[0]
        )
        parent = turned[:, PARENTS[upper]]
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

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands do not go through each other, nor through face and trunk, nor fingers through fingers.

How far a hand is from the camera is what a picture tells least, so where two things are in one
place the hands give way as a whole, by a small turn of shoulder and elbow that leaves the
palm facing as it did; a hand before face or trunk goes towards the camera, which saw it. Then
fingers of one hand bend and spread away from each other. Everything is capsules, moved until they
touch and no further, so fingertips that touch go on touching.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ...kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle, skew
from ...skeleton import INDEX, LEFT_HAND, RIGHT_HAND
from .capsules import Capsules, closest, hand_capsules, placed, trunk_capsules

Array = NDArray[np.float64]

_NEAR = 0.30  # metres from wrist to wrist, times the person's size: hands further apart do not touch
_SLACK = 0.001  # metres that skin gives
_ROUNDS, _PASSES = 10, 4
_BEHIND = 2.5  # how much dearer it is to leave away from the camera
_PALM = ("wrist", "index1", "middle1", "pinky1")
_CALM, _EASE = 3.0, 2  # frames over which a way out turns, and over which a hand begins to give way
_FARTHEST = 0.20  # metres that a hand is moved at most
_OWN_ROUNDS = 8
_OWN_SLACK = 0.002
_REACH_ROUNDS = 4
_GROUP = 3000  # frames whose capsules are held in memory


def part_hands(poses: Array, pelvis: Array, rest: Array, *, seen: Array, size: float) -> None:
    """Move arms and fingers of poses (T, 55, 3), in place, so that nothing goes through a hand.

    pelvis (T, 3) camera frame, rest (55, 3), seen (T, 2) how surely each hand was seen: a hand that
    was seen is before the trunk. size: the person as a share of the template.
    """
    # Where neither hand was ever seen, nothing is known of what they touch.
    rows = _close(poses, pelvis, rest, size) if (seen > 0).any() else np.zeros(0, np.int64)
    arms = [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow", "wrist")]
    changed = [*arms, *range(LEFT_HAND.start, RIGHT_HAND.stop)]
    for part in _at_once(rows):
        local = matrix_from_axis_angle(poses[part])
        _part_fingers(local, rest, size)
        reach(local, pelvis[part], rest, _moves(local, pelvis[part], rest, part, seen[part], size))
        poses[np.ix_(part, changed)] = axis_angle_from_matrix(local[:, changed])


def _at_once(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Frames in groups of at most `_GROUP`, that cut no run of neighbours unless it is longer than that."""
    groups, begin = [], 0
    while begin < len(rows):
        end = min(begin + _GROUP, len(rows))
        gaps = np.flatnonzero(np.diff(rows[begin : end + 1]) > 1)
        if end < len(rows) and len(gaps):
            end = begin + int(gaps[-1]) + 1
        groups.append(rows[begin:end])
        begin = end
    return groups


def deepest(poses: Array, pelvis: Array, rest: Array, *, size: float) -> Array:
    """How deep (T,) anything goes through a hand, metres; 0 where nothing does."""
    local = matrix_from_axis_angle(poses)
    joints, world = forward(local, pelvis, rest)
    pairs = [_pairs(joints, world, left, size)[0].max(axis=1) for left in (None, True, False)]
    own = [_own_pairs(joints, world, left, size)[0].max(axis=1) for left in (True, False)]
    return np.asarray(np.maximum(0.0, np.max([*pairs, *own], axis=0)))


def _close(poses: Array, pelvis: Array, rest: Array, size: float) -> NDArray[np.int64]:
    """Frames in which a hand may touch something of another part, or its own fingers each other."""
    out = []
    for start in range(0, len(poses), 2000):
        block = slice(start, start + 2000)
        joints, world = forward(matrix_from_axis_angle(poses[block]), pelvis[block], rest)
        wrists = [joints[:, INDEX[f"{side}_middle1"]] for side in ("left", "right")]
        near = np.linalg.norm(wrists[0] - wrists[1], axis=-1) < _NEAR * size
        ends, radius = placed(trunk_capsules(), joints, world, size=size)
        for wrist in wrists:
            point = np.repeat(wrist[:, None, None], 2, axis=2)
            a, b = closest(point, ends)
            near |= (np.linalg.norm(a - b, axis=-1) - radius < 0.6 * _NEAR * size).any(axis=1)
        for left in (True, False):
            near |= _own_pairs(joints, world, left, size)[0].max(axis=1) > _OWN_SLACK
        out.append(start + np.flatnonzero(near))
    return np.concatenate(out) if out else np.zeros(0, np.int64)


def _pairs(joints: Array, world: Array, left: bool | None, size: float) -> tuple[Array, Array]:
    """Depths (T, N) and directions (T, N, 3), metres: out of what the hand goes through.

    left None: of the left hand out of the right one; else of a hand out of head and trunk.
    """
    mine, mine_radius = placed(hand_capsules(left=left is not False), joints, world, size=size)
    other = hand_capsules(left=False) if left is None else trunk_capsules()
    ends, radius = placed(other, joints, world, size=size)
    a, b = closest(mine[:, :, None], ends[:, None])
    apart = a - b
    distance = np.linalg.norm(apart, axis=-1)
    depth = mine_radius[:, None] + radius - distance
    direction = apart / np.maximum(distance, 1e-9)[..., None]
    count = len(joints)
    return depth.reshape(count, -1), direction.reshape(count, -1, 3)


def _moves(
    local: Array, pelvis: Array, rest: Array, rows: NDArray[np.int64], seen: Array, size: float
) -> Array:
    """How far (T, 2, 3) the left and the right hand are to be moved to be clear of everything.

    rows (T,) are the frames' numbers: a way out is chosen for a whole run of them, so that a
    hand does not leave by another side from one frame to the next.
    """
    joints, world = forward(local, pelvis, rest)
    runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) > 1) + 1)
    move = np.zeros((len(rows), 2, 3))
    for which in (True, False, None) * _PASSES:
        hands = np.array([0.5, -0.5]) if which is None else np.array([float(which), float(not which)])
        depth = _pairs(_shifted(joints, move), world, which, size)[0].max(axis=1)
        shown = (seen > 0).any(axis=1) if which is None else seen[:, 0 if which else 1] > 0
        for run in runs:
            if depth[run].max() > _SLACK and shown[run].any():
                there = _shifted(joints[run], move[run])
                ways = _ways(there, world[run], which, seen[run])
                out = _way_out(there, world[run], which, ways, hands, size)
                move[run] += out[:, None] * hands[:, None]
    length = np.linalg.norm(move, axis=-1, keepdims=True)
    return np.asarray(move * np.minimum(1.0, _FARTHEST / np.maximum(length, 1e-9)))


def _ways(joints: Array, world: Array, which: bool | None, seen: Array) -> list[tuple[Array, float]]:
    """Directions (T, 3) in which a hand may leave, each changing slowly, and how dear a metre is."""
    middle = [
        joints[:, [INDEX[f"{side}_{name}"] for name in _PALM]].mean(axis=1) for side in ("left", "right")
    ]
    camera = np.broadcast_to([0.0, 0.0, -1.0], (len(joints), 3))
    if which is None:
        apart = middle[0] - middle[1]
        # Palms face along -y of their wrists; a right palm that faces a left one lies opposite.
        facing = world[:, INDEX["left_wrist"], :, 1] - world[:, INDEX["right_wrist"], :, 1]
        facing = facing * _sign((facing * apart).sum(axis=-1))
        ways = [_steady(apart), _steady(facing), camera * _sign(-apart[:, 2])]
        return [(way, 1.0) for way in ways]
    hand, side = (0, "left") if which else (1, "right")
    back = world[:, INDEX[f"{side}_wrist"], :, 1]
    core = joints[:, [INDEX["head"], INDEX["spine3"], INDEX["spine1"]]]
    apart = middle[hand][:, None] - core
    nearest = np.linalg.norm(apart, axis=-1).argmin(axis=1)
    outward = apart[np.arange(len(apart)), nearest]
    back = back * _sign((back * outward).sum(axis=-1))
    ways = [_steady(outward), _steady(back)]
    if (seen[:, hand] > 0).mean() <= 0.5:
        return [(way, 1.0) for way in [camera, *ways]]
    # The camera saw the hand, so it is hardly behind what it would hide behind: only where the way
    # out there is much the shorter one, as on the back of a head.
    ahead = [_steady(np.column_stack([way[:, :2], -np.abs(way[:, 2])])) for way in ways]
    return [(camera, 1.0), *((way, 1.0) for way in ahead), (ways[0], _BEHIND)]


def _sign(agreement: Array) -> float:
    return 1.0 if float(np.median(agreement)) >= 0.0 else -1.0


def _steady(ways: Array) -> Array:
    calm = gaussian_filter1d(ways, _CALM, axis=0, mode="nearest")
    return np.asarray(calm / np.maximum(np.linalg.norm(calm, axis=-1, keepdims=True), 1e-9))


def _way_out(
    joints: Array,
    world: Array,
    which: bool | None,
    ways: list[tuple[Array, float]],
    hands: Array,
    size: float,
) -> Array:
    """Of a run's ways the shortest that leads out: (T, 3) metres, eased in and out."""
    best, shortest = np.zeros((len(joints), 3)), np.inf
    for way, price in ways:
        length = np.zeros(len(joints))
        for _ in range(_ROUNDS):
            moved = _shifted(joints, (length[:, None] * way)[:, None] * hands[:, None])
            depth = _pairs(moved, world, which, size)[0].max(axis=1)
            deep = np.maximum(depth - _SLACK, 0.0)
            if deep.max() == 0.0:
                break
            # What goes on being deep lies across the way: take longer steps.
            length += 1.3 * deep + np.where(deep > 0.0, 0.0005, 0.0)
        # A way that swings round within the run would throw the hand about.
        bent = np.diff(length[:, None] * way, 2, axis=0)
        cost = float(price * length.max() + 20.0 * deep.max() + 5.0 * np.abs(bent).max(initial=0.0))
        if cost < shortest:
            shortest = cost
            wide = maximum_filter1d(length, 2 * _EASE + 1, mode="nearest")
            best = gaussian_filter1d(wide, _EASE / 2, mode="nearest")[:, None] * way
    return best


def _shifted(joints: Array, move: Array) -> Array:
    out = joints.copy()
    for hand, (side, part) in enumerate((("left", LEFT_HAND), ("right", RIGHT_HAND))):
        out[:, INDEX[f"{side}_wrist"]] += move[:, hand]
        out[:, part] += move[:, hand, None]
    return out


def reach(local: Array, pelvis: Array, rest: Array, move: Array) -> None:
    """Turn shoulders and elbows as little as moves the wrists by move (T, 2, 3); palms face as before."""
    joints, world = forward(local, pelvis, rest)
    for hand, side in enumerate(("left", "right")):
        shoulder, elbow, wrist = (INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        goal = joints[:, wrist] + move[:, hand]
        facing = world[:, wrist].copy()
        places, turns = joints, world
        for _ in range(_REACH_ROUNDS):
            left_over = goal - places[:, wrist]
            levers = np.concatenate(
                [-skew(places[:, wrist] - places[:, shoulder]), -skew(places[:, wrist] - places[:, elbow])],
                axis=-1,
            )
            normal = levers @ np.swapaxes(levers, -1, -2) + 1e-4 * np.eye(3)
            turn = (np.swapaxes(levers, -1, -2) @ np.linalg.solve(normal, left_over[..., None]))[..., 0]
            turn = np.clip(turn, -0.3, 0.3)
            for joint, part in ((shoulder, turn[:, :3]), (elbow, turn[:, 3:])):
                # A turn in the camera's axes, written in the joint's own.
                own = np.einsum("tji,tj->ti", turns[:, joint], part)
                local[:, joint] = local[:, joint] @ matrix_from_axis_angle(own)
            places, turns = forward(local, pelvis, rest)
        local[:, wrist] = np.swapaxes(turns[:, elbow], -1, -2) @ facing


def _own_index(capsules: Capsules) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of bars of one hand that can meet: of two fingers; but not two knuckles' bones."""
    first, second = np.triu_indices(15, k=1)
    other = capsules.finger[first] != capsules.finger[second]
    # First bones of neighbours share the flesh between them.
    webbed = (capsules.bone[first] == 0) & (capsules.bone[second] == 0)
    keep = other & ~webbed
    return first[keep], second[keep]


def _own_pairs(joints: Array, world: Array, left: bool, size: float) -> tuple[Array, Array, Array, Array]:
    """Depths (T, N), directions (T, N, 3) of the first out of the second, and the two nearest places."""
    capsules = hand_capsules(left=left)
    ends, radius = placed(capsules, joints, world, size=size)
    first, second = _own_index(capsules)
    a, b = closest(ends[:, first], ends[:, second])
    distance = np.linalg.norm(a - b, axis=-1)
    depth = radius[first] + radius[second] - distance
    return depth, (a - b) / np.maximum(distance, 1e-9)[..., None], a, b


def _part_fingers(local: Array, rest: Array, size: float) -> None:
    """Bend and spread fingers of one hand out of each other, in place.

    Each round takes every frame's deepest pair and turns the joints of both fingers by the
    least that parts them. A hinge turns about its own axis only.
    """
    for left in (True, False):
        capsules = hand_capsules(left=left)
        first, second = _own_index(capsules)
        for _ in range(_OWN_ROUNDS):
            joints, world = forward(local, np.zeros((len(local), 3)), rest)
            depth, direction, a, b = _own_pairs(joints, world, left, size)
            frames = np.flatnonzero(depth.max(axis=1) > _OWN_SLACK)
            if not len(frames):
                break
            worst = depth[frames].argmax(axis=1)
            push = depth[frames, worst] - 0.5 * _OWN_SLACK
            way = direction[frames, worst]
            _turn_fingers(local, joints, world, frames, capsules, first[worst], a[frames, worst], push, way)
            _turn_fingers(local, joints, world, frames, capsules, second[worst], b[frames, worst], push, -way)


def _turn_fingers(
    local: Array,
    joints: Array,
    world: Array,
    frames: NDArray[np.int64],
    capsules: Capsules,
    bars: NDArray[np.int64],
    places: Array,
    push: Array,
    way: Array,
) -> None:
    """Move places (F, 3) on bars (F,) by half of push (F,) along way (F, 3), by their knuckles."""
    knuckle = capsules.joint[bars, 0] - capsules.bone[bars]
    lever = places - joints[frames, knuckle]
    # The knuckle alone: it bends and spreads; turning about the finger's length does nothing.
    across = np.cross(lever, way)
    size = np.maximum((across**2).sum(axis=-1), 0.012**2)
    turn = across * (0.5 * push / size)[:, None]
    own = np.einsum("tji,tj->ti", world[frames, knuckle], turn)
    local[frames, knuckle] = local[frames, knuckle] @ matrix_from_axis_angle(np.clip(own, -0.25, 0.25))

# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of the sample clip, written by hand: splines, and legs solved so that feet stay put.

Four seconds: stand, step to the side, raise the left arm and wave, turn the torso and reach,
half a squat with both arms out, come up and relax. World frame: +Y up, floor at y = 0, the
person faces +Z, +X is the person's left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ..inference.skeleton import INDEX, JOINT_COUNT, MIRROR, rest_joints

Array = NDArray[np.float64]

FPS = 30.0
FRAMES = 120
_REACH = 0.9985  # a leg is never straighter than this part of its length: no snapping knees
_FLIP = np.array([1.0, -1.0, -1.0])  # an axis-angle vector, seen in a mirror across x = 0


def times() -> Array:
    """Seconds (FRAMES,) of the frames."""
    return np.arange(FRAMES) / FPS


def motion() -> tuple[Array, Array, Array]:
    """poses (T, 55, 3) axis-angle, trans (T, 3) metres, contact (T, 4) as in `SmplxSequence`."""
    t = times()
    rest = rest_joints()
    local = np.tile(np.eye(3), (len(t), JOINT_COUNT, 1, 1))
    _torso(t, local)
    _arms(t, local)
    _hands(t, local)
    pelvis, contact = _legs(t, local, rest)
    return axis_angle_from_matrix(local), pelvis - rest[0], contact


def expressions() -> dict[str, Array]:
    """ARKit coefficients (T,) by name: a smile during the wave, two blinks."""
    t = times()
    smile = _curve(t, (0.0, 0.1), (0.8, 0.15), (1.3, 0.7), (2.1, 0.6), (2.8, 0.15), (4.0, 0.15))
    blink = np.maximum(np.exp(-(((t - 0.55) / 0.05) ** 2)), np.exp(-(((t - 2.35) / 0.05) ** 2)))
    brow = _curve(t, (0.0, 0.0), (1.0, 0.0), (1.3, 0.5), (2.0, 0.1), (4.0, 0.0))
    return {
        "mouthSmileLeft": smile, "mouthSmileRight": smile, "cheekSquintLeft": 0.5 * smile,
        "cheekSquintRight": 0.5 * smile, "eyeBlinkLeft": blink, "eyeBlinkRight": blink, "browInnerUp": brow,
    }  # fmt: skip


def _curve(t: Array, *keys: tuple[float, ...]) -> Array:
    """A smooth curve through (time, value...) keys that never overshoots them. (T,) or (T, n)."""
    table = np.array(keys, dtype=np.float64)
    values = table[:, 1] if table.shape[1] == 2 else table[:, 1:]
    return np.asarray(PchipInterpolator(table[:, 0], values)(np.clip(t, table[0, 0], table[-1, 0])))


def _turn(axis: int, angle: Array | float) -> Array:
    """Rotation matrices about a coordinate axis, angles in degrees."""
    vector = np.zeros((*np.shape(angle), 3))
    vector[..., axis] = np.radians(angle)
    return matrix_from_axis_angle(vector)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _pelvis_angles(t: Array) -> tuple[Array, Array, Array]:
    """Yaw to the person's left, lean forward, side tilt (towards the person's right), in degrees."""
    yaw = _curve(t, (0, -8), (0.5, -8), (1.0, -2), (1.8, 0), (2.3, 14), (2.7, 10), (3.1, 0), (4, 2))
    lean = _curve(t, (0, 1), (1.9, 1), (2.5, 4), (3.05, 20), (3.2, 20), (3.75, 1), (4, 0))
    tilt = _curve(t, (0, 0), (0.45, 3), (0.75, 4), (1.1, -3), (1.8, -3), (2.4, 0), (4, 0))
    return yaw, lean, tilt


def _torso(t: Array, local: Array) -> None:
    yaw, lean, tilt = _pelvis_angles(t)
    local[:, 0] = _turn(1, yaw) @ _turn(0, lean) @ _turn(2, tilt)
    twist = _curve(t, (0, 0), (0.8, 2), (1.2, -6), (1.8, -4), (2.3, 22), (2.55, 20), (3.0, 0), (4, 0))
    bend = _curve(t, (0, 1), (1.1, 0), (1.9, 1), (2.4, 4), (3.1, 5), (3.7, 1), (4, 1)) + 0.5 * np.sin(
        2 * np.pi * t / 3.2
    )
    side = -tilt + _curve(t, (0, 0), (0.9, 0), (1.3, -5), (1.8, -5), (2.3, 0), (4, 0))
    for name, share in (("spine1", 0.3), ("spine2", 0.35), ("spine3", 0.35)):
        local[:, INDEX[name]] = _turn(1, share * twist) @ _turn(0, share * bend) @ _turn(2, share * side)
    look = _curve(t, (0, 10), (0.4, 8), (1.0, 4), (1.8, 2), (2.25, 12), (2.6, 8), (3.0, 0), (4, -4))
    nod = _curve(t, (0, 4), (0.6, 10), (1.1, -1), (1.9, 0), (2.4, 6), (3.1, -16), (3.7, 0), (4, 1))
    roll = _curve(t, (0, 0), (0.9, 0), (1.3, 6), (1.8, 4), (2.3, 0), (4, 0))
    for name in ("neck", "head"):
        local[:, INDEX[name]] = _turn(1, 0.5 * look) @ _turn(0, 0.5 * nod) @ _turn(2, 0.5 * roll)
    jaw = _curve(t, (0, 0), (1.1, 0), (1.35, 5), (1.5, 2), (1.7, 4.5), (2.0, 0.5), (4, 0))
    local[:, INDEX["jaw"]] = _turn(0, jaw)


# Directions of upper arm and forearm in the chest's frame, and the forearm's twist in degrees
# (thumb forward to thumb back is positive), as if each were the left arm: +x is outward.
_LEFT_ARM = (
    (0.0, 0.17, -0.98, -0.04, 0.16, -0.95, 0.24, 5),
    (0.6, 0.18, -0.98, -0.08, 0.16, -0.93, 0.30, 5),
    (0.85, 0.42, -0.86, 0.10, 0.35, -0.45, 0.72, 10),
    (1.05, 0.80, -0.38, 0.32, 0.32, 0.55, 0.66, 12),
    (1.22, 0.88, -0.05, 0.38, 0.22, 0.95, 0.22, 8),
    (1.80, 0.88, -0.05, 0.38, 0.22, 0.95, 0.22, 8),
    (2.02, 0.78, -0.40, 0.45, 0.20, 0.55, 0.75, 0),
    (2.30, 0.42, -0.72, 0.50, 0.30, -0.20, 0.90, 0),
    (2.60, 0.30, -0.82, 0.42, 0.18, -0.30, 0.90, 0),
    (3.05, 0.22, 0.14, 0.96, -0.02, 0.30, 0.95, -10),
    (3.22, 0.22, 0.14, 0.96, -0.02, 0.30, 0.95, -10),
    (3.55, 0.20, -0.85, 0.40, 0.12, -0.60, 0.72, 0),
    (3.85, 0.17, -0.98, -0.02, 0.15, -0.94, 0.28, 5),
    (4.0, 0.17, -0.98, -0.04, 0.15, -0.95, 0.25, 5),
)
_RIGHT_ARM = (
    (0.0, 0.17, -0.98, -0.06, 0.15, -0.95, 0.22, 5),
    (0.7, 0.22, -0.97, 0.02, 0.20, -0.92, 0.30, 5),
    (1.2, 0.20, -0.97, -0.12, 0.18, -0.93, 0.28, 5),
    (1.9, 0.20, -0.96, -0.05, 0.16, -0.88, 0.40, 5),
    (2.2, 0.25, -0.72, 0.62, 0.05, -0.12, 0.98, -5),
    (2.40, 0.10, -0.35, 0.93, -0.10, 0.10, 0.98, -15),
    (2.60, 0.12, -0.40, 0.90, -0.06, 0.02, 0.98, -15),
    (3.05, 0.22, 0.14, 0.96, -0.02, 0.30, 0.95, -10),
    (3.25, 0.22, 0.14, 0.96, -0.02, 0.30, 0.95, -10),
    (3.60, 0.22, -0.88, 0.35, 0.14, -0.68, 0.66, 0),
    (3.88, 0.18, -0.98, -0.02, 0.16, -0.94, 0.26, 5),
    (4.0, 0.17, -0.98, -0.05, 0.15, -0.95, 0.24, 5),
)


def _arms(t: Array, local: Array) -> None:
    wave_on = _curve(t, (1.1, 0), (1.25, 1), (1.72, 1), (1.9, 0))
    wave = wave_on * np.sin(2 * np.pi * 2.4 * (t - 1.2))
    lag = wave_on * np.sin(2 * np.pi * 2.4 * (t - 1.2) - 0.9)
    _arm(t, local, "left", _LEFT_ARM, 0.30 * wave, 16 * lag)
    _arm(t, local, "right", _RIGHT_ARM, np.zeros_like(t), np.zeros_like(t))


def _arm(
    t: Array, local: Array, side: str, keys: Sequence[tuple[float, ...]], sway: Array, hand: Array
) -> None:
    """Rotations of collar, shoulder, elbow and wrist that point the arm along the keys."""
    table = _curve(t, *keys)
    upper, fore, twist = _unit(table[:, :3]), table[:, 3:6].copy(), table[:, 6]
    fore[:, 0] += sway
    fore = _unit(fore)
    # The shoulder blade follows an arm above 30 degrees of elevation, about one part in three.
    elevation = np.degrees(np.arccos(np.clip(-upper[:, 1], -1, 1)))
    collar = _turn(2, 0.3 * np.maximum(elevation - 30, 0)) @ _turn(1, -12 * upper[:, 2])
    hinge = _unit(np.cross(upper, fore))
    shoulder = np.stack([upper, -hinge, np.cross(upper, -hinge)], axis=-1)
    bend = np.degrees(np.arccos(np.clip((upper * fore).sum(-1), -1, 1)))
    wrist = _turn(0, 0.5 * twist) @ _turn(1, -hand)
    joints = {
        "collar": collar,
        "shoulder": collar.swapaxes(-1, -2) @ shoulder,
        "elbow": _turn(1, -bend) @ _turn(0, 0.5 * twist),
        "wrist": wrist,
    }
    for name, rotation in joints.items():
        if side == "right":
            rotation = matrix_from_axis_angle(axis_angle_from_matrix(rotation) * _FLIP)
        local[:, INDEX[f"{side}_{name}"]] = rotation


def _hands(t: Array, local: Array) -> None:
    open_left = _curve(
        t, (0, 0.1), (0.9, 0.1), (1.2, 1), (1.9, 1), (2.2, 0.2), (2.8, 0.3), (3.1, 0.8), (4, 0.15)
    )
    open_right = _curve(t, (0, 0.15), (1.9, 0.1), (2.3, 0.9), (2.6, 0.7), (3.1, 0.85), (3.6, 0.2), (4, 0.1))
    for side, amount in (("left", open_left), ("right", open_right)):
        for finger, order in (("index", 0.0), ("middle", 0.33), ("ring", 0.67), ("pinky", 1.0)):
            spread = amount * np.interp(order, (0, 1), (5, -9))
            for knuckle, curl in enumerate((26, 34, 22), start=1):
                angle = curl * (1 + 0.35 * order) * (1 - 0.92 * amount)
                rotation = _turn(2, -angle)
                if knuckle == 1:
                    rotation = _turn(1, -spread) @ rotation
                _finger(local, side, f"{finger}{knuckle}", rotation)
        _finger(local, side, "thumb1", _turn(1, 8 * (1 - amount) - 6 * amount))
        _finger(local, side, "thumb2", _turn(1, 14 * (1 - amount)))
        _finger(local, side, "thumb3", _turn(1, 12 * (1 - amount)))


def _finger(local: Array, side: str, name: str, rotation: Array) -> None:
    joint = INDEX[f"left_{name}"]
    if side == "right":
        rotation = matrix_from_axis_angle(axis_angle_from_matrix(rotation) * _FLIP)
        joint = MIRROR[joint]
    local[:, joint] = rotation


def _legs(t: Array, local: Array, rest: Array) -> tuple[Array, Array]:
    """Leg rotations with planted feet. Returns the pelvis' places (T, 3) and contacts (T, 4)."""
    # Ball of the foot: where it stands and goes, its turn, how far the heel lifts (degrees).
    lift = _curve(t, (0, 0), (0.55, 0), (0.80, 1), (1.05, 0), (4, 0))
    feet = {
        "left": (
            _curve(t, (0, 0.10), (0.55, 0.10), (1.05, 0.235), (4, 0.235)),
            _curve(t, (0, 0.06), (0.55, 0.06), (1.05, 0.17), (4, 0.17)),
            _curve(t, (0, 4), (0.55, 4), (1.05, 14), (4, 14)),
            _curve(t, (0, 0), (0.42, 0), (0.6, 20), (0.75, 12), (0.95, -8), (1.08, 0), (4, 0)),
            0.075 * lift,
        ),
        "right": (
            np.full_like(t, -0.115),
            np.full_like(t, 0.10),
            np.full_like(t, -10.0),
            np.zeros_like(t),
            np.zeros_like(t),
        ),
    }
    shift = _curve(
        t, (0, -0.01), (0.5, -0.075), (0.75, -0.06), (1.15, 0.12), (1.8, 0.12), (2.4, 0.06), (4, 0.06)
    )
    forward_ = _curve(
        t, (0, 0), (0.55, 0), (1.15, 0.055), (2.5, 0.04), (3.1, -0.10), (3.25, -0.10), (3.8, 0.03), (4, 0.03)
    )
    drop = _curve(
        t,
        (0, 0.004),
        (0.8, 0.012),
        (1.3, 0.006),
        (2.1, 0.006),
        (2.45, 0.03),
        (3.07, 0.24),
        (3.2, 0.24),
        (3.75, 0.012),
        (4, 0.008),
    )
    pelvis = np.stack([shift, rest[0, 1] - drop, forward_], axis=-1)

    ankles, toes, soles = {}, {}, {}
    for side, (x, z, turn, heel, height) in feet.items():
        ankle, ball = rest[INDEX[f"{side}_ankle"]], rest[INDEX[f"{side}_foot"]]
        soles[side] = _turn(1, turn) @ _turn(0, heel)
        place = np.stack([x, ball[1] + height + 0.02 * np.maximum(-heel, 0) / 10, z], axis=-1)
        ankles[side] = place + soles[side] @ (ankle - ball)
        toes[side] = _turn(0, -np.maximum(heel, 0) * (1 - lift if side == "left" else 1))
    for side in feet:
        pelvis[:, 1] = np.minimum(pelvis[:, 1], _highest(pelvis, local[:, 0], ankles[side], side, rest))
    # The floor's corner in that limit would be a kink in the hips: round it off.
    kernel = np.hanning(9) / np.hanning(9).sum()
    pelvis[:, 1] = np.convolve(np.pad(pelvis[:, 1], 4, mode="edge"), kernel, mode="valid") - 0.001
    for side in feet:
        _leg(local, side, pelvis, ankles[side], soles[side], feet[side][2], rest)
        local[:, INDEX[f"{side}_foot"]] = toes[side]
    planted = (t <= 0.55) | (t >= 1.08)  # the step's keys above
    contact = np.ones((len(t), 4))
    contact[:, 0] = planted & (feet["left"][3] < 0.5)
    contact[:, 1] = planted
    return pelvis, contact


def _highest(pelvis: Array, turn: Array, ankle: Array, side: str, rest: Array) -> Array:
    """The height (T,) of the pelvis at which this leg is as straight as it may be."""
    hip = pelvis + turn @ (rest[INDEX[f"{side}_hip"]] - rest[0])
    knee = rest[INDEX[f"{side}_knee"]]
    length = np.linalg.norm(knee - rest[INDEX[f"{side}_hip"]]) + np.linalg.norm(
        rest[INDEX[f"{side}_ankle"]] - knee
    )
    flat = ((hip - ankle)[:, [0, 2]] ** 2).sum(-1)
    reach = np.sqrt((_REACH * length) ** 2 - flat)
    return np.asarray(pelvis[:, 1] + ankle[:, 1] + reach - hip[:, 1])


def _leg(local: Array, side: str, pelvis: Array, ankle: Array, sole: Array, turn: Array, rest: Array) -> None:
    """Two-bone solution: hip, knee and ankle rotations that put the ankle joint on `ankle`."""
    names = [INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle")]
    j_hip, j_knee, j_ankle = names
    thigh, shank = rest[j_knee] - rest[j_hip], rest[j_ankle] - rest[j_knee]
    hip = pelvis + local[:, 0] @ (rest[j_hip] - rest[0])
    a, b = np.linalg.norm(thigh), np.linalg.norm(shank)
    line = ankle - hip
    d = np.linalg.norm(line, axis=-1)
    if (d > 0.99999 * (a + b)).any():
        raise ValueError(
            f"{side} leg: frame {int(np.argmax(d))} is out of reach by {(d - a - b).max():.4f} m"
        )
    along = line / d[:, None]
    # The knee bends towards where the foot points, half way to where the pelvis faces.
    yaw = 0.65 * turn + 0.35 * _pelvis_angles(times())[0]
    forward_dir = _turn(1, yaw) @ np.array([0.0, 0.0, 1.0])
    out = _unit(forward_dir - along * (forward_dir * along).sum(-1, keepdims=True))
    near = (a**2 - b**2 + d**2) / (2 * d)
    knee = hip + along * near[:, None] + out * np.sqrt(a**2 - near**2)[:, None]
    hinge = np.cross(out, along)  # rest: z cross -y = +x

    def frame(direction: Array, axis: Array) -> Array:
        y = -_unit(direction)
        x = _unit(axis - y * (axis * y).sum(-1, keepdims=True))
        return np.stack([x, y, np.cross(x, y)], axis=-1)

    x_axis = np.array([1.0, 0.0, 0.0])
    upper = frame(knee - hip, hinge) @ frame(thigh, x_axis).T
    lower = frame(ankle - knee, hinge) @ frame(shank, x_axis).T
    local[:, j_hip] = local[:, 0].swapaxes(-1, -2) @ upper
    local[:, j_knee] = upper.swapaxes(-1, -2) @ lower
    local[:, j_ankle] = lower.swapaxes(-1, -2) @ sole


def joints() -> tuple[Array, Array]:
    """Joint places (T, 55, 3) and world rotations (T, 55, 3, 3) of the motion."""
    poses, trans, _ = motion()
    rest = rest_joints()
    return forward(matrix_from_axis_angle(poses), rest[0] + trans, rest)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands: fingers on rendered hands with the network's own errors, wrists on a sweep, hands that meet.

The rendered hands are of other bones, sizes and poses than the numbers of the fit were read
from: the bank's other signs, other people's hands, and poses drawn within the joints' limits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.camera import rotation_to_ray
from ...inference.fit.hands import fit_hand
from ...inference.fit.hands.anatomy import JOINTS, MIRROR_TURN, anatomy
from ...inference.fit.hands.contact import deepest, part_hands
from ...inference.kinematics import axis_angle_from_matrix, forward, matrix_from_axis_angle
from ...inference.skeleton import rest_joints
from ...training.hands_rendered import FPS, Seen, bank, hand_points, make, unrendered
from ...training.hands_samples import FOREARM_ERROR, forearm_axis
from .hands_meeting import meetings
from .hands_sweep import sweep

Array = NDArray[np.float64]

BANK = "hand_bank.npz"  # of the motion folder
_CLIPS = 80
# Standard deviations along each axis, metres, and how much of them lasts.
_FLAT_ERROR, _SOLID_ERROR, _LASTS = 0.0055, np.array([0.010, 0.010, 0.017]), 0.8
_OWN_SIDE = 0.3  # a hand read as the other one by more than this is refused by the capture
_WRONG = np.radians(8.0)  # a hinge bent backwards by more than this is bent the wrong way


def measure(
    motion: Path, folder: Path, say: Callable[[str], None], *, keep: bool = False
) -> dict[str, float]:
    """The hands.* figures. Rendered hands are kept in `folder` for the next run with `keep`."""
    file = folder / "hands.npz"
    if not (keep and file.is_file()):
        make(motion, part="test", clips=_CLIPS).save(file)
    seen = Seen.load(file)
    figures = fingers(seen, say)
    alone = fingers(seen, lambda _: None, arms=False)
    figures |= {f"hands.{k}_without_arm": alone[f"hands.{k}"] for k in ("angle_deg", "tip_mm", "palm_deg")}
    figures |= {f"hands.independent_{k}": v for k, v in _independent(motion).items()}
    figures |= sweep(say)
    figures |= _penetration(say)
    return figures


def fingers(seen: Seen, say: Callable[[str], None], *, arms: bool = True) -> dict[str, float]:
    """Joint angles and fingertips in the frames in which the network found the hand.

    arms: whether the forearm's direction is known, as it is in a capture, with the body fit's error.
    """
    angle, tip, turn, wrong, jump, took, frames, taken = [], [], [], 0, [], 0.0, 0, 0
    rng = np.random.default_rng(3)
    for row in range(len(seen.left)):
        left = bool(seen.left[row])
        side = np.where(left, 1.0 - seen.rightness[row], seen.rightness[row])
        there = np.isfinite(seen.points[row, :, 0, 0]) & (side > _OWN_SIDE)
        frames += len(there)
        if not there.any():
            continue
        taken += int(there.sum())
        keypoints, points3d = as_capture(seen, row)
        begun = time.process_time()
        fit = fit_hand(
            time_s=np.arange(len(there)) / FPS,
            keypoints=keypoints,
            points3d=points3d,
            camera_K=seen.K[row],
            left=left,
            forearm=_forearm(seen, row, rng) if arms else None,
            fingers=None if seen.fingers is None else seen.fingers[row],
        )
        took += time.process_time() - begun
        truth = seen.pose[row]
        angle.append(_degrees(fit.pose, truth)[there])
        tips = [
            hand_points(matrix_from_axis_angle(pose), np.eye(3)[None], seen.rest[row], left=left)[:, 4::4]
            for pose in (fit.pose, truth)
        ]
        tip.append(1000 * np.linalg.norm(tips[0] - tips[1], axis=-1)[there])
        turned = np.swapaxes(fit.turn, -1, -2) @ seen.wrist[row]
        turn.append(np.degrees(np.linalg.norm(axis_angle_from_matrix(turned), axis=-1))[there])
        wrong += _wrong_bends(fit.pose[there], left=left)
        both = there[1:] & there[:-1]
        jump.append((_degrees(fit.pose[1:], fit.pose[:-1]) - _degrees(truth[1:], truth[:-1]))[both])
    angles, tip_mm = np.concatenate(angle), np.concatenate(tip)
    for f, name in enumerate(("thumb", "index", "middle", "ring", "pinky")):
        per = " ".join(f"{value:5.1f}" for value in angles[:, JOINTS[f]].mean(axis=0))
        say(f"hands {name:7} joints {per} deg, tip {tip_mm[:, f].mean():5.1f} mm")
    return {
        "hands.angle_deg": float(angles.mean()),
        "hands.tip_mm": float(tip_mm.mean()),
        "hands.tip_p90_mm": float(np.percentile(tip_mm, 90)),
        "hands.palm_deg": float(np.concatenate(turn).mean()),
        "hands.palm_p90_deg": float(np.percentile(np.concatenate(turn), 90)),
        "hands.wrong_bends": float(wrong),
        "hands.jump_deg": float(np.percentile(np.concatenate(jump), 99.5)),
        "hands.read": taken / frames,
        "hands.fit_ms": 1000.0 * took / frames,
    }


def _independent(motion: Path) -> dict[str, float]:
    """Angles and tips with errors as large as the network's, but of each point by itself.

    The network's errors go together over a hand: it draws a likely hand that is the wrong one.
    This is what the fit makes of errors that do not; sizes as measured on rendered hands.
    """
    rng = np.random.default_rng(5)
    poses = bank(motion, "test")
    angle, tip = [], []
    for number in range(_CLIPS):
        left = number % 2 == 0
        truth, rest, places, K = unrendered(poses, rng, left=left, frames=16)
        size = (len(truth), 21)
        lasting = [rng.normal(0.0, 1.0, (1, 21, n)) * _LASTS for n in (2, 3)]
        quick = [rng.normal(0.0, 1.0, (*size, n)) * np.sqrt(1 - _LASTS**2) for n in (2, 3)]
        own = places - places[:, :1]
        off = _FLAT_ERROR * (lasting[0] + quick[0])
        flat = (places[..., :2] + off) / places[..., 2:] * K[0, 0] + K[:2, 2]
        keypoints = np.concatenate([flat, np.ones((*size, 1))], axis=-1)
        ray = rotation_to_ray(places[:, 9, :2] / places[:, 9, 2:])
        solid = np.einsum("tji,tkj->tki", ray, own) + _SOLID_ERROR * (lasting[1] + quick[1])
        fit = fit_hand(
            time_s=np.arange(len(truth)) / FPS, keypoints=keypoints, points3d=solid, camera_K=K, left=left
        )
        angle.append(_degrees(fit.pose, truth))
        tips = [
            hand_points(matrix_from_axis_angle(pose), np.eye(3)[None], rest, left=left)[:, 4::4]
            for pose in (fit.pose, truth)
        ]
        tip.append(1000 * np.linalg.norm(tips[0] - tips[1], axis=-1))
    return {"angle_deg": float(np.mean(angle)), "tip_mm": float(np.mean(tip))}


def as_capture(seen: Seen, row: int) -> tuple[Array, Array]:
    """A clip's keypoints (T, 21, 3) and points3d (T, 21, 3), as `inference.landmarks` would give them."""
    left = bool(seen.left[row])
    side = np.where(left, 1.0 - seen.rightness[row], seen.rightness[row])
    there = np.isfinite(seen.points[row, :, 0, 0]) & (side > _OWN_SIDE)
    certainty = np.where(there, seen.presence[row] * np.minimum(1.0, 0.5 + side), 0.0)
    points = np.where(there[:, None, None], seen.points[row], 0.0)
    spread = np.broadcast_to(certainty[:, None, None], (*points.shape[:2], 1))
    return np.concatenate([points, spread], axis=-1), np.where(there[:, None, None], seen.metres[row], np.nan)


def _forearm(seen: Seen, row: int, rng: np.random.Generator) -> Array:
    """From elbow to wrist (T, 3), off by as much as the body fit's arms are, and alike over the clip."""
    side = np.full(len(seen.arm[row]), seen.left[row])
    true = np.einsum("tij,tj->ti", seen.arm[row], forearm_axis(side))
    off = true + FOREARM_ERROR * rng.normal(0.0, 1.0, 3)
    return np.asarray(off / np.linalg.norm(off, axis=1, keepdims=True))


def _degrees(first: Array, second: Array) -> Array:
    turns = np.swapaxes(matrix_from_axis_angle(first), -1, -2) @ matrix_from_axis_angle(second)
    return np.asarray(np.degrees(np.linalg.norm(axis_angle_from_matrix(turns), axis=-1)))


def _wrong_bends(pose: Array, *, left: bool) -> int:
    """Hinges of the four fingers that are bent backwards, or about another axis than their own."""
    hand = anatomy()
    pose = pose if left else pose * MIRROR_TURN
    count = 0
    for f in range(1, 5):
        for joint in (1, 2):
            turn = pose[:, JOINTS[f, joint]]
            bend = turn @ hand.axes[f, joint + 1]
            off = np.linalg.norm(turn - bend[:, None] * hand.axes[f, joint + 1], axis=-1)
            back = min(float(hand.low[f, joint + 1]), 0.0) - 1e-6
            count += int(((bend < back) | (off > _WRONG)).sum())
    return count


def _penetration(say: Callable[[str], None]) -> dict[str, float]:
    before, after, gaps = [], [], []
    rest = rest_joints()
    for name, poses, pelvis in meetings():
        first = deepest(poses, pelvis, rest, size=1.0)
        parted = poses.copy()
        part_hands(parted, pelvis, rest, seen=np.ones((len(poses), 2)), size=1.0)
        last = deepest(parted, pelvis, rest, size=1.0)
        joints = [forward(matrix_from_axis_angle(p), pelvis, rest)[0][:, 20:22] for p in (poses, parted)]
        jerk = [np.abs(np.diff(j, 2, axis=0)).max() for j in joints]
        say(
            f"hands {name:10} {1000 * first.max():5.1f} mm deep before, {1000 * last.max():4.1f} after; "
            f"a wrist's step changes by {1000 * (jerk[1] - jerk[0]):.1f} mm a frame more"
        )
        before.append(first)
        after.append(last)
        gaps.append(jerk[1] - jerk[0])
    return {
        "hands.penetration_mm": 1000 * float(np.max(np.concatenate(after))),
        "hands.penetration_before_mm": 1000 * float(np.max(np.concatenate(before))),
    }

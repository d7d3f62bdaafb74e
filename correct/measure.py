# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step did to the motion, in an animator's terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import forward_poses, in_blocks
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT, JOINT_NAMES
from .rows import runs

Array = NDArray[np.float64]

_STILL = 0.05  # metres a second: below it there is no fast motion to lose
_MOVED = 1e-5  # metres: less is rounding


@dataclass(frozen=True)
class Change:
    """How a sequence differs from what it was."""

    peak_loss: float  # share of its top speed that the joint that loses most has lost, 0 to 1
    peak_joint: str  # that joint; empty if nothing moves
    largest_m: float  # how far any joint went from where it was
    largest_joint: str
    largest_frame: int  # video frame
    frames: int  # in which any joint moved

    def line(self) -> str:
        """For the animator."""
        if not self.frames:
            return "changes nothing"
        where = f"{self.largest_joint.replace('_', ' ')}, video frame {self.largest_frame + 1}"
        lost = f"fastest motion -{self.peak_loss:.0%}, " if self.peak_joint else ""
        return f"{lost}at most {100.0 * self.largest_m:.1f} cm ({where})"


def change(before: SmplxSequence, after: SmplxSequence) -> Change:
    """Compare two sequences of the same frames."""
    count = len(before)
    old, new = _places(before), _places(after)
    apart = np.linalg.norm(new - old, axis=-1)
    # A face or a hand turned by a leaf joint moves no joint; then the rotations say where.
    frames = int((apart.max(axis=1, initial=0.0) > _MOVED).sum())
    if not frames:
        return Change(0.0, "", 0.0, "", 0, 0)
    row, joint = np.unravel_index(int(np.argmax(apart)), apart.shape)
    moved = apart.max(axis=0) > _MOVED
    top_old, top_new = _top_speed(before, old), _top_speed(after, new)
    # Only what goes fast can lose speed worth telling, and the fastest joints are what is looked at.
    counted = moved & (top_old > max(_STILL, 0.5 * float(top_old[moved].max(initial=0.0))))
    loss = np.where(counted, 1.0 - top_new / np.maximum(top_old, 1e-9), 0.0) if count > 1 else np.zeros(1)
    worst = int(np.argmax(loss))
    return Change(
        peak_loss=float(max(loss[worst], 0.0)),
        peak_joint=JOINT_NAMES[worst] if loss[worst] > 0.0 else "",
        largest_m=float(apart[row, joint]),
        largest_joint=JOINT_NAMES[int(joint)],
        largest_frame=int(before.frame[row]),
        frames=frames,
    )


def _places(sequence: SmplxSequence) -> Array:
    """Joints (T, 55, 3) in the world."""
    out = np.empty((len(sequence), JOINT_COUNT, 3))
    rest = np.asarray(sequence.rest_joints, dtype=np.float64)
    for block in in_blocks(len(sequence)):
        out[block], _ = forward_poses(sequence.poses[block], sequence.trans[block], rest)
    return out


def _top_speed(sequence: SmplxSequence, places: Array) -> Array:
    """The top speed (55,) of each joint, metres a second, gaps left out."""
    top = np.zeros(JOINT_COUNT)
    for run in runs(sequence.frame):
        if run.stop - run.start > 1:
            steps = np.linalg.norm(np.diff(places[run], axis=0), axis=-1)
            speed = steps / np.diff(sequence.time_s[run])[:, None]
            top = np.maximum(top, speed.max(axis=0))
    return top

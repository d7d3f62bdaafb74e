# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step did to the motion, in an animator's terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import forward_poses, in_blocks
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT, JOINT_NAMES
from . import turns
from .rows import runs

Array = NDArray[np.float64]

_STILL = 0.05  # metres a second: below it there is no fast motion to lose
_MOVED = 1e-5  # metres: less is rounding
_TURNED = np.radians(0.1)
_SHAPED = 0.005  # of a face shape
_SLOWER = 0.005  # share of speed: less is not worth a word


@dataclass(frozen=True)
class Change:
    """How a sequence differs from what it was."""

    frames: int = 0  # in which anything differs
    peak_loss: float = 0.0  # share of its top speed that the fast joint which loses most has lost, 0 to 1
    peak_joint: str = ""  # that joint; empty if none got slower
    largest_m: float = 0.0  # how far any joint went from where it was
    largest_joint: str = ""
    largest_deg: float = 0.0  # how far any joint is turned from how it was
    turned_joint: str = ""
    face: float = 0.0  # the most that a face shape changed, 0 to 1
    frame: int = 0  # video frame of the largest of these: of a joint moved, else turned, else of the face

    def line(self) -> str:
        """For the animator."""
        if not self.frames:
            return "Changes nothing"
        said = []
        if self.peak_joint:
            joint = _plain(self.peak_joint)
            said.append(f"Fast motion: the {joint} is {self.peak_loss:.0%} slower at its fastest")
        if self.largest_joint:
            said.append(f"Moves by up to {100.0 * self.largest_m:.1f} cm ({_plain(self.largest_joint)})")
        elif self.turned_joint:
            said.append(f"Turns by up to {self.largest_deg:.1f} degrees ({_plain(self.turned_joint)})")
        if self.face > _SHAPED:
            said.append(f"Face shapes change by up to {self.face:.0%}")
        return ". ".join(said)


def change(before: SmplxSequence, after: SmplxSequence) -> Change:
    """Compare two sequences of the same frames."""
    count = len(before)
    if not count:
        return Change()
    old, new = _places(before), _places(after)
    apart = np.linalg.norm(new - old, axis=-1)
    # A face or a hand turned by a leaf joint moves no joint; then the rotations say where.
    turned = _turned(before, after)
    face = np.nan_to_num(np.abs(np.asarray(after.arkit, np.float64) - before.arkit)).max(axis=1, initial=0.0)
    differs = (apart.max(axis=1) > _MOVED) | (turned.max(axis=1) > _TURNED) | (face > _SHAPED)
    if not differs.any():
        return Change()
    moved = apart.max(axis=0) > _MOVED
    row, joint = np.unravel_index(int(np.argmax(apart)), apart.shape)
    turned_row, turned_joint = np.unravel_index(int(np.argmax(turned)), turned.shape)
    top_old, top_new = _top_speed(before, old), _top_speed(after, new)
    # Only what goes fast can lose speed worth telling, and the fastest joints are what is looked at.
    counted = moved & (top_old > max(_STILL, 0.5 * float(top_old[moved].max(initial=0.0))))
    loss = np.where(counted, 1.0 - top_new / np.maximum(top_old, 1e-9), 0.0)
    worst = int(np.argmax(loss))
    by_place, by_turn = bool(moved.any()), bool(turned[turned_row, turned_joint] > _TURNED)
    return Change(
        frames=int(differs.sum()),
        peak_loss=float(max(loss[worst], 0.0)),
        peak_joint=JOINT_NAMES[worst] if loss[worst] > _SLOWER else "",
        largest_m=float(apart[row, joint]),
        largest_joint=JOINT_NAMES[int(joint)] if by_place else "",
        largest_deg=float(np.degrees(turned[turned_row, turned_joint])),
        turned_joint=JOINT_NAMES[int(turned_joint)] if by_turn else "",
        face=float(face.max()),
        frame=int(before.frame[row if by_place else turned_row if by_turn else int(np.argmax(face))]),
    )


def _plain(joint: str) -> str:
    """A joint as an animator calls it."""
    return joint.removesuffix("_smplhf").replace("_", " ")


def _turned(before: SmplxSequence, after: SmplxSequence) -> Array:
    """How far (T, 55) each joint is turned on its parent from how it was, radians."""
    out = np.empty((len(before), JOINT_COUNT))
    for block in in_blocks(len(before)):
        a, b = (turns.quaternions(s.poses[block].reshape(-1, JOINT_COUNT, 3)) for s in (before, after))
        out[block] = 2.0 * np.arccos(np.clip(np.abs((a * b).sum(axis=-1)), 0.0, 1.0))
    return out


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

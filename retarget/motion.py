# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's motion at the scene's frames, whatever it was read from: what a rig is made to follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SequenceError
from ..inference.kinematics import forward
from ..inference.sequence import SmplxSequence
from ..inference.skeleton import JOINT_COUNT
from . import quaternions
from .axes import rotations_to_blender, to_blender
from .timeline import Timeline

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Motion:
    """N frames of the 55 joints in Blender's world: metres, +Z up, the floor at z = 0."""

    frames: Ints | Array  # (N,) scene frames, increasing; whole, unless the capture's own times were kept
    spans: tuple[tuple[int, int], ...]  # first and last position in `frames` of every run without a gap
    fps: float  # of the scene
    rotations: Array  # (N, 55, 3, 3) world rotations; identity is the T-pose, facing -Y, +X the person's left
    joints: Array  # (N, 55, 3) world
    rest_joints: Array  # (55, 3) the T-pose with straight limbs, facing -Y, floor at z = 0
    contact: Array  # (N, 4) 0 to 1: left heel, left toe, right heel, right toe on the floor
    # (N, 2) 0 to 1: left and right hand that rest on something, where somebody says so; no capture does.
    hand_contact: Array | None = None

    def __post_init__(self) -> None:
        count = len(self.frames)
        expected = {
            "rotations": (count, JOINT_COUNT, 3, 3),
            "joints": (count, JOINT_COUNT, 3),
            "rest_joints": (JOINT_COUNT, 3),
            "contact": (count, 4),
        }
        if self.hand_contact is not None:
            expected["hand_contact"] = (count, 2)
        for name, shape in expected.items():
            got = getattr(self, name).shape
            if got != shape:
                raise SequenceError(f"motion: {name}: expected {shape}, got {got}")
            if not np.isfinite(getattr(self, name)).all():
                raise SequenceError(
                    f"motion: {name}: has values that are not finite; capture the video again"
                )

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def from_sequence(cls, sequence: SmplxSequence, timeline: Timeline, *, fps: float) -> Motion:
        """A captured sequence at the frames of a scene that runs at `fps`."""
        poses = sequence.poses.reshape(len(sequence), JOINT_COUNT, 3)
        local = quaternions.to_matrix(timeline.sample_rotations(quaternions.from_axis_angle(poses)))
        pelvis = timeline.sample(sequence.rest_joints[0] + sequence.trans)
        joints, world = forward(local, pelvis, np.asarray(sequence.rest_joints, dtype=np.float64))
        return cls(
            frames=timeline.frames,
            spans=timeline.spans,
            fps=fps,
            rotations=rotations_to_blender(world),
            joints=to_blender(joints),
            rest_joints=to_blender(sequence.rest_joints),
            contact=timeline.sample(sequence.contact),
        )

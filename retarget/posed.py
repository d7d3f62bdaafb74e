# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig in N poses: Blender's forward kinematics, in numpy and in armature space.

A bone that nobody turns or moves goes along rigidly with its parent. So only the bones
that do move by themselves are kept, each as the rigid motion beyond rest of everything
that hangs on it: a rest point p comes to `turns @ p + shifts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rig import Rig
from .turns import sandwich, turned

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posed:
    """N poses of a rig. K bones move by themselves, or do not follow their parent's turn."""

    rig: Rig
    count: int  # N
    carrier: tuple[int, ...]  # (B,) for each bone the row below whose motion it has, -1: it stays at rest
    turns: tuple[Array, ...]  # K of (N, 3, 3), armature space
    shifts: tuple[Array, ...]  # K of (N, 3)

    def turn(self, bone: int) -> Array:
        """Rotation beyond rest (N, 3, 3) of a bone, in armature space; identity at rest."""
        row = self.carrier[bone]
        return self.turns[row] if row >= 0 else np.broadcast_to(np.eye(3), (self.count, 3, 3))

    def points(self, bone: int, rest: NDArray[np.floating[Any]]) -> Array:
        """Where points on a bone come to, armature space: rest (3,) to (N, 3), or (M, 3) to (N, M, 3)."""
        row = self.carrier[bone]
        if row < 0:
            return np.asarray(np.broadcast_to(rest, (self.count, *rest.shape)), dtype=np.float64)
        shifts = self.shifts[row] if rest.ndim == 1 else self.shifts[row][:, None]
        return np.asarray(rest @ np.swapaxes(self.turns[row], -1, -2) + shifts)

    def heads(self, bones: Sequence[int]) -> Array:
        """(N, len(bones), 3) heads, armature space."""
        return np.stack([self.points(k, self.rig.heads[k]) for k in bones], axis=1)

    def matrices(self, bones: Sequence[int]) -> Array:
        """(N, len(bones), 4, 4) as Blender's pose_bone.matrix: armature space, without scale."""
        out = np.zeros((self.count, len(bones), 4, 4))
        for column, k in enumerate(bones):
            out[:, column, :3, :3] = self.turn(k) @ self.rig.axes[k]
            out[:, column, :3, 3] = self.points(k, self.rig.heads[k])
        out[..., 3, 3] = 1.0
        return out


class PoseBuilder:
    """Poses a rig bone by bone, parents first. Every bone has to be visited once, in order."""

    def __init__(self, rig: Rig, count: int) -> None:
        self._rig = rig
        self._count = count
        self._carrier: list[int] = []
        self._turns: list[Array] = []
        self._shifts: list[Array] = []

    def carried(self, bone: int) -> tuple[Array | None, Array | None]:
        """Turn (N, 3, 3) and shift (N, 3) that the parent gives to `bone`, None where it is at rest.

        A bone that does not inherit rotation only keeps its place on the parent.
        """
        parent = self._rig.bones[bone].parent
        row = self._carrier[parent] if parent >= 0 else -1
        if row < 0:
            return None, None
        turn, shift = self._turns[row], self._shifts[row]
        if self._rig.bones[bone].inherit_rotation:
            return turn, shift
        head = self._rig.heads[bone]
        return None, turned(turn, head) + shift - head

    def location_axes(self, bone: int) -> Array:
        """(N or 1, 3, 3) columns: the axes, in armature space, that the bone's location is counted along."""
        parent = self._rig.bones[bone].parent
        axes = self._rig.axes[bone]
        if not self._rig.bones[bone].local_location:
            # Blender counts along the axes of the parent's bone then, not of the armature.
            axes = self._rig.axes[parent] if parent >= 0 else np.eye(3)
        row = self._carrier[parent] if parent >= 0 else -1
        # Also where rotation is not inherited: the place is taken from the whole parent.
        return np.asarray(self._turns[row] @ axes if row >= 0 else axes[None])

    def carried_point(self, bone: int, other: int) -> Array:
        """Where the head of `other`, that hangs rigidly on `bone`, is before `bone` moves: (3,) or (N, 3)."""
        turn, shift = self.carried(bone)
        head = self._rig.heads[other]
        place = head if turn is None else turned(turn, head)
        return np.asarray(place if shift is None else place + shift)

    def follow(self, bone: int) -> None:
        """The bone keeps its rest pose on its parent."""
        turn, shift = self.carried(bone)
        parent = self._rig.bones[bone].parent
        if shift is None:
            self._carrier.append(-1)
        elif turn is not None:
            self._carrier.append(self._carrier[parent])
        else:
            self._add(np.broadcast_to(np.eye(3), (self._count, 3, 3)), shift)

    def turn(self, bone: int, basis: Array) -> Array:
        """Turn beyond rest (N, 3, 3), armature space, that the bone's own rotation (N, 3, 3) gives it."""
        axes, (carried, _) = self._rig.axes[bone], self.carried(bone)
        own = sandwich(axes, basis, axes.T)
        return own if carried is None else np.asarray(carried @ own)

    def move(self, bone: int, turn: Array | None, location: Array | None) -> None:
        """The bone is turned (N, 3, 3) beyond rest, armature space, and moves by its location (N, 3)."""
        if turn is None and location is None:
            self.follow(bone)
            return
        if turn is None:
            carried, _ = self.carried(bone)
            turn = np.broadcast_to(np.eye(3), (self._count, 3, 3)) if carried is None else carried
        place = self.carried_point(bone, bone)
        if location is not None:
            place = place + (self.location_axes(bone) @ location[..., None])[..., 0]
        self._add(turn, place - turned(turn, self._rig.heads[bone]))

    def _add(self, turn: Array, shift: Array) -> None:
        self._carrier.append(len(self._turns))
        self._turns.append(turn)
        self._shifts.append(np.asarray(np.broadcast_to(shift, (self._count, 3))))

    def finish(self) -> Posed:
        """What has been posed."""
        return Posed(self._rig, self._count, tuple(self._carrier), tuple(self._turns), tuple(self._shifts))


def pose(rig: Rig, count: int, basis: Mapping[int, Array], locations: Mapping[int, Array]) -> Posed:
    """Forward kinematics of channels: bone -> basis (N, 3, 3), bone -> location (N, 3); the others rest."""
    builder = PoseBuilder(rig, count)
    for bone in range(len(rig.bones)):
        own = basis.get(bone)
        builder.move(bone, builder.turn(bone, own) if own is not None else None, locations.get(bone))
    return builder.finish()

# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as a tree of points in the scene's world: what the search for a body looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..rig import Rig

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tree:
    """The bones of a rig, by position, with their heads in the world."""

    rig: Rig

    @cached_property
    def heads(self) -> Array:
        """(B, 3) metres, the scene's world."""
        return self.rig.to_world(self.rig.heads)

    @cached_property
    def tails(self) -> Array:
        """(B, 3) metres, the scene's world. In many formats they say nothing about the limb."""
        return self.rig.to_world(np.array([bone.tail for bone in self.rig.bones]))

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """(B,) the bones that hang directly on each."""
        out: list[list[int]] = [[] for _ in self.rig.bones]
        for bone, parent in enumerate(self.rig.parents):
            if parent >= 0:
                out[parent].append(bone)
        return tuple(tuple(below) for below in out)

    @cached_property
    def free(self) -> tuple[bool, ...]:
        """(B,) whether keys on a bone show: nothing else turns it."""
        turning = ("rotation_quaternion", "rotation_euler", "rotation_axis_angle")
        return tuple(
            not bone.constrained and not any(channel in bone.driven for channel in turning)
            for bone in self.rig.bones
        )

    @cached_property
    def size(self) -> float:
        """The longest edge of the box around all deforming bones, metres; never 0."""
        chosen = [k for k, bone in enumerate(self.rig.bones) if bone.deform] or list(
            range(len(self.rig.bones))
        )
        return max(float(np.ptp(self.heads[chosen], axis=0).max()), 1e-6)

    @cached_property
    def reach(self) -> Array:
        """(B,) length of the longest way down from each bone's head, over heads, metres."""
        out = np.zeros(len(self.rig.bones))
        for bone in reversed(range(len(self.rig.bones))):
            for child in self.children[bone]:
                out[bone] = max(out[bone], self.length(bone, child) + out[child])
        return out

    @cached_property
    def count(self) -> tuple[int, ...]:
        """(B,) how many bones hang on each, itself counted."""
        out = [1] * len(self.rig.bones)
        for bone in reversed(range(len(self.rig.bones))):
            if self.rig.parents[bone] >= 0:
                out[self.rig.parents[bone]] += out[bone]
        return tuple(out)

    def length(self, first: int, second: int) -> float:
        """Distance between two bones' heads, metres."""
        return float(np.linalg.norm(self.heads[second] - self.heads[first]))

    def longest_way(self, bone: int) -> list[int]:
        """The bones from `bone` down to the one farthest away along the bones."""
        way = [bone]
        while self.children[way[-1]]:
            here = way[-1]
            way.append(
                max(self.children[here], key=lambda child: self.length(here, child) + self.reach[child])
            )
        return way

    def ways(self, bone: int) -> Iterator[list[int]]:
        """Every way from `bone` down to a bone without children."""
        if not self.children[bone]:
            yield [bone]
        for child in self.children[bone]:
            for way in self.ways(child):
                yield [bone, *way]

    def below(self, bone: int) -> Iterator[int]:
        """All bones under `bone`, without it."""
        for child in self.children[bone]:
            yield child
            yield from self.below(child)

    def ancestors(self, bone: int) -> Iterator[int]:
        """The parents of `bone`, from the nearest up."""
        while (bone := self.rig.parents[bone]) >= 0:
            yield bone

    def path(self, ancestor: int, bone: int) -> list[int]:
        """The bones from `ancestor` (not included) down to `bone`; empty if it does not hang on it."""
        way = [bone]
        for parent in self.ancestors(bone):
            if parent == ancestor:
                return way[::-1]
            way.append(parent)
        return []

    def common(self, first: int, second: int) -> int | None:
        """The lowest bone that both hang on, or one of them; None in separate trees."""
        above = [first, *self.ancestors(first)]
        for bone in (second, *self.ancestors(second)):
            if bone in above:
                return bone
        return None

    def parents_alone(self, bone: int, near: Array, within: float) -> bool:
        """Whether `bone` is the one chain below its parent, and that one is near a place and not the top."""
        parent = self.rig.parents[bone]
        if parent < 0 or self.rig.parents[parent] < 0:
            return False
        alone = all(child == bone or not self.children[child] for child in self.children[parent])
        return alone and float(np.linalg.norm(self.heads[parent] - near)) < within

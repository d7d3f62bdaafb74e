# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's armature at rest, as plain numbers: what the transfer needs to know of any rig.

Armature space is the armature object's own; `Rig.world` takes it to the scene. Blender's
rule for a pose, which everything here rests on: a bone without a parent is posed as
`rest @ basis`; one with a parent as `posed parent @ inverse rest parent @ rest @ basis`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.errors import RigError

Array = NDArray[np.float64]

EULER_ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
ROTATION_MODES = ("QUATERNION", *EULER_ORDERS, "AXIS_ANGLE")


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone at rest, in armature space."""

    name: str
    parent: int  # position in Rig.bones of the bone that it follows, -1 for none; smaller than its own
    head: Array  # (3,)
    tail: Array  # (3,) may be anywhere: many formats have bones that do not lie along the limb
    axes: Array  # (3, 3) columns are the bone's own axes, Blender's y along the bone
    deform: bool = True
    inherit_rotation: bool = True
    local_location: bool = True  # False: location keys are in the armature's axes, not in the bone's
    connected: bool = False  # its head is its parent's tail: location keys do nothing
    rotation_mode: str = "QUATERNION"  # one of ROTATION_MODES
    locked_location: tuple[bool, bool, bool] = (False, False, False)
    locked_rotation: tuple[bool, bool, bool, bool] = (False, False, False, False)  # w, x, y, z
    constrained: bool = False  # has a constraint that is on: what is keyed here does not (fully) show
    driven: frozenset[str] = frozenset()  # channels with drivers: "rotation_euler", "location" ...


@dataclass(frozen=True, eq=False)
class Rig:
    """An armature of B bones, parents before children. RigError if it is not one."""

    name: str
    bones: tuple[Bone, ...]
    world: Array = field(default_factory=lambda: np.eye(4))  # (4, 4) the armature object's matrix
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # bone -> custom properties

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for position, bone in enumerate(self.bones):
            if bone.name in seen:
                raise RigError(f"{self.name}: two bones are named {bone.name!r}; rename one of them")
            seen.add(bone.name)
            if not -1 <= bone.parent < position:
                raise RigError(
                    f"{self.name}: bone {bone.name!r} has parent {bone.parent}, expected -1 or a bone before "
                    f"it (0 to {position - 1}); list parents before their children"
                )
            if bone.rotation_mode not in ROTATION_MODES:
                raise RigError(
                    f"{self.name}: bone {bone.name!r} has rotation mode {bone.rotation_mode!r}, "
                    f"expected one of {', '.join(ROTATION_MODES)}"
                )
            if bone.head.shape != (3,) or bone.tail.shape != (3,) or bone.axes.shape != (3, 3):
                raise RigError(
                    f"{self.name}: bone {bone.name!r} has head {bone.head.shape}, tail {bone.tail.shape}, "
                    f"axes {bone.axes.shape}; expected (3,), (3,), (3, 3)"
                )
            if not (np.isfinite(bone.head).all() and np.isfinite(bone.axes).all()):
                raise RigError(
                    f"{self.name}: bone {bone.name!r} has a rest pose that is not a number; "
                    "give it a length in edit mode, or delete it"
                )

    @cached_property
    def positions(self) -> dict[str, int]:
        """Bone name to its position in `bones`."""
        return {bone.name: k for k, bone in enumerate(self.bones)}

    @cached_property
    def heads(self) -> Array:
        """(B, 3) bone heads at rest, armature space."""
        return np.array([bone.head for bone in self.bones], dtype=np.float64).reshape(-1, 3)

    @cached_property
    def axes(self) -> Array:
        """(B, 3, 3) the bones' own axes at rest, armature space."""
        return np.array([bone.axes for bone in self.bones], dtype=np.float64).reshape(-1, 3, 3)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """(B,) positions of the parents, -1 for none."""
        return tuple(bone.parent for bone in self.bones)

    @cached_property
    def scale(self) -> float:
        """Metres a unit of armature space. RigError if the object is not scaled evenly, or mirrored."""
        sizes = np.linalg.norm(self.world[:3, :3], axis=0)
        even = sizes.min() > 0.0 and sizes.max() - sizes.min() <= 1e-4 * sizes.max()
        if not even or np.linalg.det(self.world[:3, :3]) <= 0.0:
            shown = ", ".join(f"{size:.4g}" for size in sizes)
            mirrored = " and mirrored" if np.linalg.det(self.world[:3, :3]) < 0.0 else ""
            raise RigError(
                f"{self.name}: its object is scaled by {shown}{mirrored}, expected the same scale along "
                "each axis; apply its scale first (Ctrl A, Scale)"
            )
        return float(sizes.mean())

    @cached_property
    def turn(self) -> Array:
        """(3, 3) rotation from armature space to the scene's world."""
        return np.asarray(self.world[:3, :3] / self.scale, dtype=np.float64)

    def __contains__(self, name: object) -> bool:
        return name in self.positions

    def index(self, name: str) -> int:
        """Position of a bone. RigError if there is none of that name."""
        try:
            return self.positions[name]
        except KeyError:
            raise RigError(f"{self.name}: has no bone named {name!r}; choose another one") from None

    def is_below(self, bone: int, ancestor: int) -> bool:
        """Whether `ancestor` is among the parents of `bone` (not the bone itself)."""
        up = self.bones[bone].parent
        while up > ancestor:  # parents come first
            up = self.bones[up].parent
        return up == ancestor and ancestor >= 0

    def to_world(self, points: NDArray[np.floating[Any]]) -> Array:
        """Points (..., 3) of armature space in the scene's world, metres."""
        return np.asarray(points @ self.world[:3, :3].T + self.world[:3, 3])

    def to_armature(self, points: NDArray[np.floating[Any]]) -> Array:
        """Points (..., 3) of the scene's world in armature space."""
        return np.asarray((points - self.world[:3, 3]) @ self.turn / self.scale)

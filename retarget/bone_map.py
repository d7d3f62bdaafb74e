# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of a rig play which part of the body.

A role is a part in our own words (`left_forearm`); the bones of it are listed from root
to tip. Behind each role stand the joints of SMPL-X that it takes its motion from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..inference.errors import RigError
from ..inference.skeleton import INDEX
from .rig import Rig

SIDES = ("left", "right")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
TWISTED = ("upper_arm", "forearm", "thigh", "shank")

_BODY = {"pelvis": ("pelvis",), "spine": ("spine1", "spine2", "spine3"), "neck": ("neck",), "head": ("head",)}
_FACE = {"jaw": ("jaw",), "left_eye": ("left_eye_smplhf",), "right_eye": ("right_eye_smplhf",)}
_SIDE = {
    "collar": "collar", "upper_arm": "shoulder", "forearm": "elbow", "hand": "wrist",
    "thigh": "hip", "shank": "knee", "foot": "ankle", "toes": "foot",
}  # fmt: skip


def _joints() -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[str, ...]] = {"root": (), **_BODY, **_FACE}
    for side in SIDES:
        names |= {f"{side}_{role}": (f"{side}_{joint}",) for role, joint in _SIDE.items()}
        names |= {f"{side}_{role}_twist": (f"{side}_{_SIDE[role]}",) for role in TWISTED}
        for finger in FINGERS:
            names[f"{side}_{finger}"] = tuple(f"{side}_{finger}{k}" for k in (1, 2, 3))
        names |= {f"{side}_{finger}_metacarpal": (f"{side}_wrist",) for finger in FINGERS[1:]}
    return {role: tuple(INDEX[name] for name in joints) for role, joints in names.items()}


JOINTS: dict[str, tuple[int, ...]] = _joints()
"""Role to the SMPL-X joints that it takes its motion from, root to tip; `root` takes the pelvis's path."""

ROLES: tuple[str, ...] = tuple(JOINTS)

BODY_ROLES: tuple[str, ...] = (
    "pelvis", "spine", "neck", "head",
    *(f"{side}_{part}" for side in SIDES for part in _SIDE),
)  # fmt: skip
"""What a whole body has; `unmatched` of a map counts against these."""

LONGEST: dict[str, int] = {
    role: 4
    for side in SIDES
    for role in (*(f"{side}_{finger}" for finger in FINGERS), *(f"{side}_{role}_twist" for role in TWISTED))
} | {"spine": 12, "neck": 8}
"""The most bones that a role may have; one, where it is not listed."""

SEGMENTS = (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shank"), ("shank", "foot"))
"""Limbs, of either side, from joint to joint."""

SHORTEST = 1e-3  # of the rig's size: a limb below this has no direction

IK_LIMBS: tuple[str, ...] = ("left_arm", "right_arm", "left_leg", "right_leg")


IK_STRETCH = "ik_stretch"
"""The one setting that is no custom property: how much Blender's own IK may stretch a bone."""


@dataclass(frozen=True)
class Setting:
    """A custom property of a bone (or `IK_STRETCH`) and the value that it has to have."""

    bone: str
    property: str
    value: float


@dataclass(frozen=True)
class IkLimb:
    """The controls of one limb for inverse kinematics, where a rig has them."""

    control: str  # the bone that hand or foot follows
    pole: str | None = None  # the bone that elbow or knee points at
    toes: str | None = None  # the bone that turns the toes while the foot is on IK
    settings: tuple[Setting, ...] = ()  # what switches the limb to IK (for FK see BoneMap.settings)


@dataclass(frozen=True)
class BoneMap:
    """The bones of a rig by role. `check` says whether it fits a rig."""

    roles: Mapping[str, tuple[str, ...]]  # role -> bones from root to tip
    ik: Mapping[str, IkLimb] = field(default_factory=dict)  # of IK_LIMBS
    settings: tuple[Setting, ...] = ()  # what switches the rig to FK
    preset: str | None = None  # the preset that it comes from
    score: float = 0.0  # 0 to 1, how sure the search was
    unmatched: tuple[str, ...] = ()  # roles of the body without a bone

    def __getitem__(self, role: str) -> tuple[str, ...]:
        """The bones of a role, none if it is not mapped."""
        return self.roles.get(role, ())

    def __contains__(self, role: object) -> bool:
        return bool(self.roles.get(str(role)))

    def first(self, role: str) -> str | None:
        """The first bone of a role, or None."""
        bones = self[role]
        return bones[0] if bones else None

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every (role, bone)."""
        for role, bones in self.roles.items():
            for bone in bones:
                yield role, bone

    def problems(self, rig: Rig) -> list[str]:
        """Why this map cannot be used on `rig`, each with what to do; none if it can."""
        found = []
        for role, bones in self.roles.items():
            if role not in JOINTS:
                found.append(f"{role!r} is no part of the body; take one of {', '.join(ROLES)}")
            elif len(bones) > LONGEST.get(role, 1):
                found.append(
                    f"{role} has {len(bones)} bones ({', '.join(bones)}), "
                    f"at most {LONGEST.get(role, 1)} can be used; take some off"
                )
        if "pelvis" not in self:
            found.append(
                "no bone is the pelvis; choose the hips bone, from which both legs and the spine hang"
            )
        roles: dict[str, str] = {}
        for role, bone in self.pairs():
            if bone in roles:
                both = role if roles[bone] == role else f"{roles[bone]} and {role}"
                found.append(f"bone {bone!r} is used twice ({both}); keep one of them")
            roles.setdefault(bone, role)
        gone = [bone for bone in roles if bone not in rig]
        if gone:
            found.append(
                f"{rig.name} has no bones named {', '.join(gone)} (any more); "
                "choose others for them, or search the map again"
            )
        found += self._without_length(rig)
        controls = [
            name for limb in self.ik.values() for name in (limb.control, limb.pole, limb.toes) if name
        ]
        lost = [name for name in controls if name not in rig]
        if lost:
            found.append(f"{rig.name} has no IK controls named {', '.join(lost)} (any more); take them off")
        return found

    def _without_length(self, rig: Rig) -> Iterator[str]:
        """Limbs whose two joints are in one place: nobody can say where they point."""
        size = max((float(abs(rig.heads[:, axis]).max(initial=0.0)) for axis in range(3)), default=0.0)
        for side in SIDES:
            for upper, lower in SEGMENTS:
                ends = [self.first(f"{side}_{part}") for part in (upper, lower)]
                if any(end is None or end not in rig for end in ends):
                    continue
                a, b = (rig.heads[rig.index(str(end))] for end in ends)
                if float(((a - b) ** 2).sum()) ** 0.5 <= SHORTEST * size:
                    yield (
                        f"{ends[0]!r} and {ends[1]!r} are in one place, so {side} {upper.replace('_', ' ')} "
                        "has no length; move them apart in edit mode, or choose other bones"
                    )

    def check(self, rig: Rig) -> None:
        """RigError with every problem of this map on `rig`, if there is one."""
        found = self.problems(rig)
        if found:
            raise RigError(f"{rig.name}: the bone map cannot be used: {'; '.join(found)}")

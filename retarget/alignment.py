# SPDX-License-Identifier: GPL-3.0-or-later
"""One rotation a bone that takes the source's rest pose to the rig's: what makes any rest pose do.

`C` takes directions of the source at rest (Blender's axes, a T-pose with straight limbs)
to the rig's armature space at rest. With W the source's world rotation, a bone turned by
`W C^T` beyond rest points where the source points. Limbs are aligned by the limb itself;
what is left, the turn about it, by the palm, the foot, or the way the elbow and knee bend.
The trunk, collars, head and the slope of the sole keep the character's own posture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.skeleton import INDEX
from .body_frame import Body
from .bone_map import FINGERS, SIDES, BoneMap
from .chains import Follow
from .rig import Rig

Array = NDArray[np.float64]

# A rest pose bent by less than this says little about the way a joint bends (sine of an angle).
_HINGE_PRIOR = 0.35
# How far from the limb before it a bone may point and still be believed to lie along its own limb.
_PLAUSIBLE = np.radians(60.0)
# How far from its limb a bone may lie at most and be said to lie along it.
_ALONG = np.radians(20.0)


@dataclass(frozen=True, eq=False)
class Limb:
    """A part of the body that has to point as the source's does: both directions at rest, of length 1."""

    role: str
    bone: str
    source: Array  # (3,) Blender's axes
    target: Array  # (3,) armature space


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the rig's rest pose lies to the source's."""

    turns: dict[str, Array]  # bone -> C (3, 3)
    limbs: tuple[Limb, ...]  # what points exactly as the source
    notes: tuple[str, ...] = ()


def align(
    rig: Rig, bone_map: BoneMap, follows: dict[str, Follow], body: Body, rest_joints: Array
) -> Alignment:
    """The alignment of every bone in `follows`."""
    return _Aligner(rig, bone_map, follows, body, rest_joints).run()


def smallest_turn(old: Array, new: Array) -> Array:
    """The smallest rotation (3, 3) that takes direction old (3,) to new (3,)."""
    old, new = old / np.linalg.norm(old), new / np.linalg.norm(new)
    axis, cosine = np.cross(old, new), float(old @ new)
    if cosine < -1.0 + 1e-9:
        side = np.cross(old, np.eye(3)[np.argmin(np.abs(old))])
        side /= np.linalg.norm(side)
        return np.asarray(2.0 * np.outer(side, side) - np.eye(3))
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + cosine))


def turn_about(axis: Array, angle: float) -> Array:
    """Rotation (3, 3) by an angle about an axis (3,) of length 1."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


def angle_about(axis: Array, old: Array, new: Array) -> float:
    """Angle from old (3,) to new (3,) seen along an axis of length 1; 0 if either lies along it."""
    old, new = old - (old @ axis) * axis, new - (new @ axis) * axis
    return float(np.arctan2(np.cross(old, new) @ axis, old @ new))


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


class _Aligner:
    def __init__(
        self, rig: Rig, bone_map: BoneMap, follows: dict[str, Follow], body: Body, rest_joints: Array
    ) -> None:
        self.rig, self.map, self.follows = rig, bone_map, follows
        self.body, self.rest = body, rest_joints
        self.turns: dict[str, Array] = dict.fromkeys(follows, body.axes)
        self._least = 1e-6 / rig.scale  # what is shorter has no direction
        self.limbs: list[Limb] = []
        self.notes: list[str] = []
        self._tails: bool | None = None
        self.children: dict[int, list[int]] = {}
        for k, parent in enumerate(rig.parents):
            self.children.setdefault(parent, []).append(k)

    def run(self) -> Alignment:
        for side in SIDES:
            self._arm(side)
            self._leg(side)
        return Alignment(self.turns, tuple(self.limbs), tuple(self.notes))

    # Where things are at rest.

    def _head(self, role: str) -> Array | None:
        name = self.map.first(role)
        return self.rig.heads[self.rig.index(name)] if name is not None else None

    def _joint(self, name: str) -> Array:
        return np.asarray(self.rest[INDEX[name]])

    def _own_direction(self, bone: str, before: Array | None) -> Array | None:
        """Where a bone points that nothing mapped follows: to its children, along itself, or None.

        before: direction of the limb before it; what points elsewhere altogether is not believed.
        """
        k = self.rig.index(bone)
        heads = [self.rig.heads[c] for c in self.children.get(k, [])]
        tail = self.rig.bones[k].tail
        tries = [np.mean(heads, axis=0) - self.rig.heads[k]] if heads else []
        if self._tails_lie_along():
            tries.append(tail - self.rig.heads[k])
        for offset in tries:
            length = float(np.linalg.norm(offset))
            if not np.isfinite(length) or length < self._least:
                continue
            if before is None or offset @ before >= length * np.cos(_PLAUSIBLE):
                return np.asarray(offset / length)
        return None

    def _tails_lie_along(self) -> bool:
        """Whether this rig's bones lie along its limbs; in many formats they do not."""
        if self._tails is None:
            cosines = []
            for side in SIDES:
                for role, after in (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shank")):
                    bone, end = self.map.first(f"{side}_{role}"), self._head(f"{side}_{after}")
                    if bone is not None and end is not None:
                        k = self.rig.index(bone)
                        tail, limb = self.rig.bones[k].tail - self.rig.heads[k], end - self.rig.heads[k]
                        size = float(np.linalg.norm(tail) * np.linalg.norm(limb))
                        cosines.append(float(tail @ limb) / size if size > 0.0 else 0.0)
            self._tails = not cosines or bool(np.median(cosines) > np.cos(_ALONG))
        return self._tails

    # Arms.

    def _arm(self, side: str) -> None:
        names = {
            "upper_arm": f"{side}_shoulder", "forearm": f"{side}_elbow", "hand": f"{side}_wrist"
        }  # fmt: skip
        forward = np.array([0.0, -1.0, 0.0])
        upper = self._segment(side, ("upper_arm", "forearm", "hand"), names)
        fore = self._segment(side, ("forearm", "hand"), names)
        C_upper = self.body.axes
        if upper is not None:
            C_upper = smallest_turn(C_upper @ upper.source, upper.target) @ C_upper
            if fore is not None:
                hinge = C_upper @ np.cross(upper.source, forward)
                C_upper = self._bend_along(C_upper, upper, fore, hinge)
            self._set(upper, C_upper)
        C_fore = C_upper
        if fore is not None:
            C_fore = smallest_turn(C_upper @ fore.source, fore.target) @ C_upper
        along = fore or upper
        C_hand = self._hand(side, C_fore, along.target if along is not None else None)
        if fore is not None:
            if f"{side}_forearm_twist" not in self.map and f"{side}_hand" in self.map:
                # The radius turns with the hand. Without bones for that, elbow and wrist share it.
                square = np.cross(fore.source, np.eye(3)[np.argmin(np.abs(fore.source))])
                twist = angle_about(fore.target, C_fore @ square, C_hand @ square)
                C_fore = turn_about(fore.target, 0.5 * twist) @ C_fore
            self._set(fore, C_fore)
        for finger in FINGERS:
            self._finger(f"{side}_{finger}", C_hand)

    def _segment(self, side: str, parts: tuple[str, ...], joints: dict[str, str]) -> Limb | None:
        """The limb from the first of `parts` to the next one that is mapped."""
        role = f"{side}_{parts[0]}"
        bone = self.map.first(role)
        if bone is None:
            return None
        start = self.rig.heads[self.rig.index(bone)]
        for part in parts[1:]:
            end = self._head(f"{side}_{part}")
            if end is not None and np.linalg.norm(end - start) > self._least:
                source = self._joint(joints[part]) - self._joint(joints[parts[0]])
                return Limb(role, bone, _unit(source), _unit(end - start))
        order = list(joints)
        after = order[order.index(parts[0]) + 1] if parts[0] != order[-1] else None
        target = self._own_direction(bone, None)
        if after is None or target is None:
            return None
        source = self._joint(joints[after]) - self._joint(joints[parts[0]])
        return Limb(role, bone, _unit(source), target)

    def _bend_along(self, C: Array, limb: Limb, after: Limb, hinge: Array) -> Array:
        """C turned about its limb towards the hinge that the rig's own bent elbow or knee shows."""
        seen = np.cross(limb.target, after.target)
        if seen @ hinge <= 0.0:
            return C
        angle = angle_about(limb.target, hinge, _HINGE_PRIOR * _unit(hinge) + seen)
        return turn_about(limb.target, angle) @ C

    def _set(self, limb: Limb, C: Array) -> None:
        self.turns[limb.bone] = C
        self.limbs.append(limb)

    def _hand(self, side: str, C_fore: Array, before: Array | None) -> Array:
        bone = self.map.first(f"{side}_hand")
        if bone is None:
            return C_fore
        wrist, source_wrist = self.rig.heads[self.rig.index(bone)], self._joint(f"{side}_wrist")
        roots, theirs = [], []
        for finger in FINGERS[1:]:
            root = self._head(f"{side}_{finger}")
            if root is not None and np.linalg.norm(root - wrist) > self._least:
                roots.append(root)
                theirs.append(self._joint(f"{side}_{finger}1"))
        source, middle = self._joint(f"{side}_middle1") - source_wrist, self._head(f"{side}_middle")
        target: Array | None = None
        if middle is not None:
            target = middle - wrist
        elif roots:
            source, target = np.mean(theirs, axis=0) - source_wrist, np.mean(roots, axis=0) - wrist
        if target is None or np.linalg.norm(target) <= self._least:
            source = self._joint(f"{side}_middle1") - source_wrist
            target = self._own_direction(bone, before)
        if target is None:
            self.turns[bone] = C_fore
            return C_fore
        limb = Limb(f"{side}_hand", bone, _unit(source), _unit(target))
        C = smallest_turn(C_fore @ limb.source, limb.target) @ C_fore
        thumb = self._head(f"{side}_thumb")
        across = None
        if len(roots) > 1:
            across = (theirs[0] - theirs[-1], roots[0] - roots[-1])
        elif roots and thumb is not None:
            across = (self._joint(f"{side}_thumb1") - theirs[0], thumb - roots[0])
        if across is not None and np.linalg.norm(np.cross(limb.target, across[1])) > self._least:
            angle = angle_about(limb.target, C @ across[0], across[1])
            C = turn_about(limb.target, angle) @ C
        self._set(limb, C)
        return C

    def _finger(self, role: str, C: Array) -> None:
        """Each bone by the least turn beyond the one before: what bends only, keeps its hinge."""
        bones = self.map[role]
        if not bones:
            return
        side_joints = [self._joint(f"{role}{k}") for k in (1, 2, 3)]
        # The tip goes on as the bone before it.
        steps = [side_joints[1] - side_joints[0], side_joints[2] - side_joints[1]]
        steps.append(steps[-1])
        directions = {INDEX[f"{role}{k + 1}"]: _unit(step) for k, step in enumerate(steps)}
        root = directions[INDEX[f"{role}1"]]
        heads = [self.rig.heads[self.rig.index(bone)] for bone in bones]
        before: Array | None = None
        for k, bone in enumerate(bones):
            if k + 1 < len(bones):
                target: Array | None = heads[k + 1] - heads[k]
            else:
                target = self._own_direction(bone, C @ root if before is None else before)
                target = before if target is None else target
            follow = self.follows[bone]
            first = directions.get(follow.first, root)
            source = (1.0 - follow.weight) * first + follow.weight * directions[follow.second]
            if target is not None and np.linalg.norm(target) > self._least:
                target = _unit(target)
                C = smallest_turn(C @ _unit(source), target) @ C
                self.limbs.append(Limb(role, bone, _unit(source), target))
                before = target
            self.turns[bone] = C

    # Legs.

    def _leg(self, side: str) -> None:
        names = {"thigh": f"{side}_hip", "shank": f"{side}_knee", "foot": f"{side}_ankle"}
        thigh = self._segment(side, ("thigh", "shank", "foot"), names)
        shank = self._segment(side, ("shank", "foot"), names)
        yaw = self._foot(side)
        C = self.body.axes
        if thigh is not None:
            back = np.array([0.0, 1.0, 0.0])
            C = smallest_turn(C @ thigh.source, thigh.target) @ C
            if shank is not None:
                # Feet that turn out at rest do so at hip and ankle: half is the knee's.
                out = turn_about(self.body.axes[:, 2], 0.5 * yaw)
                hinge = out @ self.body.axes @ np.cross(thigh.source, back)
                turned = (
                    turn_about(
                        thigh.target, angle_about(thigh.target, C @ np.cross(thigh.source, back), hinge)
                    )
                    @ C
                )
                C = self._bend_along(turned, thigh, shank, turned @ np.cross(thigh.source, back))
            self._set(thigh, C)
        if shank is not None:
            self._set(shank, smallest_turn(C @ shank.source, shank.target) @ C)

    def _foot(self, side: str) -> float:
        """Foot and toes: heading as the source, sole as the rig stands at rest. Returns the turn."""
        bone = self.map.first(f"{side}_foot")
        if bone is None:
            return 0.0
        foot, up = self.rig.heads[self.rig.index(bone)], self.body.axes[:, 2]
        forward = -self.body.axes[:, 1]
        toes = self._head(f"{side}_toes")
        target = toes - foot if toes is not None else self._own_direction(bone, forward)
        if target is None:
            return 0.0
        flat = target - (target @ up) * up
        if np.linalg.norm(flat) < max(0.2 * float(np.linalg.norm(target)), self._least):
            return 0.0  # it points straight down: no heading
        source = self._joint(f"{side}_foot") - self._joint(f"{side}_ankle")
        yaw = angle_about(up, self.body.axes @ source, target)
        if abs(yaw) > np.radians(75.0):
            self.notes.append(
                f"{bone} points {np.degrees(abs(yaw)):.0f} degrees away from the front at rest: "
                "its heading is kept as it is; look whether it is the foot"
            )
            return 0.0
        C = turn_about(up, yaw) @ self.body.axes
        source, flat = source * np.array([1.0, 1.0, 0.0]), flat / np.linalg.norm(flat)
        self._set(Limb(f"{side}_foot", bone, _unit(source), flat), C)
        for name in self.map[f"{side}_toes"]:
            self.turns[name] = C
        return yaw

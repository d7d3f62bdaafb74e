# SPDX-License-Identifier: GPL-3.0-or-later
"""The step after the transfer: feet, and hands when wanted, held on the rig that was posed.

Reads legs and arms off a `Solved`, has `contacts` and `hands` put them right, and fits the
changed turns and path again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .bone_map import SIDES
from .contacts import ContactOptions, Hold, Leg, hold_feet
from .foot_shape import foot_shape, source_soles
from .hands import Arm, hold_hands
from .ik import Bent
from .motion import Motion
from .rig import Rig
from .root import path
from .solve import Plan, Solved, fit

Array = NDArray[np.float64]

FRONT = np.array([0.0, -1.0, 0.0])
_PARTS = {"leg": ("thigh", "shank", "foot"), "arm": ("upper_arm", "forearm", "hand")}


@dataclass(frozen=True, eq=False)
class Grounded:
    """The motion with feet and hands held, and what was done for it."""

    solved: Solved
    holds: tuple[
        Hold, ...
    ]  # places are in the scene's world, metres, and where the path leads: see `travelled`
    travelled: Array  # (N, 3) what an in-place motion leaves out of the path: add it to compare with places
    targets: dict[str, Array]  # limb -> where its ankle or wrist should be (N, 3), world
    floor: float  # height in the scene's world


def floor_height(ready: Plan) -> float:
    """Height of the floor that the rig stands on, in the scene's world, metres."""
    return float(ready.rig.world[2, 3] + ready.rig.scale * ready.body.floor)


def sample_rate(motion: Motion) -> float:
    """Poses a second: the scene's rate, or that of a capture whose own times were kept."""
    steps = np.diff(np.asarray(motion.frames, dtype=np.float64))
    return float(motion.fps / np.median(steps)) if len(steps) else motion.fps


def ground(solved: Solved, motion: Motion, options: ContactOptions | None = None) -> Grounded:
    """Hold feet (and hands) of a transferred motion where the source has them rest.

    Hands: where they are seen to rest, if `options` ask for it, and where the motion's `hand_contact` says.
    """
    options = options or ContactOptions()
    ready = solved.plan
    floor = floor_height(ready)
    rate = sample_rate(motion)
    travelled = _travelled(solved, motion)
    holds: list[Hold] = []
    targets: dict[str, Array] = {}
    legs = {
        f"{side}_leg": leg
        for side in SIDES
        if options.feet and (leg := read_leg(solved, motion, side, travelled)) is not None
    }
    turns = dict(solved.turns)
    along = solved.path
    if legs and len(motion):
        mover = ready.rig.bones[ready.mover]
        free = mover.name in solved.locations and not any(mover.locked_location)
        held = hold_feet(legs, spans=motion.spans, fps=rate, floor=floor, options=options, pelvis=free)
        along = replace(along, hips=along.hips + held.shift @ ready.rig.turn / ready.rig.scale)
        for limb, foot in held.legs.items():
            side = limb.split("_")[0]
            _bend(turns, solved, side, _PARTS["leg"][:2], foot.bent)
            upright = ready.body.axes.T
            turns[ready.bone_map[f"{side}_foot"][0]] = ready.rig.turn.T @ foot.foot @ upright
            if foot.toes is not None:
                turns[ready.bone_map[f"{side}_toes"][0]] = ready.rig.turn.T @ foot.toes @ upright
            holds += foot.holds
            targets[limb] = foot.target - travelled
        solved = fit(ready, turns, along, solved)
    if (options.hands or motion.hand_contact is not None) and len(motion):
        arms = {
            f"{side}_arm": arm for side in SIDES if (arm := _arm(solved, motion, side, travelled)) is not None
        }
        turns = dict(turns)  # what is solved already keeps its own: the fit tells by it what has changed
        for limb, hand in hold_hands(arms, spans=motion.spans, fps=rate, options=options).items():
            side = limb.split("_")[0]
            _bend(turns, solved, side, _PARTS["arm"][:2], hand.bent)
            if hand.turn is not None:
                _turn_hand(turns, solved, side, hand.turn)
            holds += hand.holds
            targets[limb] = hand.target - travelled
        solved = fit(ready, turns, along, solved)
    return Grounded(solved, tuple(holds), travelled, targets, floor)


def read_leg(solved: Solved, motion: Motion, side: str, travelled: Array | None = None) -> Leg | None:
    """One leg of a posed rig in the scene's world, metres. None if it is not all mapped and moved."""
    ready = solved.plan
    shape = foot_shape(ready.rig, ready.bone_map, ready.body, side)
    joints = limb_joints(solved, f"{side}_leg")
    if shape is None or joints is None:
        return None
    moved = joints if travelled is None else joints + travelled[:, None]
    toes = ready.bone_map.first(f"{side}_toes") if shape.toe_joint is not None else None
    column = 2 * SIDES.index(side)
    return Leg(
        moved[:, 0], moved[:, 1], moved[:, 2],
        bends=limb_bends(solved, f"{side}_leg"),
        foot=upright_turn(solved, ready.bone_map[f"{side}_foot"][0]),
        toes=None if toes is None or toes in ready.kept else upright_turn(solved, toes),
        shape=shape,
        contact=motion.contact[:, column : column + 2],
        source=source_soles(motion, side) * ready.body.units * ready.rig.scale,
    )  # fmt: skip


def upright_turn(solved: Solved, bone: str) -> Array:
    """World rotation (N, 3, 3) of a bone; identity is its rest pose on a rig that stands facing -Y."""
    rig = solved.plan.rig
    return np.asarray(rig.turn @ solved.posed.turn(rig.index(bone)) @ solved.plan.body.axes)


def _arm(solved: Solved, motion: Motion, side: str, travelled: Array) -> Arm | None:
    joints = limb_joints(solved, f"{side}_arm")
    if joints is None:
        return None
    moved = joints + travelled[:, None]
    said = motion.hand_contact
    return Arm(
        moved[:, 0], moved[:, 1], moved[:, 2],
        bends=limb_bends(solved, f"{side}_arm"),
        hand=upright_turn(solved, solved.plan.bone_map[f"{side}_hand"][0]),
        said=None if said is None else said[:, SIDES.index(side)],
    )  # fmt: skip


def limb_joints(solved: Solved, limb: str) -> Array | None:
    """(N, 3, 3) hip, knee, ankle or shoulder, elbow, wrist of "left_leg" ..., in the scene's world, metres.

    None if not all of the limb is mapped and turned.
    """
    ready = solved.plan
    side, kind = limb.split("_")
    names = [ready.bone_map.first(f"{side}_{part}") for part in _PARTS[kind]]
    if any(name is None or name not in solved.rotations for name in names):
        return None
    bones = [ready.rig.index(str(name)) for name in names]
    if not (ready.rig.is_below(bones[1], bones[0]) and ready.rig.is_below(bones[2], bones[1])):
        return None
    return ready.rig.to_world(solved.posed.heads(bones))


def limb_bends(solved: Solved, limb: str) -> Array:
    """The way (N, 3) in the world that knee or elbow of a limb goes when it bends."""
    ready = solved.plan
    side, kind = limb.split("_")
    bone = ready.bone_map[f"{side}_{_PARTS[kind][0]}"][0]
    turn = ready.rig.turn @ solved.posed.turn(ready.rig.index(bone)) @ ready.alignment.turns[bone]
    return np.asarray(turn @ (FRONT if kind == "leg" else -FRONT))


def _bend(turns: dict[str, Array], solved: Solved, side: str, parts: tuple[str, ...], bent: Bent) -> None:
    """Turn both bones of a limb, and their twist bones along with them."""
    rig = solved.plan.rig
    for part, world in zip(parts, (bent.upper, bent.lower), strict=True):
        beyond = rig.turn.T @ world @ rig.turn
        for role in (f"{side}_{part}", f"{side}_{part}_twist"):
            for name in solved.plan.bone_map[role]:
                turns[name] = beyond @ solved.posed.turn(rig.index(name))


def _turn_hand(turns: dict[str, Array], solved: Solved, side: str, turn: Array) -> None:
    """Turn a hand by so much in the world (N, 3, 3), and its fingers along with it."""
    rig = solved.plan.rig
    hand = rig.index(solved.plan.bone_map[f"{side}_hand"][0])
    beyond = rig.turn.T @ turn @ rig.turn
    for name in [name for name in turns if rig.index(name) == hand or rig.is_below(rig.index(name), hand)]:
        turns[name] = beyond @ turns[name]


def _travelled(solved: Solved, motion: Motion) -> Array:
    """What an in-place motion leaves out of the path (N, 3), world. Feet stand where the path leads."""
    ready = solved.plan
    if ready.options.root_motion != "in_place":
        return np.zeros((len(motion), 3))
    whole = path(ready.rig, ready.body, motion, "hips")
    return _from_armature(ready.rig, whole.hips - solved.path.hips)


def _from_armature(rig: Rig, offsets: Array) -> Array:
    return np.asarray(offsets @ rig.turn.T * rig.scale)

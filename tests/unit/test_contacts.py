# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stand, on rigs whose proportions nobody's source has; and that nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_feet import FPS, about_x, posed, squat, walk

from rotocap.inference.skeleton import PARENTS
from rotocap.retarget import contact_spans as runs
from rotocap.retarget import toes
from rotocap.retarget.bone_map import SIDES, BoneMap
from rotocap.retarget.certificate import Certificate
from rotocap.retarget.certify import certify, soles
from rotocap.retarget.contacts import ContactOptions
from rotocap.retarget.grounding import Grounded, ground, limb_joints, read_leg
from rotocap.retarget.ik import bend_angle, two_bone
from rotocap.retarget.motion import Motion
from rotocap.retarget.rig import Rig
from rotocap.retarget.segments import rotation_angle
from rotocap.retarget.solve import RetargetOptions, Solved, solve
from rotocap.tools.evaluate.retarget import Target, targets, varied


@pytest.fixture(scope="module")
def rigs() -> dict[str, Target]:
    return {target.name: target for target in (*varied(), *targets())}


def transferred(motion: Motion, target: Target, **options: object) -> Solved:
    return solve(motion, target.rig, target.bone_map, RetargetOptions(**options))


def worst_slide(grounded: Grounded, motion: Motion, solved: Solved | None = None) -> float:
    """mm a frame, of what is held; in `solved` if that is given."""
    worst = 0.0
    for hold in grounded.holds:
        leg = read_leg(solved or grounded.solved, motion, hold.limb.split("_")[0], grounded.travelled)
        part = slice(hold.first, hold.last + 1)
        place = leg.ankle[part] + leg.foot[part] @ leg.shape.offset(hold.point)
        worst = max(worst, 1000 * np.linalg.norm(np.diff(place, axis=0), axis=-1).max())
    return worst


def lowest(solved: Solved, motion: Motion, floor: float) -> float:
    """mm of the deepest sole above the floor."""
    legs = [read_leg(solved, motion, side) for side in SIDES]
    return 1000 * min(float(soles(leg)[..., 2].min()) - floor for leg in legs)


def knee_bends(solved: Solved) -> np.ndarray:
    limbs = [limb_joints(solved, f"{side}_leg") for side in SIDES]
    return np.degrees([bend_angle(limb[:, 0], limb[:, 1], limb[:, 2]) for limb in limbs])


@pytest.mark.parametrize("name", ["mixamo, short legs", "vroid, long legs", "unreal5", "mpfb_default"])
def test_a_walk_stands_on_any_legs(name: str, rigs: dict[str, Target]) -> None:
    motion = walk()
    solved = transferred(motion, rigs[name])
    grounded = ground(solved, motion)
    assert len(grounded.holds) >= 8
    assert worst_slide(grounded, motion) < 0.1
    assert lowest(grounded.solved, motion, grounded.floor) > -1.0
    before, after = (np.sqrt((np.diff(knee_bends(s), 2) ** 2).mean()) for s in (solved, grounded.solved))
    assert after < 1.5 * before
    for limb, target in grounded.targets.items():
        miss = np.linalg.norm(limb_joints(grounded.solved, limb)[:, 2] - target, axis=-1)
        assert miss.max() < 0.01, limb


def test_a_squat_stays_on_its_feet(rigs: dict[str, Target]) -> None:
    """Shins out of proportion take the feet for a walk of centimetres while the source stands still."""
    motion = squat()
    target = rigs["mixamo, short legs"]
    short = replace(target, rig=with_longer_shins(target.rig, target.bone_map, 1.4))
    solved = transferred(motion, short)
    grounded = ground(solved, motion)
    assert len(grounded.holds) == 4
    assert worst_slide(grounded, motion, solved) > 3.0
    assert worst_slide(grounded, motion) < 0.01
    assert abs(lowest(grounded.solved, motion, grounded.floor)) < 0.1
    for side in SIDES:
        leg = read_leg(grounded.solved, motion, side)
        np.testing.assert_allclose(leg.foot[:, 2, 2], 1.0, atol=1e-9)  # flat
        hip, knee, ankle = np.moveaxis(limb_joints(grounded.solved, f"{side}_leg"), 1, 0)
        assert (knee[:, 1] - 0.5 * (hip + ankle)[:, 1] < 0.0).all()  # to the front
    bends = knee_bends(grounded.solved)
    assert bends.max() > 60.0
    assert np.abs(np.diff(bends, 2)).max() < 1.5 * np.abs(np.diff(knee_bends(solved), 2)).max()


def with_longer_shins(rig: Rig, bone_map: BoneMap, factor: float) -> Rig:
    bones = list(rig.bones)
    for side in SIDES:
        knee, ankle = (rig.index(bone_map[f"{side}_{part}"][0]) for part in ("shank", "foot"))
        moved = (factor - 1.0) * (rig.heads[ankle] - rig.heads[knee])
        for k, bone in enumerate(bones):
            if k == ankle or rig.is_below(k, ankle):
                bones[k] = replace(bone, head=bone.head + moved, tail=bone.tail + moved)
    # Up again by as much, so that it stands where it stood.
    bones = [replace(bone, head=bone.head - moved, tail=bone.tail - moved) for bone in bones]
    return replace(rig, bones=tuple(bones))


def test_without_contacts_nothing_changes(rigs: dict[str, Target]) -> None:
    motion = walk()
    high = replace(
        motion, joints=motion.joints + np.array([0.0, 0.0, 0.5]), contact=np.zeros((len(motion), 4))
    )
    solved = transferred(high, rigs["smplx"])
    grounded = ground(solved, high)
    assert not grounded.holds
    for name, values in solved.rotations.items():
        np.testing.assert_allclose(grounded.solved.rotations[name], values, atol=1e-6)
    for name, values in solved.locations.items():
        np.testing.assert_allclose(grounded.solved.locations[name], values, atol=1e-6)


def test_only_legs_and_hips_are_touched(rigs: dict[str, Target]) -> None:
    motion = walk()
    target = rigs["unreal5"]
    solved = transferred(motion, target)
    after = ground(solved, motion).solved
    legs = {
        name
        for side in SIDES
        for part in ("thigh", "thigh_twist", "shank", "shank_twist", "foot", "toes")
        for name in target.bone_map[f"{side}_{part}"]
    }
    for name in set(solved.rotations) - legs:
        np.testing.assert_allclose(after.rotations[name], solved.rotations[name], atol=1e-12, err_msg=name)
    assert set(after.locations) == set(solved.locations)


def test_what_moves_in_place_stands_on_the_path_it_leaves_out(rigs: dict[str, Target]) -> None:
    motion = walk()
    solved = transferred(motion, rigs["mixamo, short legs"], root_motion="in_place")
    grounded = ground(solved, motion)
    assert worst_slide(grounded, motion) < 0.1
    hips = grounded.solved.posed.heads([grounded.solved.plan.rig.index("mixamorig:Hips")])[:, 0]
    assert np.ptp(hips @ grounded.solved.plan.rig.turn.T, axis=0)[:2].max() < 5.0  # units are centimetres


def test_a_gap_is_no_bridge(rigs: dict[str, Target]) -> None:
    """Frames after a gap know nothing of the contacts before it."""
    motion = squat(60)
    contact = np.concatenate([np.ones((30, 4)), np.zeros((30, 4))])
    raised = motion.joints + np.concatenate([np.zeros(30), np.full(30, 0.5)])[:, None, None] * (0, 0, 1)
    gapped = replace(
        motion, spans=((0, 29), (30, 59)), contact=contact, joints=raised,
        frames=np.concatenate([np.arange(30), np.arange(100, 130)]),
    )  # fmt: skip
    solved = transferred(gapped, rigs["vroid, long legs"])
    grounded = ground(solved, gapped)
    assert {(hold.first, hold.last) for hold in grounded.holds} == {(0, 29)}
    assert np.abs(grounded.solved.path.hips[30:] - solved.path.hips[30:]).max() < 1e-9


def test_the_heel_goes_up_about_the_ball(rigs: dict[str, Target]) -> None:
    """Standing on tiptoe: ball where it was, foot as steep as the source's, toes flat on the floor."""
    count = 90
    rest = squat(2).joints[0]
    lift = np.radians(40.0) * np.clip((np.arange(count) - 30) / 30.0, 0.0, 1.0)
    turn = about_x(lift)
    ankles, feet = {}, {}
    for side, (ankle, foot) in {"left": (7, 10), "right": (8, 11)}.items():
        arm = (rest[foot] - rest[ankle]) * (1, 1, 0) - (0, 0, rest[ankle, 2])
        ankles[side] = rest[ankle] + arm - turn @ arm
        feet[side] = turn
    pelvis = np.tile(rest[0], (count, 1))
    pelvis[:, 2] += ankles["left"][:, 2] - ankles["left"][0, 2] - 0.03
    contact = np.stack([lift <= 0.0, np.ones(count, bool)] * 2, axis=-1).astype(float)
    motion = posed(pelvis, ankles, feet, contact)
    grounded = ground(transferred(motion, rigs["unreal4"]), motion)
    assert worst_slide(grounded, motion) < 0.1
    leg = read_leg(grounded.solved, motion, "left")
    steep = np.degrees(np.arctan2(leg.foot[:, 2, 1], leg.foot[:, 2, 2]))
    np.testing.assert_allclose(steep[70:], 40.0, atol=2.0)
    tips = soles(leg)[..., 2] - grounded.floor
    assert tips.min() > -1e-3
    assert tips[70:, 2].max() < 5e-3


def test_hips_that_are_locked_stay_and_legs_do_what_they_can(rigs: dict[str, Target]) -> None:
    motion = squat()
    target = rigs["vroid, long legs"]
    hips = target.bone_map["pelvis"][0]
    bones = [
        replace(bone, locked_location=(False, True, False)) if bone.name == hips else bone
        for bone in with_longer_shins(target.rig, target.bone_map, 1.1).bones
    ]
    solved = solve(motion, replace(target.rig, bones=tuple(bones)), target.bone_map)
    grounded = ground(solved, motion)
    np.testing.assert_array_equal(grounded.solved.locations[hips], solved.locations[hips])
    for limb, places in grounded.targets.items():
        miss = np.linalg.norm(limb_joints(grounded.solved, limb)[:, 2] - places, axis=-1)
        assert np.median(miss) < 0.01, limb


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_motions_of_few_frames(count: int, rigs: dict[str, Target]) -> None:
    whole = squat()
    motion = replace(
        whole, frames=whole.frames[:count], spans=((0, count - 1),) if count else (),
        rotations=whole.rotations[:count], joints=whole.joints[:count], contact=whole.contact[:count],
    )  # fmt: skip
    solved = transferred(motion, rigs["unreal4"])
    grounded = ground(solved, motion, ContactOptions(hands=True))
    certificate = certify(motion, solved, grounded)
    assert certificate.frames == count
    assert Certificate.from_json(certificate.to_json()) == certificate


def test_hands_that_rest_are_held(rigs: dict[str, Target]) -> None:
    """Hands on a bar, while the squat below pulls at them: the source's own lie still, the rig's do not."""
    motion = squat()
    joints, turns = np.array(motion.joints), np.array(motion.rotations)
    target = rigs["smplx"]
    rest_bars = {side: joints[0, wrist] - (0, 0, 0.1) for side, wrist in (("left", 20), ("right", 21))}
    for side, (shoulder, elbow, wrist) in {"left": (16, 18, 20), "right": (17, 19, 21)}.items():
        arm = [joints[:, k] for k in (shoulder, elbow, wrist)]
        bar = (
            np.tile(rest_bars[side], (len(motion), 1))
            - np.array([0, 0, 0.2])
            - (rest_bars[side] * (0.5, 0, 0))
        )
        bent = two_bone(*arm, target=bar, bends=np.tile([0.0, 1.0, 0.0], (len(motion), 1)))
        turns[:, shoulder], turns[:, elbow] = bent.upper, bent.lower
    for joint, parent in enumerate(PARENTS[1:], start=1):
        offset = motion.rest_joints[joint] - motion.rest_joints[parent]
        joints[:, joint] = joints[:, parent] + turns[:, parent] @ offset
    resting = replace(motion, joints=joints, rotations=turns)
    short = replace(target, rig=with_longer_shins(target.rig, target.bone_map, 1.2))
    grounded = ground(transferred(resting, short), resting, ContactOptions(hands=True))
    held = [hold for hold in grounded.holds if hold.point == "hand"]
    assert {hold.limb for hold in held} == {"left_arm", "right_arm"}
    for hold in held:
        wrist = limb_joints(grounded.solved, hold.limb)[hold.first : hold.last + 1, 2]
        assert 1000 * np.linalg.norm(np.diff(wrist, axis=0), axis=-1).max() < 0.5


def test_runs_are_found_with_hysteresis() -> None:
    contact = np.array([0, 0.5, 0.7, 0.5, 0.5, 0.3, 0.7, 0.7, 0, 0, 0, 0, 0.9, 0, 0, 0], float)
    spans = [(0, len(contact) - 1)]
    assert runs.find(contact, spans=spans, on=0.6, off=0.4, shortest=2, join=1) == [(2, 7)]
    assert runs.find(contact, spans=spans, on=0.6, off=0.4, shortest=1, join=0) == [(2, 4), (6, 7), (12, 12)]
    assert runs.find(contact, spans=[(0, 3), (4, 15)], on=0.6, off=0.4, shortest=2, join=1) == [
        (2, 3),
        (6, 7),
    ]


def test_who_shuffles_stands_several_times() -> None:
    step = np.concatenate([np.zeros(30), np.linspace(0, 0.3, 10), np.full(30, 0.3)])
    places = np.stack([step, np.zeros_like(step), np.zeros_like(step)], axis=-1)
    parts = runs.standing((0, 69), places, drift=0.05, settled=0.02, shortest=3, pause=4)
    assert len(parts) >= 2
    for first, last in parts:
        assert np.ptp(step[first : last + 1]) <= 0.05
    covered = sum(last - first + 1 for first, last in parts)
    assert covered >= 55


def test_corrections_fade_smoothly_and_end() -> None:
    known = np.zeros(100, bool)
    known[20:40] = True
    values = np.where(known, 0.1, 0.0)[:, None]
    out = runs.eased(values, known, spans=[(0, 99)], ease=8)[:, 0]
    np.testing.assert_allclose(out[20:40], 0.1)
    assert (out[:11] == 0.0).all()
    assert (out[50:] == 0.0).all()
    assert np.abs(np.diff(out, 2)).max() < 0.01
    # Two contacts close to each other are joined without going down to nothing between them.
    known[48:60] = True
    values = np.where(known, 0.1, 0.0)[:, None]
    assert runs.eased(values, known, spans=[(0, 99)], ease=8)[40:48].min() > 0.09


def test_the_envelope_is_nowhere_below() -> None:
    need = np.abs(np.random.default_rng(0).normal(size=200)) * (np.arange(200) % 50 < 5)
    out = runs.envelope(need, spans=[(0, 99), (100, 199)], radius=6)
    assert (out >= need - 1e-12).all()
    assert np.abs(np.diff(out[:100])).max() < 0.5 * need.max()


def test_seconds_mean_the_same_at_any_rate(rigs: dict[str, Target]) -> None:
    """At 60 frames a second, and at a capture's own times, the same walk is held at the same places."""
    slow, fast = walk(frames=18), walk(frames=36)
    between = replace(fast, frames=1.0 + 0.5 * np.arange(len(fast)))
    fast = replace(fast, fps=2 * FPS)
    places = []
    for motion in (slow, fast, between):
        grounded = ground(transferred(motion, rigs["vroid, long legs"]), motion)
        places.append(np.array([hold.place for hold in grounded.holds]))
    assert places[0].shape == places[1].shape
    assert np.abs(places[0] - places[1]).max() < 0.02
    np.testing.assert_allclose(places[1], places[2])


def test_toes_never_snap_out_of_the_floor(rigs: dict[str, Target]) -> None:
    """Toes that the source pushes straight down bend up on the floor, and fall back in time."""
    motion = walk()
    turns = np.array(motion.rotations)
    sunk = (np.arange(len(motion)) % 36 < 18)[:, None, None]
    for ankle, foot in ((7, 10), (8, 11)):
        turns[:, foot] = np.where(sunk, turns[:, ankle] @ about_x(np.full(len(motion), 1.4)), turns[:, ankle])
    pushed = replace(motion, rotations=turns)
    target = rigs["mixamo"]
    solved = transferred(pushed, target)
    grounded = ground(solved, pushed)
    assert lowest(solved, pushed, grounded.floor) < -30.0
    assert lowest(grounded.solved, pushed, grounded.floor) > -1.0
    for side in SIDES:
        before, after = (read_leg(s, pushed, side) for s in (solved, grounded.solved))
        own = [np.swapaxes(leg.foot, -1, -2) @ leg.toes for leg in (before, after)]
        turned, was = (steps(one) for one in reversed(own))
        foot = steps(before.foot)
        assert (turned <= was + foot + 12.5).all()  # 360 degrees a second, and what the foot itself turns
        # About the toes' own joint: nothing is turned sideways.
        across = np.abs((after.toes @ [1.0, 0.0, 0.0]) @ [0.0, 0.0, 1.0])
        assert across.max() < np.sin(np.radians(8.0))


def steps(turns: np.ndarray) -> np.ndarray:
    """Degrees from frame to frame."""
    return np.degrees(rotation_angle(np.swapaxes(turns[:-1], -1, -2) @ turns[1:]))


def test_toes_in_the_air_are_left_as_they_were() -> None:
    """Straight down, and a little to the back, high above the floor."""
    hanging = about_x(np.radians([80.0, 89.0, 91.0, 100.0, 85.0]))
    out = toes.out_of_the_floor(
        hanging, np.array([0.0, -0.08, -0.02]), foot=hanging, height=np.full(5, 0.3), spans=[(0, 4)], step=0.2
    )
    np.testing.assert_allclose(out, hanging, atol=1e-12)


def test_a_ramp_is_as_steep_as_it_may_be_and_stops_at_gaps() -> None:
    need = np.zeros(12)
    need[[3, 8]] = 1.0
    out = runs.ramped(need, spans=[(0, 5), (6, 11)], step=0.4)
    np.testing.assert_allclose(out, [0, 0.2, 0.6, 1, 0.6, 0.2, 0.2, 0.6, 1, 0.6, 0.2, 0])

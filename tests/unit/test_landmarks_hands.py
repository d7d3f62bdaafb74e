# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose hand is which, and how a hand that is lost goes and comes back. No network file is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from standing_person import SCALE, hand_at, remembered, standing

from rotocap.inference import wholebody
from rotocap.inference.landmarks.assembly import assemble
from rotocap.inference.landmarks.crop import Picture, Roi
from rotocap.inference.landmarks.hand_finding import forgotten, region_to_follow, seen_again
from rotocap.inference.landmarks.hand_sides import (
    Arms,
    Candidate,
    assign,
    may_belong,
    on_head,
    read_exchanged,
)
from rotocap.inference.landmarks.hands import Side, region_at_forearm
from rotocap.inference.landmarks.palms import Palm

PALM = 0.09 * SCALE


def given(hands, arms, before=(None, None), **about):
    """Index of the hand that each side is given, or None."""
    candidates = [Candidate(hand, **about) for hand in hands]
    chosen = assign(candidates, arms, before)
    return [None if c is None else [c is other for other in candidates].index(True) for c in chosen]


def moved(arms: Arms, left, right) -> Arms:
    return replace(arms, wrists=np.array([left, right], float))


def test_a_hand_belongs_to_the_wrist_it_is_at() -> None:
    body = standing()
    arms = Arms.of(body)
    left, right = body.points[15], body.points[16]
    assert hand_at(left).palm == pytest.approx(PALM)
    assert given([hand_at(left + 5)], arms) == [0, None]
    assert given([hand_at(right, rightness=0.9)], arms) == [None, 0]
    assert given([hand_at(right, rightness=0.9), hand_at(left)], arms) == [1, 0]
    assert given([hand_at(body.points[0])], arms) == [None, None]  # on the face


def test_a_hand_on_a_clear_wrist_stays_there_whatever_side_it_looks_like() -> None:
    """A fist reads as the other side's for seconds on end."""
    body = standing()
    hands = [hand_at(body.points[15], rightness=0.95), hand_at(body.points[16], rightness=0.05)]
    assert given(hands, Arms.of(body)) == [0, 1]


def test_a_followed_fist_off_the_wrist_is_not_let_go_for_reading_as_the_other_side() -> None:
    """What would not be enough to find it is enough to stay with it, while it goes on as it went."""
    arms = Arms.of(standing())
    fist = hand_at(arms.wrists[0] + (0.89 * PALM, 0.0), rightness=0.99)
    before = (remembered(fist, Side.LEFT), None)
    assert given([fist], arms) == [None, None]
    assert given([fist], arms, before, followed=True) == [0, None]
    assert given([fist], arms, before) == [None, None]  # read at the wrist, it need not be the same
    doubtful = replace(fist, presence=0.45)
    assert given([doubtful], arms, before, followed=True) == [None, None]
    # With the other wrist as near, left and right decide as ever.
    near = moved(arms, arms.wrists[0], arms.wrists[0] + (1.78 * PALM, 0.0))
    assert given([fist], near, before, followed=True)[Side.LEFT] is None


def test_of_two_wrists_that_touch_the_hand_chooses_by_its_side() -> None:
    arms = Arms.of(standing())
    place = arms.wrists[0].tolist()
    arms = moved(arms, place, np.add(place, (4, 0)))
    assert given([hand_at(np.add(place, (2, 0)), rightness=0.05)], arms) == [0, None]
    assert given([hand_at(np.add(place, (2, 0)), rightness=0.95)], arms) == [None, 0]


def test_a_third_hand_takes_nobodys_place() -> None:
    """Somebody else's hand comes near a wrist whose own hand is followed."""
    body = standing()
    own = hand_at(body.points[15])
    stranger = hand_at(body.points[15] + (0.9 * PALM, 0.0), rightness=0.05)
    before = (remembered(own, Side.LEFT), None)
    assert given([stranger, own], Arms.of(body), before, followed=True)[Side.LEFT] == 1


def test_the_region_of_a_followed_fist_does_not_shrink_to_nothing() -> None:
    """Its points are drawn together when it is badly seen, and the next region is drawn around them."""
    arms = Arms.of(standing())
    memory = remembered(hand_at(arms.wrists[0]), Side.LEFT)
    steady = region_to_follow(memory, arms, Side.LEFT)
    assert steady == memory.roi
    shrunk = replace(memory, roi=replace(memory.roi, size=0.6 * PALM))
    followed = region_to_follow(shrunk, arms, Side.LEFT)
    assert (followed.x, followed.y, followed.angle) == (memory.roi.x, memory.roi.y, memory.roi.angle)
    assert 1.2 * PALM < followed.size < 2.0 * PALM


def test_a_palm_that_no_side_could_be_given_is_not_read() -> None:
    arms = Arms.of(standing())
    beside = arms.wrists[0] + (1.5 * PALM, 0.0)
    assert may_belong(arms.wrists[1], PALM, arms, (None, None))
    assert may_belong(beside, PALM, arms, (None, None))
    far = arms.wrists[0] + (2.0 * PALM, 0.0)
    assert not may_belong(far, PALM, arms, (None, None))
    # An unsure body may be that wrong, and a hand that was followed there goes on without it.
    assert may_belong(far, PALM, replace(arms, certainty=np.array([0.3, 0.9])), (None, None))
    there = remembered(hand_at(far), Side.LEFT)
    assert may_belong(far, PALM, arms, (there, None))
    assert not may_belong(far, PALM, arms, (replace(there, lost=1), None))


@pytest.mark.parametrize("factor", [0.3, 4.0])
def test_a_hand_of_another_size_is_refused(factor: float) -> None:
    body = standing()
    hand = hand_at(body.points[15])
    other = replace(hand, points=(hand.points - hand.points[0]) * factor + hand.points[0])
    assert given([other], Arms.of(body)) == [None, None]


def test_one_hand_that_was_read_twice_is_one() -> None:
    body = standing()
    arms = moved(Arms.of(body), body.points[15], body.points[15] + (5, 0))
    assert given([hand_at(body.points[15]), hand_at(body.points[15] + 2)], arms).count(None) == 1


def test_a_hand_that_points_back_along_its_forearm_is_misread() -> None:
    body = standing()
    hand = hand_at(body.points[15])
    back = replace(hand, points=2 * hand.points[0] - hand.points, metres=-hand.metres)
    assert given([back], Arms.of(body)) == [None, None]


def test_crossing_hands_keep_their_side_while_the_body_exchanges_them() -> None:
    """Both hands pass each other at three palms' distance; after the crossing the body has them exchanged."""
    arms = Arms.of(standing())
    middle = arms.wrists.mean(axis=0)
    before = (None, None)
    for frame in range(-12, 13):
        across = np.array([0.12 * PALM * frame, 0.0])
        low = np.array([0.0, 1.5 * PALM])
        # The left hand comes from the person's left, which is the picture's right.
        left, right = middle - across + low, middle + across - low
        # A fist's own left and right are of no help.
        hands = [hand_at(left, rightness=0.5), hand_at(right, rightness=0.5)]
        true = moved(arms, left, right)
        said = true.exchanged() if 0 <= frame < 6 else true
        exchanged = read_exchanged(said, before)
        assert exchanged == (0 <= frame < 6)
        said = said.exchanged() if exchanged else said
        assert given(hands, said, before, followed=True) == [0, 1], frame
        before = tuple(seen_again(hands[side], said, before, side) for side in Side)


def test_left_and_right_over_the_frames_outweigh_one_frame() -> None:
    """Hands that touch: one frame in which both read as the other side changes nothing."""
    body = standing()
    arms = moved(Arms.of(body), body.points[15], body.points[15] + (1.2 * PALM, 0))
    hands = [hand_at(arms.wrists[0], rightness=0.05), hand_at(arms.wrists[1], rightness=0.95)]
    before = (None, None)
    for _ in range(6):
        before = tuple(seen_again(hands[side], arms, before, side) for side in Side)
    flipped = [replace(hands[0], rightness=0.95), replace(hands[1], rightness=0.05)]
    assert given(flipped, arms, before, followed=True) == [0, 1]


def test_a_hand_on_its_course_is_believed_when_the_bodys_wrist_leaps_but_not_for_ever() -> None:
    body = standing()
    arms = Arms.of(body)
    hand = hand_at(body.points[15])
    away = moved(arms, arms.wrists[0] + (6 * PALM, 0), arms.wrists[1])
    before = (remembered(hand, Side.LEFT), None)
    kept = 0
    while given([hand], away, before, followed=True)[0] == 0:
        before = (seen_again(hand, away, before, Side.LEFT), None)
        kept += 1
        assert kept < 100
    assert 5 < kept < 30


def test_the_bodys_wrist_is_doubted_where_the_hand_is_surely_elsewhere() -> None:
    body = standing()
    hand = hand_at(body.points[15])
    memory = remembered(hand, Side.LEFT)
    points = body.points.copy()
    points[15] += (4 * PALM, 0)
    leapt = assemble(replace(body, points=points), [hand, None], None, (memory, None), size=(800, 600))
    assert leapt.keypoints[9, 2] < 0.3 < leapt.keypoints[91, 2]
    calm = assemble(body, [hand, None], None, (memory, None), size=(800, 600))
    assert calm.keypoints[9, 2] == pytest.approx(0.9)


def test_a_lost_hand_fades_where_it_was_going_and_comes_back_gently() -> None:
    body = standing()
    arms = Arms.of(body)
    hand = hand_at(body.points[15])
    memory = remembered(hand, Side.LEFT)
    certainty = []

    def certain(seen, memory) -> float:
        person = assemble(body, [seen, None], None, (memory, None), size=(800, 600))
        return float(person.keypoints[wholebody.LEFT_HAND, 2].max())

    certainty.append(certain(hand, memory))
    for _ in range(10):
        memory = forgotten(memory, arms, Side.LEFT)
        if memory is None:
            break
        certainty.append(certain(None, memory))
        assert np.allclose(memory.wrist, hand.wrist, atol=1.0)
    assert memory is None
    assert 3 <= len(certainty) <= 6
    assert (np.diff(certainty) < 0).all()
    before, back = (None, None), []
    for _ in range(4):
        before = (seen_again(hand, arms, before, Side.LEFT), None)
        back.append(certain(hand, before[0]))
    assert (np.diff(back[:3]) > 0).all()
    assert back[0] < 0.5 < 0.9 < back[-1]


def test_a_hand_on_the_head_is_known_as_such() -> None:
    body = standing()
    head = body.points[:11].mean(axis=0)
    assert on_head(hand_at(head - (0, 0.06 * SCALE)), body, None)
    assert not on_head(hand_at(body.points[15]), body, None)


def test_the_palm_detector_looks_beyond_the_wrist() -> None:
    body = standing()
    region = region_at_forearm(body, Side.LEFT, Picture(np.zeros((600, 800, 3), np.uint8)))
    inside = (hand_at(body.points[15]).points - (region.x, region.y)) @ region.rotation / region.size
    assert np.abs(inside).max() < 0.45
    assert inside[12, 1] < 0  # fingers up in the cut-out: the forearm points up there


def test_a_palms_region_holds_the_fingers() -> None:
    hand = hand_at(np.array([300.0, 300.0]))
    palm = Palm(hand.points[[0, 5, 9, 13, 17, 1, 2]], size=1.2 * PALM, score=0.9)
    roi: Roi = palm.roi()
    inside = np.abs((hand.points - (roi.x, roi.y)) @ roi.rotation) / roi.size
    assert inside.max() < 0.5

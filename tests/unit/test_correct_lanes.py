# SPDX-License-Identifier: GPL-3.0-or-later
"""Lanes of contacts and offsets of edits, as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.correct import lanes
from rotocap.correct.offsets import Edited, apart, difference, neutral, offset_keys, shorter_arc

INF = float("inf")


def test_keys_and_spans_of_a_lane_say_the_same() -> None:
    frames, values = lanes.lane_keys([(30.0, 40.0), (10.0, 20.0), (18.0, 25.0)], before=0.0)
    assert frames.tolist() == [0, 10, 25, 30, 40]
    assert values.tolist() == [0, 1, 0, 1, 0]
    assert lanes.spans(frames, values) == ((10.0, 25.0), (30.0, 40.0))


def test_a_lane_holds_before_its_first_key_and_after_its_last() -> None:
    assert lanes.spans(np.array([5.0]), np.array([1.0])) == ((-INF, INF),)
    assert lanes.spans(np.array([5.0, 9.0]), np.array([0.0, 1.0])) == ((9.0, INF),)
    assert lanes.spans(np.array([5.0, 7.0, 9.0]), np.array([1.0, 1.0, 0.0])) == ((-INF, 9.0),)
    assert lanes.spans(np.zeros(0), np.zeros(0)) == ()
    down = lanes.sampled({"right_heel": [(3.0, 5.0)]}, np.arange(7))
    assert down[:, 2].tolist() == [0, 0, 0, 1, 1, 0, 0]
    assert down[:, [0, 1, 3]].sum() == 0
    hands = lanes.sampled({"right_hand": [(3.0, 5.0)]}, np.arange(7), lanes.HAND_LANES)
    assert hands.T.tolist() == [[0] * 7, [0, 0, 0, 1, 1, 0, 0]]


def test_of_two_keys_at_one_frame_the_last_counts() -> None:
    assert lanes.spans(np.array([0.0, 5.0, 5.0, 9.0]), np.array([0.0, 0.0, 1.0, 0.0])) == ((5.0, 9.0),)
    assert lanes.spans(np.array([0.0, 5.0, 5.0, 9.0]), np.array([0.0, 1.0, 0.0, 0.0])) == ()
    assert lanes.spans(np.array([0.0, 5.0, 7.0, 9.0]), np.array([0.0, 1.0, 1.0, 0.0])) == ((5.0, 9.0),)


def test_what_changed_covers_whole_contacts_of_that_foot_only() -> None:
    before = {"left_heel": [(10.0, 20.0)], "left_toe": [(18.0, 30.0)], "right_heel": [(22.0, 60.0)]}
    after = {**before, "left_toe": [(18.0, 34.0)]}
    assert lanes.changed(before, before) == {}
    assert lanes.changed(before, after) == {"left_leg": (10.0, 34.0)}
    assert lanes.reach((10.0, 34.0), after) == (10.0, 60.0)
    assert lanes.changed({"left_heel": [(5.0, 9.0)]}, {}) == {"left_leg": (5.0, 9.0)}
    # A hand is no foot, on whichever side it is.
    held = {**after, "left_hand": [(20.0, 90.0)]}
    assert lanes.changed(after, held) == {"left_arm": (20.0, 90.0)}
    assert lanes.reach((10.0, 15.0), held, ["left_leg"]) == (10.0, 34.0)
    assert lanes.without([(0.0, 10.0)], (4.0, 6.0)) == [(0.0, 4.0), (6.0, 10.0)]


def test_an_edit_fades_to_nothing_and_neighbours_blend() -> None:
    rest = np.zeros(3)
    one = offset_keys([Edited(50.0, 12.0, np.array([1.0, 2.0, 3.0]))], rest)
    assert one.frames.tolist() == [38, 50, 62]
    assert one.values[:, 1].tolist() == [0, 2, 0]
    far = offset_keys([Edited(50.0, 12.0, rest + 1), Edited(90.0, 5.0, rest + 2)], rest)
    assert far.frames.tolist() == [38, 50, 62, 85, 90, 95]
    near = offset_keys([Edited(60.0, 12.0, rest + 2), Edited(50.0, 12.0, rest + 1)], rest)
    assert near.frames.tolist() == [38, 50, 60, 72]
    assert near.edited.tolist() == [False, True, True, False]


@pytest.mark.parametrize("kind", ["rotation_quaternion", "rotation_euler", "location", "scale"])
def test_a_difference_brings_one_value_to_the_other(kind: str) -> None:
    random = np.random.default_rng(1)
    below, posed = random.normal(size=(2, len(neutral(kind))))
    offset = difference(kind, below, posed)
    if kind == "rotation_quaternion":
        below, posed = below / np.linalg.norm(below), posed / np.linalg.norm(posed)
        w, v = below[0], below[1:]
        product = np.array([w * offset[0] - v @ offset[1:],
                            *(w * offset[1:] + offset[0] * v + np.cross(v, offset[1:]))])  # fmt: skip
        assert min(np.abs(product - posed).max(), np.abs(product + posed).max()) < 1e-9
        assert offset[0] >= 0.0
    elif kind == "scale":
        assert np.allclose(below * offset, posed)
    else:
        assert np.allclose(below + offset, posed)
    assert apart(kind, below, below) == pytest.approx(0.0, abs=1e-7)
    assert apart(kind, below, posed) > 0.01


def test_signs_follow_the_shorter_arc() -> None:
    turns = np.array([[-1.0, 0, 0, 0], [-0.7, -0.7, 0, 0], [0.7, 0.7, 0, 0], [1.0, 0, 0, 0]])
    out = shorter_arc(turns)
    assert out[0, 0] > 0
    assert ((out[1:] * out[:-1]).sum(axis=1) >= 0).all()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendered crossings are what they say: hands go where they are led, and the measure sees an exchange."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the pictures are made by training/, which needs torch")

from rotocap.inference import wholebody
from rotocap.inference.kinematics import forward_poses
from rotocap.inference.skeleton import INDEX
from rotocap.tools.evaluate import hand_crossings
from rotocap.tools.evaluate.hand_crossings import Crossing
from rotocap.tools.evaluate.hand_seen import found_in


def wrists(name):
    clip = next(clip for way, clip in hand_crossings.clips(6) if way == name)
    joints, _ = forward_poses(clip.poses, clip.trans, clip.rest)
    return clip, joints[:, INDEX["left_wrist"]], joints[:, INDEX["right_wrist"]]


def test_crossing_hands_cross_and_come_back() -> None:
    _, left, right = wrists("cross")
    assert (left[[0, -1], 0] > 0.2).all() and (right[[0, -1], 0] < -0.2).all()
    middle = len(left) // 2
    assert left[middle, 0] < -0.1 and right[middle, 0] > 0.1
    assert np.linalg.norm(left - right, axis=1).min() > 0.05  # past each other, not through


def test_praying_hands_meet_and_stay() -> None:
    _, left, right = wrists("pray")
    apart = np.linalg.norm(left - right, axis=1)
    assert apart[0] > 0.4
    assert apart[20:].max() < 0.12


@pytest.mark.parametrize("name", ["cross", "fold", "face"])
def test_the_true_palms_lie_in_the_picture_beside_their_wrists(name: str) -> None:
    clip, left, _ = wrists(name)
    places, palm = hand_crossings._truth(clip)
    seen = clip.camera.sees(left)
    pixels = seen[:, :2] / seen[:, 2:] * clip.camera.K[0, 0] + clip.camera.K[:2, 2]
    assert (np.linalg.norm(places[0] - pixels, axis=1) < 1.2 * palm).all()
    assert ((places > 0) & (places < (640, 480))).all()


def test_an_exchange_is_counted_where_place_can_tell() -> None:
    found = np.ones((4, 2), bool)
    right = Crossing("cross", found, np.full((4, 2), 0.2), np.full((4, 2), 3.0), np.full(4, 3.0))
    assert hand_crossings._right(right) == (8, 8)
    exchanged = replace(right, astray=right.swapped, swapped=right.astray)
    assert hand_crossings._right(exchanged) == (0, 8)
    assert hand_crossings._right(replace(right, apart=np.full(4, 0.1))) == (0, 0)


def test_knuckles_that_stand_in_are_no_hand() -> None:
    hand = np.zeros((2, 21, 3))
    hand[0, :, 2] = 0.9
    hand[1, [0, 2, 5, 17], 2] = 0.5
    assert found_in(hand).tolist() == [True, False]
    assert wholebody.LEFT_HAND.stop - wholebody.LEFT_HAND.start == hand.shape[1]

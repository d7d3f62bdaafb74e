# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people near each other: each face and hand stays with one of them."""

from __future__ import annotations

import numpy as np
from scripted_people import figure

from rotocap.inference import wholebody
from rotocap.inference.people.shared_parts import familiar, settle

FACE, LEFT, RIGHT = wholebody.FACE, wholebody.LEFT_HAND, wholebody.RIGHT_HAND
ALL = np.ones(3, np.float32)


def person(x: float):
    landmarks = figure((x, 120.0, 150.0), frame=0)
    landmarks.points3d[FACE.start :] = 0.0
    landmarks.fingers[:] = 0.0
    return landmarks


def put(landmarks, points: slice, place: np.ndarray, size: float) -> None:
    """A part as a ring of points around a place."""
    count = points.stop - points.start
    angle = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    landmarks.keypoints[points, :2] = place + size * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    landmarks.keypoints[points, 2] = 0.9


def seen(landmarks, points: slice) -> bool:
    known = bool(np.isfinite(landmarks.points3d[points]).all())
    assert known == bool((landmarks.keypoints[points, 2] > 0).all())
    for side, hand in enumerate((LEFT, RIGHT)):
        if points == hand:
            assert known == bool(np.isfinite(landmarks.fingers[side]).all()), "fingers go with their hand"
    return known


def known(people):
    return [(landmarks, ALL) for landmarks in people]


def test_a_face_stays_with_the_nearer_nose() -> None:
    first, second = person(100.0), person(130.0)
    put(first, FACE, first.keypoints[0, :2], 8.0)
    put(second, FACE, first.keypoints[0, :2] + [2.0, 0.0], 8.0)
    settle(known([second, first]))
    assert seen(first, FACE) and not seen(second, FACE)


def test_who_turned_his_back_does_not_take_the_face_that_he_bends_over() -> None:
    back, front = person(100.0), person(130.0)
    put(front, FACE, front.keypoints[0, :2] + [3.0, 0.0], 8.0)
    no_face, both = ALL.copy(), ALL.copy()
    for _ in range(30):
        no_face, both = familiar(no_face, back), familiar(both, front)
    # His networks lay his own nose where the other one's face is, nearer than hers.
    back.keypoints[0, :2] = front.keypoints[0, :2] + [3.0, 0.0]
    put(back, FACE, back.keypoints[0, :2], 8.0)
    assert settle([(back, no_face), (front, both)]) == [(back, "face")]
    assert seen(front, FACE) and not seen(back, FACE)


def test_a_hand_goes_to_the_nearer_wrist_whatever_its_side() -> None:
    first, second = person(100.0), person(150.0)
    put(first, LEFT, first.keypoints[9, :2], 5.0)
    put(second, RIGHT, first.keypoints[9, :2] + [1.0, 1.0], 5.0)
    settle(known([first, second]))
    assert seen(first, LEFT) and not seen(second, RIGHT)


def test_what_each_has_of_their_own_is_left_alone() -> None:
    people = [person(100.0), person(200.0)]
    for landmarks in people:
        put(landmarks, FACE, landmarks.keypoints[0, :2], 8.0)
        put(landmarks, LEFT, landmarks.keypoints[9, :2], 5.0)
        put(landmarks, RIGHT, landmarks.keypoints[10, :2], 5.0)
    settle(known(people))
    assert all(seen(landmarks, part) for landmarks in people for part in (FACE, LEFT, RIGHT))


def test_hands_that_touch_stay_two_hands() -> None:
    first, second = person(100.0), person(150.0)
    put(first, LEFT, np.array([125.0, 120.0]), 6.0)
    put(second, RIGHT, np.array([135.0, 120.0]), 6.0)
    settle(known([first, second]))
    assert seen(first, LEFT) and seen(second, RIGHT)


def test_a_newcomer_never_takes_a_hand() -> None:
    """Who is seen through somebody's arm has its wrist exactly on that hand; the other one's is off."""
    known, newcomer = person(100.0), person(150.0)
    put(known, LEFT, known.keypoints[9, :2] + [4.0, 0.0], 5.0)
    put(newcomer, RIGHT, known.keypoints[9, :2] + [4.0, 0.0], 5.0)
    newcomer.keypoints[10, :2] = known.keypoints[9, :2] + [4.0, 0.0]
    lost = settle([(known, ALL)], [newcomer])
    assert seen(known, LEFT) and not seen(newcomer, RIGHT)
    assert [(who is newcomer, part) for who, part in lost] == [(True, "right_hand")]


def test_who_had_the_hand_keeps_it_when_wrists_are_equally_near() -> None:
    """Certainty holds how long a hand was followed, and whether it is of that side."""
    first, second = person(100.0), person(150.0)
    place = first.keypoints[9, :2] + [3.0, 0.0]
    put(first, LEFT, place, 5.0)
    put(second, RIGHT, place, 5.0)
    second.keypoints[10, :2] = first.keypoints[9, :2]
    first.keypoints[LEFT, 2] = 0.4  # found just now
    assert settle(known([first, second])) == [(first, "left_hand")]
    assert seen(second, RIGHT) and not seen(first, LEFT)


def test_a_hand_cut_by_the_pictures_edge_is_still_one_hand() -> None:
    first, second = person(100.0), person(150.0)
    put(first, LEFT, first.keypoints[9, :2], 5.0)
    put(second, RIGHT, first.keypoints[9, :2] + [1.0, 1.0], 5.0)
    for part, landmarks in ((LEFT, first), (RIGHT, second)):
        landmarks.keypoints[part.start + 15 : part.stop, 2] = 0.0
    assert len(settle(known([first, second]))) == 1

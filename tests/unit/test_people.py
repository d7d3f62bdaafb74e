# SPDX-License-Identifier: GPL-3.0-or-later
"""Following people through frames, and saying afterwards who was who."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted_people import BLUE, GREEN, RED, Actor, ScriptedBackend, figure, picture, standing, walking

from rotocap.inference import chunks
from rotocap.inference.people import identity
from rotocap.inference.people.appearance import SIZE as APPEARANCE_SIZE
from rotocap.inference.people.appearance import appearance, distance
from rotocap.inference.people.track import gaps
from rotocap.inference.people.tracker import PeopleTracker

FPS = 30.0


def read(actors, frames, *, backend=None):
    """Sightings of a take, and for each row the actor who was really there."""
    tracker = PeopleTracker(backend or ScriptedBackend(actors))
    rows = chunks.Rows()
    for frame in frames:
        rows.add(frame, frame / FPS, tracker.step(picture(actors, frame), frame / FPS))
    arrays = rows.arrays()
    sightings = identity.Sightings(
        **{n: arrays[n] for n in ("frame", "time_s", "track", "centre", "size", "score", "appearance")}
    )
    truth = []
    for frame, centre in zip(sightings.frame, sightings.centre, strict=True):
        miss = [
            np.inf if (place := actor.where(int(frame))) is None else np.hypot(*(centre - place[:2]))
            for actor in actors
        ]
        truth.append(int(np.argmin(miss)))
    return sightings, np.array(truth)


def purity(persons, truth):
    """For each person the actor they mostly are, and the share of their rows that is that actor."""
    out = []
    for rows in persons:
        values, counts = np.unique(truth[rows], return_counts=True)
        out.append((int(values[counts.argmax()]), counts.max() / len(rows)))
    return out


def test_one_person_is_one_track_without_a_gap():
    actors = [Actor(walking(60, 1.0), RED)]
    sightings, _ = read(actors, range(120))
    persons = identity.persons(sightings)
    assert len(persons) == 1
    assert sightings.frame[persons[0]].tolist() == list(range(120))


class CloseUp(ScriptedBackend):
    """Sees head and shoulders only, as in a picture that ends at the chest."""

    def track(self, image, state, others=()):
        found = super().track(image, state, others)
        if found is None:
            return None
        landmarks, following = found
        landmarks.keypoints[7:, 2] = 0.0
        shown = landmarks.keypoints[:7, :2]
        box = np.concatenate([shown.min(axis=0), shown.max(axis=0)])
        return replace(landmarks, box=box), following


def test_a_close_up_is_one_person_and_looked_at_once_a_frame():
    actors = [Actor(walking(100, 0.3), RED)]
    backend = CloseUp(actors)
    tracker = PeopleTracker(backend)
    for frame in range(120):
        rows = tracker.step(picture(actors, frame), frame / FPS)
        assert [row.track for row in rows] == [0]
    # Looking for newcomers costs a call now and then, but nobody is followed twice.
    assert len(backend.calls) < 1.2 * 120


def test_two_who_cross_keep_their_identity():
    actors = [Actor(walking(40, 2.0), RED, depth=1.0), Actor(walking(280, -2.0), BLUE, depth=2.0)]
    sightings, truth = read(actors, range(120))
    persons = identity.persons(sightings)
    found = purity(persons, truth)
    assert sorted(actor for actor, _ in found) == [0, 1]
    assert min(share for _, share in found) > 0.97
    assert min(len(rows) for rows in persons) > 95


def test_two_who_meet_and_turn_back_keep_their_identity():
    # Place and velocity say that they crossed; only the colours know that they did not.
    def meet(x0, direction):
        def where(frame):
            way = 2.0 * min(frame, 120 - frame)
            return (x0 + direction * way, 120.0, 150.0)

        return where

    actors = [Actor(meet(50, 1), RED, depth=1.0), Actor(meet(290, -1), GREEN, depth=2.0)]
    sightings, truth = read(actors, range(120))
    found = purity(identity.persons(sightings), truth)
    assert sorted(actor for actor, _ in found) == [0, 1]
    assert min(share for _, share in found) > 0.97


def test_two_who_cross_all_the_time_stay_two_over_a_long_take():
    count = 9000  # five minutes, a crossing every four seconds: 150 pieces to join
    time = np.arange(count) / 30.0
    swing = 200.0 * np.sin(2.0 * np.pi * time / 8.0)
    centre = np.stack(
        [np.stack([300.0 + swing, 300.0 - swing], axis=1).ravel(), np.full(2 * count, 200.0)], 1
    )
    clothes = np.zeros((2, APPEARANCE_SIZE), np.float32)
    clothes[0, ::12], clothes[1, 3::12] = 1.0, 1.0
    truth = np.tile([0, 1], count)
    # The tracker exchanges them at every other crossing.
    track = truth ^ np.repeat((time / 8.0).astype(int) % 2, 2)
    frame = np.repeat(np.arange(count), 2)
    sightings = identity.Sightings(
        frame=frame,
        time_s=frame / 30.0,
        track=track,
        centre=centre,
        size=np.full(2 * count, 150.0),
        score=np.ones(2 * count),
        appearance=clothes[truth],
    )
    found = identity.persons(sightings)
    assert len(found) == 2
    for rows in found:
        assert len(rows) == count
        assert max(np.mean(truth[rows] == 0), np.mean(truth[rows] == 1)) > 0.98


def test_late_entry_is_a_second_person_with_the_right_frames():
    late = walking(-150, 2.0)
    actors = [Actor(standing(240), RED), Actor(late, BLUE)]
    sightings, truth = read(actors, range(140))
    persons = identity.persons(sightings)
    assert [actor for actor, _ in purity(persons, truth)] == [0, 1]
    # In the picture from frame 75 on; found at the next look.
    assert 75 <= sightings.frame[persons[1][0]] <= 75 + 15


def test_leaving_and_returning_is_one_person_with_a_gap():
    def where(frame):
        return None if 50 <= frame < 110 else (150.0 if frame < 50 else 170.0, 120.0, 150.0)

    sightings, _ = read([Actor(where, RED)], range(180))
    persons = identity.persons(sightings)
    assert len(persons) == 1
    assert gaps(sightings.frame[persons[0]]) == [(50, 109)]


def test_somebody_else_in_the_same_place_later_is_somebody_else():
    actors = [
        Actor(lambda f: (150.0, 120.0, 150.0) if f < 60 else None, RED),
        Actor(lambda f: (150.0, 120.0, 150.0) if f >= 100 else None, BLUE),
    ]
    sightings, truth = read(actors, range(160))
    assert sorted(purity(identity.persons(sightings), truth)) == [(0, 1.0), (1, 1.0)]


def test_main_person_is_long_and_large():
    actors = [Actor(standing(60, y=70, height=60), BLUE), Actor(standing(220, height=160), RED)]
    sightings, truth = read(actors, range(60))
    assert [actor for actor, _ in purity(identity.persons(sightings), truth)] == [1, 0]


def test_a_flash_of_somebody_is_nobody():
    actors = [
        Actor(standing(60), RED),
        Actor(lambda f: (250.0, 120.0, 140.0) if 45 <= f < 55 else None, BLUE),
    ]
    sightings, _ = read(actors, range(120))
    assert len(np.unique(sightings.track)) == 2
    assert len(identity.persons(sightings)) == 1


@pytest.mark.parametrize(("seconds", "persons"), [(5, 1), (12, 2)])
def test_a_guest_in_a_long_take_is_somebody(seconds, persons):
    count, guest = 18000, int(seconds * FPS)  # ten minutes
    frame = np.concatenate([np.arange(count), 6000 + np.arange(guest)])
    track = np.repeat([0, 1], [count, guest])
    order = np.lexsort((track, frame))
    frame, track = frame[order], track[order]
    clothes = np.zeros((2, APPEARANCE_SIZE), np.float32)
    clothes[0, ::12], clothes[1, 3::12] = 1.0, 1.0
    sightings = identity.Sightings(
        frame=frame,
        time_s=frame / FPS,
        track=track,
        centre=np.where(track[:, None] == 0, [100.0, 200.0], [500.0, 200.0]),
        size=np.full(len(frame), 150.0),
        score=np.ones(len(frame)),
        appearance=clothes[track],
    )
    assert len(identity.persons(sightings)) == persons


def test_a_mixed_up_pose_does_not_stand_for_somebody_who_was_away():
    # Somebody, away for 5 s and then lit otherwise; meanwhile a flash of something that looks like both.
    parts = {  # track, frames, place, share of another colour in the clothes
        "before": (0, range(73), 100.0, 0.0),
        "flash": (1, range(160, 163), 200.0, 0.2),
        "after": (2, range(220, 340), 130.0, 0.45),
    }
    rows = sorted((frame, track, x, mix) for track, frames, x, mix in parts.values() for frame in frames)
    frame, track, x, mix = (np.array(column) for column in zip(*rows, strict=True))
    clothes = np.zeros((len(rows), APPEARANCE_SIZE), np.float32)
    clothes[:, ::12], clothes[:, 3::12] = 1.0 - mix[:, None], mix[:, None]
    sightings = identity.Sightings(
        frame=frame,
        time_s=frame / FPS,
        track=track,
        centre=np.stack([x, np.full(len(x), 200.0)], axis=1),
        size=np.full(len(x), 150.0),
        score=np.ones(len(x)),
        appearance=clothes,
    )
    (person,) = identity.persons(sightings)
    assert sightings.frame[person].tolist() == [*range(73), *range(220, 340)]


def test_nobody_gives_no_persons():
    sightings, _ = read([], range(20))
    assert len(sightings) == 0
    assert identity.persons(sightings) == []


@pytest.mark.parametrize("cut", [1, 37, 59, 61])
def test_a_tracker_goes_on_exactly_from_its_packed_state(cut):
    actors = [Actor(walking(40, 2.0), RED), Actor(walking(280, -2.0), BLUE, depth=2.0)]
    whole = PeopleTracker(ScriptedBackend(actors))
    first, second = PeopleTracker(ScriptedBackend(actors)), PeopleTracker(ScriptedBackend(actors))
    for frame in range(110):
        if frame == cut:
            second.unpack(first.pack())
        continued = first if frame < cut else second
        expected = whole.step(picture(actors, frame), frame / FPS)
        got = continued.step(picture(actors, frame), frame / FPS)
        assert [row.track for row in got] == [row.track for row in expected]
        for a, b in zip(got, expected, strict=True):
            assert np.array_equal(a.landmarks.keypoints, b.landmarks.keypoints)
            assert np.array_equal(a.appearance, b.appearance)


def test_clothes_of_one_colour_are_alike_and_of_two_are_not():
    def seen(colour, frame):
        actor = Actor(standing(150), colour)
        return appearance(picture([actor], frame), figure(standing(150)(0), frame=frame).keypoints)

    red, also_red, blue = seen(RED, 0), seen(RED, 5), seen(BLUE, 0)
    assert distance(red, also_red) < 0.3
    assert distance(red, blue) > 0.7
    unseen = np.zeros_like(red)
    assert distance(red, unseen) == pytest.approx(0.5)


def test_those_who_may_stand_in_front_are_named_once_they_are_known():
    """A newcomer may be a second look at somebody known, and must not be painted over them."""
    actors = [Actor(standing(60), RED), Actor(lambda f: (200.0, 120.0, 150.0) if f >= 30 else None, BLUE)]
    backend = ScriptedBackend(actors)
    tracker = PeopleTracker(backend)
    named = {}
    for frame in range(90):
        backend.others.clear()
        tracker.step(picture(actors, frame), frame / FPS)
        named[frame] = [[round(float(other[0]), -1) for other in others] for others in backend.others]
    assert named[20] == [[]]  # nobody else
    newcomer = next(frame for frame in range(30, 90) if len(named[frame]) == 2)
    for frame in (newcomer, newcomer + 1):  # found, then followed
        # The newcomer is read without the one who is known, not the other way.
        assert named[frame] == [[], [60.0]]
    assert named[89] == [[200.0], [60.0]]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Following people from frame to frame, while the video is read.

A backend follows each person by a region of its own. What it cannot know is here:
that somebody new is in the picture, that two regions slid onto one person, that a
region leapt to a neighbour, and who a person found again is. The tracker is careful
rather than clever: in doubt a track ends, and `identity` joins the pieces when the
whole take is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..wholebody import FACE
from .appearance import appearance, blend, distance
from .backend import Arrays, Image, LandmarkBackend, PersonLandmarks
from .motion import Motion, apart, place, torsos_apart
from .shared_parts import PARTS, Familiar, familiar, settle

# All distances are in units of the person's own size in the picture.
DETECT_EVERY = 15  # frames between two looks for somebody new
SEARCH_S, SEARCH_EVERY = 1.0, 3  # for so long, and in every so many frames, somebody lost is looked for
FORGET_S = 3.0  # when a lost track ends; `identity` may still join it
ESTABLISHED = 15  # frames from which on a track is worth looking for; before, it may be a mixed-up pose
ABSENCE = 0.5  # cost of a second of absence: of two lost ones the one lost last is found again
MIN_SCORE = 0.5  # of the landmarks
SAME_PERSON = 0.06  # two poses nearer than this (mean over limb points) are one person's
NOBODY_NEW = 0.12  # a torso found nearer than this to a known one is no second person
RETRY_FRAMES = 8  # how often a lost person is looked for where it was last
MAX_JUMP = 0.5  # hips that move further between two frames belong to somebody else
KNOWN = 0.12  # a detection nearer than this to a followed person needs no second look
REACH, REACH_SPEED = 0.5, 1.0  # where a lost person may turn up: size + size per second of absence
MAX_COLOUR = 0.6  # a lost person found again must not look more different than this


@dataclass(frozen=True)
class TrackRow:
    """One person in one frame."""

    track: int  # number of the track; a person may have several over a take
    landmarks: PersonLandmarks
    appearance: NDArray[np.float32]  # see `appearance`


@dataclass(frozen=True)
class _Track:
    number: int
    state: Any  # the backend's, from the last frame in which the person was seen
    motion: Motion
    appearance: NDArray[np.float32]
    whole: bool = True  # its body was seen, not hands alone
    seen: int = 0  # frames in which it was
    missed: int = 0  # frames since it was last
    familiar: Familiar = field(default_factory=lambda: np.ones(len(PARTS), np.float32))

    @property
    def lost(self) -> bool:
        return self.missed > 0


@dataclass(frozen=True)
class _Sighting:
    """A pose in this frame, before it is settled whose it is."""

    landmarks: PersonLandmarks
    state: Any
    appearance: NDArray[np.float32]


class PeopleTracker:
    """Follows everybody through the frames that `step` is given, in order."""

    def __init__(self, backend: LandmarkBackend) -> None:
        self._backend = backend
        self._tracks: list[_Track] = []
        self._steps = 0
        self._next_number = 0

    def step(self, image: Image, time_s: float, *, following: Image | None = None) -> list[TrackRow]:
        """Everybody seen in the next frame (H, W, 3) BGR. `following`: the one after it, if it is there."""
        self._backend.turn_to(image, following)
        seen = self._follow(image, time_s)
        if any(_whole(sighting) for sighting in seen.values()):
            # Hands that were followed alone are somebody's who is in the picture now.
            seen = {number: sighting for number, sighting in seen.items() if _whole(sighting)}
        self._part(seen, time_s)
        tracks = [
            track if track.number in seen else replace(track, missed=track.missed + 1)
            for track in self._tracks
            if track.number in seen or self._worth(track, time_s)
        ]
        if self._look(tracks, time_s):
            found = self._find(image, seen)
            self._recognise(found, tracks, seen, time_s)
        self._steps += 1

        # Newcomers may be a second look at somebody known, and must not rob them.
        proven = {track.number: track for track in tracks if track.seen >= ESTABLISHED}
        lost = settle(
            [(seen[number].landmarks, proven[number].familiar) for number in sorted(proven.keys() & seen)],
            [seen[number].landmarks for number in sorted(seen.keys() - proven)],
        )
        for number, owner in list(seen.items()):
            for landmarks, part in lost:
                if landmarks is owner.landmarks:
                    seen[number] = replace(
                        seen[number], state=self._backend.without(seen[number].state, part)
                    )
        rows = []
        self._tracks = []
        for track in sorted(tracks, key=lambda t: t.number):
            sighting = seen.get(track.number)
            if sighting is not None:
                rows.append(TrackRow(track.number, sighting.landmarks, sighting.appearance))
                track = _update(track, sighting, time_s, alone=_alone(track.number, seen))
            self._tracks.append(track)
        return rows

    def _worth(self, track: _Track, time_s: float) -> bool:
        """Whether somebody lost is still looked for."""
        if track.seen < ESTABLISHED:
            return track.missed < RETRY_FRAMES
        return time_s - track.motion.time_s <= FORGET_S

    def _follow(self, image: Image, time_s: float) -> dict[int, _Sighting]:
        seen = {}
        for track in self._tracks:
            if track.missed > RETRY_FRAMES:
                continue
            others = [other.state for other in self._proven() if other is not track]
            sighting = self._see(image, track.state, others)
            if sighting is None:
                continue
            landmarks = sighting.landmarks
            jump = track.motion.jump(time_s, landmarks.keypoints, landmarks.box)
            if jump <= MAX_JUMP:
                seen[track.number] = sighting
        return seen

    def _proven(self) -> list[_Track]:
        """Those who may be in front of others: a newcomer may be a second look at somebody known."""
        return [track for track in self._tracks if track.seen >= ESTABLISHED and not track.lost]

    def _see(self, image: Image, state: Any, others: Sequence[Any] = ()) -> _Sighting | None:
        result = self._backend.track(image, state, others)
        if result is None or result[0].score < MIN_SCORE:
            return None
        landmarks, following = result
        return _Sighting(landmarks, following, appearance(image, landmarks.keypoints))

    def _part(self, seen: dict[int, _Sighting], time_s: float) -> None:
        """Where two tracks show one person, keep the one whose person it is."""
        tracks = {track.number: track for track in self._tracks}
        numbers = sorted(seen)
        for i, first in enumerate(numbers):
            for second in numbers[i + 1 :]:
                if first not in seen or second not in seen:
                    continue
                # A newcomer on somebody's torso is a mixed-up pose; two old acquaintances may well hug.
                proven = all(tracks[number].seen >= ESTABLISHED for number in (first, second))
                alike = _same if proven else _overlaid
                if not alike(seen[first], seen[second]):
                    continue

                def misfit(number: int) -> float:
                    track, sighting = tracks[number], seen[number]
                    landmarks = sighting.landmarks
                    jump = track.motion.jump(time_s, landmarks.keypoints, landmarks.box)
                    return jump + 0.3 * float(distance(track.appearance, sighting.appearance))

                # Equal misfit: the older track has more behind it.
                del seen[second if misfit(second) >= misfit(first) else first]

    def _look(self, tracks: list[_Track], time_s: float) -> bool:
        # With nobody in sight there is nothing else to do.
        if all(track.lost for track in tracks) or self._steps % DETECT_EVERY == 0:
            return True
        if self._steps % SEARCH_EVERY:
            return False
        return any(track.lost and time_s - track.motion.time_s <= SEARCH_S for track in tracks)

    def _find(self, image: Image, seen: dict[int, _Sighting]) -> list[_Sighting]:
        """Poses of detected people that no track is following."""
        followed = [place(s.landmarks.keypoints, s.landmarks.box) for s in seen.values()]
        found: list[_Sighting] = []
        for detection in self._backend.detect(image):
            centre = (detection.box[:2] + detection.box[2:]) / 2.0
            if any(np.linalg.norm(centre - known) < KNOWN * size for known, size in followed):
                continue
            others = [track.state for track in self._proven() if track.number in seen]
            sighting = self._see(image, self._backend.begin(detection), others)
            if sighting is None or any(_overlaid(sighting, s) for s in (*seen.values(), *found)):
                continue
            if not _whole(sighting) and any(track.whole for track in self._tracks):
                continue  # hands of somebody whose body was seen just now
            found.append(sighting)
        return found

    def _recognise(
        self, found: list[_Sighting], tracks: list[_Track], seen: dict[int, _Sighting], time_s: float
    ) -> None:
        """Give each pose found to the lost track that it fits, or to a new one."""
        lost = [i for i, track in enumerate(tracks) if track.lost]
        cost = np.full((len(lost), len(found)), 1e3)
        for row, index in enumerate(lost):
            track = tracks[index]
            absence = time_s - track.motion.time_s
            reach = REACH + REACH_SPEED * absence
            for column, sighting in enumerate(found):
                landmarks = sighting.landmarks
                jump = track.motion.jump(time_s, landmarks.keypoints, landmarks.box)
                colour = float(distance(track.appearance, sighting.appearance))
                if jump <= reach and colour <= MAX_COLOUR:
                    cost[row, column] = jump / reach + colour + ABSENCE * absence
        taken = set()
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if cost[row, column] < 1e3:
                seen[tracks[lost[row]].number] = found[column]
                taken.add(int(column))
        for column, sighting in enumerate(found):
            if column not in taken:
                landmarks = sighting.landmarks
                motion = Motion.start(time_s, landmarks.keypoints, landmarks.box)
                tracks.append(
                    _Track(self._next_number, sighting.state, motion, sighting.appearance, _whole(sighting))
                )
                seen[self._next_number] = sighting
                self._next_number += 1

    def pack(self) -> Arrays:
        """Everything that the next `step` depends on, as arrays."""
        arrays: Arrays = {
            "counters": np.array([self._steps, self._next_number], np.int64),
            "numbers": np.array([track.number for track in self._tracks], np.int64),
            "seen": np.array([track.seen for track in self._tracks], np.int64),
            "missed": np.array([track.missed for track in self._tracks], np.int64),
            "whole": np.array([track.whole for track in self._tracks], np.bool_),
            "familiar": np.array([track.familiar for track in self._tracks], np.float32),
        }
        for i, track in enumerate(self._tracks):
            arrays[f"{i}.motion"] = track.motion.pack()
            arrays[f"{i}.appearance"] = track.appearance
            for name, value in self._backend.pack(track.state).items():
                arrays[f"{i}.state.{name}"] = value
        return arrays

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on where the tracker that `pack`ed these was."""
        self._steps, self._next_number = (int(value) for value in arrays["counters"])
        self._tracks = []
        known = np.ones(len(arrays["numbers"]), np.bool_)  # older takes do not say: there were bodies only
        at_first = np.ones((len(known), len(PARTS)), np.float32)
        columns = (arrays["numbers"], arrays.get("whole", known), arrays["seen"], arrays["missed"])
        counts = zip(*columns, arrays.get("familiar", at_first), strict=True)
        for i, (number, whole, seen, missed, parts) in enumerate(counts):
            prefix = f"{i}.state."
            packed = {name[len(prefix) :]: v for name, v in arrays.items() if name.startswith(prefix)}
            self._tracks.append(
                _Track(
                    int(number),
                    self._backend.unpack(packed),
                    Motion.unpack(arrays[f"{i}.motion"]),
                    np.asarray(arrays[f"{i}.appearance"], np.float32),
                    bool(whole),
                    int(seen),
                    int(missed),
                    np.asarray(parts, np.float32),
                )
            )


def _same(a: _Sighting, b: _Sighting) -> bool:
    return apart(a.landmarks.keypoints, b.landmarks.keypoints, size=_smaller(a, b)) < SAME_PERSON


def _overlaid(a: _Sighting, b: _Sighting) -> bool:
    return torsos_apart(a.landmarks.keypoints, b.landmarks.keypoints, size=_smaller(a, b)) < NOBODY_NEW


def _whole(sighting: _Sighting) -> bool:
    """Whether any of the body is seen, not hands alone."""
    return bool((sighting.landmarks.keypoints[: FACE.start, 2] > 0.0).any())


def _smaller(a: _Sighting, b: _Sighting) -> float:
    return min(place(s.landmarks.keypoints, s.landmarks.box)[1] for s in (a, b))


def _alone(number: int, seen: dict[int, _Sighting]) -> bool:
    """Whether nobody else's box covers much of this one: then its colours are its own."""
    box = seen[number].landmarks.box
    area = max(float((box[2] - box[0]) * (box[3] - box[1])), 1.0)
    for other, sighting in seen.items():
        if other != number:
            b = sighting.landmarks.box
            width = min(box[2], b[2]) - max(box[0], b[0])
            height = min(box[3], b[3]) - max(box[1], b[1])
            if width > 0 and height > 0 and width * height > 0.2 * area:
                return False
    return True


def _update(track: _Track, sighting: _Sighting, time_s: float, *, alone: bool) -> _Track:
    landmarks = sighting.landmarks
    return _Track(
        track.number,
        sighting.state,
        track.motion.update(time_s, landmarks.keypoints, landmarks.box),
        blend(track.appearance, sighting.appearance, share=0.1) if alone else track.appearance,
        _whole(sighting),
        track.seen + 1,
        familiar=familiar(track.familiar, landmarks),
    )

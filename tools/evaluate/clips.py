# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips that captures are judged on, and what is measured on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...inference import wholebody
from ...inference.sequence import SmplxSequence
from ...inference.take import PersonRecord, Take
from ...inference.video import VideoReader
from . import flips
from .accuracy import height_px, reprojection_percent

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """A video in the media folder, and how many people it shows."""

    name: str
    file: str
    people: int


CLIPS = (
    Clip("lateral_raise", "sports2d_lateral_raise_720p.mp4", 1),
    Clip("yoga", "pexels_yoga_360.mp4", 1),
    Clip("dance", "mediapipe_dance_600.mp4", 1),
    Clip("makeup", "pexels_makeup_face_hand_720.mp4", 1),
    Clip("parkour", "sports2d_parkour_two_people.mp4", 2),
    Clip("gym", "pexels_gym_class_720p.mp4", 6),
)


def measure(clip: Clip, take: Take, say: Callable[[str], None]) -> dict[str, float]:
    """Figures of a captured clip, as flat keys without the clip's name."""
    sequences = {person.name: take.sequence(person) for person in take.people}
    out: dict[str, float] = {"people": len(sequences)}
    if not sequences:
        return {**out, "found": 0.0}
    counts = [len(s) / max(take.frames_read, 1) for s in sequences.values()]
    out["found"] = max(counts)
    if clip.people > 1:
        out["found_all"] = sum(sorted(counts)[-clip.people :]) / clip.people
    found_flips = {name: flips.count(s, str(take.video_file())) for name, s in sequences.items()}
    out["swaps"] = sum(f.count for f in found_flips.values())
    for name, f in found_flips.items():
        for frame, limbs in f.sudden:
            say(f"{clip.name} {name}: {limbs} exchange sides at frame {frame}")
        for first, last in f.mirrored:
            say(f"{clip.name} {name}: face and shoulders disagree in frames {first} to {last}")
    distances = [reprojection_percent(s) for s in sequences.values()]
    everything = np.concatenate(distances)
    if len(everything):
        out["reproj_percent"] = float(np.median(everything))
        out["reproj_p95_percent"] = float(np.percentile(everything, 95))
    out["jumps"] = sum(len(jumps(s)) for s in sequences.values())
    for name, s in sequences.items():
        if frames := jumps(s):
            say(f"{clip.name} {name}: jumps at frames {', '.join(map(str, frames))}")
    if clip.people > 1:
        strangers = _strangers(take, sequences)
        out["strange_seconds"] = len(strangers)
        for name, second, other in strangers:
            say(f"{clip.name} {name}: looks more like {other} in second {second}")
    for person in take.people:
        say(f"{clip.name} {_line(person, sequences[person.name])}")
    return out


def jumps(sequence: SmplxSequence) -> list[int]:
    """Frames at which the trunk moves by more than a quarter of the person's height at once."""
    middle = np.array(
        [wholebody.INDEX[f"{side}_{n}"] for side in ("left", "right") for n in ("shoulder", "hip")]
    )
    place = sequence.keypoints[:, middle, :2].astype(np.float64).mean(axis=1)
    step = np.linalg.norm(np.diff(place, axis=0), axis=-1) / height_px(sequence)[1:]
    step = step / np.diff(sequence.frame)  # a gap may be crossed at a walk
    return [int(sequence.frame[i + 1]) for i in np.flatnonzero(step > 0.25)]


def _line(person: PersonRecord, sequence: SmplxSequence) -> str:
    gaps = ", ".join(f"{a} to {b}" for a, b in person.gaps) or "none"
    return (
        f"{person.name}: frames {person.first_frame} to {person.last_frame}, {person.frames} of them, "
        f"gaps: {gaps}; {person.swaps_repaired} swaps repaired, "
        f"{np.median(height_px(sequence)):.0f} px tall"
    )


def _strangers(take: Take, sequences: dict[str, SmplxSequence]) -> list[tuple[str, int, str]]:
    """Seconds in which a person's clothes look more like somebody else's: (name, second, whose)."""
    looks: dict[str, dict[int, list[Array]]] = {name: {} for name in sequences}
    rows = {name: {int(f): i for i, f in enumerate(s.frame)} for name, s in sequences.items()}
    step = max(1, round(take.video.fps / 4))
    span = (take.read.start_frame, take.next_frame)
    with VideoReader(take.video_file(), start_frame=span[0], end_frame=span[1], stride=step) as reader:
        for frame in reader:
            hsv = cv2.cvtColor(frame.image, cv2.COLOR_BGR2HSV)
            for name, s in sequences.items():
                if frame.index in rows[name]:
                    look = _look(hsv, s.keypoints[rows[name][frame.index]])
                    if look is not None:
                        looks[name].setdefault(int(frame.time_s), []).append(look)
    typical = {
        name: np.median([look for second in seconds.values() for look in second], axis=0)
        for name, seconds in looks.items()
        if seconds
    }
    out = []
    for name in typical:
        for second, several in looks[name].items():
            now = np.mean(several, axis=0)
            distance = {other: float(np.abs(now - typical[other]).sum()) for other in typical}
            nearest = min(distance, key=distance.__getitem__)
            # Two people dressed alike are no sign; a clear difference is.
            if nearest != name and distance[nearest] < 0.7 * distance[name]:
                out.append((name, second, nearest))
    return out


def _look(hsv: NDArray[np.uint8], keypoints: NDArray[np.float32]) -> Array | None:
    """Colour histogram of the trunk and of the thighs. None where they are not seen."""
    parts = []
    for names in (
        ("left_shoulder", "right_shoulder", "right_hip", "left_hip"),
        ("left_hip", "right_hip", "right_knee", "left_knee"),
    ):
        corners = keypoints[[wholebody.INDEX[n] for n in names]].astype(np.float64)
        if corners[:, 2].min() < 0.4:
            return None
        middle = corners[:, :2].mean(axis=0)
        shrunk = middle + 0.7 * (corners[:, :2] - middle)
        mask = np.zeros(hsv.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(shrunk.astype(np.int32)), 255)
        if mask.sum() < 255 * 30:
            return None
        histogram = cv2.calcHist([hsv], [0, 1, 2], mask, [8, 3, 4], [0, 180, 0, 256, 0, 256]).ravel()
        parts.append(histogram / histogram.sum())
    return np.concatenate(parts).astype(np.float64)

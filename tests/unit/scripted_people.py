# SPDX-License-Identifier: GPL-3.0-or-later
"""Stick people who walk by a script, a video of them, and a backend that "sees" them.

The backend is no mock of the tracker but a small world with the habits of real networks:
it knows the frame only by a bar code in the picture, follows a region, falls for the
person in front when two are in one place, jitters, and forgets who is who at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rotocap.inference.landmarks.face_points import COUNT as FACE_POINTS

WIDTH, HEIGHT = 320, 240
_BITS, _CELL = 12, 8

# A standing figure, x to the picture's right, y down from the hips, in body heights: 0-22 of COCO-WholeBody.
FIGURE = np.array(
    [
        (0.0, -0.42), (0.02, -0.44), (-0.02, -0.44), (0.04, -0.43), (-0.04, -0.43),
        (0.11, -0.30), (-0.11, -0.30), (0.16, -0.14), (-0.16, -0.14), (0.18, 0.02), (-0.18, 0.02),
        (0.06, 0.0), (-0.06, 0.0), (0.08, 0.24), (-0.08, 0.24), (0.08, 0.46), (-0.08, 0.46),
        (0.10, 0.50), (0.12, 0.50), (0.07, 0.49), (-0.10, 0.50), (-0.12, 0.50), (-0.07, 0.49),
    ]
)  # fmt: skip

Place = tuple[float, float, float]  # x, y of the hips and the height, pixels


@dataclass(frozen=True)
class Actor:
    where: Callable[[int], Place | None]  # None: not in the picture
    colour: tuple[int, int, int]  # BGR of the clothes
    depth: float = 1.0  # smaller is nearer to the camera
    detectable: Callable[[int], bool] = lambda frame: True


@dataclass(frozen=True)
class Landmarks:
    keypoints: np.ndarray
    points3d: np.ndarray
    face: np.ndarray
    expression: np.ndarray
    fingers: np.ndarray
    box: np.ndarray
    score: float


@dataclass(frozen=True)
class Found:
    box: np.ndarray
    score: float


def figure(place: Place, *, frame: int, jitter: float = 0.0, seed: int = 0) -> Landmarks:
    """The 133 points of a person who waves a little; face and hands unseen."""
    x, y, height = place
    body = FIGURE.copy()
    swing = 0.05 * np.sin(0.3 * frame)
    body[[7, 9], 0] += swing
    body[[13, 15], 0] += 0.5 * swing
    body[[14, 16], 0] -= 0.5 * swing
    rng = np.random.default_rng([seed, frame])
    pixels = np.array([x, y]) + body * height + rng.normal(scale=jitter * height, size=body.shape)
    keypoints = np.zeros((133, 3), np.float32)
    keypoints[:23, :2], keypoints[:23, 2] = pixels, 0.95
    points3d = np.full((133, 3), np.nan, np.float32)
    points3d[:23, :2], points3d[:23, 2] = body * 1.7, 0.0
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]).astype(np.float32)
    face = np.full((FACE_POINTS, 3), np.nan, np.float16)
    expression = np.full(52, np.nan, np.float16)
    fingers = np.full((2, 20, 2), np.nan, np.float16)
    return Landmarks(keypoints, points3d, face, expression, fingers, box, 0.95)


def picture(actors: list[Actor], frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3): grey, the actors as painted figures from far to near, and the bar code."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for actor in sorted(actors, key=lambda a: -a.depth):
        place = actor.where(frame)
        if place is not None:
            points = np.rint(figure(place, frame=frame).keypoints[:, :2]).astype(np.int32)
            cv2.fillConvexPoly(image, points[[5, 6, 12, 11]], actor.colour)
            thick = max(3, round(0.1 * place[2]))
            for a, b in ((11, 13), (13, 15), (12, 14), (14, 16)):
                cv2.line(image, points[a].tolist(), points[b].tolist(), actor.colour, thick)
    for bit in range(_BITS):
        value = 255 if frame >> bit & 1 else 0
        image[:_CELL, bit * _CELL : (bit + 1) * _CELL] = value
    return image


def frame_number(image: np.ndarray) -> int:
    middle = _CELL // 2
    return sum(1 << bit for bit in range(_BITS) if image[middle, bit * _CELL + middle, 0] > 127)


def write_video(path: Path, actors: list[Actor], count: int, *, fps: float = 30.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for frame in range(count):
        writer.write(picture(actors, frame))
    writer.release()
    return path


@dataclass
class ScriptedBackend:
    actors: list[Actor]
    jitter: float = 0.004
    name: str = "scripted"
    calls: list[int] = field(default_factory=list)  # frames that were looked at
    others: list[list[np.ndarray]] = field(default_factory=list)  # who else was followed, in each call
    before_frame: Callable[[int], None] = lambda frame: None

    def _visible(self, frame: int) -> list[tuple[int, Actor, Place]]:
        """From near to far, without those whom a nearer one hides."""
        out: list[tuple[int, Actor, Place]] = []
        for index, actor in sorted(enumerate(self.actors), key=lambda item: item[1].depth):
            place = actor.where(frame)
            if place is None:
                continue
            hidden = any(
                np.hypot(place[0] - p[0], place[1] - p[1]) < 0.1 * max(place[2], p[2]) for _, _, p in out
            )
            if not hidden:
                out.append((index, actor, place))
        return out

    def turn_to(self, image: np.ndarray, following: np.ndarray | None) -> None:
        pass

    def detect(self, image: np.ndarray) -> list[Found]:
        frame = frame_number(image)
        return [
            Found(figure(place, frame=frame, jitter=self.jitter, seed=index).box, 0.9)
            for index, actor, place in self._visible(frame)
            if actor.detectable(frame)
        ]

    def begin(self, detection: Found) -> np.ndarray:
        box = detection.box
        return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[3] - box[1]], np.float64)

    def track(
        self, image: np.ndarray, state: np.ndarray, others: Sequence[np.ndarray] = ()
    ) -> tuple[Landmarks, np.ndarray] | None:
        frame = frame_number(image)
        self.calls.append(frame)
        self.others.append(list(others))
        self.before_frame(frame)
        best = None
        for index, _, place in self._visible(frame):
            miss = np.hypot(place[0] - state[0], place[1] - state[1]) / state[2]
            if miss < 0.45 and (best is None or miss < best[0]):
                best = (miss, index, place)
        if best is None:
            return None
        _, index, place = best
        landmarks = figure(place, frame=frame, jitter=self.jitter, seed=index)
        return landmarks, self.begin(Found(landmarks.box, 1.0))

    def pack(self, state: np.ndarray) -> dict[str, np.ndarray]:
        return {"region": state}

    def unpack(self, arrays: Mapping[str, np.ndarray]) -> Any:
        return arrays["region"]


RED, BLUE, GREEN = (40, 40, 200), (200, 60, 30), (60, 180, 60)


def standing(x: float, y: float = 120.0, height: float = 150.0) -> Callable[[int], Place]:
    return lambda frame: (x, y, height)


def walking(
    x0: float, speed: float, y: float = 120.0, height: float = 150.0
) -> Callable[[int], Place | None]:
    """From x0 at `speed` pixels a frame; out of the picture when the hips leave it."""

    def where(frame: int) -> Place | None:
        x = x0 + speed * frame
        return (x, y, height) if 0 <= x < WIDTH else None

    return where

# SPDX-License-Identifier: GPL-3.0-or-later
"""Body, hands and face of one person, put together as 133 points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import wholebody
from . import pose as body
from .face import Face
from .face_landmarker import COUNT as COEFFICIENTS
from .face_points import COUNT as FACE_POINTS
from .hand_finding import faded
from .hands import Hand, Side, fits
from .pose import Pose
from .second_look import FINGER_ANGLES
from .state import HandMemory

# What the body's own knuckles are worth beside those of the hand network.
_STAND_IN = 0.5
# A hand that is surely seen this many of its palms away from the body's wrist: the wrist is wrong.
_WRIST_ASTRAY, _SURE = 1.2, 0.8
_DOUBTED = 0.3
# Thumb, first and little finger: the body's points, and their places in a hand.
_KNUCKLES = ((body.LEFT_INDEX, 5), (body.LEFT_PINKY, 17), (body.LEFT_THUMB, 2))


@dataclass(frozen=True)
class PersonLandmarks:
    """One person in one frame, as `wholebody` describes the arrays."""

    keypoints: NDArray[np.float32]  # (133, 3)
    points3d: NDArray[np.float32]  # (133, 3)
    face: NDArray[np.float16]  # (204, 3) see `face_points`: metres, camera axes; NaN where not seen
    expression: NDArray[np.float16]  # (52,) ARKit coefficients; NaN unless a network gave them
    # (2, 20, 2) of the left and the right hand: angles of the fingers and their spreads, radians; NaN where
    # nobody looked
    fingers: NDArray[np.float16]
    box: NDArray[np.float32]  # (4,) x0, y0, x1, y1 pixels around the body's certain points
    score: float  # 0 to 1: that a person is there


def assemble(
    pose: Pose,
    hands: list[Hand | None],
    face: Face | None,
    remembered: tuple[HandMemory | None, HandMemory | None],
    *,
    size: tuple[int, int],
) -> PersonLandmarks:
    """133 points of a person in a picture of `size` (width, height).

    `remembered` says how far each hand is trusted; one that was lost just now fades.
    """
    keypoints = np.zeros((wholebody.COUNT, 3))
    points3d = np.full((wholebody.COUNT, 3), np.nan)
    known = np.flatnonzero(body.WHOLEBODY >= 0)
    source = body.WHOLEBODY[known]
    keypoints[known, :2] = pose.points[source]
    keypoints[known, 2] = pose.certainty[source]
    points3d[known] = pose.metres[source]

    for side, part in ((Side.LEFT, wholebody.LEFT_HAND), (Side.RIGHT, wholebody.RIGHT_HAND)):
        memory = remembered[side]
        if memory is not None:
            hand = _put_hand(keypoints[part], points3d[part], hands[side], memory, side)
            wrist = wholebody.INDEX["left_wrist"] + side
            astray = float(np.hypot(*(hand.wrist - keypoints[wrist, :2])))
            if memory.held and keypoints[part, 2].min() > _SURE and astray > _WRIST_ASTRAY * hand.palm:
                keypoints[wrist, 2] *= _DOUBTED
        else:
            _stand_in(keypoints[part], points3d[part], pose, side)
    if face is not None:
        keypoints[wholebody.FACE, :2] = face.points
        keypoints[wholebody.FACE, 2] = face.presence
        points3d[wholebody.FACE] = face.metres

    _only_inside(keypoints, size)
    return PersonLandmarks(
        keypoints=keypoints.astype(np.float32),
        points3d=points3d.astype(np.float32),
        face=np.full((FACE_POINTS, 3), np.nan, np.float16) if face is None else face.mesh.astype(np.float16),
        expression=(
            np.full(COEFFICIENTS, np.nan, np.float16) if face is None else face.expression.astype(np.float16)
        ),
        fingers=_fingers(hands),
        box=_box(keypoints[:23], pose).astype(np.float32),
        score=pose.presence,
    )


def assemble_hands(
    hands: list[Hand | None],
    remembered: tuple[HandMemory | None, HandMemory | None],
    *,
    size: tuple[int, int],
    box: NDArray[np.float32],
) -> PersonLandmarks:
    """133 points of somebody of whom there are only hands."""
    keypoints = np.zeros((wholebody.COUNT, 3))
    points3d = np.full((wholebody.COUNT, 3), np.nan)
    for side, part in ((Side.LEFT, wholebody.LEFT_HAND), (Side.RIGHT, wholebody.RIGHT_HAND)):
        memory = remembered[side]
        if memory is not None:
            _put_hand(keypoints[part], points3d[part], hands[side], memory, side)
    _only_inside(keypoints, size)
    return PersonLandmarks(
        keypoints=keypoints.astype(np.float32),
        points3d=points3d.astype(np.float32),
        face=np.full((FACE_POINTS, 3), np.nan, np.float16),
        expression=np.full(COEFFICIENTS, np.nan, np.float16),
        fingers=_fingers(hands),
        box=box,
        score=max(memory.presence for memory in remembered if memory is not None),
    )


def _put_hand(
    keypoints: NDArray[np.float64],
    points3d: NDArray[np.float64],
    seen: Hand | None,
    memory: HandMemory,
    side: Side,
) -> Hand:
    """A hand's points, in place, as certain as it is trusted; one that was lost just now fades."""
    hand = faded(memory) if seen is None else seen
    keypoints[:, :2] = hand.points
    keypoints[:, 2] = hand.presence * min(1.0, 0.5 + fits(memory.rightness, side)) * memory.trust
    points3d[:] = hand.metres
    return hand


def _fingers(hands: list[Hand | None]) -> NDArray[np.float16]:
    out = np.full((2, FINGER_ANGLES, 2), np.nan, np.float16)
    for side, hand in enumerate(hands):
        if hand is not None and hand.fingers is not None:
            out[side] = hand.fingers
    return out


def _only_inside(keypoints: NDArray[np.float64], size: tuple[int, int]) -> None:
    """Take the certainty, in place, from points outside the picture."""
    inside = ((keypoints[:, :2] >= -0.5) & (keypoints[:, :2] <= np.array(size) - 0.5)).all(axis=1)
    keypoints[~inside, 2] = 0.0


def _stand_in(keypoints: NDArray[np.float64], points3d: NDArray[np.float64], pose: Pose, side: Side) -> None:
    """The body's wrist and knuckles in place of a lost hand, so that it still points somewhere."""
    wrist = body.LEFT_WRIST + side
    for source, place in ((body.LEFT_WRIST, 0), *_KNUCKLES):
        source += side  # the body's right points follow its left ones
        keypoints[place, :2] = pose.points[source]
        keypoints[place, 2] = _STAND_IN * pose.certainty[source]
        points3d[place] = pose.metres[source] - pose.metres[wrist]


def _box(points: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    certain = points[points[:, 2] > 0.3, :2]
    if len(certain) < 3:
        return pose.next_roi.scaled(0.8).box()
    return np.concatenate([certain.min(axis=0), certain.max(axis=0)])

# SPDX-License-Identifier: GPL-3.0-or-later
"""The face: MediaPipe's face_detection_short_range (128) and face_landmark (192, 468 points); eyes by `iris`.

The detector looks only around the head that the body has, and only when the face was lost;
otherwise the region follows the face's own points, moved along with the body's nose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..models import embedded, session
from . import anchors
from .crop import Picture, Roi, middle_of, planes, upright_angle
from .face_landmarker import COUNT as COEFFICIENTS
from .face_landmarker import FaceLandmarker
from .face_points import COUNT, LEFT_EYE_PART, LIDS_LEFT, LIDS_RIGHT, MESH, MESH_PART, RIGHT_EYE_PART
from .iris import IrisNetwork
from .person_detector import BODY_REGION_M, Detection
from .pose import NOSE, Pose

DETECTOR_SIDE = 128
SIDE = 192
FOUND = 0.5
# On real clips the backs of heads and full profiles score below 0.02, half profiles that the
# mesh follows well from 0.07; the score is passed on as certainty.
PRESENT = 0.05

# MediaPipe's mesh at the 68 places of iBUG 300-W: jaw line from the right ear to the left,
# brows, bridge and base of the nose, eyes from the outer right corner, outer and inner lips.
IBUG = np.array([
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178,
])  # fmt: skip
_RIGHT_EYE_CORNER, _LEFT_EYE_CORNER = 33, 263
# The body's points: middles of the eyes, corners of the mouth.
_EYES, _MOUTH = [2, 5], [9, 10]
# Metres between the outer corners of an adult's eyes: what turns the mesh into metres.
_EYE_CORNERS_M = 0.089
# Metres between the middles of the eyes, of a head from chin to crown, from the nose to the hips.
_EYES_M, _HEAD_M, _HIPS_BELOW_M = 0.063, 0.22, 0.65
# A face this sure, whose head is at least this part of the picture's shorter side, is a close-up.
CLOSE_UP, CLOSE_UP_SHARE = 0.6, 0.3
# The side of a face's region, metres.
_FACE_REGION_M = 0.26


@dataclass(frozen=True)
class Face:
    """A face's 68 points in one frame."""

    points: NDArray[np.float64]  # (68, 2) pixels
    metres: NDArray[np.float64]  # (68, 3) camera axes, origin in the middle of the points
    mesh: NDArray[np.float64]  # (204, 3) as `metres`, the points of `face_points`; NaN: an eye not seen
    expression: NDArray[np.float64]  # (52,) ARKit coefficients that a network gave; NaN: none did
    presence: float  # 0 to 1: that a face is there
    next_roi: Roi  # where to look in the next frame

    @cached_property
    def middle(self) -> NDArray[np.float64]:
        return middle_of(self.points)

    @cached_property
    def span(self) -> float:
        """Pixels, the larger of its width and height."""
        return float((self.points.max(axis=0) - self.points.min(axis=0)).max())


class FaceNetworks:
    def __init__(self, *, threads: int, landmarker: Path | None = None) -> None:
        """landmarker: the folder of `face_landmarker`'s files, if they are to give the coefficients."""
        self._landmarker = FaceLandmarker(landmarker, threads=threads) if landmarker is not None else None
        self._detector = session(embedded("face_detection"), threads=threads)
        self._landmark = session(embedded("face_landmark"), threads=threads)
        self._detector_input = self._detector.get_inputs()[0].name
        self._iris = IrisNetwork(threads=threads)
        self._landmark_input = self._landmark.get_inputs()[0].name
        self._anchors = anchors.grid(DETECTOR_SIDE, (8, 16, 16, 16))

    def locate(self, picture: Picture, pose: Pose) -> Roi:
        """The face's region: by the detector around the body's head, or by the body's own points."""
        around = region_from_pose(pose)
        inputs = planes(picture.cut(around, DETECTOR_SIDE), symmetric=True)
        values, logits = self._detector.run(["boxes", "scores"], {self._detector_input: inputs})
        _, points, scores = anchors.decode(values[0], logits.reshape(-1), self._anchors, threshold=FOUND)
        nose = pose.points[NOSE]
        best: tuple[float, Roi] | None = None
        for spots, score in zip(points, scores, strict=True):
            eyes_nose_mouth_ears = around.to_image(spots, DETECTOR_SIDE)
            right_eye, left_eye = eyes_nose_mouth_ears[:2]
            middle = (eyes_nose_mouth_ears.min(axis=0) + eyes_nose_mouth_ears.max(axis=0)) / 2
            size = float(np.ptp(eyes_nose_mouth_ears, axis=0).max())
            if np.hypot(*(eyes_nose_mouth_ears[2] - nose)) > size:
                continue  # somebody else's
            angle = upright_angle(right_eye, left_eye) - np.pi / 2
            roi = Roi(float(middle[0]), float(middle[1]), size, angle).scaled(2.0, up=0.1)
            if best is None or score > best[0]:
                best = float(score), roi
        return best[1] if best else _region_guessed(pose)

    def somebody(self, picture: Picture) -> list[Detection]:
        """The person of a face that fills a good part of the picture, with the body below it."""
        width, height = picture.width, picture.height
        around = Roi((width - 1) / 2, (height - 1) / 2, float(max(width, height)), 0.0)
        inputs = planes(picture.cut(around, DETECTOR_SIDE), symmetric=True)
        values, logits = self._detector.run(["boxes", "scores"], {self._detector_input: inputs})
        _, points, scores = anchors.decode(values[0], logits.reshape(-1), self._anchors, threshold=CLOSE_UP)
        if not len(scores):
            return []
        right_eye, left_eye, nose = around.to_image(points[0], DETECTOR_SIDE)[:3]
        metre = float(np.hypot(*(left_eye - right_eye))) / _EYES_M
        if _HEAD_M * metre < CLOSE_UP_SHARE * min(width, height):
            return []
        angle = upright_angle(right_eye, left_eye) - np.pi / 2
        x, y = nose + Roi(0.0, 0.0, 1.0, angle).rotation @ np.array([0.0, _HIPS_BELOW_M * metre])
        roi = Roi(float(x), float(y), BODY_REGION_M * metre, angle)
        return [Detection(box=roi.scaled(0.8).box().astype(np.float32), roi=roi, score=float(scores[0]))]

    def read(self, picture: Picture, roi: Roi) -> Face:
        """The face in the region, whether or not one is there."""
        inputs = planes(picture.cut(roi, SIDE))
        landmarks, logit = self._landmark.run(["landmarks", "presence"], {self._landmark_input: inputs})
        presence = 1.0 / (1.0 + math.exp(-min(max(float(logit.reshape(-1)[0]), -60.0), 60.0)))
        # Pixels of the picture in all three directions.
        mesh = landmarks.reshape(468, 3).astype(np.float64)
        points = roi.to_image(mesh, SIDE)
        solid = np.concatenate([points, mesh[:, 2:] * (roi.size / SIDE)], axis=1)
        corners = solid[_LEFT_EYE_CORNER] - solid[_RIGHT_EYE_CORNER]
        scale = _EYE_CORNERS_M / max(math.hypot(*corners), 1e-6 * roi.size / SIDE)
        middle = middle_of(solid[IBUG])
        metres = (solid - middle) * scale
        kept = np.full((COUNT, 3), np.nan)
        kept[MESH_PART] = metres[MESH]
        next_roi = _around(points)
        expression = np.full(COEFFICIENTS, np.nan)
        if presence >= PRESENT:
            for part, lids, eye in zip(
                (RIGHT_EYE_PART, LEFT_EYE_PART),
                (LIDS_RIGHT, LIDS_LEFT),
                self._iris(picture, points),
                strict=True,
            ):
                if eye is None:
                    continue
                kept[part, :2] = (eye - middle[:2]) * scale
                # The graph's own depth is in pixels of an eye; the mesh has lids, and an iris between them.
                depth = metres[lids, 2]
                kept[part, 2][: len(lids)], kept[part, 2][len(lids) :] = depth, depth.sum() / len(lids)
            if self._landmarker is not None:
                expression = self._landmarker(picture, next_roi)
        return Face(
            points=points[IBUG],
            metres=metres[IBUG],
            mesh=kept,
            expression=expression,
            presence=presence,
            next_roi=next_roi,
        )


def region_from_pose(pose: Pose) -> Roi:
    """The head's surroundings for the detector: three times what eyes, ears and mouth span."""
    points = pose.points[:11]
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    size = max(float((high - low).max()), 0.1 * pose.pixels_per_metre)
    return Roi(float(middle[0]), float(middle[1]), 3.0 * size, _roll(pose))


def _region_guessed(pose: Pose) -> Roi:
    """The face's region where the detector sees none: heads that are bent or half turned away."""
    middle = pose.points[:11].mean(axis=0)
    return Roi(float(middle[0]), float(middle[1]), _FACE_REGION_M * pose.pixels_per_metre, _roll(pose))


def _roll(pose: Pose) -> float:
    """The head's angle in the picture if it lies or hangs: the networks know upright faces only.

    From mouth to eyes, roughly known: below a sixth of a turn the face networks see better.
    Without it they put an upright face on a head that hangs, with left and right exchanged.
    """
    angle = upright_angle(pose.points[_MOUTH].mean(axis=0), pose.points[_EYES].mean(axis=0))
    return angle if abs(angle) > np.pi / 3 else 0.0


def _around(mesh: NDArray[np.float64]) -> Roi:
    """Where to look in the next frame: around all points, upright by the eyes, half as much again."""
    angle = upright_angle(mesh[_RIGHT_EYE_CORNER], mesh[_LEFT_EYE_CORNER]) - np.pi / 2
    turn = Roi(0.0, 0.0, 1.0, angle).rotation
    local = mesh @ turn
    low, high = local.min(axis=0), local.max(axis=0)
    middle = turn @ ((low + high) / 2)
    return Roi(float(middle[0]), float(middle[1]), 1.5 * float((high - low).max()), angle)


def on_its_head(face: Face, pose: Pose) -> bool:
    """Whether this face is this body's: its middle near the body's nose and eyes."""
    size = face.next_roi.size / 1.5
    return math.dist(face.middle, middle_of(pose.points[:7])) < 0.6 * size

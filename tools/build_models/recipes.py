# SPDX-License-Identifier: GPL-3.0-or-later
"""Which graphs are made, from which file of which wheel, and how their inputs and outputs are named."""

from __future__ import annotations

from dataclasses import dataclass

WHEEL_PROJECT = "mediapipe"
WHEEL_VERSION = "0.10.21"
# The graphs are the same in every platform's wheel, so one wheel is pinned and read on all of them.
WHEEL_FILE = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Recipe:
    """One graph.

    member: its file in the wheel. size: side of the square picture in pixels.
    low, high: the range of the picture's values.
    outputs: (name, index among the source's outputs), in the order of the ONNX outputs;
    an output left out takes with it every operator that only it needs.
    probabilities: the outputs that are between 0 and 1.
    inner: (name, tensor of the source) that are given out as well, after the outputs.
    begins: (name, tensor of the source) that the graph is given instead of a picture: what another
    graph of the same member gives out.
    """

    name: str
    member: str
    sha256: str
    size: int
    low: float
    high: float
    outputs: tuple[tuple[str, int], ...]
    about: str
    probabilities: tuple[str, ...] = ()
    inner: tuple[tuple[str, int], ...] = ()
    begins: tuple[tuple[str, int], ...] = ()


# The source of two: the pose network, and the end of it that makes a segmentation mask.
_POSE = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
_POSE_SHA256 = "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
# Where the segmentation mask's branch leaves the others' in the pose network.
_OF_A_MASK = (("fine", 206), ("coarse", 279))

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="pose_detection",
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        size=224,
        low=-1.0,
        high=1.0,
        outputs=(("boxes", 0), ("scores", 1)),
        about="finds people: 2254 anchors, each with a box and 4 points (pixels of 224, relative to "
        "the anchor) and a score (logit)",
    ),
    Recipe(
        name="pose_landmark",
        member=_POSE,
        sha256=_POSE_SHA256,
        size=256,
        low=0.0,
        high=1.0,
        outputs=(("landmarks", 0), ("presence", 1), ("heatmap", 3), ("world", 4)),
        about="39 body points: landmarks are 39 x (x, y, z in pixels of 256, visibility, presence as "
        "logits); presence 0 to 1; heatmap (N, 39, 64, 64) logits; world 39 x (x, y, z) metres. "
        "Besides, what the source's segmentation mask is made of: `fine` (N, 16, 128, 128) and `coarse` "
        "(N, 48, 64, 64), for `pose_mask`",
        probabilities=("presence",),
        inner=_OF_A_MASK,
    ),
    Recipe(
        name="pose_mask",
        member=_POSE,
        sha256=_POSE_SHA256,
        size=256,
        low=0.0,
        high=1.0,
        outputs=(("mask", 2),),
        about="the end of the source of `pose_landmark` that makes its segmentation mask, by itself, as it "
        "takes nearly as long as all the rest and is seldom needed: from `fine` and `coarse` of a picture to "
        "its pixels that are the person's, mask (N, 1, 256, 256) logits",
        begins=_OF_A_MASK,
    ),
    Recipe(
        name="palm_detection",
        member="mediapipe/modules/palm_detection/palm_detection_full.tflite",
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        size=192,
        low=0.0,
        high=1.0,
        outputs=(("boxes", 0), ("scores", 1)),
        about="finds palms: 2016 anchors, each with a box and 7 points (pixels of 192, relative to the "
        "anchor) and a score (logit)",
    ),
    Recipe(
        name="hand_landmark",
        member="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        size=224,
        low=0.0,
        high=1.0,
        outputs=(("landmarks", 0), ("presence", 1), ("handedness", 2), ("world", 3)),
        about="21 hand points: landmarks 21 x (x, y, z in pixels of 224), presence 0 to 1, handedness 0 "
        "to 1, world 21 x (x, y, z) metres. Besides, `inner` (N, 112, 14, 14): what it knows of each "
        "place of the picture halfway through, for the second look",
        probabilities=("presence", "handedness"),
        # The sum after the last block of 14 x 14 places; later ones know the whole hand, but not where.
        inner=(("inner", 142),),
    ),
    Recipe(
        name="hand_recrop",
        member="mediapipe/modules/holistic_landmark/hand_recrop.tflite",
        sha256="67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
        size=256,
        low=0.0,
        high=1.0,
        outputs=(("crop", 0),),
        about="a better square around a hand: two points in pixels of 256",
    ),
    Recipe(
        name="face_landmark",
        member="mediapipe/modules/face_landmark/face_landmark.tflite",
        sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        size=192,
        low=0.0,
        high=1.0,
        outputs=(("landmarks", 0), ("presence", 1)),
        about="468 face points: landmarks 468 x (x, y, z in pixels of 192), presence (logit)",
    ),
    Recipe(
        name="face_detection",
        member="mediapipe/modules/face_detection/face_detection_short_range.tflite",
        sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        size=128,
        low=-1.0,
        high=1.0,
        outputs=(("boxes", 0), ("scores", 1)),
        about="finds near faces: 896 anchors, each with a box and 6 points (pixels of 128, relative to "
        "the anchor) and a score (logit)",
    ),
    Recipe(
        name="iris_landmark",
        member="mediapipe/modules/iris_landmark/iris_landmark.tflite",
        sha256="d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        size=64,
        low=0.0,
        high=1.0,
        outputs=(("contour", 0), ("iris", 1)),
        about="a right eye (a left one is shown in the mirror): contour 71 x (x, y, z in pixels of 64) of "
        "lids and brow, iris 5 x (x, y, z): the pupil's middle, then the iris's rim",
    ),
)

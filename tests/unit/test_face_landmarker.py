# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's face_landmarker on a filmed face, where its files are at hand, and without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rotocap.inference.errors import ModelError
from rotocap.inference.landmarks.backend import MediapipeBackend
from rotocap.inference.landmarks.face_landmarker import FaceLandmarker, hashes
from rotocap.inference.models import has_face_landmarker
from rotocap.inference.sequence import ARKIT
from rotocap.inference.video import VideoReader

SHARED = Path(__file__).parents[2].parent / "shared"
WEIGHTS, CLIP = SHARED / "weights", SHARED / "media" / "pexels_makeup_face_hand_720.mp4"
# By eye: she looks, and shuts both eyes.
OPEN, SHUT = 0, 10


def test_a_folder_without_it_is_told_what_it_lacks(tmp_path: Path) -> None:
    assert not has_face_landmarker(tmp_path)
    with pytest.raises(ModelError, match="face_blendshapes"):
        FaceLandmarker(tmp_path, threads=1)
    with pytest.raises(ModelError, match="face_blendshapes"):
        hashes(tmp_path)


def test_shut_eyes_are_read_as_shut() -> None:
    if not has_face_landmarker(WEIGHTS) or not CLIP.is_file():
        pytest.skip("needs ../shared/weights (face_landmarker) and ../shared/media (makeup)")
    backend = MediapipeBackend(threads=1, hands=False, landmarker=WEIGHTS)
    read = []
    with VideoReader(CLIP, end_frame=SHUT + 1) as reader:
        for frame in reader:
            if frame.index == 0:
                state = backend.begin(backend.detect(frame.image)[0])
            seen = backend.track(frame.image, state)
            assert seen is not None
            person, state = seen
            read.append(person.expression.astype(np.float64))
    lids = np.array(read)[:, [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]].mean(axis=1)
    assert np.isfinite(read).all()
    assert lids[SHUT] > lids[OPEN] + 0.3

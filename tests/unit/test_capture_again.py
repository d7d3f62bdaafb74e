# SPDX-License-Identifier: GPL-3.0-or-later
"""A range of a take captured again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_people import Actor, ScriptedBackend, write_video

from rotocap.inference import capture_again as again
from rotocap.inference.capture import CaptureOptions, capture
from rotocap.inference.capture_again import AgainOptions, capture_again
from rotocap.inference.errors import TakeError
from rotocap.inference.sequence import SmplxSequence

FRAMES = 60


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A take of two people who stand side by side, and the backend that sees them."""
    folder = tmp_path_factory.mktemp("again")
    people = [
        Actor(lambda frame: (90.0 + 0.3 * frame, 120.0, 150.0), (200, 60, 40)),
        Actor(lambda frame: (240.0, 125.0, 120.0), (40, 60, 200)),
    ]
    video = write_video(folder / "two.mp4", people, FRAMES)

    def backend(options: CaptureOptions) -> tuple[Any, dict[str, str]]:
        return ScriptedBackend(people), {"scripted": "0"}

    capture(CaptureOptions(video=video, out=folder / "two.take"), backend=backend)
    return folder / "two.take", backend


def asked(take: Path, person: str, **changes: Any) -> AgainOptions:
    values: dict[str, Any] = {
        "take": take, "person": take / f"{person}.npz", "out": take / f"{person}.again-1.npz",
        "first": 25, "last": 35,
    }  # fmt: skip
    return AgainOptions(**{**values, **changes})


@pytest.mark.parametrize("person", ["person_01", "person_02"])
def test_the_range_is_this_persons_again(taken: tuple[Path, Any], person: str) -> None:
    take, backend = taken
    mine = SmplxSequence.load(take / f"{person}.npz")
    out = capture_again(asked(take, person), backend=backend)
    assert out.frame[0] <= 25
    assert out.frame[-1] >= 35
    _, a, b = np.intersect1d(out.frame, mine.frame, return_indices=True)
    assert np.abs(out.keypoints[a, :17, :2] - mine.keypoints[b, :17, :2]).max() < 1.0
    assert np.array_equal(out.rest_joints, mine.rest_joints)
    assert np.array_equal(SmplxSequence.load(take / f"{person}.again-1.npz").poses, out.poses)
    assert not list(take.glob("again-*"))  # what it worked with is gone


def test_outside_the_box_the_networks_see_nothing() -> None:
    seen: list[np.ndarray] = []

    class Looking:
        name = "looking"

        def detect(self, image: np.ndarray) -> list[Any]:
            seen.append(image)
            return []

    image = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
    again._Masked(Looking(), (10.2, -5.0, 30.4, 20.0)).detect(image)  # type: ignore[arg-type]
    (shown,) = seen
    assert np.array_equal(shown[:20, 10:31], image[:20, 10:31])
    assert (shown[20:] == 127).all()
    assert (shown[:, :10] == 127).all()
    assert (shown[:, 31:] == 127).all()


def test_bad_ranges_and_boxes_are_said_in_words(taken: tuple[Path, Any]) -> None:
    take, backend = taken
    with pytest.raises(TakeError, match="exchange them"):
        capture_again(asked(take, "person_01", first=30, last=20), backend=backend)
    with pytest.raises(TakeError, match="box is too small"):
        capture_again(asked(take, "person_01", box=(5.0, 5.0, 9.0, 9.0)), backend=backend)
    with pytest.raises(TakeError, match=r"person_09\.npz: no such file"):
        capture_again(asked(take, "person_09"), backend=backend)

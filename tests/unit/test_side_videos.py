# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures from the side and from above: what is nearer to the camera is drawn nearer to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.take import PersonRecord, ReadSettings, SolveSettings, Take, VideoRecord
from rotocap.inference.video import probe
from rotocap.tools.side_videos import AboveView, cells, film, sheet

SAMPLE = Path(__file__).parents[1] / "data" / "sample"


@pytest.fixture(scope="module")
def person() -> SmplxSequence:
    return SmplxSequence.load(SAMPLE / "truth.npz")


@pytest.fixture
def take(person: SmplxSequence, tmp_path: Path) -> Take:
    out = tmp_path / "true.take"
    record = PersonRecord(
        name="person_01",
        file="person_01.npz",
        colour=(0.9, 0.6, 0.0),
        main=True,
        frames=len(person),
        first_frame=0,
        last_frame=len(person) - 1,
        gaps=(),
        swaps_repaired=0,
    )
    made = Take(
        path=out,
        status="complete",
        video=VideoRecord.of(probe(SAMPLE / "sample.mp4")),
        read=ReadSettings(),
        solve=SolveSettings(),
        frames_read=len(person),
        next_frame=len(person),
        people=(record,),
    )
    made.save()
    person.save(out / record.file)
    return made


def blue(image: np.ndarray) -> np.ndarray:
    b, g, r = (image[..., k].astype(int) for k in range(3))
    return np.asarray((b > 110) & (b - r > 70) & (g < b))


def orange(image: np.ndarray) -> np.ndarray:
    b, g, r = (image[..., k].astype(int) for k in range(3))
    return np.asarray((r > 120) & (r - b > 80) & (g < r))


def test_arms_held_out_are_below_the_head_from_above_and_left_of_it_from_the_side(take: Take) -> None:
    # Half a squat at 3.1 s: both arms are held out to the camera, which the person faces.
    (cell,) = cells(take, only=range(94, 95))
    side, above = cell[:, -648:-324], cell[:, -324:]
    trunk = (above.min(axis=-1) > 110) & (np.ptp(above, axis=-1) < 20)
    for limb in (blue, orange):
        assert np.nonzero(limb(above))[0].max() > np.nonzero(trunk)[0].max() + 10
    # The person's left is the picture's right.
    assert np.nonzero(blue(above))[1].mean() > np.nonzero(orange(above))[1].mean() + 30
    upper = side[24:200]  # under the label, above the floor
    trunk = (upper.min(axis=-1) > 110) & (np.ptp(upper, axis=-1) < 20)
    assert np.nonzero(blue(upper))[1].min() < np.nonzero(trunk)[1].min()


def test_a_step_back_moves_the_body_up_in_the_view_from_above(person: SmplxSequence) -> None:
    away = np.asarray(person.world_from_camera)[:3, 2] * [1.0, 0.0, 1.0]
    back = replace(person, trans=person.trans + np.float32(0.5 * away / np.linalg.norm(away)))
    view = AboveView.around([person])
    near, far = (np.argwhere(view.draw([], [one]).argmax(-1) == 1).mean(axis=0) for one in (person, back))
    assert near[0] - far[0] == pytest.approx(0.5 * view.pixels_per_metre, rel=0.15)


def test_a_film_and_a_sheet_are_written(take: Take, tmp_path: Path) -> None:
    picture = cv2.imread(str(sheet(take, tmp_path / "s.png", count=3)))
    capture = cv2.VideoCapture(str(film(take, tmp_path / "f.mp4", every=40)))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30 / 40, rel=0.01)
    assert picture.shape[0] == 2 * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)

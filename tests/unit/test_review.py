# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotocap.inference.errors import TakeError
from rotocap.inference.review import Shown, draw_people
from rotocap.inference.sequence import SmplxSequence
from rotocap.inference.side_view import SideView
from rotocap.inference.skeleton import INDEX

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
VIDEO = SAMPLE / "sample.mp4"


@pytest.fixture(scope="module")
def person() -> SmplxSequence:
    return SmplxSequence.load(SAMPLE / "truth.npz")


def part(sequence: SmplxSequence, rows: slice) -> SmplxSequence:
    """Some frames of a sequence."""
    count = len(sequence)
    changes = {
        name: value[rows]
        for name, value in vars(sequence).items()
        if isinstance(value, np.ndarray) and len(value) == count
    }
    return replace(sequence, **changes)


def orange(image: np.ndarray) -> np.ndarray:
    b, g, r = (image[..., k].astype(int) for k in range(3))
    return np.asarray((r > 120) & (r - b > 80) & (g < r))


def test_a_sheet_shows_the_body_in_two_views(person: SmplxSequence, tmp_path: Path) -> None:
    out = draw_people([Shown("person_01", (80, 180, 60), person)], VIDEO, tmp_path / "sheet.png", every=30)
    image = cv2.imread(str(out))
    assert 1500 <= image.shape[1] <= 1600
    cell = image[: image.shape[0] // 2, : image.shape[1] // 2]
    picture = int(cell.shape[1] * 0.75 / 2.4)
    seen, laid, side = cell[:, :picture], cell[:, picture : 2 * picture], cell[:, 2 * picture :]
    # The right limbs are orange in the overlay and from the side, not in the plain picture.
    assert orange(seen).sum() < 50 < 500 < orange(laid).sum()
    assert orange(side).sum() > 50


def test_gaps_are_shown_as_nobody(person: SmplxSequence, tmp_path: Path) -> None:
    late = part(person, slice(60, 120))
    out = draw_people([Shown("late", (80, 180, 60), late)], VIDEO, tmp_path / "s.png", every=60, columns=1)
    image = cv2.imread(str(out))
    first, second = np.array_split(image, 2)
    assert orange(first).sum() == 0
    assert orange(second).sum() > 500


def test_several_people_are_drawn_each_in_their_colour(person: SmplxSequence, tmp_path: Path) -> None:
    other = replace(
        person,
        joints_camera=person.joints_camera + np.float32([0.5, 0, 0]),
        trans=person.trans + np.float32([0.5, 0, 0]),
    )
    people = [Shown("a", (60, 220, 60), person), Shown("b", (220, 60, 220), other)]
    image = cv2.imread(str(draw_people(people, VIDEO, tmp_path / "s.png", every=200, columns=1)))
    b, g, r = (image[..., k].astype(int) for k in range(3))
    assert ((g - b > 40) & (g - r > 40)).sum() > 1000
    assert ((b - g > 30) & (r - g > 30)).sum() > 1000


def test_a_film_never_replaces_the_video(person: SmplxSequence, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    shutil.copy(VIDEO, video)
    with pytest.raises(TakeError, match="is the video itself"):
        draw_people([Shown("a", (60, 220, 60), person)], video, video, frames=range(3))
    assert video.read_bytes() == VIDEO.read_bytes()


def test_frames_that_were_not_captured_are_not_shown(person: SmplxSequence, tmp_path: Path) -> None:
    third = part(person, slice(0, 30, 3))
    out = draw_people([Shown("a", (60, 220, 60), third)], VIDEO, tmp_path / "f.mp4", frames=range(0, 30, 3))
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    count = 0
    while film.grab():
        assert orange(film.retrieve()[1]).sum() > 500, count
        count += 1
    assert count == 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full: /dev/full")
def test_a_film_on_a_full_disk_is_an_error_and_leaves_the_last_one(
    person: SmplxSequence, tmp_path: Path
) -> None:
    out = tmp_path / "film.mp4"
    out.write_bytes(b"the last one")
    (tmp_path / "film.part.mp4").symlink_to("/dev/full")
    with pytest.raises(TakeError, match="could not be written"):
        draw_people([Shown("a", (60, 220, 60), part(person, slice(0, 3)))], VIDEO, out, frames=range(3))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
    assert out.read_bytes() == b"the last one"


def test_a_folder_in_the_films_place_is_an_error(person: SmplxSequence, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").mkdir()
    shown = [Shown("a", (60, 220, 60), part(person, slice(0, 2)))]
    with pytest.raises(TakeError, match="could not be written"):
        draw_people(shown, VIDEO, tmp_path / "film.mp4", frames=range(2))
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_has_every_frame(person: SmplxSequence, tmp_path: Path) -> None:
    short = part(person, slice(0, 10))
    out = draw_people([Shown("a", (60, 220, 60), short)], VIDEO, tmp_path / "film ü.mp4", frames=range(10))
    film = cv2.VideoCapture(str(out))
    count = 0
    while film.read()[0]:
        count += 1
    assert count == 10
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(30.0)


def test_the_side_view_shows_depth_and_height(person: SmplxSequence) -> None:
    view = SideView.around([person], (300, 300))
    toe = np.array([0.0, 0.0, 0.0])
    assert view.pixel(toe + np.array([0, 1.0, 0]))[1] < view.pixel(toe)[1]  # up is up
    away = np.asarray(person.world_from_camera)[:3, 2]
    assert view.pixel(toe + away)[0] > view.pixel(toe)[0]  # away from the camera is to the right
    sideways = np.asarray(person.world_from_camera)[:3, 0]
    assert view.pixel(toe + sideways)[0] == pytest.approx(view.pixel(toe)[0], abs=1.0)
    # The mesh lands where `pixel` says.
    head = person.joints_camera[0, INDEX["head"]] @ np.asarray(person.world_from_camera)[:3, :3].T
    head = head + np.asarray(person.world_from_camera)[:3, 3]
    placed = view.place(head[None])[0]
    focal = view.pixels_per_metre * 100.0
    assert focal * placed[0] / placed[2] + 149.5 == pytest.approx(view.pixel(head)[0], abs=2.0)


def test_what_cannot_be_written_is_named(person: SmplxSequence, tmp_path: Path) -> None:
    people = [Shown("a", (60, 220, 60), person)]
    with pytest.raises(TakeError, match=r"a \.png, a \.jpg or an \.mp4"):
        draw_people(people, VIDEO, tmp_path / "sheet.gif")
    with pytest.raises(TakeError, match="could not be written"):
        draw_people(people, VIDEO, tmp_path / "no such folder" / "sheet.png", every=60)
    with pytest.raises(TakeError, match="could not be written"):
        draw_people(people, VIDEO, tmp_path / "no such folder" / "film.mp4", every=60)

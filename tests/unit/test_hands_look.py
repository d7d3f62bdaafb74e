# SPDX-License-Identifier: GPL-3.0-or-later
"""A second look at a hand knows more than the hand network says, and learns from pictures of many kinds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotocap.inference.fit.hands.anatomy import MIRROR_TURN, anatomy
from rotocap.inference.kinematics import matrix_from_axis_angle
from rotocap.inference.landmarks.crop import Picture, Roi
from rotocap.inference.landmarks.hands import PRESENT, Hand, HandNetworks, Side, Sight, looked_again
from rotocap.inference.landmarks.second_look import CHANNELS, NUMBERS, at_points, second_look
from rotocap.inference.raster import draw
from rotocap.training.hands_anatomy import angles_of
from rotocap.training.hands_pictures import Painter
from rotocap.training.hands_rendered import bank, hand_points, render, true_region

MOTION = Path(__file__).resolve().parents[3] / "shared" / "motion"
needs_bank = pytest.mark.skipif(
    not (MOTION / "hand_bank.npz").is_file(), reason=f"needs {MOTION / 'hand_bank.npz'}"
)


def test_what_lies_at_points_is_read_between_the_cells() -> None:
    # A map that rises evenly to the right and twice as much downwards.
    middle = (np.arange(14) + 0.5) / 14
    inner = np.stack([middle[None, :] + 2 * middle[:, None], np.ones((14, 14))])
    places = np.array([[0.5, 0.5], [0.3, 0.8], [0.11, 0.06]])
    found = at_points(inner, places)
    assert found[:, 0] == pytest.approx(places[:, 0] + 2 * places[:, 1], abs=1e-6)
    assert found[:, 1] == pytest.approx(1.0)
    # Points outside the region take what lies at its edge.
    assert np.isfinite(at_points(inner, np.array([[-3.0, 5.0]]))).all()


def test_a_hand_without_a_sight_stays_as_it_is() -> None:
    hand = Hand(np.zeros((21, 2)), np.zeros((21, 3)), 0.9, 0.1)
    assert hand.of(Side.LEFT) is hand


def test_both_hands_at_once_are_each_looked_at_as_their_own_side() -> None:
    rng = np.random.default_rng(3)
    hands = []
    for size in (60.0, 180.0):
        inner = rng.normal(0, 0.5, (CHANNELS, 14, 14)).astype(np.float32)
        sight = Sight(Roi(200.0, 90.0, size, 0.4), rng.random((21, 2)), rng.normal(0, 0.04, (21, 3)), inner)
        hands.append(Hand(rng.normal(100, 20, (21, 2)), np.zeros((21, 3)), 0.9, 0.3, sight=sight))
    both = looked_again(hands)
    for side in Side:
        alone = hands[side].of(side)
        assert both[side] is not None and both[side].sight is None
        assert np.abs(both[side].metres - alone.metres).max() < 1e-6
        assert np.abs(both[side].fingers - alone.fingers).max() < 1e-4
    assert np.abs(both[0].metres - hands[0].of(Side.RIGHT).metres).max() > 1e-3
    assert looked_again([None, None]) == [None, None]


def test_hands_one_by_one_and_together_are_read_alike() -> None:
    rng = np.random.default_rng(0)
    about, inner = rng.normal(0, 1, (3, NUMBERS)), rng.normal(0, 0.5, (3, 21, CHANNELS))
    together = second_look()(about, inner)
    assert together.points.shape == (3, 21, 3) and together.fingers.shape == (3, 20, 2)
    assert (together.fingers[..., 1] > 0).all()
    for k in range(3):
        alone = second_look()(about[k : k + 1], inner[k : k + 1])
        assert np.abs(together.points[k] - alone.points[0]).max() < 1e-5
        assert np.abs(together.fingers[k] - alone.fingers[0]).max() < 1e-4


@needs_bank
def test_the_second_look_is_nearer_to_the_truth_and_turns_with_the_picture() -> None:
    rng = np.random.default_rng(21)
    poses, networks = bank(MOTION, "test"), HandNetworks(threads=1)
    first, second, bends = [], [], []
    while len(first) < 25:
        images, truth = render(poses, rng, frames=1)
        places, K = truth["truth"][0], truth["K"]
        flat = places[:, :2] / places[:, 2:] * K[0, 0] + K[:2, 2]
        roi = true_region(flat, rng)
        hand = networks.read(Picture(images[0]), roi)
        side = Side.LEFT if truth["left"] else Side.RIGHT
        if hand.presence < PRESENT or abs((hand.rightness > 0.5) - int(side)) > 0:
            continue
        local = matrix_from_axis_angle(truth["pose"])
        # The fingers alone: tips in the palm's own frame do not know which way the palm faces.
        own = hand_points(local, truth["wrist"], truth["rest"], left=bool(truth["left"]))[0]
        looked = hand.of(side)
        for points, errors in ((hand.metres, first), (looked.metres, second)):
            errors.append(np.linalg.norm((points - points[9]) - (own - own[9]), axis=-1)[4::4].mean())
        assert looked.fingers is not None
        bent = truth["pose"][:1] * (1.0 if truth["left"] else MIRROR_TURN)
        true = np.clip(angles_of(bent, anatomy().axes)[0], anatomy().low, anatomy().high).ravel()
        bends.append([looked.fingers[:, 0] - true, looked.fingers[:, 1], anatomy().mean.ravel() - true])
        assert np.abs(looked.metres[0]).max() < 1e-9
        assert (looked.points == hand.points).all()
    assert np.mean(second) < 0.9 * np.mean(first)
    # It knows of bends more than nothing, and where it knows less.
    off, spread, guess = np.moveaxis(np.array(bends), 1, 0)
    assert np.abs(off).mean() < 0.75 * np.abs(guess).mean()
    assert np.corrcoef(np.abs(off).ravel(), spread.ravel())[0, 1] > 0.2
    # The picture turned by a quarter, and the region with it, is the same picture to the network.
    turned = np.ascontiguousarray(cv2.rotate(images[0], cv2.ROTATE_90_CLOCKWISE))
    last = images[0].shape[0] - 1
    again = networks.read(Picture(turned), Roi(last - roi.y, roi.x, roi.size, roi.angle + np.pi / 2)).of(side)
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert np.abs(again.metres - looked.metres @ quarter.T).max() < 0.003


@needs_bank
def test_pictures_are_painted_anew_each_time_and_keep_the_hand() -> None:
    poses = bank(MOTION, "train")
    images = [
        render(poses, np.random.default_rng(4), frames=1, paint=paint)[0][0]
        for paint in (draw, Painter(np.random.default_rng(1)), Painter(np.random.default_rng(2)))
    ]
    assert len({image.tobytes() for image in images}) == 3
    assert all(image.shape == images[0].shape and image.dtype == np.uint8 for image in images)
    again = render(poses, np.random.default_rng(4), frames=1, paint=Painter(np.random.default_rng(1)))[0][0]
    assert (again == images[1]).all()
    worn = Painter(np.random.default_rng(3)).worn(images[0])
    assert worn.shape == images[0].shape and (worn != images[0]).any()


def test_training_lowers_the_loss_and_the_export_answers_alike() -> None:
    torch = pytest.importorskip("torch")
    from rotocap.training import hands_look

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    count = 300
    inner = rng.normal(0, 1, (count, 21, CHANNELS)).astype(np.float16)
    # Fingers whose depth the picture alone tells.
    points = rng.normal(0, 0.2, (count, 21, 3)).astype(np.float32)
    points[..., 2] += inner[..., 3]
    looks = hands_look.Looks(
        rows=np.ones(count, bool),
        roll=np.tile(np.eye(3), (count, 1, 1)),
        about=rng.normal(0, 1, (count, NUMBERS)).astype(np.float32),
        inner=inner,
        points=points,
        angles=rng.normal(0, 0.3, (count, 20)).astype(np.float32),
    )
    net = hands_look.trained(looks, steps=150)
    with torch.no_grad():
        out = net(torch.tensor(looks.about), torch.tensor(looks.inner).float()).numpy()
    off = (out[:, :63].reshape(-1, 21, 3) - looks.points)[:, 1:, 2]
    assert off.std() < 0.92 * looks.points[:, 1:, 2].std()
    found = net.exported()(looks.about[:5], looks.inner[:5])
    assert np.abs(found.points - 0.03 * out[:5, :63].reshape(-1, 21, 3)).max() < 1e-4
    angles = anatomy().mean.ravel() + 0.4 * out[:5, 105:125]
    assert np.abs(found.fingers[..., 0] - angles).max() < 1e-4
    assert found.fingers[..., 1] == pytest.approx(0.4 * np.exp(out[:5, 125:145]), rel=1e-3)


def test_too_few_samples_say_what_to_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from rotocap.training import hands_look

    with pytest.raises(SystemExit, match="run hands_samples"):
        hands_look.train(tmp_path, steps=1)

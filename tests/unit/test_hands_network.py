# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hand reader learns from is true, and learning it makes it read better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotocap.inference.fit.hands.anatomy import MIRROR_PLACE, anatomy  # noqa: E402
from rotocap.inference.fit.hands.palm import hand_frame  # noqa: E402
from rotocap.inference.fit.hands.reader import PALM, POINT_UNIT, upright  # noqa: E402
from rotocap.inference.landmarks.hands import HandNetworks  # noqa: E402
from rotocap.training import hands_network, hands_samples  # noqa: E402
from rotocap.training.hands_rendered import Seen, bank, random_pose  # noqa: E402

MOTION = Path(__file__).resolve().parents[3] / "shared" / "motion"
needs_bank = pytest.mark.skipif(
    not (MOTION / "hand_bank.npz").is_file(), reason=f"needs {MOTION / 'hand_bank.npz'}"
)


def _poses() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.stack([random_pose(rng) for _ in range(20)])


def test_imagined_hands_are_seen_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands_samples, "_LARGEST", 0.0)
    hands = hands_samples.imagined(_poses(), 50, np.random.default_rng(0))
    seen = upright(hands.flat, hands.points3d, hands.certainty, hands.pixel, hands.forearm, left=True)
    truth = hands.points @ seen.camera_from_upright
    read = seen.inputs[:, :63].reshape(-1, 21, 3) * POINT_UNIT
    # Of other bones by a twentieth, the network's points are the true ones.
    assert np.linalg.norm(read - truth, axis=-1).mean() < 0.008
    hand = anatomy()
    assert (hands.angles >= hand.low).all() and (hands.angles <= hand.high).all()
    # The hand goes on from where the forearm points, bent by the wrist's spread at most.
    turn, _ = hand_frame(hands.points, np.ones((50, 21)), left=True)
    along = turn[:, :, 0]
    assert np.degrees(np.arccos(np.clip((along * hands.forearm).sum(axis=1), -1, 1))).mean() < 40.0


@needs_bank
def test_the_mirrored_reading_has_the_mirrored_truth() -> None:
    rng = np.random.default_rng(2)
    rows: list = []
    while len(rows) < 2:
        rows = hands_samples.read_twice(bank(MOTION, "train"), HandNetworks(threads=1), rng)
    seen = Seen.stacked(rows)
    assert seen.left[0] != seen.left[1]
    flat = seen.truth[..., :2] / seen.truth[..., 2:] * seen.K[:, 0, 0][:, None, None, None]
    flat += seen.K[:, None, None, :2, 2]
    assert np.abs(flat[1, ..., 0] - (319 - flat[0, ..., 0])).max() < 1e-6
    assert np.linalg.norm(seen.points - flat, axis=-1).mean() < 0.5 * seen.palm_px[0]
    hands = hands_samples.samples_of(seen)
    if len(hands.left) == 2:
        assert np.abs(hands.points[1] - hands.points[0] * MIRROR_PLACE).max() < 1e-6
        assert np.abs(hands.angles[1] - hands.angles[0]).max() < 1e-9
        assert np.abs(hands.forearm[1] - hands.forearm[0] * MIRROR_PLACE).max() < 1e-6
    palm = hands.points[:, PALM].mean(axis=1)
    assert np.abs(palm).max() < 1e-9


def test_training_lowers_the_loss_and_the_export_answers_alike() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    samples = hands_samples.imagined(_poses(), 400, rng)
    hands = hands_network.Hands(samples, samples.forearm)
    mean, scale = hands.inputs.mean(dim=0), 1.0 / (hands.inputs.std(dim=0) + 0.05)
    net = hands_network.network()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(60):
        x, points, angles = hands.batch(rng.integers(0, 400, 32), rng)
        loss = hands_network.loss_of(net((x - mean) * scale), points, angles)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.5
    net.eval()
    reader = hands_network.exported(net, mean, scale)
    own = samples.part(np.arange(5))
    seen = upright(own.flat, own.points3d, own.certainty, own.pixel, own.forearm, left=True)
    with torch.no_grad():
        out = net((torch.tensor(seen.inputs, dtype=torch.float32) - mean) * scale).numpy()
    points = POINT_UNIT * out[:, :63].reshape(-1, 21, 3) @ np.swapaxes(seen.camera_from_upright, -1, -2)
    points -= points[:, PALM].mean(axis=1, keepdims=True)
    assert np.abs(reader(seen).points - points).max() < 1e-4


def test_no_samples_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="run hands_samples"):
        hands_network.train(MOTION, tmp_path, steps=1)

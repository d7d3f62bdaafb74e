# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the network that `inference/landmarks/second_look.py` runs.

    python -m rotocap.training.hands_look build/training/hands

Three are trained: of all files of samples but the last, which ships, and of each half of them. A half's
network looks at the other half, so that the hand reader learns from hands that nobody was trained on, as it
will meet them. What was trained is kept in the folder, and a second run goes on after it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..inference.camera import rotation_to_ray
from ..inference.fit.hands.anatomy import anatomy
from ..inference.fit.hands.reader import ANGLE_UNIT
from ..inference.landmarks.second_look import CHANNELS, NUMBERS, PALM, PATH, POINT_UNIT, SecondLook, numbers
from .hands_network import loss_of
from .hands_rendered import Seen
from .hands_samples import believed, files, looked_file, samples_of

Array = NDArray[np.float64]

_LOCAL, _HIDDEN, _FINGER, _LAST = 24, 384, 192, 64
_DROPOUT, _JITTER = 0.12, 0.04
_BATCH, _RATE, _DECAY = 160, 1.5e-3, 2e-2


@dataclass(frozen=True)
class Looks:
    """N hands as the network takes them, in their region's axes; which rows of the file they are."""

    rows: NDArray[np.bool_]
    roll: Array  # (N, 3, 3) picture from region
    about: NDArray[np.float32]  # (N, NUMBERS)
    inner: NDArray[np.float16]  # (N, 21, CHANNELS)
    points: NDArray[np.float32]  # (N, 21, 3) true, in POINT_UNIT
    angles: NDArray[np.float32]  # (N, 20) true, from the mean in ANGLE_UNIT

    @classmethod
    def load(cls, file: Path) -> Looks:
        seen = Seen.load(file)
        rows = believed(seen)[:, 0]
        with np.load(file, allow_pickle=False) as data:
            roi, inner = data["roi"][rows], data["inner"][rows]
        samples = samples_of(seen)
        cos, sin, zero, one = np.cos(roi[:, 3]), np.sin(roi[:, 3]), np.zeros(len(roi)), np.ones(len(roi))
        roll = np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], axis=1).reshape(-1, 3, 3)
        places = (seen.points[rows, 0] - roi[:, None, :2]) @ roll[:, :2, :2] / roi[:, None, 2:3] + 0.5
        world = samples.points3d @ roll
        about = np.empty((len(roi), NUMBERS))
        for left in (True, False):
            own = samples.left == left
            presence, rightness = seen.presence[rows, 0][own], seen.rightness[rows, 0][own]
            about[own] = numbers(world[own], places[own], presence, rightness, roi[own, 2], left=left)
        region = rotation_to_ray(samples.flat[:, PALM].mean(axis=1)) @ roll
        angles = (samples.angles - anatomy().mean) / ANGLE_UNIT
        return cls(
            rows,
            roll,
            about.astype(np.float32),
            inner,
            (samples.points @ region / POINT_UNIT).astype(np.float32),
            angles.reshape(-1, 20).astype(np.float32),
        )


class Network(torch.nn.Module):
    """As `SecondLook`, and beside its answers their spreads, angles and theirs, which it learns by."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.local = nn.Linear(CHANNELS, _LOCAL)
        self.drop = nn.Dropout(_DROPOUT)
        self.whole = nn.Sequential(
            nn.Linear(NUMBERS + 21 * _LOCAL, _HIDDEN), nn.SiLU(), nn.Dropout(_DROPOUT),
            nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(), nn.Dropout(_DROPOUT),
        )  # fmt: skip
        self.places = nn.Linear(_HIDDEN, 63 + 42)
        self.finger = nn.Sequential(
            nn.Linear(_HIDDEN + 5 * _LOCAL + 20 + 5, _FINGER), nn.SiLU(), nn.Dropout(_DROPOUT),
            nn.Linear(_FINGER, _LAST), nn.SiLU(), nn.Linear(_LAST, 20),
        )  # fmt: skip
        for name, size in (("mean", NUMBERS), ("scale", NUMBERS), ("low", CHANNELS), ("high", CHANNELS)):
            self.register_buffer(name, torch.zeros(size))

    def centred(self, looks: Looks) -> None:
        """Bring inputs like these to a spread of about one."""
        local = looks.inner[:2000].astype(np.float32)
        self.mean = torch.tensor(looks.about.mean(axis=0))
        self.scale = torch.tensor(1 / (looks.about.std(axis=0) + 0.05))
        self.low = torch.tensor(local.mean(axis=(0, 1)))
        self.high = torch.tensor(1 / (local.std(axis=(0, 1)) + 1e-3))

    def forward(self, about: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        count = len(about)
        known = (about - self.mean) * self.scale
        local = self.drop(torch.nn.functional.silu(self.local((inner - self.low) * self.high)))
        whole = self.whole(torch.cat([known, local.flatten(1)], dim=1))
        each = torch.cat([known[:, :63].reshape(-1, 21, 3), known[:, 63:105].reshape(-1, 21, 2)], dim=2)
        fingers = self.finger(
            torch.cat(
                [
                    whole[:, None].expand(-1, 5, -1),
                    local[:, 1:].reshape(count, 5, -1),
                    local[:, :1].expand(-1, 5, -1),
                    each[:, 1:].reshape(count, 5, -1),
                    torch.eye(5).expand(count, 5, 5),
                ],
                dim=2,
            )
        )
        places = self.places(whole)
        bent = fingers[..., 8:].reshape(count, 60)
        return torch.cat(
            [
                places[:, :3],
                places[:, 3:63] + bent,
                places[:, 63:],
                fingers[..., :4].reshape(count, 20),
                fingers[..., 4:8].reshape(count, 20),
            ],
            dim=1,
        )

    def exported(self) -> SecondLook:
        def weight(layer: torch.nn.Module) -> Array:
            assert isinstance(layer, torch.nn.Linear)
            return layer.weight.detach().numpy().T.astype(np.float64)

        def bias(layer: torch.nn.Module) -> Array:
            assert isinstance(layer, torch.nn.Linear)
            return layer.bias.detach().numpy().astype(np.float64)

        low, high = self.low.numpy().astype(np.float64), self.high.numpy().astype(np.float64)
        local = weight(self.local) * high[:, None]
        # A finger's angles and the logs of their spreads in radians, its places as they are.
        unit = np.repeat([ANGLE_UNIT, 1.0, 1.0], [4, 4, 12])
        shift = np.repeat([0.0, np.log(ANGLE_UNIT), 0.0], [4, 4, 12])
        return SecondLook(
            mean=self.mean.numpy().astype(np.float64),
            scale=self.scale.numpy().astype(np.float64),
            local_weight=local,
            local_bias=bias(self.local) - low @ local,
            weight1=weight(self.whole[0]),
            bias1=bias(self.whole[0]),
            weight2=weight(self.whole[3]),
            bias2=bias(self.whole[3]),
            place_weight=weight(self.places)[:, :63],
            place_bias=bias(self.places)[:63],
            finger_weight1=weight(self.finger[0]),
            finger_bias1=bias(self.finger[0]),
            finger_weight2=weight(self.finger[3]),
            finger_bias2=bias(self.finger[3]),
            finger_weight3=weight(self.finger[5]) * unit,
            finger_bias3=bias(self.finger[5]) * unit + shift,
            angle_mean=anatomy().mean.reshape(-1),
        )


def joined(parts: Sequence[Looks]) -> Looks:
    return Looks(**{name: np.concatenate([vars(p)[name] for p in parts]) for name in vars(parts[0])})


def trained(looks: Looks, *, steps: int, seed: int = 0) -> Network:
    """A network of these hands."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Network()
    net.centred(looks)
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        rows = np.sort(rng.integers(0, len(looks.about), _BATCH))
        about = torch.tensor(looks.about[rows])
        about = about + _JITTER * torch.randn_like(about)
        out = net(about, torch.tensor(looks.inner[rows]).float())
        loss = loss_of(out, torch.tensor(looks.points[rows]), torch.tensor(looks.angles[rows]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)
    net.eval()
    return net


def measured(net: Network, looks: Looks) -> str:
    """How far off its points are, and the hand network's own, which it was given."""
    with torch.no_grad():
        out = net(torch.tensor(looks.about), torch.tensor(looks.inner).float())[:, :63].numpy()
    told = []
    for points in (out, looks.about[:, :63]):
        off = 1000 * POINT_UNIT * (points.reshape(-1, 21, 3) - looks.points)
        across, along = (np.sqrt((off[..., part] ** 2).mean()) for part in (slice(0, 2), slice(2, 3)))
        told.append(f"{across:.1f} mm across, {along:.1f} mm along the line of sight")
    return f"{told[0]} (the hand network's own: {told[1]})"


def train(folder: Path, *, steps: int) -> tuple[SecondLook, str]:
    """The network that ships and its card; beside each file of samples, what was made of it."""
    samples = files(folder)
    if len(samples) < 3:
        raise SystemExit(f"{folder}: {len(samples)} files of samples; expected 3 or more: run hands_samples")
    every = [Looks.load(file) for file in samples]
    *known, held = every

    def network(name: str, parts: Sequence[Looks]) -> Network:
        file = folder / f"look_{name}.pt"
        if file.is_file():
            net = Network()
            net.load_state_dict(torch.load(file, weights_only=True))
            net.eval()
            return net
        net = trained(joined(parts), steps=steps)
        torch.save(net.state_dict(), file)
        return net

    halves = [network("even", known[::2]), network("odd", known[1::2])]
    whole = network("whole", known)
    for number, (file, looks) in enumerate(zip(samples, every, strict=True)):
        net = whole if looks is held else halves[1 - number % 2]
        seen = Seen.load(file)
        points = net.exported()(looks.about, looks.inner).points @ np.swapaxes(looks.roll, 1, 2)
        metres = seen.metres.copy()
        metres[looks.rows, 0] = points - points[:, :1]
        np.savez_compressed(looked_file(file), metres=metres)
    figures = measured(whole, held)
    about = f"{steps} steps, seed 0, {sum(len(p.about) for p in known)} hands"
    return whole.exported(), _card(about, len(held.about), figures)


def _card(about: str, held: int, figures: str) -> str:
    return f"""# Model card: second_look.npz
Rotocap's own network: what MediaPipe's hand network knows, halfway through, of the picture around each of
its 21 points, its points and the side in; 21 points in space, 20 angles and their spreads out.
`docs/hands.md` describes it.

- **Licence**: GPL-3.0-or-later, as the project. Made by `python -m rotocap.training.hands_samples`
  and `python -m rotocap.training.hands_look`.
- **Form**: {CHANNELS} numbers a point through one layer of {_LOCAL}, all of it through two of {_HIDDEN}, each
  finger through {_FINGER} and {_LAST}; float16; run by numpy.
- **Data**: hands of the free body (CC0), rendered in poses of two thirds of the signs of
  stewdio/handy.js (MIT, (c) 2020-2021 Stewart Smith), of fingers of several of them, and drawn within the
  joints' limits; skins, lamps, gloves, shadows and backgrounds by chance (`training/hands_pictures.py`).
  No photographs, no one's likeness.
- **Never trained on**: the other signs, other people's hands and the clips that `make eval` measures.
- **Run**: {about}.
- **On {held} hands held out**, of other bones and views: {figures}.

Known weaknesses: one hand's mesh in many sizes and colours, without nails and creases; no objects, no
second hand near it. It tells nothing of the picture: the points in it are the hand network's.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--out", type=Path, default=PATH)
    options = parser.parse_args()
    torch.set_num_threads(1)
    made, card = train(options.folder, steps=options.steps)
    made.save(options.out)
    options.out.with_suffix(".md").write_text(card, encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the network that `inference/fit/hands/reader.py` runs.

    python -m rotocap.training.hands_samples MOTION_FOLDER build/training/hands
    python -m rotocap.training.hands_look build/training/hands
    python -m rotocap.training.hands_network MOTION_FOLDER build/training/hands

The last file of samples is held out and measured. The state is written every `_SAVE` steps, and
training goes on from it. Every batch is rolled in the picture, with other errors of the forearm.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..inference.fit.hands.anatomy import MIRROR_PLACE, anatomy
from ..inference.fit.hands.reader import (
    ANGLE_UNIT,
    INPUTS,
    OUTPUTS,
    PATH,
    POINT_UNIT,
    POINTS,
    SPREADS,
    Reader,
    upright,
)
from .hands_rendered import bank
from .hands_samples import FOREARM_ERROR, Samples, imagined, load

Array = NDArray[np.float64]

_HIDDEN = 256
_BATCH = 192
_IMAGINED, _SIZES = 200, 40  # hands of each of so many sizes
_IMAGINED_SHARE = 0.25
_ROLL = 0.3  # radians, sd
_NO_ARM = 0.15  # of the arms are not known
_JITTER_SOLID, _JITTER_FLAT = 0.04, 0.04  # of the inputs' own units
_DROPOUT = 0.1
_RATE, _DECAY = 1.5e-3, 2e-2
_SAVE = 250


def with_error(forearm: Array, rng: np.random.Generator) -> Array:
    """Unit vectors (N, 3) in camera axes, off as the body fit's are."""
    off = forearm + FOREARM_ERROR * rng.normal(0.0, 1.0, forearm.shape)
    return np.asarray(off / np.linalg.norm(off, axis=-1, keepdims=True))


class Hands:
    """Samples as the network takes them: inputs (N, INPUTS), true points and angles in its units."""

    def __init__(self, samples: Samples, forearm: Array) -> None:
        inputs = np.empty((len(samples.left), INPUTS))
        points = np.empty((len(samples.left), POINTS, 3))
        for left in (True, False):
            rows = np.flatnonzero(samples.left == left)
            if not len(rows):
                continue
            own = samples.part(rows)
            seen = upright(own.flat, own.points3d, own.certainty, own.pixel, forearm[rows], left=left)
            inputs[rows] = seen.inputs
            points[rows] = own.points @ seen.camera_from_upright * (1.0 if left else MIRROR_PLACE)
        self.inputs = torch.tensor(inputs, dtype=torch.float32)
        self.points = torch.tensor(points / POINT_UNIT, dtype=torch.float32)
        angles = (samples.angles - anatomy().mean) / ANGLE_UNIT
        self.angles = torch.tensor(angles.reshape(-1, 20), dtype=torch.float32)

    def batch(
        self, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Rows rolled in the picture, with other errors of the forearm and a little jitter."""
        count = len(rows)
        x, points = self.inputs[rows], self.points[rows]
        angle = rng.normal(0.0, _ROLL, count)
        turn = torch.tensor(
            np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2),
            dtype=torch.float32,
        )  # row vectors times it are rolled
        solid, flat, about, arm, known = torch.split(x, [63, 42, 2, 3, 1], dim=1)
        solid = _rolled(solid.reshape(-1, 21, 3), turn).reshape(-1, 63)
        flat = (flat.reshape(-1, 21, 2) @ turn).reshape(-1, 42)
        solid = solid + _JITTER_SOLID * torch.randn_like(solid)
        flat = flat + _JITTER_FLAT * torch.randn_like(flat)
        arm = _rolled(arm[:, None], turn)[:, 0]
        arm = arm + torch.tensor(FOREARM_ERROR, dtype=torch.float32) * torch.randn_like(arm)
        arm = arm / arm.norm(dim=1, keepdim=True)
        known = known * (torch.rand(count, 1) > _NO_ARM)
        inputs = torch.cat([solid, flat, about, arm * known, known], dim=1)
        return inputs, _rolled(points, turn), self.angles[rows]


def _rolled(places: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    return torch.cat([places[..., :2] @ turn, places[..., 2:]], dim=-1)


def network() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(INPUTS, _HIDDEN), torch.nn.SiLU(), torch.nn.Dropout(_DROPOUT),
        torch.nn.Linear(_HIDDEN, _HIDDEN), torch.nn.SiLU(), torch.nn.Dropout(_DROPOUT),
        torch.nn.Linear(_HIDDEN, OUTPUTS),
    )  # fmt: skip


def loss_of(out: torch.Tensor, points: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Laplace: errors count by the spread that the network itself gives, and being unsure costs."""
    places, spread, bends, bend_spread = torch.split(out, [63, 42, 20, 20], dim=1)
    spread = spread.reshape(-1, POINTS, 2).clamp(*SPREADS)[..., [0, 0, 1]]
    error = places.reshape(-1, POINTS, 3) - points
    bend_spread = bend_spread.clamp(*SPREADS)
    bend = bends - angles
    solid = ((error**2 + 1e-4).sqrt() * torch.exp(-spread) + spread).mean()
    bent = ((bend**2 + 1e-4).sqrt() * torch.exp(-bend_spread) + bend_spread).mean()
    return solid + bent + 0.2 * (error**2).mean() + 0.2 * (bend**2).mean()


def exported(net: torch.nn.Sequential, mean: torch.Tensor, scale: torch.Tensor) -> Reader:
    values = {"mean": mean.numpy().astype(np.float64), "scale": scale.numpy().astype(np.float64)}
    linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    for number, layer in enumerate(linear, start=1):
        values[f"weight{number}"] = layer.weight.detach().numpy().T.astype(np.float64)
        values[f"bias{number}"] = layer.bias.detach().numpy().astype(np.float64)
    return Reader(**values)


def train(motion: Path, folder: Path, *, steps: int, seed: int = 0) -> tuple[Reader, str]:
    """The network of all samples but the last file's, and its card; goes on from `folder`/state.pt."""
    torch.manual_seed(seed)
    parts = load(folder)
    if len(parts) < 2:
        raise SystemExit(
            f"{folder}: {len(parts)} files of samples; expected 2 or more: run hands_samples, then hands_look"
        )
    rng = np.random.default_rng(seed)
    poses = bank(motion, "train")
    thought = Samples.joined([imagined(poses, _IMAGINED, rng) for _ in range(_SIZES)])
    seen = Samples.joined(parts[:-1])
    real, other = Hands(seen, seen.forearm), Hands(thought, thought.forearm)
    held = parts[-1]
    test = Hands(held, with_error(held.forearm, np.random.default_rng(1)))
    mean, scale = real.inputs.mean(dim=0), 1.0 / (real.inputs.std(dim=0) + 0.05)
    net = network()
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    state, first = folder / "state.pt", 0
    if state.is_file():
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        first = int(saved["step"])
    print(f"{len(seen.left)} hands, {len(held.left)} held out, from step {first}", flush=True)
    unseen = int(_IMAGINED_SHARE * _BATCH)
    for step in range(first, steps):
        batches = [
            real.batch(rng.integers(0, len(real.inputs), _BATCH - unseen), rng),
            other.batch(rng.integers(0, len(other.inputs), unseen), rng),
        ]
        x, points, angles = (torch.cat(both) for both in zip(*batches, strict=True))
        loss = loss_of(net((x - mean) * scale), points, angles)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % _SAVE == 0 or step + 1 == steps:
            torch.save(
                {"net": net.state_dict(), "optimiser": optimiser.state_dict(),
                 "schedule": schedule.state_dict(), "step": step + 1},
                state,
            )  # fmt: skip
            print(f"step {step + 1}: {_measured(net, test, mean, scale)}", flush=True)
    net.eval()
    about = f"{steps} steps, seed {seed}, {len(seen.left)} rendered and {len(thought.left)} imagined hands"
    return exported(net, mean, scale), _card(about, len(held.left), _measured(net, test, mean, scale))


def _card(about: str, held: int, figures: str) -> str:
    return f"""# Model card: hand_reader.npz
Rotocap's own network: what the hand network says of a hand, its side and where its forearm points in;
21 points in space and 20 angles with their spreads out. `docs/hands.md` describes it.

- **Licence**: GPL-3.0-or-later, as the project. Made by `python -m rotocap.training.hands_samples`
  and `python -m rotocap.training.hands_network`.
- **Form**: {INPUTS} inputs, two hidden layers of {_HIDDEN}, {OUTPUTS} outputs, float16; run by numpy.
- **Data**: hands of the free body (CC0), rendered in poses of two thirds of the signs of
  stewdio/handy.js (MIT, (c) 2020-2021 Stewart Smith), of fingers of several of them, and drawn within the
  joints' limits, and read by the real hand network. No photographs, no one's likeness.
- **Never trained on**: the other signs, other people's hands and the clips that `make eval` measures.
- **Run**: {about}.
- **On {held} hands held out**, of other bones and views: {figures}.

Known weaknesses: one hand's mesh in many sizes; no gloves, no objects, no second hand near it.
"""


def _measured(net: torch.nn.Sequential, test: Hands, mean: torch.Tensor, scale: torch.Tensor) -> str:
    net.eval()
    with torch.no_grad():
        out = net((test.inputs - mean) * scale)
        loss = loss_of(out, test.points, test.angles)
        off = POINT_UNIT * 1000 * (out[:, :63].reshape(-1, POINTS, 3) - test.points)
        bends = np.degrees(ANGLE_UNIT) * (out[:, 105:125] - test.angles)
    net.train()
    across, along = (off[..., part].square().mean().sqrt() for part in (slice(0, 2), slice(2, 3)))
    angles = bends.abs().mean()
    return f"loss {loss:.3f}, across {across:.1f} mm, along {along:.1f} mm, angles {angles:.1f} deg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("motion", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--out", type=Path, default=PATH)
    options = parser.parse_args()
    torch.set_num_threads(1)
    made, card = train(options.motion, options.folder, steps=options.steps)
    made.save(options.out)
    options.out.with_suffix(".md").write_text(card, encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()

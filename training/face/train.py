# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the network that reads expressions, and compare it with a fit and a linear answer.

    python -m rotocap.training.face.train build/training/face
    python -m rotocap.training.face.train build/training/face --start READER --again --robust 0.3

The second command leaves the reader as it is and trains its second look, best on heads that the
reader has not seen: of those it errs as it will. Held out are whole heads. A mirrored face is
another face: every sample counts twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...inference.fit.face.aligned import align
from ...inference.fit.face.reader import (
    COUNT,
    LOOK_LIMIT,
    LOOKS,
    NAMES,
    OTHER_SIDE,
    PATH,
    Reader,
    mirror_order,
    turn_terms,
)  # fmt: skip
from ...inference.landmarks.face_points import LEFT_EYE_PART, RIGHT_EYE_PART
from .bounded import bounded

Array = NDArray[np.float64]

_COMPONENTS = 128
_HIDDEN = 320
_SOFT = 0.001  # metres: what varies less is not looked at closely
_ON, _ON_AGAIN = 4.0, 3.0  # how much more an error counts where a coefficient is on
_BLIND = 0.12  # how often an eye is not seen
_NOISE = 0.05  # of the inputs


@dataclass(frozen=True)
class Samples:
    face: Array  # (N, 204, 3)
    arkit: Array  # (N, 52)
    head: NDArray[np.int64]  # (N,)

    def part(self, rows: NDArray[np.bool_]) -> Samples:
        return Samples(self.face[rows], self.arkit[rows], self.head[rows])

    @property
    def neutral(self) -> NDArray[np.bool_]:
        return np.asarray((self.arkit == 0).all(axis=1))


def load(folder: Path) -> Samples:
    parts = [np.load(path) for path in sorted(folder.glob("faces_*.npz"))]
    face = np.concatenate([p["face"] for p in parts]).astype(np.float64)
    # Faces that the graph did not find, or found elsewhere.
    good = (np.concatenate([p["presence"] for p in parts]) > 0.3) & np.isfinite(face).all(axis=(1, 2))
    arkit = np.concatenate([p["arkit"] for p in parts]).astype(np.float64)
    return Samples(face[good], arkit[good], np.concatenate([p["head"] for p in parts])[good])


def reference_of(samples: Samples) -> Array:
    """The mean neutral face, looking ahead."""
    faces = samples.face[samples.neutral]
    reference = faces[0]
    for _ in range(6):
        reference = align(faces, reference).points.mean(axis=0, dtype=np.float64)
    # Heads were turned to all sides alike: their mean looks ahead.
    u, _, vt = np.linalg.svd(align(faces, reference).turn.mean(axis=0))
    return np.asarray((reference - reference.mean(axis=0)) @ (u @ vt).T)


def mirrored(samples: Samples, reference: Array) -> Samples:
    """The same faces in the mirror, as faces of other heads."""
    order = mirror_order(reference)
    return Samples(
        samples.face[:, order] * (-1.0, 1.0, 1.0), samples.arkit[:, OTHER_SIDE], samples.head + 10_000_000
    )


def both(a: Samples, b: Samples) -> Samples:
    return Samples(
        np.concatenate([a.face, b.face]), np.concatenate([a.arkit, b.arkit]), np.concatenate([a.head, b.head])
    )


def differences(samples: Samples, reference: Array) -> tuple[Array, Array, Array]:
    """What differs (N, 612) from the own face at rest, how the turn's terms (N, 9) differ, and those."""
    aligned = align(samples.face, reference)
    x, terms = aligned.points.reshape(len(samples.face), -1), turn_terms(aligned.turn)
    d, t = np.full_like(x, np.nan), np.zeros_like(terms)
    for head in np.unique(samples.head):
        own = samples.head == head
        rest = own & samples.neutral
        if rest.any():
            d[own], t[own] = x[own] - x[rest].mean(axis=0), terms[own] - terms[rest].mean(axis=0)
    return d, t, terms


def answers(d: Array, t: Array, arkit: Array) -> tuple[Array, Array]:
    """Linear answers of the points to coefficients (52, 612) and to the turn (9, 612)."""
    inputs = np.concatenate([arkit, t], axis=1)
    ridge = np.diag(np.r_[np.full(COUNT, 0.3), np.full(t.shape[1], 0.05)])
    answer = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ d)
    return answer[:COUNT], answer[COUNT:]


def train(
    samples: Samples, reference: Array, *, epochs: int, start: Reader | None = None, robust: float = np.inf
) -> Reader:
    """start: a reader that is trained on, with its own reference; robust: errors beyond it count linearly."""
    d, t, terms = differences(samples, reference)
    good = np.isfinite(d).all(axis=1)
    good &= np.linalg.norm(d, axis=1) < np.quantile(np.linalg.norm(d[good], axis=1), 0.995)
    d, t, terms, wanted = d[good], t[good], terms[good], samples.arkit[good]
    reader = start or _blank(d, t, wanted, reference)
    x = d - t @ reader.turn
    rng = np.random.default_rng(0)
    hidden = x.reshape(len(x), -1, 3).copy()
    for part in (RIGHT_EYE_PART, LEFT_EYE_PART):
        hidden[np.ix_(rng.random(len(x)) < _BLIND, np.arange(part.start, part.stop))] = np.nan
    seen = reader.inputs(x.reshape(len(x), -1, 3), terms)
    inputs = np.concatenate([seen, reader.inputs(hidden, terms)])
    targets = np.tile(np.clip(wanted, 0.0, np.where(LOOKS, LOOK_LIMIT, 1.0)), (2, 1))
    network = _fitted(inputs, targets, epochs, start, robust)
    # A second look knew the former first answer.
    return replace(reader, **_arrays(network, ""), **_no_second_look(reader.components.shape[1]))


def look_again(samples: Samples, reader: Reader, *, epochs: int, robust: float, seed: int) -> Reader:
    """The same reader with another second look, which knows what the first answer is of faces like these."""
    d, t, terms = differences(samples, reader.reference)
    good = np.isfinite(d).all(axis=1)
    good &= np.linalg.norm(d, axis=1) < np.quantile(np.linalg.norm(d[good], axis=1), 0.995)
    x = (d - t @ reader.turn)[good].reshape(int(good.sum()), -1, 3)
    rng = np.random.default_rng(seed)
    for part in (RIGHT_EYE_PART, LEFT_EYE_PART):
        x[np.ix_(rng.random(len(x)) < _BLIND, np.arange(part.start, part.stop))] = np.nan
    seen = reader.inputs(x, terms[good])
    targets = np.clip(samples.arkit[good], 0.0, np.where(LOOKS, LOOK_LIMIT, 1.0))
    torch.manual_seed(seed)
    inputs, first, wanted = (
        torch.tensor(a, dtype=torch.float32) for a in (seen, reader.first(seen), targets)
    )
    network = _network(inputs.shape[1] + COUNT)
    last = [layer for layer in network if isinstance(layer, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)

    def error_of(rows: torch.Tensor) -> torch.Tensor:
        noisy = inputs[rows] + _NOISE * torch.randn(len(rows), inputs.shape[1])
        got = first[rows] + network(torch.cat([noisy, first[rows]], dim=1))
        return _loss(got, wanted[rows], on=_ON_AGAIN, robust=robust)

    _descend(network, error_of, len(inputs), epochs=epochs, batch=256, rate=1.5e-3)
    return replace(reader, **_arrays(network, "again_"))


def _arrays(network: torch.nn.Sequential, before: str) -> dict[str, Array]:
    """A network's weights and biases under the names of the reader's fields."""
    values = {}
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    for number, layer in enumerate(linear, start=1):
        values[f"{before}weight{number}"] = layer.weight.detach().numpy().T.astype(np.float64)
        values[f"{before}bias{number}"] = layer.bias.detach().numpy().astype(np.float64)
    return values


def _blank(d: Array, t: Array, wanted: Array, reference: Array) -> Reader:
    """A reader that knows what to look at, and nothing of what it means."""
    basis, turn = answers(d, t, wanted)
    x = d - t @ turn
    _, s, vt = np.linalg.svd(x, full_matrices=False)
    spread = s[:_COMPONENTS] / np.sqrt(len(x))
    return Reader(
        reference=reference,
        turn=turn,
        jaw_open=basis[NAMES.index("jawOpen")].reshape(-1, 3),
        components=vt[:_COMPONENTS].T / (spread + _SOFT),
        **{name: np.zeros(0) for name in ("weight1", "bias1", "weight2", "bias2", "weight3", "bias3")},
        **_no_second_look(_COMPONENTS),
    )


def _no_second_look(components: int) -> dict[str, Array]:
    """Arrays of a second look that adds nothing."""
    seen = components + 11 + COUNT
    return {
        "again_weight1": np.zeros((seen, 1)),
        "again_bias1": np.zeros(1),
        "again_weight2": np.zeros((1, 1)),
        "again_bias2": np.zeros(1),
        "again_weight3": np.zeros((1, COUNT)),
        "again_bias3": np.zeros(COUNT),
    }


def averaged(readers: Sequence[Reader]) -> Reader:
    """One whose weights are the mean of readers that were trained on from the same one."""
    mean = {f.name: np.mean([getattr(r, f.name) for r in readers], axis=0) for f in fields(Reader)}
    return Reader(**mean)


def _network(inputs: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Dropout(0.1),
        torch.nn.Linear(inputs, _HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(_HIDDEN, _HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(_HIDDEN, COUNT),
    )


def _fitted(
    inputs: Array, targets: Array, epochs: int, start: Reader | None, robust: float
) -> torch.nn.Sequential:
    torch.manual_seed(0)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (inputs, targets))
    network = _network(x.shape[1])
    if start is not None:
        linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
        for number, layer in enumerate(linear, start=1):
            layer.weight.data = torch.tensor(getattr(start, f"weight{number}").T, dtype=torch.float32)
            layer.bias.data = torch.tensor(getattr(start, f"bias{number}"), dtype=torch.float32)

    def error_of(rows: torch.Tensor) -> torch.Tensor:
        noisy = x[rows] + _NOISE * torch.randn(len(rows), x.shape[1])
        return _loss(network(noisy), y[rows], on=_ON, robust=robust)

    _descend(network, error_of, len(x), epochs=epochs, batch=128, rate=2e-3)
    return network


def _loss(got: torch.Tensor, wanted: torch.Tensor, *, on: float, robust: float) -> torch.Tensor:
    # An expression is rare, and its mean over all faces next to nothing: what is on counts more. Eyes
    # look somewhere in every other face: their mean is as large as they are.
    counts = torch.tensor(np.where(LOOKS, 0.0, on), dtype=torch.float32)
    off = got - wanted
    error = torch.where(off.abs() < robust, off**2, robust * (2.0 * off.abs() - robust))
    return ((1.0 + counts * (wanted > 0.05)) * error).mean()


def _descend(
    network: torch.nn.Sequential,
    error_of: Callable[[torch.Tensor], torch.Tensor],
    count: int,
    *,
    epochs: int,
    batch: int,
    rate: float,
) -> None:
    """Train in place; error_of: rows of the `count` samples -> their mean error."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=2e-2)
    steps = epochs * -(-count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(count).split(batch):
            loss = error_of(rows)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()


def line(name: str, wanted: Array, got: Array) -> None:
    """A line of the table: mean absolute error where a coefficient is on, and where it is off."""
    on = wanted > 0.05
    error = np.abs(got - wanted)
    print(f"{name:24} on {error[on].mean():.3f}  off {error[~on].mean():.3f}", flush=True)


def compare(part: Samples, test: Samples, reference: Array, epochs: int) -> None:
    d, t, _ = differences(part, reference)
    basis, turn = answers(d, t, part.arkit)
    x = d - t @ turn
    unexplained = x - part.arkit @ basis
    shared = np.linalg.eigh(unexplained.T @ unexplained / len(x) + 1e-8 * np.eye(x.shape[1]))
    precision = (shared[1] / shared[0]) @ shared[1].T
    d, t, _ = differences(test, reference)
    y, wanted = d - t @ turn, np.clip(test.arkit, 0, 1)
    line("always at rest", wanted, np.zeros_like(wanted))
    information = basis @ precision @ basis.T + np.eye(COUNT) / 0.3**2
    fit = bounded(information, y @ precision @ basis.T, low=np.zeros(COUNT), high=np.ones(COUNT))
    line("bounded fit", wanted, fit)
    ridge = np.linalg.solve(x.T @ x + 3e-4 * np.eye(x.shape[1]), x.T @ part.arkit)
    line("linear", wanted, np.clip(y @ ridge, 0, 1))
    reader = train(part, reference, epochs=epochs)
    turns = align(test.face, reference).turn
    line("network", wanted, np.clip(reader((d - t @ reader.turn).reshape(len(d), -1, 3), turns), 0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--compare", action="store_true", help="train on four of five heads first, and test")
    parser.add_argument("--start", type=Path, help="a reader to train on")
    parser.add_argument("--robust", type=float, default=np.inf, help="from where an error counts linearly")
    parser.add_argument("--again", action="store_true", help="train only the second look of --start")
    parser.add_argument("--seed", type=int, default=1, help="of a second look")
    parser.add_argument("--average", type=Path, nargs="+", help="only write the mean of these readers")
    options = parser.parse_args()
    if options.again and not options.start:
        parser.error("--again: expected --start READER, whose second look is trained")
    if options.average:
        averaged([Reader.load(path) for path in options.average]).save(options.out)
        return
    torch.set_num_threads(1)
    samples = load(options.folder)
    heads = np.unique(samples.head)
    start = Reader.load(options.start) if options.start else None
    reference = start.reference if start else reference_of(samples)
    print(f"{len(samples.face)} faces of {len(heads)} heads", flush=True)
    if options.compare:
        held = np.isin(samples.head, heads[::5])
        part = samples.part(~held)
        compare(both(part, mirrored(part, reference)), samples.part(held), reference, options.epochs)
    everything = both(samples, mirrored(samples, reference))
    if options.again and start:
        reader = look_again(
            everything, start, epochs=options.epochs, robust=options.robust, seed=options.seed
        )
    else:
        reader = train(everything, reference, epochs=options.epochs, start=start, robust=options.robust)
    reader.save(options.out)
    print(options.out)


if __name__ == "__main__":
    main()

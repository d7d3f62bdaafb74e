# SPDX-License-Identifier: GPL-3.0-or-later
"""How the face graph answers to each ARKit coefficient, learnt from pictures of known expressions.

    python -m rotocap.training.face.response build/training/face

The face graph moves its points less than the face moves, and moves them when only the head turns.
So the basis that an expression is read with is not the free body's shapes but what the graph makes
of them: a linear answer to each coefficient, an answer to the head's turn, and the covariance of
what neither explains. Written to inference/data/face_response.npz; a table compares ways to read.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...inference.fit.face.aligned import align
from ...inference.fit.face.response import PATH, Response, turn_terms

Array = NDArray[np.float64]

_COMPONENTS = 40  # of the covariance of what is not explained


@dataclass(frozen=True)
class Samples:
    face: Array  # (N, 204, 3)
    arkit: Array  # (N, 52)
    head: NDArray[np.int64]  # (N,)
    neutral: NDArray[np.bool_]  # (N,)


def load(folder: Path) -> Samples:
    parts = [np.load(path) for path in sorted(folder.glob("faces_*.npz"))]
    face = np.concatenate([p["face"] for p in parts]).astype(np.float64)
    arkit = np.concatenate([p["arkit"] for p in parts]).astype(np.float64)
    head = np.concatenate([p["head"] for p in parts])
    # Faces that the graph did not find, or found elsewhere.
    good = (np.concatenate([p["presence"] for p in parts]) > 0.3) & np.isfinite(face).all(axis=(1, 2))
    return Samples(face[good], arkit[good], head[good], (arkit[good] == 0).all(axis=1))


def reference_of(samples: Samples) -> Array:
    """The mean neutral face, looking ahead."""
    reference = samples.face[samples.neutral][0]
    for _ in range(6):
        aligned = align(samples.face[samples.neutral], reference)
        reference = aligned.points.mean(axis=0)
    # Heads were turned to all sides alike: their mean looks ahead.
    u, _, vt = np.linalg.svd(align(samples.face[samples.neutral], reference).turn.mean(axis=0))
    middle = reference.mean(axis=0)
    return np.asarray((reference - middle) @ (u @ vt).T)


def differences(samples: Samples, reference: Array) -> tuple[Array, Array]:
    """What differs (N, 612) from the own neutral face, and the differences of the terms of turn (N, 9)."""
    aligned = align(samples.face, reference)
    x, terms = aligned.points.reshape(len(samples.face), -1), turn_terms(aligned.turn)
    d, t = np.zeros_like(x), np.zeros_like(terms)
    for head in np.unique(samples.head):
        own = samples.head == head
        rest = own & samples.neutral
        if not rest.any():
            d[own] = np.nan
            continue
        d[own], t[own] = x[own] - x[rest].mean(axis=0), terms[own] - terms[rest].mean(axis=0)
    return d, t


def learn(samples: Samples, reference: Array) -> Response:
    d, t = differences(samples, reference)
    good = np.isfinite(d).all(axis=1)
    d, t, c = d[good], t[good], samples.arkit[good]
    inputs = np.concatenate([c, t], axis=1)
    ridge = np.diag(np.r_[np.full(52, 0.3), np.full(t.shape[1], 0.05)])
    answer = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ d)
    rest = d - inputs @ answer
    # Robustly: a few faces are seen wrongly altogether.
    size = np.linalg.norm(rest, axis=1)
    rest = rest[size < np.quantile(size, 0.97)]
    u, s, vt = np.linalg.svd(rest, full_matrices=False)
    count = min(_COMPONENTS, len(s) // 3)
    left = rest - (u[:, :count] * s[:count]) @ vt[:count]
    return Response(
        reference=reference,
        basis=answer[:52],
        turn=answer[52:],
        noise=s[:count, None] / np.sqrt(len(rest)) * vt[:count],
        floor=np.sqrt((left**2).mean(axis=0)) + 1e-4,
    )


def errors(name: str, wanted: Array, got: Array) -> None:
    """A line of the table: mean absolute error over coefficients that move, per coefficient and overall."""
    moves = wanted > 0.05
    per = [np.abs(got - wanted)[moves[:, i], i].mean() if moves[:, i].any() else np.nan for i in range(52)]
    quiet = np.abs(got - wanted)[~moves].mean()
    print(
        f"{name:28} moving {np.abs(got - wanted)[moves].mean():.3f}  by coefficient {np.nanmean(per):.3f}  still {quiet:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="response", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=PATH)
    options = parser.parse_args()
    samples = load(options.folder)
    heads = np.unique(samples.head)
    held = np.isin(samples.head, heads[::5])
    part = Samples(*(getattr(samples, f)[~held] for f in ("face", "arkit", "head", "neutral")))
    test = Samples(*(getattr(samples, f)[held] for f in ("face", "arkit", "head", "neutral")))
    reference = reference_of(part)
    response = learn(part, reference)
    d, t = differences(test, reference)
    wanted = np.clip(test.arkit, 0, 1)
    errors("always 0", wanted, np.zeros_like(wanted))
    for sd in (0.2, 0.3, 0.5):
        errors(
            f"bounded fit, prior {sd}", wanted, np.clip(response.solver(sd=sd)(d - t @ response.turn), 0, 1)
        )
    dd, tt = differences(part, reference)
    x = dd - tt @ response.turn
    for alpha in (1e-5, 1e-4, 1e-3):
        w = np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ part.arkit)
        errors(f"ridge {alpha:g}", wanted, np.clip((d - t @ response.turn) @ w, 0, 1))
    full = learn(samples, reference_of(samples))
    full.save(options.out)
    print(f"{len(samples.face)} faces of {len(heads)} heads; {options.out}")


if __name__ == "__main__":
    main()

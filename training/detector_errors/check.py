# SPDX-License-Identifier: GPL-3.0-or-later
"""The model beside what it was fitted to: the same points, once as observed and once as corrupted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .fit import Errors
from .model import ErrorModel
from .observe import Observations
from .points import KIND_OF, KINDS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One kind of point, in sight or hidden. Pairs are observed, then modelled; lengths in mm at 1.7 m."""

    kind: str
    hidden: bool
    count: int
    median_mm: tuple[float, float]
    p90_mm: tuple[float, float]
    step_mm: tuple[float, float]  # median change of the error from frame to frame
    certainty: tuple[float, float]  # median
    unsure: tuple[float, float]  # share below 0.5
    unseen: tuple[float, float]  # share below 0.02


def compare(model: ErrorModel, seen: Observations, *, draws: int = 4, seed: int = 0) -> list[Line]:
    """A line for every kind of point with more than 50 observations."""
    errors = Errors(seen)
    unit = errors.size[:, None, None]
    points = errors.cube(errors.truth / unit)
    width = np.stack([-0.5 + 0 * errors.size, 2 * seen.K[:, 0, 2] + 0.5], axis=1) / errors.size[:, None]
    height = np.stack([-0.5 + 0 * errors.size, 2 * seen.K[:, 1, 2] + 0.5], axis=1) / errors.size[:, None]
    bounds = errors.cube(np.stack([width, height], axis=-1))[:, 0]
    pixels = errors.cube(errors.size)
    generator = torch.Generator().manual_seed(seed)

    def tensor(values: Array) -> torch.Tensor:
        return torch.tensor(np.concatenate([values] * draws)).float()

    visible, inside = (
        torch.tensor(np.concatenate([errors.cube(x)] * draws)) for x in (~seen.hidden, seen.inside)
    )
    made, certainty = model.corrupt(
        tensor(points),
        visible,
        inside=inside,
        bounds=tensor(bounds),
        size_px=tensor(pixels),
        generator=generator,
    )
    modelled = made.numpy() - np.concatenate([points] * draws), certainty.numpy()
    observed = errors.cube(errors.error), errors.cube(errors.certainty)
    counted = errors.cube(errors.counted)
    hidden = errors.cube(seen.hidden)
    out = []
    for index, kind in enumerate(KINDS):
        members = [row for row, k in enumerate(KIND_OF) if k == index]
        for state in (False, True):
            use = counted[..., members] & (hidden[..., members] == state)
            if use.sum() < 50:
                continue
            figures = [
                _figures(error[:, :, members], sure[..., members], np.concatenate([use] * times))
                for (error, sure), times in ((observed, 1), (modelled, draws))
            ]
            pairs = list(zip(*figures, strict=True))
            out.append(Line(kind, state, int(use.sum()), *pairs))
    return out


def _figures(error: Array, certainty: Array, use: NDArray[np.bool_]) -> tuple[float, ...]:
    seen = use & (certainty > 0.02)
    off = np.linalg.norm(error, axis=-1)
    both = seen[:, 1:] & seen[:, :-1]
    moved = np.linalg.norm(error[:, 1:] - error[:, :-1], axis=-1)[both]
    if not seen.any() or not both.any():
        return (np.nan,) * 6
    return (
        1700 * float(np.median(off[seen])),
        1700 * float(np.percentile(off[seen], 90)),
        1700 * float(np.median(moved)),
        float(np.median(certainty[seen])),
        float((certainty[seen] < 0.5).mean()),
        float((~seen)[use].mean()),
    )


def table(lines: list[Line]) -> str:
    """The comparison as a Markdown table: observed / modelled."""

    def pair(values: tuple[float, float], digits: int) -> str:
        return " / ".join(f"{v:.{digits}f}" for v in values)

    head = ["point", "seen", "median mm", "90 % mm", "step mm", "certainty", "below 0.5", "lost"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for one in lines:
        cells = [
            one.kind, "hidden" if one.hidden else "in sight", pair(one.median_mm, 0), pair(one.p90_mm, 0),
            pair(one.step_mm, 1), pair(one.certainty, 2), pair(one.unsure, 2), pair(one.unseen, 2),
        ]  # fmt: skip
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)

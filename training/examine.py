# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lift network fails: by view, by motion, by what is seen (after PoseExaminer, Liu et al., 2023).

    python -m rotocap.training.examine [--run DIR] [--out DIR]

Random windows of the training motion, with all variety, go through the network; errors are
gathered by the side from which the person is seen and how far the camera looks down, by
take, by joint, and by the share of points in sight. The map is drawn (`failures.png`), the
figures are kept (`failures.json`), and `emphasis.json` says how much more often each take
should be drawn: `python -m rotocap.training.train --emphasis` learns from it. Motion of the
held-out people has no part in this.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..inference.lift import layout
from ..inference.skeleton import JOINT_NAMES
from .export import ROOT, load
from .losses import Prediction, tokens
from .motion_data import SHARED, MotionSet
from .synthesis import Synthesis

Array = NDArray[np.float64]

YAWS, PITCHES, SIGHTS = 12, 7, 6  # bins
_STEEPEST = 70.0  # degrees
_PRIOR = 8.0  # windows of average error that every take is thought to have had
_MOST = 4.0  # times as often as usual
_SEED = 99
_CELL = 56  # pixels


@dataclass(frozen=True, eq=False)
class Failures:
    """Mean errors in millimetres; NaN where nothing was drawn."""

    by_view: Array  # (PITCHES, YAWS) rows from looking up to looking down; columns: the side seen
    by_sight: Array  # (SIGHTS,) from nothing to everything in sight
    by_joint: Array  # (22,)
    by_take: Array  # (S,)
    windows: Array  # (S,) how many of each take
    mean: float


def examine(model: nn.Module, motion: MotionSet, *, windows: int = 6000, frames: int = 32) -> Failures:
    """Gather errors over random windows."""
    data = Synthesis(motion, seed=_SEED)
    view, sight = np.zeros((2, PITCHES, YAWS)), np.zeros((2, SIGHTS))
    take, joint = np.zeros((2, len(motion))), np.zeros(layout.JOINTS)
    total = 0
    with torch.inference_mode():
        for _ in range(0, windows, 60):
            batch = data.batch(60, frames)
            found = Prediction.of(model(tokens(batch.inputs)))
            error = (found.places - batch.places).norm(dim=-1).numpy() * 1000.0  # (B, T, 22)
            each = error[..., 1:].mean(axis=-1)
            facing = batch.turns[:, :, 0, :, 2].numpy()
            yaw = np.degrees(np.arctan2(facing[..., 0], -facing[..., 2])) % 360.0
            pitch = np.degrees(np.arcsin(np.clip(-batch.up[..., 2].numpy(), -1.0, 1.0)))
            row = ((pitch + _STEEPEST) / (2 * _STEEPEST) * PITCHES).astype(int).clip(0, PITCHES - 1)
            column = (yaw / 360.0 * YAWS).astype(int).clip(0, YAWS - 1)
            seen = (batch.certainty > 0.3).float().mean(-1).numpy()
            share = (seen * SIGHTS).astype(int).clip(0, SIGHTS - 1)
            for bins, where in ((view, (row, column)), (sight, (share,))):
                np.add.at(bins[0], where, each)
                np.add.at(bins[1], where, 1.0)
            np.add.at(take[0], batch.sequence.numpy(), each.mean(axis=1))
            np.add.at(take[1], batch.sequence.numpy(), 1.0)
            joint += error.mean(axis=(0, 1))
            total += 1

    def mean(sums: Array) -> Array:
        return np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1.0), np.nan)

    return Failures(
        by_view=mean(view), by_sight=mean(sight), by_joint=joint / total, by_take=mean(take),
        windows=take[1], mean=float(take[0].sum() / take[1].sum()),
    )  # fmt: skip


def emphasis(failures: Failures) -> Array:
    """How much more often (S,) each take should be drawn: by its squared error, 1 where little is known."""
    error = np.where(failures.windows > 0, failures.by_take, failures.mean)
    known = (error * failures.windows + failures.mean * _PRIOR) / (failures.windows + _PRIOR)
    return np.asarray(np.clip((known / failures.mean) ** 2, 0.5, _MOST))


def picture(failures: Failures) -> NDArray[np.uint8]:
    """The map of failures: views as a table of colours, sight and joints as bars."""
    width, left, top = 900, 110, 60
    image = np.full((top + PITCHES * _CELL + 330, width, 3), 255, np.uint8)

    def write(text: str, x: int, y: int, *, size: float = 0.42) -> None:
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, (30, 30, 30), 1, cv2.LINE_AA)

    worst = float(np.nanmax(failures.by_view))
    best = float(np.nanmin(failures.by_view))
    write(f"mean error of 21 joints, mm, by view (all variety; mean {failures.mean:.0f})", 10, 20, size=0.5)
    for column in range(YAWS):
        write(f"{360 * column // YAWS + 180 // YAWS}", left + column * _CELL + 12, top - 8)
    write("turned by", 10, top - 8)
    for row in range(PITCHES):
        low = -_STEEPEST + 2 * _STEEPEST * row / PITCHES
        write(f"{low:+.0f}..{low + 2 * _STEEPEST / PITCHES:+.0f}", 10, top + row * _CELL + 32)
        for column in range(YAWS):
            value = failures.by_view[row, column]
            if np.isnan(value):
                continue
            share = (value - best) / max(worst - best, 1e-9)
            colour = tuple(int(v) for v in (255 * (1 - share), 255 * (1 - share), 255 - 60 * (1 - share)))
            corner = (left + column * _CELL, top + row * _CELL)
            cv2.rectangle(image, corner, (corner[0] + _CELL - 2, corner[1] + _CELL - 2), colour, -1)
            write(f"{value:.0f}", corner[0] + 12, corner[1] + 32)
    y = top + PITCHES * _CELL + 24
    write("by share of points in sight", 10, y, size=0.5)
    for k, value in enumerate(failures.by_sight):
        write(f"{k / SIGHTS:.1f}..{(k + 1) / SIGHTS:.1f}: {value:.0f}", 10 + 145 * k, y + 22)
    write("by joint", 10, y + 52, size=0.5)
    for k, value in enumerate(failures.by_joint):
        x, line = 10 + 220 * (k % 4), y + 74 + 22 * (k // 4)
        write(f"{JOINT_NAMES[k]}: {value:.0f}", x, line)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=ROOT / "build" / "training" / "lift")
    parser.add_argument("--motion", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "training" / "examined")
    parser.add_argument("--windows", type=int, default=6000)
    given = parser.parse_args()
    motion = MotionSet.load(given.motion)
    failures = examine(load(given.run), motion, windows=given.windows)
    given.out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(given.out / "failures.png"), picture(failures))
    order = np.argsort(np.nan_to_num(-failures.by_take))[:20]
    worst = [(motion.sequences[i].name, motion.sequences[i].label, float(failures.by_take[i])) for i in order]
    (given.out / "failures.json").write_text(
        json.dumps({"mean_mm": failures.mean, "worst": worst}, indent=1) + "\n", encoding="utf-8"
    )
    weights = dict(zip((s.name for s in motion), emphasis(failures).round(3).tolist(), strict=True))
    (given.out / "emphasis.json").write_text(json.dumps(weights, indent=1) + "\n", encoding="utf-8")
    for name, label, value in worst:
        print(f"{value:6.0f} mm  {name}  {label}")
    print(f"mean {failures.mean:.0f} mm; drawn in {given.out / 'failures.png'}")


if __name__ == "__main__":
    main()

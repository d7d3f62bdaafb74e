# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift network alone, on motion and people that training never saw, with detector-like errors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .losses import Prediction, tokens
from .motion_data import MotionSet
from .synthesis import AS_RECORDED, Synthesis, Variety

_SEED = 777
_FRAMES = 120


def measure(
    model: nn.Module,
    motion: MotionSet,
    *,
    windows: int = 192,
    in_time: bool = True,
    variety: Variety = AS_RECORDED,
    seed: int = _SEED,
) -> dict[str, float]:
    """MPJPE, PA-MPJPE (mm, root-centred, 22 joints), acceleration error (mm/frame^2) and the spread's worth.

    Statures are 1.70 m for network and truth alike, proportions differ: see docs/lift.md.
    """
    data = Synthesis(motion, variety=variety, seed=seed)
    sums: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for _ in range(0, windows, 32):
            batch = data.batch(32, _FRAMES)
            found = Prediction.of(model(tokens(batch.inputs), in_time=in_time))
            error = found.places - batch.places
            length = error.norm(dim=-1)
            acceleration = torch.diff(found.places, n=2, dim=1) - torch.diff(batch.places, n=2, dim=1)
            bones = found.turns.transpose(-1, -2) @ batch.turns
            trace = bones.diagonal(dim1=-2, dim2=-1).sum(-1)
            angle = torch.rad2deg(torch.acos(((trace - 1.0) / 2.0).clamp(-1.0, 1.0)))
            depth = (found.root[..., 2] - batch.root[..., 2]).abs()
            inside, spread = _inside_90(error, found.spreads)
            kept = {
                "mpjpe_mm": length[..., 1:].mean() * 1000,
                "pa_mpjpe_mm": _procrustes(found.places, batch.places).mean() * 1000,
                "accel_mm": acceleration[..., 1:, :].norm(dim=-1).mean() * 1000,
                "angle_deg": angle.mean(),
                "depth_percent": depth.mean() * 100,
                "up_deg": torch.rad2deg(
                    torch.acos(functional.cosine_similarity(found.up, batch.up, dim=-1).clamp(-1.0, 1.0))
                ).mean(),
                "contacts": ((found.contacts > 0) == (batch.contacts > 0.5)).float().mean(),
                "cover90": inside.float().mean(),
                "rank_corr": _rank_correlation(spread.flatten(), length[..., 1:].flatten()),
            }
            for name, value in kept.items():
                sums.setdefault(name, []).append(value)
    return {name: float(torch.stack(values).mean()) for name, values in sums.items()}


def _procrustes(found: Tensor, truth: Tensor) -> Tensor:
    """Distances (..., 22) after the best similarity that takes found (..., 22, 3) to truth."""
    a = found - found.mean(dim=-2, keepdim=True)
    b = truth - truth.mean(dim=-2, keepdim=True)
    u, s, vt = torch.linalg.svd(a.transpose(-1, -2) @ b)
    sign = torch.ones_like(s)
    sign[..., 2] = torch.sign(torch.linalg.det(u @ vt))
    rotation = u @ (sign[..., None] * vt)
    scale = (s * sign).sum(-1) / (a**2).sum((-1, -2)).clamp(min=1e-9)
    return (scale[..., None, None] * (a @ rotation) - b).norm(dim=-1)


def _inside_90(error: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Which errors in depth (..., 21) lie inside their 90 % interval, and each joint's spread in metres."""
    scale = torch.exp(log_scale[..., 1:, :])
    inside = error[..., 1:, 2].abs() < float(-np.log(0.1)) * scale[..., 1]
    return inside, (2.0 * scale[..., 0] ** 2 * 3.0 / 2.0 + 2.0 * scale[..., 1] ** 2).sqrt()


def _rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    def ranks(x: Tensor) -> Tensor:
        return x.argsort().argsort().float()

    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as torch tensors, in batches."""

from __future__ import annotations

import torch
from torch import Tensor


def from_axis_angle(vectors: Tensor) -> Tensor:
    """Matrices (..., 3, 3) of axis-angle vectors (..., 3), radians (Rodrigues)."""
    angle = vectors.norm(dim=-1, keepdim=True).clamp(min=1e-7)
    x, y, z = (vectors / angle).unbind(-1)
    sine, cosine = torch.sin(angle[..., 0]), torch.cos(angle[..., 0])
    rest = 1.0 - cosine
    rows = [
        cosine + x * x * rest, x * y * rest - z * sine, x * z * rest + y * sine,
        x * y * rest + z * sine, cosine + y * y * rest, y * z * rest - x * sine,
        x * z * rest - y * sine, y * z * rest + x * sine, cosine + z * z * rest,
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def from_columns(first: Tensor, second: Tensor) -> Tensor:
    """Matrices (..., 3, 3) whose first columns are near these (..., 3) (Zhou et al., 2019)."""
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def about(axis: int, angle: Tensor) -> Tensor:
    """Matrices (..., 3, 3) of turns by angle (...) radians about a coordinate axis."""
    vectors = torch.zeros(*angle.shape, 3)
    vectors[..., axis] = angle
    return from_axis_angle(vectors)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lift network is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..inference.lift import layout
from ..inference.skeleton import INDEX, PARENTS
from . import rotations
from .synthesis import Batch

_PARENTS = torch.tensor(PARENTS[1 : layout.JOINTS])
# Hands and feet show an error most; the trunk's joints err least.
_WEIGHT = torch.ones(layout.JOINTS)
_WEIGHT[
    [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("wrist", "ankle", "elbow", "foot")]
] = 1.5


_MOTION = ("speed", "acceleration", "root_speed")


def _ancestors() -> Tensor:
    """Chain (22, 21): which bones lie between the pelvis and each joint."""
    chain = torch.zeros(layout.JOINTS, layout.JOINTS - 1)
    for joint in range(1, layout.JOINTS):
        k = joint
        while k > 0:
            chain[joint, k - 1] = 1.0
            k = PARENTS[k]
    return chain


_CHAIN = _ancestors()


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the parts of the loss. Lengths count in metres, angles by the difference of matrices."""

    places: float = 10.0
    speed: float = 40.0  # error of the joints' motion from frame to frame
    acceleration: float = 20.0
    spread: float = 0.05
    turns: float = 1.0
    chained: float = 5.0  # joints put together from the rotations and the true bones
    root: float = 1.0
    root_speed: float = 5.0
    contacts: float = 0.5
    up: float = 0.5


@dataclass(frozen=True)
class Prediction:
    """The network's output by parts. Leading axes (B, T)."""

    places: Tensor  # (B, T, 22, 3)
    spreads: Tensor  # (B, T, 22, 2) log scale
    turns: Tensor  # (B, T, 22, 3, 3)
    root: Tensor  # (B, T, 3)
    root_spread: Tensor  # (B, T, 1)
    contacts: Tensor  # (B, T, 4) logits
    up: Tensor  # (B, T, 3) of any length

    @classmethod
    def of(cls, out: Tensor) -> Prediction:
        """From the network's tokens (B, N, 2 * OUTPUTS)."""
        out = out.reshape(out.shape[0], -1, layout.OUTPUTS)
        columns = out[..., layout.TURNS].unflatten(-1, (layout.JOINTS, 2, 3))
        return cls(
            places=out[..., layout.PLACES].unflatten(-1, (layout.JOINTS, 3)),
            spreads=out[..., layout.SPREADS].unflatten(-1, (layout.JOINTS, 2)),
            turns=rotations.from_columns(columns[..., 0, :], columns[..., 1, :]),
            root=out[..., layout.ROOT],
            root_spread=out[..., layout.ROOT_SPREAD],
            contacts=out[..., layout.CONTACTS],
            up=out[..., layout.UP],
        )


def tokens(inputs: Tensor) -> Tensor:
    """Frames (B, T, INPUTS) as tokens (B, T / 2, 2 * INPUTS)."""
    return inputs.reshape(inputs.shape[0], -1, layout.FRAMES_PER_TOKEN * layout.INPUTS)


def loss(
    found: Prediction,
    truth: Batch,
    *,
    calm: float = 1.0,
    in_time: bool = True,
    weights: Weights = Weights(),
) -> tuple[Tensor, dict[str, float]]:
    """The loss, and its parts (unweighted) to print.

    `calm` multiplies what motion costs: a network that knows nothing yet would only learn
    to stand still. `in_time`: False for windows too short to tell motion and contacts.
    """
    error = found.places - truth.places
    length = error.norm(dim=-1)
    bones = (found.turns[:, :, _PARENTS] @ truth.offsets[:, None, 1:, :, None])[..., 0]
    chained = torch.einsum("jk,btkc->btjc", _CHAIN, bones)
    root_error = found.root - truth.root
    parts = {
        "places": (length * _WEIGHT).mean(),
        "spread": _spread_loss(error.detach(), found.spreads),
        "turns": (found.turns - truth.turns).abs().mean(),
        "chained": (chained - truth.places).norm(dim=-1).mean(),
        "root": root_error.abs().sum(-1).mean()
        + 0.1 * _laplace(root_error[..., 2:].detach(), found.root_spread),
        "up": (found.up - truth.up).norm(dim=-1).mean(),
    }
    if in_time:
        speed = error[:, 1:] - error[:, :-1]
        parts |= {
            "speed": speed.abs().sum(-1).mean(),
            "acceleration": (speed[:, 1:] - speed[:, :-1]).abs().sum(-1).mean(),
            "root_speed": (root_error[:, 1:] - root_error[:, :-1]).abs().sum(-1).mean(),
            "contacts": functional.binary_cross_entropy_with_logits(found.contacts, truth.contacts),
        }
    total = torch.stack(
        [getattr(weights, name) * (calm if name in _MOTION else 1.0) * part for name, part in parts.items()]
    ).sum()
    return total, {name: float(part.detach()) for name, part in parts.items()}


def _spread_loss(error: Tensor, log_scale: Tensor) -> Tensor:
    """Negative log likelihood of Laplace errors, across the line of sight and along it.

    Only the spread learns from it: the places keep the plain distance, or easy joints
    would be all that the network cares about.
    """
    across = error[..., :2].norm(dim=-1)
    # In two dimensions exp(-r / b) has the normaliser 2 pi b^2.
    first = across * torch.exp(-log_scale[..., 0]) + 2.0 * log_scale[..., 0]
    second = error[..., 2].abs() * torch.exp(-log_scale[..., 1]) + log_scale[..., 1]
    return (first + second)[..., 1:].mean()


def _laplace(error: Tensor, log_scale: Tensor) -> Tensor:
    return (error.abs() * torch.exp(-log_scale) + log_scale).mean()

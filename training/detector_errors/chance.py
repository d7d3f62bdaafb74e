# SPDX-License-Identifier: GPL-3.0-or-later
"""Random numbers over time, for batches: noise that lasts, and spans in which something happens."""

from __future__ import annotations

from math import exp, sqrt

import torch
from torch import Tensor


class Chance:
    """Draws for frames `dt` seconds apart. Axis 0 is the batch, axis 1 time."""

    def __init__(self, generator: torch.Generator | None, device: torch.device, dt: float) -> None:
        self._generator, self._device, self._dt = generator, device, dt

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._device)

    def uniform(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=self._generator, device=self._device)

    def process(self, shape: tuple[int, ...], seconds: float) -> Tensor:
        """AR(1) noise of unit variance that is correlated over `seconds`."""
        keep = exp(-self._dt / max(seconds, 1e-6))
        noise = self.normal(shape)
        fresh = sqrt(1.0 - keep * keep)
        value = noise[:, 0]
        for t in range(1, shape[1]):
            value = noise[:, t].mul_(fresh).add_(value, alpha=keep)
        return noise

    def spans(self, rates: Tensor, seconds: float) -> Tensor:
        """Which of K things happens (B, T, ...): 0 none, or 1 + k, in spans of mean `seconds`.

        rates (B, T, ..., K): how often a second a span of each begins, while none is under way.
        """
        kinds = rates.shape[-1]
        start = (rates * self._dt).cumsum(dim=-1)
        shape = tuple(start.shape[:-1])

        def chosen(chance: Tensor, edges: Tensor) -> Tensor:
            beyond = (chance[..., None] >= edges).sum(dim=-1)
            return torch.where(beyond < kinds, beyond + 1, 0)

        begun = chosen(self.uniform(shape), start)
        ends = self.uniform(shape) < self._dt / (seconds + self._dt)
        # A span may be under way when the take begins.
        value = chosen(self.uniform(shape[:1] + shape[2:]), start[:, 0] * (seconds / self._dt))
        states = torch.empty_like(begun)
        for t in range(shape[1]):
            value = torch.where(value == 0, begun[:, t], torch.where(ends[:, t], 0, value))
            states[:, t] = value
        return states

# SPDX-License-Identifier: GPL-3.0-or-later
"""Measured detector errors, put on perfect points in batches.

All lengths are in units of the person's size: the stature (standing height) as it would
appear in the picture at the person's distance is 1.

An error is the sum of a constant part for the take, a slow part and a fast part (two AR(1)
processes), each with its own size per kind of point. Points that the body itself hides
err more. On top of it, for some frames: left and right of arms, legs or the whole body
exchanged; a hidden limb drawn onto the one in sight; hands and faces lost; points lost.
The certainty is drawn from what the networks said about points in sight and hidden, and
falls with the error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .points import KIND_OF, KINDS, PARTNER, rows

PATH = Path(__file__).parent / "measured.json"

_ARMS = ("elbow", "wrist", "hand_wrist", "hand_thumb", "hand_index", "hand_middle", "hand_pinky")
_LEGS = ("knee", "ankle", "big_toe", "heel")
_FACE = ("chin", "bridge", "eye_corner")
_HAND = ("hand_wrist", "hand_thumb", "hand_index", "hand_middle", "hand_pinky")

# States of a pair of limbs: as it is, exchanged, left drawn onto right, right drawn onto left.
_AS_IS, _EXCHANGED, _LEFT_ON_RIGHT, _RIGHT_ON_LEFT = range(4)


@dataclass(frozen=True)
class ErrorModel:
    """Sizes of errors per point, P = 35 in the order of `inference.lift.points`."""

    constant: Tensor  # (2, P) sd in sight and hidden
    slow: Tensor  # (2, P)
    fast: Tensor  # (2, P)
    fast_per_speed: Tensor  # (P,) sd added for each stature a second that the point moves
    certainty: Tensor  # (2, P) logit in sight and hidden
    certainty_sd: Tensor  # (2, P)
    certainty_slope: Tensor  # (P,) logit lost for each e-fold of the error over `error_unit`
    settings: dict[str, float]

    @classmethod
    def load(cls, path: Path = PATH, *, device: torch.device | str = "cpu") -> ErrorModel:
        """The model that was measured (`measured.json`)."""
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        kinds = torch.tensor(KIND_OF)

        def table(name: str) -> Tensor:
            values = torch.tensor([data["points"][kind][name] for kind in KINDS], dtype=torch.float32)
            values = values[kinds]
            return (values.T.contiguous() if values.dim() == 2 else values).to(device)

        names = ("constant", "slow", "fast", "fast_per_speed", "certainty", "certainty_sd", "certainty_slope")
        return cls(*(table(name) for name in names), settings=data["settings"])

    def corrupt(
        self,
        points: Tensor,
        visible: Tensor,
        *,
        inside: Tensor | None = None,
        size_px: Tensor | None = None,
        dt: float = 1 / 30,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Points (B, T, P, 2) as a detector would have seen them, and certainty (B, T, P) 0 to 1.

        visible (B, T, P) bool: not hidden by the body itself; inside (B, T, P) bool: in the
        picture (default: all); size_px (B,) or (B, T): stature in pixels (default: 600); dt
        seconds between frames. Where the certainty is 0 the place means nothing. All on one
        device. ValueError if shapes do not fit.
        """
        if points.dim() != 4 or points.shape[2:] != (len(KIND_OF), 2) or visible.shape != points.shape[:3]:
            raise ValueError(
                f"points and visible: expected (B, T, {len(KIND_OF)}, 2) and (B, T, {len(KIND_OF)}), "
                f"got {tuple(points.shape)} and {tuple(visible.shape)}"
            )
        draw = _Draw(generator, points.device)
        inside = torch.ones_like(visible) if inside is None else inside
        hidden = (~visible).float()
        taken, hidden = self._misread(points, hidden, dt, draw)
        error = self._jitter(points, hidden, size_px, dt, draw)
        off = (taken + error - points).norm(dim=-1)
        certainty = self._certainty(off, hidden, dt, draw)
        return taken + error, certainty * inside * self._kept(visible & inside, dt, draw)

    def _jitter(
        self, points: Tensor, hidden: Tensor, size_px: Tensor | None, dt: float, draw: _Draw
    ) -> Tensor:
        """Constant, slow and fast errors (B, T, P, 2)."""
        count, frames, number = hidden.shape
        s = self.settings
        shape = (count, number)

        def own(spread: str) -> Tensor:
            """A factor for each take and point: some takes are harder than others."""
            return torch.exp(s[spread] * draw.normal(shape))[:, None]

        def by_sight(sd: Tensor) -> Tensor:
            return torch.lerp(sd[0], sd[1], hidden)

        speed = torch.zeros_like(hidden)
        if frames > 1:
            speed[:, 1:] = (points[:, 1:] - points[:, :-1]).norm(dim=-1).clamp(max=1.0) / dt
            speed[:, 0] = speed[:, 1]
        size = torch.full((count, 1), 600.0, device=points.device) if size_px is None else size_px
        size = size.reshape(count, -1)[..., None].clamp(min=20.0)
        grain = s["grain_px"] / size
        fast_sd = by_sight(self.fast) * own("spread") + self.fast_per_speed * speed.clamp(max=3.0) + grain
        scale = (1.0 + s["small_px"] / size).clamp(max=4.0)  # small people are seen worse throughout
        constant = draw.normal((count, 1, number, 2)) * by_sight(self.constant)[..., None]
        slow = draw.process((count, frames, number, 2), s["slow_s"], dt)
        fast = draw.process((count, frames, number, 2), s["fast_s"], dt)
        slow = slow * (by_sight(self.slow) * own("spread"))[..., None]
        return (constant + slow) * scale[..., None] + fast * fast_sd[..., None]

    def _misread(self, points: Tensor, hidden: Tensor, dt: float, draw: _Draw) -> tuple[Tensor, Tensor]:
        """Points with limbs exchanged or drawn onto each other, and which points are hidden there."""
        s = self.settings
        back = _away(points)  # (B, T)
        out = points
        partner = torch.tensor(PARTNER, device=points.device)
        for kinds, name in ((_ARMS, "arms"), (_LEGS, "legs")):
            left, right = rows(*kinds, side="left"), rows(*kinds, side="right")
            # The less of a limb is in sight, the more the other one is taken for it.
            hidden_left, hidden_right = hidden[..., left].mean(dim=-1), hidden[..., right].mean(dim=-1)
            rates = torch.stack(
                [
                    s[f"{name}_exchanged_hz"] * (1 + (s["back_factor"] - 1) * back),
                    s[f"{name}_onto_other_hz"] * hidden_left,
                    s[f"{name}_onto_other_hz"] * hidden_right,
                ],
                dim=-1,
            )
            state = draw.spans(rates, s[f"{name}_misread_s"], dt)[..., None]
            to_left = (state == _EXCHANGED) | (state == _LEFT_ON_RIGHT)
            to_right = (state == _EXCHANGED) | (state == _RIGHT_ON_LEFT)
            other = out[:, :, partner]
            moved = torch.zeros_like(hidden, dtype=torch.bool)
            moved[..., left], moved[..., right] = to_left, to_right
            out = torch.where(moved[..., None], other, out)
            hidden = torch.where(moved, hidden[..., partner], hidden)
        whole = s["body_exchanged_hz"] * (1 + (s["back_factor"] - 1) * back)[..., None]
        state = draw.spans(whole, s["body_exchanged_s"], dt)[..., None] == _EXCHANGED
        # The face has a network of its own, which knows its left.
        partner[rows(*_FACE)] = torch.tensor(rows(*_FACE), device=points.device)
        out = torch.where(state[..., None], out[:, :, partner], out)
        return out, torch.where(state, hidden[..., partner], hidden)

    def _certainty(self, off: Tensor, hidden: Tensor, dt: float, draw: _Draw) -> Tensor:
        """Certainty (B, T, P) of points that are `off` by so much."""
        s = self.settings
        mean = torch.lerp(self.certainty[0], self.certainty[1], hidden)
        sd = torch.lerp(self.certainty_sd[0], self.certainty_sd[1], hidden)
        count, frames, number = off.shape
        noise = 0.8 * draw.process((count, frames, number), s["slow_s"], dt)
        noise = noise + 0.6 * draw.normal((count, 1, number))
        fall = self.certainty_slope * torch.log1p(off / s["error_unit"])
        return torch.sigmoid(mean + sd * noise - fall)

    def _kept(self, seen: Tensor, dt: float, draw: _Draw) -> Tensor:
        """1 or less (B, T, P): hands, faces, points and people are lost now and then."""
        s = self.settings
        count, frames, number = seen.shape
        kept = torch.ones((count, frames, number), device=seen.device)
        for group in (rows(*_HAND, side="left"), rows(*_HAND, side="right")):
            sight = seen[..., group].float().mean(dim=-1, keepdim=True)
            rate = s["hand_lost_hz"] + (1 - sight) * s["hand_hidden_lost_hz"]
            lost = draw.spans(rate, s["hand_lost_s"], dt) > 0
            # The body's own knuckles stand in for a lost hand, except the middle one.
            stand_in = torch.tensor([0.5, 0.5, 0.5, 0.0, 0.5], device=seen.device)
            kept[..., group] = torch.where(lost[..., None], stand_in, 1.0)
        face = rows(*_FACE)
        sight = seen[..., face].float().mean(dim=-1)
        seen_face = draw.spans((1 - sight)[..., None] * s["face_lost_hz"], s["face_lost_s"], dt) == 0
        kept[..., face] = (seen_face & (sight > s["face_least"])).float()[..., None]
        point = draw.spans(torch.full_like(kept, s["point_lost_hz"])[..., None], s["point_lost_s"], dt)
        person = draw.spans(torch.full_like(kept[..., :1], s["person_lost_hz"]), s["person_lost_s"], dt)
        return kept * (point == 0) * (person == 0)[..., None]


class _Draw:
    """Random numbers of one call."""

    def __init__(self, generator: torch.Generator | None, device: torch.device) -> None:
        self._generator, self._device = generator, device

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._device)

    def process(self, shape: tuple[int, ...], seconds: float, dt: float) -> Tensor:
        """AR(1) of unit variance over axis 1, correlated over `seconds`."""
        keep = float(torch.exp(torch.tensor(-dt / max(seconds, 1e-6))))
        noise = self.normal(shape)
        new = (1.0 - keep * keep) ** 0.5
        value = noise[:, 0]
        steps = [value]
        for t in range(1, shape[1]):
            value = torch.add(noise[:, t] * new, value, alpha=keep)
            steps.append(value)
        return torch.stack(steps, dim=1)

    def spans(self, rates: Tensor, seconds: float, dt: float) -> Tensor:
        """States (...) over time, axis 1: 0, or 1 + k for a span of mean `seconds`.

        rates (B, T, ..., K): how often a second each of the K states begins.
        """
        start = (rates * dt).cumsum(dim=-1)
        shape = tuple(start.shape[:-1])
        chance = torch.rand(shape, generator=self._generator, device=self._device)
        ends = torch.rand(shape, generator=self._generator, device=self._device) < dt / (seconds + dt)
        begun = (chance[..., None] < start).long()
        begun = torch.where(begun.any(dim=-1), 1 + start.shape[-1] - begun.sum(dim=-1), 0)
        # A span may have begun before the take did.
        before = torch.rand(shape[:1] + shape[2:], generator=self._generator, device=self._device)
        first = (before[..., None] < start[:, 0] / dt * seconds).long()
        value = torch.where(first.any(dim=-1), 1 + start.shape[-1] - first.sum(dim=-1), 0)
        states = torch.empty(shape, dtype=torch.long, device=self._device)
        for t in range(shape[1]):
            value = torch.where(value == 0, begun[:, t], torch.where(ends[:, t], 0, value))
            states[:, t] = value
        return states


def _away(points: Tensor) -> Tensor:
    """0 to 1 (B, T): how much the trunk shows its back, from where shoulders and hips lie."""
    left, right = points[:, :, 5] + points[:, :, 11], points[:, :, 6] + points[:, :, 12]
    across = left - right
    up = points[:, :, 5] + points[:, :, 6] - points[:, :, 11] - points[:, :, 12]
    # From the front the person's left lies to the right of the spine, with y down.
    turn = across[..., 1] * up[..., 0] - across[..., 0] * up[..., 1]
    size = up.norm(dim=-1).clamp(min=0.1)
    return torch.clamp(0.5 - turn / (size * 0.4), 0.0, 1.0)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The lift network: 2D points over time in, body in 3D with its doubt out.

Four ideas from the literature in one small net (docs/lift.md has the ablation):

- TCMR (Choi et al., 2021): encoders of the past, of the future and of the whole window,
  joined by attention. The first layer of each mixes frames with no way round it, so a
  frame's features never come from that frame alone: smoothness is learnt, not filtered.
- Pose2Pose (Moon et al., 2022) and HopFIR (Zhai et al., 2023): joints' places first;
  rotations from the features and those places by a graph convolution with weights of its
  own for every joint, over neighbours one and two bones away.
- POCO (Dwivedi et al., 2024): a spread for every joint, trained by likelihood.
- RootNet (Moon et al., 2019) and AbsPoseLifter (Chang et al., 2020): absolute depth from
  points normalised by the focal length and by the person's size in the picture.

Frames enter in pairs (one token is two frames): motion at 30 frames/s has little above
7 Hz, and half the tokens make twice the training.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..inference.lift.layout import (
    FRAMES_PER_TOKEN,
    INPUTS,
    JOINTS,
    OUTPUTS,
)
from ..inference.skeleton import PARENTS

CALM_FRAMES = 4  # frames on each side that the last averaging sees
_NEVER = -1e9  # attention score of a frame that must not be seen


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Sizes. `side` is the width of the past and future encoders, 0 leaves them out."""

    width: int = 512
    trunk: int = 3  # blocks that look at one token alone
    layers: int = 2  # of the encoder of the whole window
    side: int = 192
    side_layers: int = 1
    heads: int = 8
    reach: int = 16  # tokens that attention sees to each side
    joint_width: int = 16
    shortcut: bool = False  # ablation: let the current frame pass by the first layer

    def to_dict(self) -> dict[str, int | bool]:
        return asdict(self)


class _Attention(nn.Module):
    """Self-attention over tokens at most `reach` apart, with a learnt bias for every distance."""

    def __init__(self, width: int, heads: int, reach: int, *, sees: str, averages: bool) -> None:
        """averages: start as an average over the nearest tokens, whose features pass unchanged."""
        super().__init__()
        self.heads, self.reach, self.sees = heads, reach, sees
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)
        # Heads start from near-sighted to far-sighted (ALiBi, Press et al., 2022).
        slope = torch.logspace(-1.5, 0.5, heads)[:, None]
        if averages:
            slope = torch.logspace(-0.3, 0.6, heads)[:, None]
            with torch.no_grad():
                self.enter.weight[: 2 * width].mul_(0.3)
                self.enter.weight[2 * width :] = torch.eye(width)
                self.leave.weight.copy_(torch.eye(width))
        distance = torch.arange(-reach, reach + 1).abs()[None]
        self.bias = nn.Parameter(-slope * distance)

    def mask(self, count: int, device: torch.device) -> Tensor:
        """(heads, N, N): bias by distance; never what this encoder may not see."""
        place = torch.arange(count, device=device)
        away = place[None, :] - place[:, None]
        seen = away.abs() <= self.reach
        if self.sees == "past_and_now":
            seen = seen & (away <= 0)
        elif self.sees == "future_and_now":
            seen = seen & (away >= 0)
        # The first and the last frame have no past or no future: they see themselves.
        elif self.sees == "past":
            seen = seen & ((away < 0) | ((away == 0) & (place == 0)[:, None]))
        elif self.sees == "future":
            seen = seen & ((away > 0) | ((away == 0) & (place == count - 1)[:, None]))
        bias = self.bias[:, (away + self.reach).clamp(0, 2 * self.reach)]
        return torch.where(seen, bias, torch.full_like(bias, _NEVER))

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        q, k, v = self.enter(x).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mask = self.mask(count, x.device).to(q.dtype)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[None])
        out: Tensor = self.leave(mixed.transpose(1, 2).reshape(batch, count, width))
        return out


class _Shallow(nn.Module):
    """Two linear layers and a way round them; starts by passing its input on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.grow, self.shrink = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        with torch.no_grad():
            self.shrink.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.shrink(functional.silu(self.grow(self.before(x))))
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, reach: int, *, sees: str, round_it: bool) -> None:
        super().__init__()
        self.round_it = round_it
        self.before = nn.LayerNorm(width)
        self.attention = _Attention(width, heads, reach, sees=sees, averages=not round_it)
        self.after = _Shallow(width)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.attention(self.before(x))
        x = x + mixed if self.round_it else mixed
        out: Tensor = self.after(x)
        return out


class _Encoder(nn.Module):
    def __init__(self, options: ModelOptions, width: int, layers: int, *, sees: str) -> None:
        super().__init__()
        heads = max(1, options.heads * width // options.width)
        # Later layers of the past see the present of features that hold none of it.
        later = {"past": "past_and_now", "future": "future_and_now"}.get(sees, sees)
        self.blocks = nn.ModuleList(
            _Block(
                width,
                heads,
                options.reach,
                sees=sees if k == 0 else later,
                round_it=k > 0 or options.shortcut,
            )
            for k in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class _Calm(nn.Module):
    """Every output averaged over the frames around it, with weights that it learns.

    Two frames of a token and neighbouring tokens never quite agree: without it most of the
    error of acceleration is this disagreement.
    """

    def __init__(self) -> None:
        super().__init__()
        away = torch.arange(-CALM_FRAMES, CALM_FRAMES + 1)
        self.weight = nn.Parameter((-0.5 * (away / 1.5) ** 2).repeat(OUTPUTS, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, OUTPUTS) to the same."""
        count = frames.shape[1]
        share = torch.softmax(self.weight, dim=1).T
        first, last = frames[:, :1], frames[:, -1:]
        padded = torch.cat([*[first] * CALM_FRAMES, frames, *[last] * CALM_FRAMES], dim=1)
        out = padded[:, :count] * share[0]
        for k in range(1, 2 * CALM_FRAMES + 1):
            out = out + padded[:, k : k + count] * share[k]
        return out


def _neighbours() -> tuple[Tensor, Tensor]:
    """Which joints (22, 22) lie one bone and two bones away; rows sum to 1."""
    near = torch.zeros(JOINTS, JOINTS)
    for joint, parent in enumerate(PARENTS[:JOINTS]):
        if parent >= 0:
            near[joint, parent] = near[parent, joint] = 1.0
    far = ((near @ near) > 0).float() * (1.0 - torch.eye(JOINTS)) * (1.0 - near)
    return near / near.sum(1, keepdim=True), far / far.sum(1, keepdim=True).clamp(min=1.0)


class _JointGraph(nn.Module):
    """World rotations (first two columns) of the joints, from features and the joints' places."""

    def __init__(self, width: int, joint_width: int) -> None:
        super().__init__()
        self.joint_width = joint_width
        self.feature = nn.Linear(width, FRAMES_PER_TOKEN * JOINTS * joint_width)
        self.place = nn.Parameter(torch.randn(JOINTS, 6, joint_width) * 0.4)
        self.own = nn.Parameter(torch.randn(JOINTS, joint_width, joint_width) * joint_width**-0.5)
        self.near = nn.Parameter(torch.randn(JOINTS, joint_width, joint_width) * joint_width**-0.5)
        self.far = nn.Parameter(torch.randn(JOINTS, joint_width, joint_width) * joint_width**-0.5)
        self.leave = nn.Parameter(torch.randn(JOINTS, joint_width, 6) * 0.1 * joint_width**-0.5)
        self.neutral = nn.Parameter(torch.tensor([1.0, 0, 0, 0, -1.0, 0]).repeat(JOINTS, 1))
        near, far = _neighbours()
        self.register_buffer("one_away", near)
        self.register_buffer("two_away", far)
        self.register_buffer("parent", torch.tensor([max(p, 0) for p in PARENTS[:JOINTS]]))

    def forward(self, features: Tensor, places: Tensor) -> Tensor:
        """features (B, N, width), places (B, N, 2, 22, 3) to (B, N, 2, 22, 6)."""
        batch, count, _ = features.shape
        rows = batch * count * FRAMES_PER_TOKEN
        h = self.feature(features).view(rows, JOINTS, self.joint_width).transpose(0, 1)
        places = places.reshape(rows, JOINTS, 3)
        bone = torch.cat([places, places - places[:, self.parent]], dim=-1).transpose(0, 1)
        h = functional.silu(h + bone @ self.place)
        one = torch.einsum("ij,jrc->irc", self.one_away, h)
        two = torch.einsum("ij,jrc->irc", self.two_away, h)
        h = h + functional.silu(h @ self.own + one @ self.near + two @ self.far)
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            turns = (h.float() @ self.leave + self.neutral[:, None]).transpose(0, 1)
        return turns.reshape(batch, count, FRAMES_PER_TOKEN, JOINTS, 6)


class Lift(nn.Module):
    """(B, N, 2 * INPUTS) tokens to (B, N, 2 * OUTPUTS); `inference.lift.layout` names the columns."""

    def __init__(self, options: ModelOptions = ModelOptions()) -> None:
        super().__init__()
        self.options = options
        width, side = options.width, options.side
        self.enter = nn.Linear(FRAMES_PER_TOKEN * INPUTS, width)
        self.trunk = nn.Sequential(
            nn.SiLU(), *(_Shallow(width) for _ in range(options.trunk)), nn.LayerNorm(width)
        )
        self.whole = _Encoder(options, width, options.layers, sees="all")
        if side:
            self.to_side = nn.Linear(width, side)
            self.past = _Encoder(options, side, options.side_layers, sees="past")
            self.future = _Encoder(options, side, options.side_layers, sees="future")
            self.from_past, self.from_future = nn.Linear(side, width), nn.Linear(side, width)
            self.choose = nn.Linear(width + 2 * side, 3)
        self.place_head = nn.Linear(width, FRAMES_PER_TOKEN * 3 * JOINTS)
        self.rest_head = nn.Linear(width, FRAMES_PER_TOKEN * (2 * JOINTS + 8))
        self.up_head = nn.Linear(width, FRAMES_PER_TOKEN * 3)
        self.graph = _JointGraph(width, options.joint_width)
        self.calm = _Calm()
        with torch.no_grad():  # start from small guesses: large ones cost the first minutes
            self.place_head.weight.mul_(0.1)
            self.rest_head.weight.mul_(0.1)
            if side:  # the whole window leads at first
                self.choose.weight.mul_(0.1)
                self.choose.bias.copy_(torch.tensor([2.0, 0.0, 0.0]))
        self.register_buffer("not_pelvis", (torch.arange(JOINTS) > 0).float()[:, None])

    def forward(self, tokens: Tensor, in_time: bool = True) -> Tensor:
        """in_time: False leaves all of time out, as the first part of the training does."""
        features = self.trunk(self.enter(tokens))
        if in_time:
            features = self._encoded(features)
        frames = self._heads(features)
        if in_time:
            frames = self.calm(frames)
        return frames.reshape(*features.shape[:2], FRAMES_PER_TOKEN * OUTPUTS)

    def _encoded(self, x: Tensor) -> Tensor:
        features: Tensor = self.whole(x)
        if self.options.side:
            aside = self.to_side(x)
            past, future = self.past(aside), self.future(aside)
            share = torch.softmax(self.choose(torch.cat([features, past, future], dim=-1)), dim=-1)
            features = (
                features * share[..., :1]
                + self.from_past(past) * share[..., 1:2]
                + self.from_future(future) * share[..., 2:]
            )
        return features

    def _heads(self, features: Tensor) -> Tensor:
        """(B, N, width) to frames (B, 2 N, OUTPUTS)."""
        batch, count, _ = features.shape
        exact = features.float()
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            places = self.place_head(exact).view(batch, count, FRAMES_PER_TOKEN, JOINTS, 3) * self.not_pelvis
            rest = self.rest_head(exact).view(batch, count, FRAMES_PER_TOKEN, -1)
            up = self.up_head(exact).view(batch, count, FRAMES_PER_TOKEN, 3)
        turns = self.graph(features, places)
        spreads = rest[..., : 2 * JOINTS].clamp(-6.0, 1.0) - 3.0
        root, root_spread, contacts = rest[..., 2 * JOINTS :].split((3, 1, 4), dim=-1)
        root_spread = root_spread.clamp(-4.0, 3.0) - 3.0
        out = torch.cat(
            [places.flatten(3), spreads, turns.flatten(3), root, root_spread, contacts, up], dim=-1
        )
        return out.reshape(batch, count * FRAMES_PER_TOKEN, OUTPUTS)

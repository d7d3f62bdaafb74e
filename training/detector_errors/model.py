# SPDX-License-Identifier: GPL-3.0-or-later
"""Measured detector errors, put on perfect points in batches.

All lengths are in units of the person's size: the stature (1.7 m) as it would appear in
the picture at the person's distance is 1.

An error is the sum of a constant part for the take, a slow part and a fast part (two AR(1)
processes), each with its own size per kind of point; points that go wrong together do so.
Points that the body itself hides err more, those of small people as well, and some takes
are harder than others. On top of it, for some frames: left and right of arms, legs or the
whole body exchanged; a hidden limb drawn onto the one in sight, or anywhere; hands and faces lost, with
the body's own knuckles standing in for the hand; points beyond the picture's edge drawn
within it. The certainty is what the networks said about points in sight and hidden, by how
far they were off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ...inference.lift.points import INDEX
from .chance import Chance
from .points import KIND_OF, KINDS, PARTNER, rows

PATH: Final = Path(__file__).parent / "measured.json"

FACE: Final = ("chin", "bridge", "eye_corner")
HAND: Final = ("hand_wrist", "hand_thumb", "hand_index", "hand_middle", "hand_pinky")
ARMS: Final = ("elbow", "wrist", *HAND)
LEGS: Final = ("knee", "ankle", "big_toe", "heel")
_POINTS: Final = len(KIND_OF)
_BODY: Final = slice(0, INDEX["chin"])  # rows that the body network knows

# States of a pair of limbs; 0 is as it is.
_EXCHANGED, _LEFT_ON_RIGHT, _RIGHT_ON_LEFT = 1, 2, 3
_USUAL_SIZE_PX: Final = 400.0


@dataclass(frozen=True)
class ErrorModel:
    """Sizes of errors per point, P = 35 in the order of `inference.lift.points`."""

    constant: Tensor  # (2, P) sd in sight and hidden
    slow: Tensor  # (2, P)
    fast: Tensor  # (2, P)
    fast_per_speed: Tensor  # (P,) sd added for each stature a second that the point moves
    grain_px: Tensor  # (P,) sd added to the fast part, pixels
    small_px: Tensor  # (P,) constant and slow part grow by this over the stature in pixels
    stand_in: Tensor  # (P,) sd beyond the wrist's error of knuckles that stand in for a lost hand
    certainty: Tensor  # (2, P) logit in sight and hidden, of points that are not off
    certainty_sd: Tensor  # (2, P)
    certainty_slope: Tensor  # (P,) logit lost for each e-fold of the error over `error_unit`
    together: Tensor  # (P, P) unit noise to unit noise in which points err together
    settings: dict[str, Any]

    @classmethod
    def load(cls, path: Path = PATH, *, device: torch.device | str = "cpu") -> ErrorModel:
        """The model that was measured (`measured.json`)."""
        return cls.of(json.loads(path.read_text("utf-8")), device=device)

    @classmethod
    def of(cls, data: dict[str, Any], *, device: torch.device | str = "cpu") -> ErrorModel:
        """The model of what `measured.json` holds."""

        def table(name: str) -> Tensor:
            values = torch.tensor([data["points"][KINDS[kind]][name] for kind in KIND_OF])
            return (values.T.contiguous() if values.dim() == 2 else values).to(device)

        names = (
            "constant", "slow", "fast", "fast_per_speed", "grain_px", "small_px", "stand_in",
            "certainty", "certainty_sd", "certainty_slope",
        )  # fmt: skip
        together = torch.tensor(data["together"], device=device)
        return cls(*(table(name) for name in names), together=together, settings=data["settings"])

    def corrupt(
        self,
        points: Tensor,
        visible: Tensor,
        *,
        inside: Tensor | None = None,
        bounds: Tensor | None = None,
        size_px: Tensor | None = None,
        dt: float = 1 / 30,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Points (B, T, P, 2) as a detector would have seen them, and certainty (B, T, P) 0 to 1.

        visible (B, T, P) bool: not hidden by the body itself; inside (B, T, P) bool: not out of
        the picture nor behind anything else (default: all); bounds (B, 2, 2): the picture's least
        and greatest x, y in the points' units: points beyond them may come back within them;
        size_px (B,) or (B, T): stature in pixels (default: 400); dt: seconds between frames.
        Where the certainty is 0 the place means nothing. All on one device. ValueError if shapes
        do not fit.
        """
        shape = (*points.shape[:2], _POINTS)
        if points.shape != (*shape, 2) or visible.shape != shape:
            raise ValueError(
                f"points and visible: expected (B, T, {_POINTS}, 2) and (B, T, {_POINTS}), "
                f"got {tuple(points.shape)} and {tuple(visible.shape)}"
            )
        draw = Chance(generator, points.device, dt)
        inside = torch.ones_like(visible) if inside is None else inside
        size = torch.full((shape[0],), _USUAL_SIZE_PX, device=points.device) if size_px is None else size_px
        size = size.reshape(shape[0], -1)[..., None].clamp(min=20.0)  # (B, 1 or T, 1)
        meant, hidden = self._misread(points, 1.0 - visible.float(), draw)
        out = meant + self._jitter(points, hidden, size, dt, draw) + self._astray(hidden, draw)
        certainty = self._certainty((out - points).norm(dim=-1), hidden, draw)
        seen = visible & inside
        out, certainty = self._with_hands(out, certainty, meant, seen, size, draw)
        face = rows(*FACE)
        certainty[..., face] *= self._face_found(points, seen, size, draw)[..., None]
        certainty = certainty * inside
        if bounds is not None:
            out, certainty = self._drawn_within(out, certainty, points, bounds, draw)
        return out, certainty * self._kept(shape, draw)

    def _jitter(self, points: Tensor, hidden: Tensor, size: Tensor, dt: float, draw: Chance) -> Tensor:
        """Constant, slow and fast errors (B, T, P, 2)."""
        count, frames, number = hidden.shape
        s = self.settings
        # Some takes, points and moments are harder than others.
        hard = s["hard_take"] * draw.normal((count, 1, 1)) + s["hard_point"] * draw.normal((count, 1, number))
        hard = hard + s["hard_moment"] * draw.process((count, frames, 1), s["slow_s"])
        hard = torch.exp(hard.clamp(max=2.0))
        speed = torch.zeros_like(hidden)
        if frames > 1:
            speed[:, 1:] = (points[:, 1:] - points[:, :-1]).norm(dim=-1) / dt
            speed[:, 0] = speed[:, 1]
        lasting = hard * (1.0 + self.small_px / size)
        fleeting = self.fast_per_speed * speed.clamp(max=3.0) + self.grain_px / size

        def by_sight(sd: Tensor) -> Tensor:
            return torch.lerp(sd[0], sd[1], hidden)

        def noise(seconds: float | None) -> Tensor:
            if seconds is None:
                return draw.normal((count, 1, 2, number)) @ self.together.T
            return draw.process((count, frames, 2, number), seconds) @ self.together.T

        error = noise(None) * (by_sight(self.constant) * lasting).unsqueeze(2)
        error += noise(s["slow_s"]) * (by_sight(self.slow) * lasting).unsqueeze(2)
        error += noise(s["fast_s"]) * ((by_sight(self.fast) + fleeting) * hard).unsqueeze(2)
        return error.transpose(2, 3)

    def _misread(self, points: Tensor, hidden: Tensor, draw: Chance) -> tuple[Tensor, Tensor]:
        """Points with limbs exchanged or drawn onto each other, and which of them are hidden there."""
        s = self.settings
        back = showing_back(points)  # (B, T)
        partner = torch.tensor(PARTNER, device=points.device)

        def exchanged(name: str) -> Tensor:
            front, behind = s[name]["front_hz"], s[name]["back_hz"]
            return front + (behind - front) * back

        out = points
        for kinds, name in ((ARMS, "arms"), (LEGS, "legs")):
            left, right = rows(*kinds, side="left"), rows(*kinds, side="right")
            onto = s[name]["onto_other_hz"]
            # The less of a limb is in sight, the more the other one is taken for it.
            covered = [hidden[..., side].mean(dim=-1).square() * onto for side in (left, right)]
            state = draw.spans(torch.stack([exchanged(name), *covered], dim=-1), s[name]["seconds"])
            moved = torch.zeros_like(hidden, dtype=torch.bool)
            moved[..., left] = ((state == _EXCHANGED) | (state == _LEFT_ON_RIGHT))[..., None]
            moved[..., right] = ((state == _EXCHANGED) | (state == _RIGHT_ON_LEFT))[..., None]
            out = torch.where(moved[..., None], out[:, :, partner], out)
            hidden = torch.where(moved, hidden[..., partner], hidden)
        # The face has a network of its own, which knows its left.
        face = rows(*FACE)
        partner[face] = torch.tensor(face, device=points.device)
        state = draw.spans(exchanged("body")[..., None], s["body"]["seconds"])[..., None] == _EXCHANGED
        out = torch.where(state[..., None], out[:, :, partner], out)
        return out, torch.where(state, hidden[..., partner], hidden)

    def _astray(self, hidden: Tensor, draw: Chance) -> Tensor:
        """Whole limbs and faces put where nothing of the kind is: (B, T, P, 2)."""
        out = torch.zeros((*hidden.shape, 2), device=hidden.device)
        for kinds, name, sides in (
            (("elbow", "wrist"), "arms", ("left", "right")),
            (LEGS, "legs", ("left", "right")),
            (FACE, "face", ("",)),
        ):
            s = self.settings["astray"][name]
            for side in sides:
                limb = rows(*kinds, side=side)
                covered = hidden[..., limb].mean(dim=-1).square()
                rate = s["seen_hz"] + (s["hidden_hz"] - s["seen_hz"]) * covered
                gone = draw.spans(rate[..., None], s["seconds"])
                place = s["sd"] * draw.process((*gone.shape, 2), self.settings["slow_s"]) * gone[..., None]
                out[:, :, limb] = place[:, :, None]
                # Elbow and knee lie between where they should be and where the end went.
                out[:, :, rows("elbow", "knee", side=side or "none")] *= 0.5
        return out

    def _certainty(self, off: Tensor, hidden: Tensor, draw: Chance) -> Tensor:
        """Certainty (B, T, P) of points that are `off` by so much."""
        s = self.settings
        count, frames, number = off.shape
        mean = torch.lerp(self.certainty[0], self.certainty[1], hidden)
        sd = torch.lerp(self.certainty_sd[0], self.certainty_sd[1], hidden)
        noise = 0.6 * draw.normal((count, 1, number)) + 0.8 * draw.process(
            (count, frames, number), s["slow_s"]
        )
        fall = self.certainty_slope * torch.log1p(off / s["error_unit"])
        return torch.sigmoid(mean + sd * noise - fall)

    def _found(self, logit: Tensor, draw: Chance) -> Tensor:
        """Whether a part is found (B, T, 1): by chance that lasts for a while."""
        s = self.settings
        count, frames = logit.shape[:2]
        lasting, slow, fast = s["found_shares"]
        noise = lasting**0.5 * draw.normal((count, 1, 1)) + slow**0.5 * draw.process(
            (count, frames, 1), s["slow_s"]
        )
        noise = noise + fast**0.5 * draw.process((count, frames, 1), s["fast_s"])
        return logit > 1.7 * noise  # 1.7: a logistic distribution's spread over a normal one's

    def _with_hands(
        self, out: Tensor, certainty: Tensor, meant: Tensor, seen: Tensor, size: Tensor, draw: Chance
    ) -> tuple[Tensor, Tensor]:
        """Where the hand network does not find a hand, the body's wrist and knuckles stand in for it."""
        offset, by_sight, by_size = self.settings["hand_found"]
        for side in ("left", "right"):
            hand, wrist = rows(*HAND, side=side), INDEX[f"{side}_wrist"]
            sight = seen[..., hand].float().mean(dim=-1, keepdim=True)
            lost = ~self._found(offset + by_sight * sight + by_size * torch.log(size / 200.0), draw)
            error = (out - meant)[:, :, [wrist]]
            # The hand network looks at the wrist that the body has, and takes no hand from elsewhere.
            lost |= error.norm(dim=-1) > self.settings["hand_reach"]
            shape = (*meant.shape[:2], len(hand), 2)
            more = 0.7 * draw.normal((shape[0], 1, *shape[2:])) + 0.7 * draw.process(shape, 0.1)
            places = meant[:, :, hand] + error + more * self.stand_in[hand][:, None]
            sure = 0.5 * certainty[..., [wrist]].expand(*shape[:3]).clone()
            places[:, :, hand.index(INDEX[f"{side}_hand_wrist"])] = out[:, :, wrist]
            sure[..., hand.index(INDEX[f"{side}_hand_middle"])] = 0.0
            out[:, :, hand] = torch.where(lost[..., None], places, out[:, :, hand])
            certainty[..., hand] = torch.where(lost, sure, certainty[..., hand])
        return out, certainty

    def _face_found(self, points: Tensor, seen: Tensor, size: Tensor, draw: Chance) -> Tensor:
        """Whether the face network finds a face (B, T)."""
        offset, by_facing, by_sight, by_size, by_both = self.settings["face_found"]
        sight = seen[..., rows(*FACE, "nose")].float().mean(dim=-1)
        facing = facing_us(points)
        logit = offset + by_facing * facing + by_sight * sight
        logit = logit + (by_size + by_both * facing) * torch.log(size[..., 0] / 200.0)
        return self._found(logit[..., None], draw)[..., 0]

    def _drawn_within(
        self, out: Tensor, certainty: Tensor, points: Tensor, bounds: Tensor, draw: Chance
    ) -> tuple[Tensor, Tensor]:
        """Body points beyond the picture's edge that the network puts within it."""
        s = self.settings["beyond_edge"]
        low, high = bounds[:, None, None, 0], bounds[:, None, None, 1]
        beyond = torch.maximum(low - points, points - high).amax(dim=-1)
        count, frames, number = beyond.shape
        chance = s["share"] / (1.0 + (beyond / s["reach"]).clamp(min=0.0))
        slow = self.settings["slow_s"]
        luck = 0.5 * (1.0 + torch.erf(draw.process((count, frames, number), slow) / 2**0.5))
        back = (beyond > 0) & (luck < chance)
        back[..., _BODY.stop :] = False
        inward = s["inward"] * draw.process((count, frames, number, 2), slow).abs()
        place = torch.minimum(torch.maximum(out, low + inward), high - inward)
        sure = torch.sigmoid(s["certainty"] + s["certainty_sd"] * draw.process((count, frames, number), slow))
        return torch.where(back[..., None], place, out), torch.where(back, sure, certainty)

    def _kept(self, shape: tuple[int, int, int], draw: Chance) -> Tensor:
        """Which points (B, T, P) are left: now and then a point or the whole person is lost."""
        s = self.settings
        rate = torch.full((*shape, 1), s["point_lost"]["hz"], device=self.constant.device)
        point = draw.spans(rate, s["point_lost"]["seconds"])
        rate = torch.full((*shape[:2], 1), s["person_lost"]["hz"], device=self.constant.device)
        person = draw.spans(rate, s["person_lost"]["seconds"])
        return (point == 0) & (person == 0)[..., None]


def showing_back(points: Tensor) -> Tensor:
    """0 to 1 (B, T): how much the trunk shows its back, from where shoulders and hips lie."""
    left, right = ([INDEX[f"{side}_shoulder"], INDEX[f"{side}_hip"]] for side in ("left", "right"))
    shoulders, hips = points[:, :, [left[0], right[0]]], points[:, :, [left[1], right[1]]]
    across = (points[:, :, left] - points[:, :, right]).mean(dim=2)
    return 0.5 - 0.5 * _turned(across, (shoulders - hips).mean(dim=2), width=0.13)


def facing_us(points: Tensor) -> Tensor:
    """1 (B, T) for a face seen from the front, 0 from the side, -1 from behind."""
    across = points[:, :, INDEX["left_eye_corner"]] - points[:, :, INDEX["right_eye_corner"]]
    return _turned(across, points[:, :, INDEX["bridge"]] - points[:, :, INDEX["chin"]], width=0.054)


def _turned(across: Tensor, up: Tensor, *, width: float) -> Tensor:
    """1 where `across`, towards the person's left, lies to the right of `up` by `width` or more."""
    turn = across[..., 1] * up[..., 0] - across[..., 0] * up[..., 1]
    return (turn / (up.norm(dim=-1).clamp(min=1e-3) * width)).clamp(-1.0, 1.0)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Limbs that a detector exchanged, or drew onto each other, in observations: which, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from .model import ARMS, FACE, LEGS, showing_back
from .points import rows

if TYPE_CHECKING:
    from .fit import Errors

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_COMPARED = {"arms": ("elbow", "wrist"), "legs": LEGS}
_MOVED = {"arms": ARMS, "legs": LEGS}
_APART = 0.06  # statures: limbs nearer than this cannot be told apart
_TRUNK = ("shoulder", "hip")
_FAR, _FAR_FACE = 0.12, 0.03  # statures: what is further off is no jitter


@dataclass(frozen=True)
class _Limbs:
    """What became of a pair of limbs in every frame, (N,)."""

    known: Flags  # far enough apart, and in the picture
    exchanged: Flags
    left_on_right: Flags
    right_on_left: Flags
    hidden: Array  # (N, 2) share of the left, right limb that is hidden


def _limbs(errors: Errors, name: str) -> _Limbs:
    kinds = _COMPARED[name]
    left, right = rows(*kinds, side="left"), rows(*kinds, side="right")
    inside = errors.counted[:, left] & errors.counted[:, right]
    count = np.maximum(inside.sum(axis=1), 1)
    places, truth, size = errors.seen.keypoints[..., :2], errors.truth, errors.size[:, None]

    def mean(values: Array) -> Array:
        return np.asarray(np.where(inside, values, 0.0).sum(axis=1) / count)

    def miss(mine: list[int], other: list[int]) -> Array:
        return mean(np.linalg.norm(places[:, mine] - truth[:, other], axis=-1) / size)

    ll, rr, lr, rl = miss(left, left), miss(right, right), miss(left, right), miss(right, left)
    apart = mean(np.linalg.norm(truth[:, left] - truth[:, right], axis=-1) / size)
    known = (inside.sum(axis=1) * 2 >= len(left)) & (apart > _APART)
    exchanged = known & (lr + rl < 0.5 * (ll + rr))
    return _Limbs(
        known=known,
        exchanged=exchanged,
        left_on_right=known & ~exchanged & (lr < 0.5 * ll) & (rr < 0.5 * apart),
        right_on_left=known & ~exchanged & (rl < 0.5 * rr) & (ll < 0.5 * apart),
        hidden=np.stack([mean(errors.seen.hidden[:, side].astype(float)) for side in (left, right)], axis=1),
    )


def _trunk(errors: Errors) -> tuple[Flags, Flags]:
    """Frames (N,) in which the trunk's sides can be told, and in which they are exchanged."""
    left, right = rows(*_TRUNK, side="left"), rows(*_TRUNK, side="right")
    both, turned = left + right, right + left
    truth, places = errors.truth, errors.seen.keypoints[..., :2]
    own = np.linalg.norm(places[:, both] - truth[:, both], axis=-1).sum(axis=1)
    other = np.linalg.norm(places[:, both] - truth[:, turned], axis=-1).sum(axis=1)
    known = errors.counted[:, both].all(axis=1)
    known &= np.linalg.norm(truth[:, left[0]] - truth[:, right[0]], axis=-1) > _APART * errors.size
    return known, known & (other < 0.6 * own)


def misread(errors: Errors) -> Flags:
    """Points (N, P) that were taken for those of the other side."""
    out = np.zeros(errors.counted.shape, bool)
    for name, kinds in _MOVED.items():
        limbs = _limbs(errors, name)
        for side, drawn in (("left", limbs.left_on_right), ("right", limbs.right_on_left)):
            out[:, rows(*kinds, side=side)] |= (limbs.exchanged | drawn)[:, None]
    out[_trunk(errors)[1], :21] = True
    return out


def rates(errors: Errors) -> dict[str, Any]:
    """How often a second, and for how long, by front and back views."""
    back = showing_back(torch.tensor(errors.truth[None]))[0].numpy()
    out: dict[str, Any] = {}
    known, exchanged = _trunk(errors)
    out["body"] = _spans(errors, known, exchanged, back)
    for name in _COMPARED:
        limbs = _limbs(errors, name)
        # The whole body's exchange is not counted again as that of its limbs.
        out[name] = _spans(errors, limbs.known & ~exchanged, limbs.exchanged & ~exchanged, back)
        drawn = np.stack([limbs.left_on_right, limbs.right_on_left], axis=1)
        weight = (limbs.hidden**2)[limbs.known]
        seconds = out[name]["seconds"]
        out[name]["onto_other_hz"] = round(float(drawn[limbs.known].sum() / weight.sum() / seconds), 3)
    return out


def astray(errors: Errors) -> dict[str, Any]:
    """Limbs and faces that were put where nothing of the kind is, by the share of them that is hidden.

    Errors are seen to be such only beyond `_FAR`; the part below it follows from a normal spread.
    """
    exchanged = _trunk(errors)[1]
    out = {}
    for name, end in (("arms", "wrist"), ("legs", "ankle")):
        limbs = _limbs(errors, name)
        lines, far, lengths, ends, stays = [], [], [], 0, 0
        for column, (side, drawn) in enumerate(
            (("left", limbs.left_on_right), ("right", limbs.right_on_left))
        ):
            (row,) = rows(end, side=side)
            use = errors.counted[:, row] & ~exchanged & ~limbs.exchanged & ~drawn
            wrong = use & (errors.off[:, row] > _FAR)
            lines.append(limbs.hidden[use, column] ** 2)
            far.append(wrong[use])
            lengths.append(errors.off[wrong, row])
            on, seen = errors.cube(wrong), errors.cube(use)
            steps = seen[:, 1:] & seen[:, :-1]
            ends += int((on[:, :-1] & ~on[:, 1:] & steps).sum())
            stays += int((on[:, :-1] & steps).sum())
        out[name] = _astray(
            np.concatenate(lines),
            np.concatenate(far),
            np.concatenate(lengths),
            _FAR,
            stays / max(ends, 1) / 30,
        )
    head = rows(*FACE)
    use = errors.counted[:, head].all(axis=1) & (errors.certainty[:, head] > 0).all(axis=1)
    mean = errors.off[:, head].mean(axis=1)
    hidden = errors.seen.hidden[:, head].mean(axis=1) ** 2
    wrong = use & (mean > _FAR_FACE)
    out["face"] = _astray(hidden[use], wrong[use], mean[wrong], _FAR_FACE, 0.2)
    return out


def _astray(hidden: Array, far: Flags, lengths: Array, least: float, seconds: float) -> dict[str, float]:
    spread = float(np.sqrt((np.minimum(lengths, 0.5) ** 2 - least**2).mean() / 2))
    beyond = float(np.exp(-(least**2) / (2 * spread**2)))
    A = np.stack([1 - hidden, hidden], axis=1)
    share = np.clip(np.linalg.lstsq(A, far.astype(float), rcond=None)[0] / beyond, 0.0, 0.6)
    seconds = float(np.clip(seconds, 1 / 15, 1.0))
    seen, covered = share / (1 - share) / seconds
    return {
        "seen_hz": round(float(seen), 3),
        "hidden_hz": round(float(covered), 3),
        "seconds": round(seconds, 3),
        "sd": round(spread, 4),
    }


def _spans(errors: Errors, known: Flags, happens: Flags, back: Array) -> dict[str, float]:
    """Rates from the front and from behind, by least squares on the share of frames; mean length."""
    on, seen = errors.cube(happens), errors.cube(known)
    steps = seen[:, 1:] & seen[:, :-1]
    ends = (on[:, :-1] & ~on[:, 1:] & steps).sum()
    stays = (on[:, :-1] & steps).sum()
    seconds = float(np.clip(stays / max(ends, 1) / 30, 1 / 15, 1.0))
    A = np.stack([1 - back[known], back[known]], axis=1)
    share = np.clip(np.linalg.lstsq(A, happens[known].astype(float), rcond=None)[0], 0.002, 0.5)
    front, behind = share / (1 - share) / seconds
    return {
        "front_hz": round(float(front), 3),
        "back_hz": round(float(behind), 3),
        "seconds": round(seconds, 3),
    }

# SPDX-License-Identifier: GPL-3.0-or-later
"""From observations to the figures of `model.ErrorModel`.

Medians throughout: a point that was taken for another one is an event of its own and must
not widen the jitter of all the others.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls

from ...inference.lift.points import INDEX, POINT_NAMES
from . import events
from .model import FACE, HAND, facing_us
from .observe import Observations
from .placement import placed
from .points import KIND_OF, KINDS, PARTNER, rows

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FAST_S, _SLOW_S = 0.04, 0.35
_USUAL_SHARES = (0.25, 0.35, 0.40)  # fast, slow, constant: where little was seen, not all is one
_ERROR_UNIT = 0.012
_WITHIN = 0.15  # statures: what is further off is no jitter
_RAYLEIGH = 1.1774  # median length of a vector of two normal numbers
_SATURATED = 6.2  # logits: certainties are known to 0.002
_LEAST = 40  # observations for a figure of its own

_GROUPS = {
    **dict.fromkeys(("nose", "eye", "ear"), 0), **dict.fromkeys(("shoulder", "hip"), 1),
    **dict.fromkeys(("elbow", "wrist", "knee", "ankle", "big_toe", "heel"), 2),
    **dict.fromkeys(HAND, 3), **dict.fromkeys(FACE, 4),
}  # fmt: skip


class Errors:
    """Errors of observed points about the places where the detector means them to be."""

    def __init__(self, seen: Observations) -> None:
        self.seen = seen
        self.truth = seen.projected(placed(seen))  # (N, P, 2) pixels
        self.size = seen.size_px
        self.error = (seen.keypoints[..., :2] - self.truth) / self.size[:, None, None]
        self.off = np.linalg.norm(self.error, axis=-1)
        self.certainty = seen.keypoints[..., 2]
        self.counted = seen.found[:, None] & seen.inside
        self.hand_found = {
            side: self.certainty[:, INDEX[f"{side}_hand_middle"]] > 0 for side in ("left", "right")
        }
        own = self.counted & (self.certainty > 0.02) & (self.off < _WITHIN) & ~events.misread(self)
        for side, found in self.hand_found.items():
            own[:, rows(*HAND, side=side)] &= found[:, None]
        self.own = own  # (N, P) what shows the network's jitter

    def cube(self, values: Array | Flags) -> Any:
        """(C, T, ...) of (N, ...): clips of equal length."""
        return values.reshape(int(self.seen.clip.max()) + 1, -1, *values.shape[1:])


def fit(short: Observations, long: Observations) -> dict[str, Any]:
    """Figures from short clips at 30 frames a second, and from long takes at 6."""
    errors, lasting = Errors(short), Errors(long)
    shares = _shares(errors, lasting)
    points: dict[str, dict[str, Any]] = {kind: _sizes(errors, kind, shares) for kind in KINDS}
    for kind in KINDS:
        points[kind] |= _certainty(errors, kind) | {"stand_in": _stand_in(errors, kind)}
    found = _finding(errors)
    settings = {
        "fast_s": _FAST_S, "slow_s": _SLOW_S, "error_unit": _ERROR_UNIT,
        "hard_take": 0.4, "hard_point": 0.25, "hard_moment": 0.25,
        "hand_found": found[0], "face_found": found[1], "found_shares": [0.65, 0.23, 0.12],
        "hand_reach": 0.05,
        **events.rates(errors), "astray": events.astray(errors),
        "beyond_edge": {
            "share": 0.75, "reach": 0.04, "inward": 0.05, "certainty": 1.5, "certainty_sd": 2.5,
        },
        # Not seen here, but other networks and real pictures lose points for no reason.
        "point_lost": {"hz": 0.03, "seconds": 0.3}, "person_lost": {"hz": 0.03, "seconds": 0.3},
    }  # fmt: skip
    return {"points": points, "together": _together(errors).round(3).tolist(), "settings": settings}


def _sigma(lengths: Array) -> float:
    return float(np.median(lengths) / _RAYLEIGH) if len(lengths) >= _LEAST else np.nan


def _rows_of(kind: str) -> list[int]:
    return [row for row, k in enumerate(KIND_OF) if KINDS[k] == kind]


def _shares(short: Errors, long: Errors) -> Array:
    """Parts (5 groups, 2 for in sight and hidden, 3) of the variance: fast, slow, constant."""
    out = np.zeros((5, 2, 3))
    for group in range(5):
        members = [row for row, k in enumerate(KIND_OF) if _GROUPS[KINDS[k]] == group]
        for hidden in range(2):
            lines, values = [], []
            for errors, step, lags in ((short, 1, (1, 2, 3, 5, 8, 11)), (long, 5, (2, 4, 6, 9))):
                own = errors.cube(errors.own & (errors.seen.hidden == bool(hidden)))[..., members]
                error = errors.cube(errors.error)[:, :, members]
                whole = _sigma(np.linalg.norm(error[own], axis=-1))
                for lag in lags:
                    both = own[:, lag:] & own[:, :-lag]
                    moved = np.linalg.norm((error[:, lag:] - error[:, :-lag])[both], axis=-1)
                    value = _sigma(moved) ** 2 / 2 / whole**2
                    if np.isfinite(value):
                        dt = lag * step / 30
                        lines.append([1 - np.exp(-dt / _FAST_S), 1 - np.exp(-dt / _SLOW_S), 0.0])
                        values.append(value)
            lines.append([3.0, 3.0, 3.0])
            values.append(3.0)
            part, _ = nnls(np.array(lines), np.array(values))
            out[group, hidden] = 0.85 * part / part.sum() + 0.15 * np.array(_USUAL_SHARES)
    return out


def _sizes(errors: Errors, kind: str, shares: Array) -> dict[str, Any]:
    """Standard deviations of one kind of point, in sight and hidden."""
    members = _rows_of(kind)
    own, hidden = errors.own[:, members], errors.seen.hidden[:, members]
    off = errors.off[:, members]
    size = np.broadcast_to(errors.size[:, None], off.shape)
    whole = np.array([_sigma(off[own & ~hidden]), _sigma(off[own & hidden])])
    if np.isnan(whole[1]):
        whole[1] = 1.6 * whole[0]
    # How it falls with the person's size.
    edges = np.array([100, 150, 220, 320, 470, 710])
    bins = [own & ~hidden & (size >= a) & (size < b) for a, b in itertools.pairwise(edges)]
    sums = [(np.mean(1 / size[b]), _sigma(off[b])) for b in bins if b.sum() >= _LEAST]
    (base, slope), _ = nnls(np.array([[1.0, x] for x, _ in sums]), np.array([y for _, y in sums]))
    small = float(np.clip(slope / max(base, 1e-4), 0.0, 300.0))
    shrink = 1.0 + small * np.median(1 / size[own]) if own.any() else 1.0
    fast_part, slow_part, constant_part = shares[_GROUPS[kind]].T
    fast = _fast(errors, kind, whole**2 * slow_part)
    total_fast = whole * np.sqrt(fast_part)
    mean_fleeting = fast[1] * fast[3] + fast[2] * fast[4]
    return {
        "constant": _rounded(whole * np.sqrt(constant_part) / shrink),
        "slow": _rounded(whole * np.sqrt(slow_part) / shrink),
        "fast": _rounded(np.maximum([fast[0], total_fast[1] - mean_fleeting], 0.1 * total_fast)),
        "fast_per_speed": round(fast[1], 5),
        "grain_px": round(fast[2], 3),
        "small_px": round(small, 1),
    }


def _fast(errors: Errors, kind: str, slow: Array) -> tuple[float, float, float, float, float]:
    """Fast part of points in sight: at rest, per speed, per 1 / size; mean speed and 1 / size."""
    members = _rows_of(kind)
    good = errors.cube(errors.own & ~errors.seen.hidden)[..., members]
    both = good[:, 1:] & good[:, :-1]
    error = errors.cube(errors.error)[:, :, members]
    moved = np.linalg.norm(error[:, 1:] - error[:, :-1], axis=-1)
    flat = errors.cube(errors.truth / errors.size[:, None, None])[:, :, members]
    speed = np.linalg.norm(flat[:, 1:] - flat[:, :-1], axis=-1) * 30
    size = np.broadcast_to(errors.cube(errors.size)[:, 1:, None], moved.shape)
    lines, values = [], []
    for a, b in ((100, 180), (180, 300), (300, 710)):
        for low, high in ((0, 0.15), (0.15, 0.4), (0.4, 0.8), (0.8, 1.5), (1.5, 4)):
            pick = both & (size >= a) & (size < b) & (speed >= low) & (speed < high)
            if pick.sum() < _LEAST:
                continue
            step = 1 / 30
            variance = _sigma(moved[pick]) ** 2 / 2 - slow[0] * (1 - np.exp(-step / _SLOW_S))
            weight = np.sqrt(pick.sum())
            lines.append(weight * np.array([1.0, speed[pick].mean(), (1 / size[pick]).mean()]))
            values.append(weight * np.sqrt(max(variance, 0.0) / (1 - np.exp(-step / _FAST_S))))
    if len(lines) < 3:
        return 0.3 * float(np.sqrt(slow[0])), 0.0, 0.5, 0.0, 0.004
    (rest, per_speed, grain), _ = nnls(np.array(lines), np.array(values))
    return (
        float(rest), float(per_speed), float(grain), float(speed[both].mean()), float((1 / size[both]).mean())
    )  # fmt: skip


def _certainty(errors: Errors, kind: str) -> dict[str, Any]:
    """Logits of one kind: mean and spread in sight and hidden, and their fall with the error."""
    members = _rows_of(kind)
    use = errors.counted[:, members] & (errors.certainty[:, members] > 0)
    if kind in HAND:
        use &= np.stack([errors.hand_found[POINT_NAMES[row].split("_")[0]] for row in members], axis=1)
    seen = np.clip(errors.certainty[:, members][use], 0.002, 0.998)
    logit = np.log(seen / (1 - seen))
    off = np.log1p(errors.off[:, members][use] / _ERROR_UNIT)
    hidden = errors.seen.hidden[:, members][use].astype(float)
    A = np.stack([1 - hidden, hidden, -off], axis=1)
    A, logit, hidden = (
        A[off < np.log1p(0.3 / _ERROR_UNIT)],
        logit[off < np.log1p(0.3 / _ERROR_UNIT)],
        hidden[off < np.log1p(0.3 / _ERROR_UNIT)],
    )
    ridge = np.diag([1.0, 1.0, 5.0])
    front, behind, slope = np.linalg.solve(A.T @ A + ridge, A.T @ logit)
    slope = max(slope, 0.0)
    rest = logit - A @ (front, behind, slope)
    spread = [float(rest[hidden == h].std()) if (hidden == h).sum() >= _LEAST else 1.5 for h in (0, 1)]
    return {
        "certainty": [round(float(v), 2) for v in (front, behind)],
        "certainty_sd": [round(v, 2) for v in spread],
        "certainty_slope": round(float(slope), 3),
    }


def _stand_in(errors: Errors, kind: str) -> float:
    """How far (sd) a stand-in knuckle strays from the error of the wrist that it hangs on."""
    if kind not in HAND or kind in ("hand_wrist", "hand_middle"):
        return 0.0
    apart = []
    for side in ("left", "right"):
        row, wrist = INDEX[f"{side}_{kind}"], INDEX[f"{side}_wrist"]
        use = errors.counted[:, row] & errors.counted[:, wrist] & ~errors.hand_found[side]
        use &= (errors.certainty[:, row] > 0.02) & (errors.off[:, wrist] < _WITHIN)
        apart.append(np.linalg.norm(errors.error[use, row] - errors.error[use, wrist], axis=-1))
    return round(_sigma(np.concatenate(apart)), 5)


def _finding(errors: Errors) -> tuple[list[float], list[float]]:
    """Logistic regressions: hands by sight and size; faces by facing, sight and size."""
    size = np.log(errors.size / 200.0)
    lines, found = [], []
    for side in ("left", "right"):
        hand = rows(*HAND, side=side)
        use = errors.seen.found & errors.seen.inside[:, hand].all(axis=1)
        sight = (~errors.seen.hidden[:, hand]).mean(axis=1)
        lines.append(np.stack([np.ones(use.sum()), sight[use], size[use]], axis=1))
        found.append(errors.hand_found[side][use])
    hands = _logistic(np.concatenate(lines), np.concatenate(found))
    head = rows(*FACE, "nose")
    use = errors.seen.found & errors.seen.inside[:, head].all(axis=1)
    sight = (~errors.seen.hidden[:, head]).mean(axis=1)
    facing = facing_us(torch.tensor(errors.truth[None]))[0].numpy()
    columns = np.stack([np.ones(len(size)), facing, sight, size, facing * size], axis=1)[use]
    return hands, _logistic(columns, errors.certainty[use, INDEX["chin"]] > 0)


def _logistic(columns: Array, answer: Flags) -> list[float]:
    def loss(w: Array) -> float:
        z = columns @ w
        return float(np.logaddexp(0, -np.where(answer, z, -z)).mean() + 1e-3 * (w**2).sum())

    return [round(float(w), 3) for w in minimize(loss, np.zeros(columns.shape[1])).x]


def _together(errors: Errors) -> Array:
    """(P, P) the square root of the correlation between points' mean errors in a clip."""
    own = errors.cube(errors.own)
    count = own.sum(axis=1)
    mean = (
        np.where(own[..., None], errors.cube(errors.error), 0.0).sum(axis=1) / np.maximum(count, 1)[..., None]
    )
    enough = count >= 4
    scale = np.array([_sigma(np.linalg.norm(mean[enough[:, p], p], axis=-1)) for p in range(len(KIND_OF))])
    unit = np.clip(mean / np.nan_to_num(scale, nan=1.0)[:, None], -2.0, 2.0) * enough[..., None]
    product = np.einsum("cpx,cqx->pq", unit, unit)
    norm = np.einsum("cpx,cq->pq", unit**2, enough.astype(float))
    correlation = product / np.sqrt(np.maximum(norm * norm.T, 1e-9))
    few = np.einsum("cp,cq->pq", enough.astype(float), enough.astype(float)) < _LEAST
    correlation[few] = 0.0
    mirror = list(PARTNER)
    correlation = 0.5 * (correlation + correlation[np.ix_(mirror, mirror)])
    # What few clips say of points far apart is mostly chance.
    correlation = np.sign(correlation) * np.maximum(np.abs(correlation) - 0.12, 0.0) / 0.88
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 1e-3))
    return np.asarray(root @ vectors.T / np.linalg.norm(root @ vectors.T, axis=1, keepdims=True))


def _rounded(values: Array) -> list[float]:
    return [round(float(v), 5) for v in values]

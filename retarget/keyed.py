# SPDX-License-Identifier: GPL-3.0-or-later
"""From channels to keys: one at every frame, or as few as an error in degrees and millimetres allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import quaternions
from .bone_map import BoneMap
from .channels import Channel
from .contacts import Hold
from .key_error import as_quaternions, distance, rotation_error
from .posed import Posed, pose
from .reduce import Measure, reduce_keys
from .rig import EULER_ORDERS, Rig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_HELD = (
    0.1  # of the error that the animator allows, for limbs that stand: feet then slide by no more than 1 mm
)
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Keyed:
    """The keys of one property of a bone; all its channels have theirs at the same times."""

    bone: str
    property: str  # location, rotation_quaternion, rotation_euler or rotation_axis_angle
    indices: tuple[int, ...]  # (C,) which of its values are keyed
    rows: Ints  # (K,) of the motion's frames
    values: Floats  # (K, C)
    slopes: Floats | None = None  # (K, C) a frame; None: straight from key to key


@dataclass(frozen=True)
class Reduction:
    """What was saved, and what it cost."""

    keys_before: int  # counted as Blender does: one for each channel
    keys: int
    largest_deg: float
    mean_deg: float
    largest_mm: float
    mean_mm: float
    worst_bone: str  # where largest_deg is, and when
    worst_frame: float

    @property
    def removed(self) -> float:
        """Share of the keys that are gone, 0 to 1."""
        return 1.0 - self.keys / self.keys_before if self.keys_before else 0.0

    def line(self) -> str:
        """For the animator."""
        return (
            f"{self.removed:.0%} of the keys removed ({self.keys:,} left); off by at most "
            f"{self.largest_deg:.2f} degrees and {self.largest_mm:.1f} mm"
        )


def every_frame(given: Sequence[Channel]) -> list[Keyed]:
    """A key at every frame."""
    return [Keyed(c.bone, c.property, c.indices, np.arange(len(c.values)), c.values) for c in given]


def few(
    given: Sequence[Channel],
    rig: Rig,
    frames: NDArray[np.number[Any]],
    spans: Spans,
    *,
    degrees: float,
    millimetres: float,
    shares: Mapping[str, Floats] | None = None,
) -> tuple[list[Keyed], list[Channel], Reduction]:
    """As few keys as can be, with the channels as those keys play them, and how far they are off.

    degrees: how far the whole rotation of a bone may be off at any frame; millimetres: its
    location, in the scene. Neither counts what the bones above it are off. shares: bone -> (N,) which part
    of these errors it may use where, see `held_shares`.
    """
    everywhere = np.ones(len(frames))
    keyed: list[Keyed | None] = [None] * len(given)
    played: list[Channel | None] = [None] * len(given)
    turns, places = [np.zeros((0, len(frames)))], [np.zeros((0, len(frames)))]
    names: list[str] = []
    for (kind, _), members in _alike(given, rig).items():
        place = kind == "location"
        values = np.stack([given[n].values for n in members])
        measure = distance(1000.0 * rig.scale) if place else _measure(kind, given[members[0]].indices)
        some = [(shares or {}).get(given[n].bone, everywhere) for n in members]
        curves = reduce_keys(
            values, frames, spans, tolerance=millimetres if place else degrees, measure=measure,
            share=np.stack(some) if shares else None,
        )  # fmt: skip
        for n, curve in zip(members, curves, strict=True):
            c = given[n]
            keyed[n] = Keyed(c.bone, c.property, c.indices, curve.rows, curve.values, curve.slopes)
            played[n] = Channel(c.bone, c.property, c.indices, curve.fitted)
        (places if place else turns).append(np.stack([curve.error for curve in curves]))
        names += [] if place else [given[n].bone for n in members]
    done = [k for k in keyed if k is not None]
    rotation, location = np.concatenate(turns), np.concatenate(places)
    worst = np.unravel_index(np.argmax(rotation), rotation.shape) if rotation.size else None
    report = Reduction(
        keys_before=sum(c.values.size for c in given),
        keys=sum(k.values.size for k in done),
        largest_deg=float(rotation.max(initial=0.0)),
        mean_deg=float(rotation.mean()) if rotation.size else 0.0,
        largest_mm=float(location.max(initial=0.0)),
        mean_mm=float(location.mean()) if location.size else 0.0,
        worst_bone=names[worst[0]] if worst is not None else "",
        worst_frame=float(frames[worst[1]]) if worst is not None else 0.0,
    )
    return done, [c for c in played if c is not None], report


def held_shares(rig: Rig, bone_map: BoneMap, holds: Sequence[Hold], count: int) -> dict[str, Floats]:
    """Every bone that a held foot or hand hangs on, with the part (N,) of an error that it may use.

    Errors add up along a limb, and a foot that stands is where they are seen.
    """
    out: dict[str, Floats] = {}
    for hold in holds:
        side, limb = hold.limb.split("_")
        ends = ("foot", "toes") if limb == "leg" else ("hand",)
        names = [bone_map[f"{side}_{end}"][-1] for end in ends if f"{side}_{end}" in bone_map]
        if hold.limb in bone_map.ik:
            names.append(bone_map.ik[hold.limb].control)
        for name in names:
            at = rig.index(name)
            while at >= 0:
                share = out.setdefault(rig.bones[at].name, np.ones(count))
                share[hold.first : hold.last + 1] = _HELD
                at = rig.bones[at].parent
    return out


def play(rig: Rig, given: Sequence[Channel], count: int) -> Posed:
    """Where channels of `count` frames bring every bone; what is not keyed is at rest."""
    turns: dict[int, Floats] = {}
    places: dict[int, Floats] = {}
    for channel in given:
        bone = rig.index(channel.bone)
        if channel.property == "location":
            places[bone] = _whole(channel, np.zeros(3))
        else:
            mode = rig.bones[bone].rotation_mode
            turn = as_quaternions(mode, _whole(channel, _rest(mode)))
            turns[bone] = quaternions.to_matrix(turn / np.linalg.norm(turn, axis=1, keepdims=True))
    return pose(rig, count, turns, places)


def _whole(channel: Channel, rest: Floats) -> Floats:
    out = np.tile(rest, (len(channel.values), 1))
    out[:, list(channel.indices)] = channel.values
    return out


def _alike(given: Sequence[Channel], rig: Rig) -> dict[tuple[str, tuple[int, ...]], list[int]]:
    """Positions of channels that are measured in the same way."""
    out: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for n, channel in enumerate(given):
        if not channel.indices:
            continue
        place = channel.property == "location"
        kind = "location" if place else rig.bones[rig.index(channel.bone)].rotation_mode
        out.setdefault((kind, channel.indices), []).append(n)
    return out


def _rest(mode: str) -> Floats:
    if mode in EULER_ORDERS:
        return np.zeros(3)
    return np.array([1.0, 0.0, 0.0, 0.0] if mode == "QUATERNION" else [0.0, 0.0, 1.0, 0.0])


def _measure(mode: str, indices: tuple[int, ...]) -> Measure:
    """The error of whole rotations of which only `indices` are keyed, the others being at rest."""
    whole, rest = rotation_error(mode), _rest(mode)

    def degrees(fitted: Floats, dense: Floats) -> Floats:
        ours, theirs = np.tile(rest, (len(fitted), 1)), np.tile(rest, (len(dense), 1))
        ours[:, indices], theirs[:, indices] = fitted, dense
        return whole(ours, theirs)

    return whole if len(indices) == len(rest) else degrees

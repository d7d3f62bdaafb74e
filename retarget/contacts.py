# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stand: what the transfer left sliding or sunk is put right on the rig's own proportions.

Heel and ball of each foot are held apart. Both down: the foot lies flat and still. One down:
the foot turns freely about it, as it did in the source, but not into the floor. A place is
where the transferred point was on average, on the floor, so that feet move as little as can be.
In the air the correction fades; nothing is changed far from a contact. The pelvis goes along
with the feet that stand, slowly, so that it is not the knees that make up for everything,
and down where a leg would not reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..inference.kinematics import axis_angle_from_matrix, matrix_from_axis_angle
from . import contact_spans as runs
from . import ik, toes
from .contact_spans import Span
from .pelvis_shift import Support, pelvis_shift

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

POINTS = ("heel", "ball")
UP = np.array([0.0, 0.0, 1.0])
FRONT = np.array([0.0, -1.0, 0.0])  # where a rig that stands upright in Blender's world looks at rest


@dataclass(frozen=True, kw_only=True)
class ContactOptions:
    """What is held, and how softly. Seconds, and shares of the rig's leg."""

    feet: bool = True
    hands: bool = False  # hands that stay in a place are held there
    on: float = 0.6  # a contact begins at this value
    off: float = 0.4  # and ends below this one
    shortest_s: float = 0.1  # a contact below this is none
    join_s: float = 0.1  # a break below this is none
    ease_s: float = 0.25  # within which a correction fades in and out
    drift: float = 0.08  # of the leg: who moves further than this did not stand, but took a step
    settled: float = 0.03  # of the leg: who is further than this from the place arrives, or leaves
    step_height: float = 0.12  # of the leg: a foot that rests higher stands on something, not on the floor
    calm_s: float = 0.1  # corrections are smoothed over this time to each side
    pelvis_s: float = 0.03  # the pelvis goes with the feet that stand, averaged over this time to each side
    reach_s: float = 0.2  # and sinks within this time where a leg falls short
    toe_speed: float = np.radians(360.0)  # a second: toes that would sink are bent no faster


@dataclass(frozen=True, eq=False)
class Foot:
    """Shape of a foot: places at rest, seen from the ankle, upright and facing -Y, metres."""

    heel: Array  # (3,) under the heel
    ball: Array  # (3,) under the joint of the toes, or under the tip of a foot without such a joint
    toe_joint: Array | None = None  # (3,) None: the rig has no toes
    tip: Array | None = None  # (3,) under the tip of the toes

    def offset(self, point: str) -> Array:
        """(3,) of "heel" or "ball"."""
        return self.heel if point == "heel" else self.ball


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg as the transfer posed it, N frames in the scene's world, metres."""

    hip: Array  # (N, 3)
    knee: Array  # (N, 3)
    ankle: Array  # (N, 3)
    bends: Array  # (N, 3) the way the knee goes
    foot: Array  # (N, 3, 3) rotation from the rig upright at rest, facing -Y: identity is flat on the floor
    toes: Array | None  # (N, 3, 3) the same
    shape: Foot
    contact: Array  # (N, 2) heel and toe, 0 to 1
    source: Array  # (N, 2, 3) the source's own heel and ball, at the rig's size: whether they stand or go


@dataclass(frozen=True, eq=False)
class Hold:
    """One point of a limb that is held: positions first to last, at this place in the world."""

    limb: str
    point: str  # heel, ball or hand
    first: int
    last: int
    place: Array  # (3,)


@dataclass(frozen=True, eq=False)
class HeldLeg:
    """A leg after its foot was put right."""

    foot: Array  # (N, 3, 3) as in Leg
    toes: Array | None
    target: Array  # (N, 3) where the ankle should be
    bent: ik.Bent
    holds: tuple[Hold, ...]


@dataclass(frozen=True, eq=False)
class Held:
    """What `hold_feet` found."""

    shift: Array  # (N, 3) of the pelvis, and with it of all that is not held
    legs: dict[str, HeldLeg]


@dataclass
class _Standing:
    """One foot on its way to being put right."""

    leg: Leg
    spans: dict[str, list[Span]]  # of heel and ball
    places: dict[tuple[str, Span], Array]
    rotation: Array  # (N, 3, 3)
    target: Array  # (N, 3)
    known: Flags


def hold_feet(
    legs: dict[str, Leg],
    *,
    spans: Sequence[Span],
    fps: float,
    floor: float,
    options: ContactOptions | None = None,
    pelvis: bool = True,
) -> Held:
    """Hold the feet of legs ("left_leg" ...) where they are in contact with the floor, at height `floor`.

    pelvis: False where it cannot be moved; then legs do what they can.
    """
    options = options or ContactOptions()
    standing = {name: _stand(leg, spans, fps, floor, options) for name, leg in legs.items()}
    ease = _frames(options.ease_s, fps)
    weights = {name: runs.weight(s.known, spans=spans, ease=ease) for name, s in standing.items()}
    supports = [
        Support(s.leg.hip, s.leg.knee, s.leg.ankle, s.target, weights[name]) for name, s in standing.items()
    ]
    shift = np.zeros_like(supports[0].hip)
    if pelvis:
        shift = pelvis_shift(
            supports, spans=spans, follow=_frames(options.pelvis_s, fps),
            sink=_frames(options.reach_s, fps), calm=_frames(options.calm_s, fps),
        )  # fmt: skip
    out: dict[str, HeldLeg] = {}
    for name, s in standing.items():
        leg = s.leg
        bent = ik.two_bone(leg.hip, leg.knee, leg.ankle, target=s.target, bends=leg.bends, shift=shift)
        holds = [
            Hold(name, point, span[0], span[1], s.places[point, span])
            for point, found in s.spans.items()
            for span in found
        ]
        bent_toes = _toes(s, bent.tip, floor, spans=spans, step=options.toe_speed / fps)
        out[name] = HeldLeg(s.rotation, bent_toes, s.target, bent, tuple(holds))
    return Held(shift, out)


def _frames(seconds: float, fps: float) -> int:
    return max(1, round(seconds * fps))


def _stand(leg: Leg, spans: Sequence[Span], fps: float, floor: float, options: ContactOptions) -> _Standing:
    count = len(leg.ankle)
    # Short legs on big feet: a foot's own length says as well how far a step is.
    legs = float(np.median(_distance(leg.hip, leg.knee) + _distance(leg.knee, leg.ankle)))
    length = max(legs, 5.0 * float(np.linalg.norm(leg.shape.ball[:2])))
    ease = _frames(options.ease_s, fps)
    shortest = max(2, _frames(options.shortest_s, fps))
    found: dict[str, list[Span]] = {}
    for k, point in enumerate(POINTS):
        contact = runs.find(
            leg.contact[:, k], spans=spans, on=options.on, off=options.off,
            shortest=shortest, join=int(options.join_s * fps),
        )  # fmt: skip
        found[point] = [
            part
            for span in contact
            for part in runs.standing(
                span,
                leg.source[:, k],
                drift=options.drift * length,
                settled=options.settled * length,
                shortest=shortest,
                pause=ease,
            )
        ]
    flat = [
        (max(h[0], b[0]), min(h[1], b[1]), h, b)
        for h in found["heel"]
        for b in found["ball"]
        if max(h[0], b[0]) <= min(h[1], b[1])
    ]
    level, known_flat = _flat(leg.foot, flat, count)
    correction = axis_angle_from_matrix(level @ np.swapaxes(leg.foot, -1, -2))
    correction = runs.eased(correction, known_flat, spans=spans, ease=ease)
    rotation = matrix_from_axis_angle(correction) @ leg.foot

    down = {point: runs.flags(found[point], count) for point in POINTS}
    known = down["heel"] | down["ball"]
    rotation = _out_of_the_floor(rotation, leg.shape, down)
    correction = axis_angle_from_matrix(rotation @ np.swapaxes(leg.foot, -1, -2))
    correction = runs.eased(correction, known, spans=spans, ease=ease)
    rotation = matrix_from_axis_angle(correction) @ leg.foot
    places = _places(leg, rotation, found, flat, floor, options.step_height * length)

    moved = np.zeros((count, 3))
    for (point, (first, last)), place in places.items():
        here = slice(first, last + 1)
        # Where both points are held they agree: the one that comes second changes nothing.
        moved[here] = place - (leg.ankle[here] + rotation[here] @ leg.shape.offset(point))
    moved = runs.eased(moved, known, spans=spans, ease=ease)
    rotation, target = _calmed(
        leg,
        rotation,
        moved,
        places,
        down,
        spans,
        floor,
        calm=_frames(options.calm_s, fps),
        margin=0.02 * length,
    )
    return _Standing(leg, found, places, rotation, target, known)


def _calmed(
    leg: Leg,
    rotation: Array,
    moved: Array,
    places: dict[tuple[str, Span], Array],
    down: dict[str, Flags],
    spans: Sequence[Span],
    floor: float,
    *,
    calm: int,
    margin: float,
) -> tuple[Array, Array]:
    """Foot rotations (N, 3, 3) and ankles (N, 3) of corrections (N, 3) without shakes and above the floor.

    A foot that turns about its held point would hand every shake of its rotation on to the
    ankle, and so to the knee: the ankle goes smoothly instead, and the foot turns as that asks.
    """
    known, flat = down["heel"] | down["ball"], down["heel"] & down["ball"]
    free = 1.0 - runs.weight(known, spans=spans, ease=calm)
    moved = moved + UP * _lift(leg.ankle + moved, rotation, leg.shape, floor, margin, free)[:, None]
    smooth = runs.smoothed(moved, spans=spans, radius=calm)
    target = leg.ankle + moved + free[:, None] * (smooth - moved)
    about, offsets = np.zeros_like(moved), np.zeros_like(moved)
    for (point, (first, last)), place in places.items():
        about[first : last + 1], offsets[first : last + 1] = place, leg.shape.offset(point)
    here = known & ~flat  # held by one point, so that no other one's place is in its stead
    rotation[here] = _about(about[here], rotation[here], offsets[here], leg.ankle[here] + smooth[here])
    rotation = _out_of_the_floor(rotation, leg.shape, down)
    for (point, (first, last)), place in places.items():
        held = slice(first, last + 1)
        target[held] = place - rotation[held] @ leg.shape.offset(point)
    # What smoothing sank again.
    target[:, 2] += _lift(target, rotation, leg.shape, floor, 0.0, free)
    return rotation, target


def _about(place: Array, rotation: Array, offset: Array, ankle: Array) -> Array:
    """Foot rotations (n, 3, 3) that point points of a foot (n, 3) from ankles (n, 3) at places (n, 3)."""
    arm = (rotation @ offset[..., None])[..., 0]
    wanted = place - ankle
    size = np.linalg.norm(arm, axis=-1, keepdims=True)
    return np.asarray(
        ik.turn_between(arm / size, wanted / np.linalg.norm(wanted, axis=-1, keepdims=True)) @ rotation
    )


def _distance(a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.norm(a - b, axis=-1))


def _yaw(rotations: Array) -> Array:
    """(3, 3) upright rotation that faces where feet rotations (n, 3, 3) face on average."""
    ahead = (rotations @ FRONT).mean(axis=0)
    angle = np.arctan2(ahead[0], -ahead[1])
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _flat(foot: Array, flat: Sequence[tuple[int, int, Span, Span]], count: int) -> tuple[Array, Flags]:
    """Rotations (N, 3, 3) of a foot that lies flat, where it does, and where that is (N,)."""
    level = np.array(foot)
    known = np.zeros(count, dtype=bool)
    for first, last, _, _ in flat:
        level[first : last + 1] = _yaw(foot[first : last + 1])
        known[first : last + 1] = True
    return level, known


def _out_of_the_floor(rotation: Array, shape: Foot, down: dict[str, Flags]) -> Array:
    """Foot rotations (N, 3, 3) with the end that is not held at least as high as the one that is."""
    along = rotation @ (shape.ball - shape.heel)  # heel to ball
    sign = np.where(down["heel"], 1.0, -1.0)
    sinks = (down["heel"] ^ down["ball"]) & (along[:, 2] * sign < 0.0)
    if not sinks.any():
        return rotation
    out = np.array(rotation)
    unit = along[sinks] / np.linalg.norm(along[sinks], axis=-1, keepdims=True)
    level = unit * (1.0, 1.0, 0.0)
    level /= np.maximum(np.linalg.norm(level, axis=-1, keepdims=True), 1e-9)
    out[sinks] = ik.turn_between(unit, level) @ rotation[sinks]
    return out


def _places(
    leg: Leg,
    rotation: Array,
    found: dict[str, list[Span]],
    flat: Sequence[tuple[int, int, Span, Span]],
    floor: float,
    step_height: float,
) -> dict[tuple[str, Span], Array]:
    """Where each run of each point is held.

    Runs of heel and ball that overlap are one foot lying flat: they are that foot's heel and ball
    apart. Each such chain of runs as a whole goes to the middle of where its points were.
    """
    links: dict[tuple[str, Span], list[tuple[tuple[str, Span], Array]]] = {
        (point, span): [] for point, spans in found.items() for span in spans
    }
    for first, _, heel, ball in flat:
        apart = rotation[first] @ (leg.shape.ball - leg.shape.heel)
        links["heel", heel].append((("ball", ball), apart))
        links["ball", ball].append((("heel", heel), -apart))
    places: dict[tuple[str, Span], Array] = {}
    for start in links:
        if start in places:
            continue
        chain = {start: np.zeros(3)}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there, apart in links[here]:
                if there not in chain:
                    chain[there] = chain[here] + apart
                    waiting.append(there)
        paths = []
        for (point, (first, last)), apart in chain.items():
            part = slice(first, last + 1)
            paths.append(leg.ankle[part] + rotation[part] @ leg.shape.offset(point) - apart)
        middle = np.concatenate(paths).mean(axis=0)
        if middle[2] - floor < step_height:
            middle[2] = floor
        places |= {node: middle + apart for node, apart in chain.items()}
    return places


def _lift(target: Array, rotation: Array, shape: Foot, floor: float, margin: float, free: Array) -> Array:
    """How far (N,) ankles have to rise for a foot in the air to stay above the floor.

    Within `margin` of the floor it slows down, instead of stopping dead on it.
    """
    soles = np.stack([rotation @ shape.heel, rotation @ shape.ball], axis=1)[..., 2]
    height = target[:, 2] + soles.min(axis=1) - floor
    if margin > 0.0:
        slowed = np.where(height < margin, margin * np.exp(np.minimum(height / margin - 1.0, 0.0)), height)
        return np.asarray(np.maximum(np.maximum(0.0, -height), free * (slowed - height)))
    return np.asarray(np.maximum(0.0, -height))


def _toes(
    standing: _Standing, ankle: Array, floor: float, *, spans: Sequence[Span], step: float
) -> Array | None:
    """Toe rotations (N, 3, 3): they follow the foot's correction, and bend up rather than into the floor."""
    leg, shape = standing.leg, standing.leg.shape
    if leg.toes is None or shape.toe_joint is None or shape.tip is None:
        return None
    carried = standing.rotation @ np.swapaxes(leg.foot, -1, -2) @ leg.toes
    joint = ankle + standing.rotation @ shape.toe_joint
    return toes.out_of_the_floor(
        carried,
        shape.tip - shape.toe_joint,
        foot=standing.rotation,
        height=joint[:, 2] - floor,
        spans=spans,
        step=step,
    )

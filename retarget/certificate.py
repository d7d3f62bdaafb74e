# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transfer did, and how well, as a document: JSON on disk, lines for people, frames to jump to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..inference.errors import RigError

VERSION = 1
# What is worth a look: an animator sees it.
TOLERABLE_MM = 5.0
TOLERABLE_DEG = 3.0
TOLERABLE_SLIDE = 1.0  # mm a frame


@dataclass(frozen=True)
class Measure:
    """One kind of error over the take, and the scene frame where it is worst."""

    mean: float
    largest: float
    frame: int


@dataclass(frozen=True)
class Limit:
    """A joint that is bent further than joints go."""

    joint: str
    frames: int  # how many
    largest: float  # degrees beyond the limit
    frame: int


@dataclass(frozen=True)
class Jump:
    """A bone that turns suddenly where the source does not."""

    bone: str
    degrees: float  # from the frame before
    frame: int


@dataclass(frozen=True)
class Certificate:
    """A transfer on one rig. Angles in degrees, lengths in millimetres, frames of the scene."""

    rig: str
    frames: int
    first_frame: int
    last_frame: int
    preset: str | None
    score: float
    mapped: Mapping[str, Sequence[str]]  # role -> bones
    unmatched: Sequence[str]  # roles of the body without a bone
    not_written: Sequence[str]  # mapped bones that constraints, drivers or locks keep
    limbs: Mapping[str, Measure]  # direction against the source, before contacts, degrees
    corrected: Mapping[
        str, Measure
    ]  # the same in the end, without fingers, degrees; none if all is as before
    reach: Mapping[str, Measure]  # hand or foot from where it should be held, mm
    contacts: int  # how many places are held
    held: float  # share of the frames in contact that are held; the rest is shuffling, arriving, leaving
    slide: Measure | None  # of what is held, mm a frame
    penetration: Measure | None  # below the floor, mm
    limits: Sequence[Limit]
    jumps: Sequence[Jump]
    warnings: Sequence[str]
    version: int = VERSION

    @property
    def largest_angle(self) -> float:
        """Degrees: the worst limb's worst frame, before contacts."""
        return max((m.largest for m in self.limbs.values()), default=0.0)

    @property
    def mean_angle(self) -> float:
        """Degrees: the mean of the limb that is worst on average, before contacts."""
        return max((m.mean for m in self.limbs.values()), default=0.0)

    def to_json(self) -> str:
        """Strict JSON: no NaN, keys as in this class."""
        return json.dumps(asdict(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Read what `to_json` wrote. RigError if it is something else."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data["version"] != VERSION:
                raise RigError(
                    f"certificate: version {data['version']}, expected {VERSION}; apply the take again"
                )
            for name in ("limbs", "corrected", "reach"):
                data[name] = {key: Measure(**value) for key, value in data[name].items()}
            for name in ("slide", "penetration"):
                data[name] = None if data[name] is None else Measure(**data[name])
            data["limits"] = [Limit(**one) for one in data["limits"]]
            data["jumps"] = [Jump(**one) for one in data["jumps"]]
            return cls(**data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RigError(f"certificate: cannot be read ({error}); apply the take again") from error

    def worst(self) -> list[tuple[str, int]]:
        """What is worth a look and the scene frame to look at, the worst first."""
        found = [
            (jump.degrees / 20.0, f"{jump.bone} jumps by {jump.degrees:.0f} degrees", jump.frame)
            for jump in self.jumps
        ]
        found += [
            (1 + limit.largest / 20.0, f"{limit.joint} by {limit.largest:.0f} degrees", limit.frame)
            for limit in self.limits
        ]
        found += [
            (m.largest / 20.0, f"{limb} {m.largest:.0f} mm from its place", m.frame)
            for limb, m in self.reach.items()
            if m.largest > TOLERABLE_MM
        ]
        if self.slide is not None and self.slide.largest > TOLERABLE_SLIDE:
            m = self.slide
            found.append((m.largest / 4.0, f"slides by {m.largest:.1f} mm a frame", m.frame))
        if self.penetration is not None and self.penetration.largest > TOLERABLE_MM:
            m = self.penetration
            found.append((m.largest / 20.0, f"{m.largest:.0f} mm under the floor", m.frame))
        found += [
            (m.largest / 12.0, f"{limb} {m.largest:.1f} degrees from the source", m.frame)
            for limb, m in self.limbs.items()
            if m.largest > TOLERABLE_DEG
        ]
        return [(text, frame) for _, text, frame in sorted(found, key=lambda f: -f[0])]

    def lines(self) -> list[str]:
        """The certificate for people, a line for each thing."""
        return list(_lines(self))


def _lines(c: Certificate) -> Iterator[str]:
    bones = sum(len(names) for names in c.mapped.values())
    by = f"preset {c.preset}" if c.preset else "found by itself"
    yield f"{c.rig}: {bones} bones mapped ({by}, {100 * c.score:.0f} %), {c.frames} frames"
    if c.unmatched:
        yield f"Not mapped: {', '.join(c.unmatched)}"
    if c.not_written:
        yield f"Left alone: {', '.join(c.not_written)}"
    if c.limbs:
        name, worst = max(c.limbs.items(), key=lambda item: item[1].largest)
        yield (
            f"Direction: at most {c.mean_angle:.2f} degrees on average, {worst.largest:.2f} at worst "
            f"({name}, frame {worst.frame})"
        )
    if c.contacts and c.corrected:
        name, worst = max(c.corrected.items(), key=lambda item: item[1].largest)
        yield (
            f"Contacts: {c.contacts} places held, {100 * c.held:.0f} % of the frames in contact; "
            f"they turn a limb by at most {worst.largest:.0f} degrees ({name}, frame {worst.frame})"
        )
    if c.slide is not None:
        yield f"Slide in contact: {c.slide.largest:.2f} mm a frame at worst (frame {c.slide.frame})"
    if c.penetration is not None:
        yield f"Under the floor: {c.penetration.largest:.1f} mm at worst (frame {c.penetration.frame})"
    for limb, m in c.reach.items():
        if m.largest > TOLERABLE_MM:
            yield f"Reach: {limb} {m.largest:.0f} mm from its place at worst (frame {m.frame})"
    for limit in c.limits:
        yield (
            f"Joint limit: {limit.joint} in {limit.frames} frames, {limit.largest:.0f} degrees too far "
            f"(frame {limit.frame})"
        )
    for jump in c.jumps:
        yield f"Jump: {jump.bone} turns by {jump.degrees:.0f} degrees at once (frame {jump.frame})"
    yield from c.warnings

# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes to who is in a take: joined, split, renamed, taken out. All of them can be taken back.

    NAME.take/
        person_07.npz        a joined or split person gets a file of their own; no file is overwritten
        editions/0003.toml   who was in the take as its third edition said

`Take.edition` counts the changes. `restore` puts an earlier (or later) edition back, as Blender's undo
needs it: its people's files are still there. A new capture into the take begins anew.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from . import take_lock
from .errors import TakeError
from .people.track import gaps
from .sequence import SmplxSequence
from .sequence_parts import joined, split
from .take import PersonRecord, Take, reopened, unwritable

EDITIONS = "editions"


def person(take: Take, number: int) -> PersonRecord:
    """The record of person_NN. TakeError says who is there."""
    for record in take.people:
        if record.number == number:
            return record
    there = ", ".join(f"{record.name} ({record.number})" for record in take.people) or "nobody"
    raise TakeError(
        f"{take.path.name}: has no person number {number} any more; it has {there}: "
        "apply the take again to see who is in it"
    )


def merge(take: Take, kept: int, other: int) -> tuple[Take, PersonRecord]:
    """Two people of a take as one, who keeps the name, colour and skeleton of `kept`."""
    if kept == other:
        raise TakeError(f"{take.path.name}: person {kept} cannot be joined with itself; choose two people")
    one, two = person(take, kept), person(take, other)
    whole = joined(take.sequence(one), take.sequence(two))
    with take_lock.writing(take.path):
        record = _written(take, whole, one, main=one.main or two.main)
        record = replace(record, swaps_repaired=one.swaps_repaired + two.swaps_repaired)
        people = [record if entry is one else entry for entry in take.people if entry is not two]
        return _saved(take, people), record


def split_at(take: Take, number: int, frame: int, *, name: str) -> tuple[Take, PersonRecord, PersonRecord]:
    """One person of a take as two: `name` is who comes in at a frame of the video."""
    record = person(take, number)
    before, after = split(take.sequence(record), frame)
    with take_lock.writing(take.path):
        first = _written(take, before, record, main=record.main)
        second = _written(take, after, replace(record, name=name), main=False)
        # Where left and right were put right is not kept by frame: the share that each part has.
        share = round(record.swaps_repaired * len(before) / (len(before) + len(after)))
        first = replace(first, swaps_repaired=share)
        second = replace(second, swaps_repaired=record.swaps_repaired - share)
        people = [part for entry in take.people for part in _instead(entry, record, first, second)]
        return _saved(take, people), first, second


def rename(take: Take, number: int, name: str) -> Take:
    """Another name for a person."""
    record = person(take, number)
    if record.name == name:
        return take
    with take_lock.writing(take.path):
        return _saved(take, [replace(p, name=name) if p is record else p for p in take.people])


def remove(take: Take, number: int) -> Take:
    """The take without a person. The file stays until the video is captured again, so that undo finds it."""
    record = person(take, number)
    left = [entry for entry in take.people if entry is not record]
    if record.main and left:
        left[0] = replace(left[0], main=True)
    with take_lock.writing(take.path):
        return _saved(take, left)


def restore(take: Take, edition: int) -> Take:
    """The take with the people that it had as of an edition.

    TakeError if that edition is gone, or if its people's files have been written anew since.
    """
    if edition == take.edition:
        return take
    try:
        data = tomllib.loads(_file(take, edition).read_text(encoding="utf-8"))
        stamps = data["stamps"]
        people = tuple(
            PersonRecord(
                **{
                    **entry,
                    "colour": tuple(entry["colour"]),
                    "gaps": tuple((int(a), int(b)) for a, b in entry["gaps"]),
                }
            )
            for entry in data["people"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TakeError(
            f"{take.path.name}: edition {edition} of its people is not there ({error}); "
            "it stays as it is: apply it again to see who is in it"
        ) from error
    if _stamps(take.path, people) != stamps:
        raise TakeError(
            f"{take.path.name}: has been captured again since edition {edition} of its people; "
            "it stays as it is: apply it again to see who is in it"
        )
    with take_lock.writing(take.path):
        return reopened(take, people=people, edition=edition)


def _instead(entry: PersonRecord, record: PersonRecord, *parts: PersonRecord) -> Sequence[PersonRecord]:
    return parts if entry is record else (entry,)


def _written(take: Take, sequence: SmplxSequence, like: PersonRecord, *, main: bool) -> PersonRecord:
    """The sequence in a file of its own, and its record."""
    numbers = [PersonRecord.number_of(file.name) for file in take.path.glob("person_*.npz")]
    name = f"person_{max(numbers, default=0) + 1:02d}.npz"
    sequence.save(take.path / name)
    return replace(
        like,
        file=name,
        main=main,
        frames=len(sequence),
        first_frame=int(sequence.frame[0]),
        last_frame=int(sequence.frame[-1]),
        gaps=tuple(gaps(sequence.frame, stride=take.read.stride)),
    )


def _saved(take: Take, people: Sequence[PersonRecord]) -> Take:
    """The take with other people as a new edition; who was there before is kept as well."""
    if not _file(take, take.edition).is_file():
        _keep(take, take.edition, take.people)
    last = max((int(file.stem) for file in (take.path / EDITIONS).glob("[0-9]*.toml")), default=0)
    edition = max(last, take.edition) + 1
    _keep(take, edition, people)
    return reopened(take, people=tuple(people), edition=edition)


def _file(take: Take, edition: int) -> Path:
    return take.path / EDITIONS / f"{edition:04d}.toml"


def _keep(take: Take, edition: int, people: Sequence[PersonRecord]) -> None:
    file = _file(take, edition)
    part = file.with_name(file.name + ".part")
    text = tomli_w.dumps({"stamps": _stamps(take.path, people), "people": [asdict(p) for p in people]})
    try:
        file.parent.mkdir(exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise unwritable(file, error) from error


def _stamps(folder: Path, people: Sequence[PersonRecord]) -> dict[str, Any]:
    """When each person's file was written, in nanoseconds; 0 where it is gone."""
    out = {}
    for record in people:
        try:
            out[record.file] = (folder / record.file).stat().st_mtime_ns
        except OSError:
            out[record.file] = 0
    return out

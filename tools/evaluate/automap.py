# SPDX-License-Identifier: GPL-3.0-or-later
"""How many bones of a body the search for a bone map gets right, on the published rigs of tests/rigs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...inference.errors import RigError
from ...retarget.automap import search
from ...retarget.automap.agreement import swapped
from ...retarget.bone_map import BODY_ROLES
from ...retarget.rig import Rig
from ...tests.rigs import build
from ...tests.rigs.conventions import CONVENTIONS, nameless, renamed


@dataclass(frozen=True)
class Trial:
    """One rig under one set of names."""

    rig: str
    names: str  # "own", a convention's title, or "none"
    right: int  # bones of the body in their role
    bones: int  # bones of the body that there are
    side_errors: int  # bones of the whole map in a role of the other side


def trials() -> Iterator[Trial]:
    """Every rig under its own names, under every convention, and under names that mean nothing."""
    for name in build.names():
        rig, right = build.rig(name), build.truth(name)
        yield _trial(rig, right, {bone.name: bone.name for bone in rig.bones}, name, "own")
        for convention in CONVENTIONS:
            other, old = renamed(rig, right, convention)
            yield _trial(other, right, old, name, convention.title)
        other, old = nameless(rig)
        yield _trial(other, right, old, name, "none")


def _trial(
    rig: Rig, right: Mapping[str, tuple[str, ...]], old: Mapping[str, str], name: str, names: str
) -> Trial:
    try:
        roles = search(rig).bone_map.roles
    except RigError:
        roles = {}
    found = {role: tuple(old[bone] for bone in bones) for role, bones in roles.items()}
    bones = [(role, bone) for role in BODY_ROLES for bone in right.get(role, ())]
    good = sum(bone in found.get(role, ()) for role, bone in bones)
    extra = sum(
        len(set(found.get(role, ())) - set(right[role])) for role in BODY_ROLES if role in right
    )  # a bone too many in a chain is as wrong as one that is missing
    sides = sum(
        bone in right.get(swapped(role), ())
        for role, chain in found.items()
        for bone in chain
        if swapped(role) != role
    )
    return Trial(name, names, max(0, good - extra), len(bones), sides)


def automap_score() -> dict[str, float]:
    """Keys of build/eval.json: the worst group's share of right bones, and left taken for right."""
    done = list(trials())
    groups = {
        "own": [t for t in done if t.names == "own"],
        "other": [t for t in done if t.names not in ("own", "none")],
        "none": [t for t in done if t.names == "none"],
    }
    share = {
        group: sum(t.right for t in members) / sum(t.bones for t in members)
        for group, members in groups.items()
    }
    return {
        "retarget.automap": round(min(share.values()), 4),
        "retarget.automap_own_names": round(share["own"], 4),
        "retarget.automap_other_names": round(share["other"], 4),
        "retarget.automap_no_names": round(share["none"], 4),
        "retarget.automap_worst_rig": round(min(t.right / t.bones for t in done), 4),
        "retarget.automap_side_errors": float(sum(t.side_errors for t in done)),
        "retarget.automap_trials": float(len(done)),
    }


def main() -> None:
    """Print every trial that is not all right, and the score."""
    for trial in trials():
        if trial.right < trial.bones or trial.side_errors:
            print(f"{trial.rig:20} {trial.names:46} {trial.right}/{trial.bones}, sides {trial.side_errors}")
    for key, value in automap_score().items():
        print(f"{key} = {value}")


if __name__ == "__main__":
    main()

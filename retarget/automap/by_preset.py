# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets tried on a rig: whose names are there, whatever stands before them and however they are spelt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..bone_map import BODY_ROLES, IkLimb, Setting
from ..presets import Preset
from ..rig import Rig
from .tree import Tree

Roles = dict[str, tuple[int, ...]]

# Names that most presets have, and that tell what stands before all names of a file.
_ANCHORS = ("pelvis", "head", "left_hand", "right_foot")
_NUMBERED = re.compile(r"_\d+$")


@dataclass(frozen=True, eq=False)
class Match:
    """A preset on a rig."""

    preset: Preset
    roles: Roles
    body: float  # share of the body's roles that were found
    bones: int  # bones that were found
    share: float  # of the preset's names that were found
    names: dict[str, str]  # a name of the preset, as `spelt`, -> the rig's bone

    def ik(self) -> dict[str, IkLimb]:
        """The limbs whose controls the rig has, in its own names."""
        out = {}
        for name, limb in self.preset.ik.items():
            control = self.names.get(spelt(limb.control))
            if control is not None:
                pole = self.names.get(spelt(limb.pole)) if limb.pole else None
                toes = self.names.get(spelt(limb.toes)) if limb.toes else None
                out[name] = IkLimb(control, pole, toes, self._settings(limb.settings))
        return out

    def settings(self, rig: Rig) -> tuple[Setting, ...]:
        """The settings whose bone and property the rig has."""
        return tuple(
            s for s in self._settings(self.preset.settings) if s.property in rig.properties.get(s.bone, ())
        )

    def _settings(self, settings: Iterable[Setting]) -> tuple[Setting, ...]:
        return tuple(
            Setting(self.names[spelt(s.bone)], s.property, s.value)
            for s in settings
            if spelt(s.bone) in self.names
        )


def spelt(name: str) -> str:
    """A name without what programs change in it: case and separators."""
    return re.sub(r"[\s._:|\-]+", "", name).casefold()


def plain_names(rig: Rig) -> list[str]:
    """The bones' names; without the number that some exporters put behind each of them."""
    names = [bone.name for bone in rig.bones]
    numbered = sum(1 for name in names if _NUMBERED.search(name))
    if len(names) > 10 and numbered > 0.9 * len(names):
        short = [_NUMBERED.sub("", name) for name in names]
        if len(set(short)) == len(short):
            return short
    return names


def _without_prefix(preset: Preset) -> Preset:
    """The preset without what stands before all its names: one that was saved from `mixamorig:` bones
    is for `mixamorig1:` as well."""
    names = [name for bones in preset.roles.values() for name in bones]
    prefix = names[0][: names[0].rfind(":") + 1]
    if not prefix or any(not name.startswith(prefix) for name in names):
        return preset

    def bare(settings: Iterable[Setting]) -> tuple[Setting, ...]:
        return tuple(replace(s, bone=s.bone.removeprefix(prefix)) for s in settings)

    return replace(
        preset,
        roles={role: tuple(n.removeprefix(prefix) for n in bones) for role, bones in preset.roles.items()},
        settings=bare(preset.settings),
        ik={
            name: IkLimb(
                limb.control.removeprefix(prefix),
                limb.pole.removeprefix(prefix) if limb.pole else None,
                limb.toes.removeprefix(prefix) if limb.toes else None,
                bare(limb.settings),
            )
            for name, limb in preset.ik.items()
        },
    )


def match(tree: Tree, preset: Preset) -> Match | None:
    """The preset on the rig with the prefix that fits best; None if not even its pelvis is there."""
    preset = _without_prefix(preset)
    names = plain_names(tree.rig)
    ready = [spelt(name) for name in names]
    exact = {name: k for k, name in reversed(list(enumerate(names)))}
    best: Match | None = None
    for prefix in _prefixes(preset, ready):
        bones = {
            n.removeprefix(prefix): k for k, n in reversed(list(enumerate(ready))) if n.startswith(prefix)
        }
        if not prefix:
            bones |= {spelt(n): exact[n] for names in preset.roles.values() for n in names if n in exact}
        found = _match(tree, preset, bones)
        if found is not None and (best is None or (found.body, found.bones) > (best.body, best.bones)):
            best = found
    return best


def _prefixes(preset: Preset, names: list[str]) -> set[str]:
    out = set()
    for role in _ANCHORS:
        for anchor in (spelt(name) for name in preset.roles.get(role, ())):
            out |= {name[: -len(anchor)] for name in names if name.endswith(anchor)}
    return out


def _match(tree: Tree, preset: Preset, bones: dict[str, int]) -> Match | None:
    roles: Roles = {}
    for role, wanted in preset.roles.items():
        found = tuple(bones[spelt(name)] for name in wanted if spelt(name) in bones)
        if found:
            roles[role] = found
    if "pelvis" not in roles:
        return None
    # A bone that constraints turn counts little: another preset may know the controls.
    worth = {k: 1.0 if tree.free[k] else 0.1 for ks in roles.values() for k in ks}
    body = sum(max(worth[k] for k in roles[role]) for role in BODY_ROLES if role in roles) / len(BODY_ROLES)
    count = sum(len(wanted) for wanted in preset.roles.values())
    return Match(
        preset, roles, body, round(sum(worth.values())), len(worth) / count,
        {name: tree.rig.bones[k].name for name, k in bones.items()},
    )  # fmt: skip


def best_match(tree: Tree, presets: Iterable[Preset]) -> Match | None:
    """The preset that covers most of the body, then most bones, then has fewest names without a bone."""
    found = [m for preset in presets if (m := match(tree, preset)) is not None]
    return max(found, key=lambda m: (round(m.body, 2), m.bones, m.share), default=None)

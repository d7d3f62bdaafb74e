# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of a rig by what its bones' names say, each limb's words taken together.

"Shoulder" is a collar bone on one rig and an upper arm on another, "leg" a thigh or a
shank: of all readings of a limb, the one that uses its words best is taken, with every
joint hanging on the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..bone_map import FINGERS, LONGEST, SIDES
from .names import SURE, Said, read
from .tree import Tree

Roles = dict[str, tuple[int, ...]]

ARM = ("collar", "upper_arm", "forearm", "hand")
MOST_CALLED = 12  # bones that are looked at for one part
LEG = ("thigh", "shank", "foot", "toes")


def find_by_name(tree: Tree, names: Sequence[str]) -> Roles:
    """Role -> bones by position, from root to tip."""
    said = read(names)
    out: Roles = {}
    for side in SIDES:
        for parts in (ARM, LEG):
            limb = _limb(tree, said, side, parts)
            if "toes" in limb and _beside(tree, said, limb["toes"]) > 2:
                del limb["toes"]  # each toe has a bone of its own
            out |= {f"{side}_{part}": (bone,) for part, bone in limb.items()}
        hand = out.get(f"{side}_hand", (None,))[0]
        out |= {f"{side}_{part}": bones for part, bones in _fingers(tree, said, side, hand).items()}
        out |= _one(tree, said, f"{side}_eye", side)
    out |= _trunk(tree, said, out)
    out |= _one(tree, said, "jaw", "")
    return out


def _one(tree: Tree, said: Sequence[Said], role: str, side: str) -> Roles:
    part = role.removeprefix(f"{side}_")
    found = [
        k for k, s in enumerate(said) if s.side == side and s.parts.get(part, 0.0) >= SURE and not s.ignored
    ]
    return {role: (found[0],)} if found else {}


def _limb(tree: Tree, said: Sequence[Said], side: str, parts: tuple[str, ...]) -> dict[str, int]:
    """Part -> bone, the reading that uses the words best."""
    wanted = []
    for part in parts:
        called = [
            (k, s.parts[part])
            for k, s in enumerate(said)
            if part in s.parts and s.side == side and not (s.ignored or s.twist or s.metacarpal)
        ]
        # The surest, and of these the nearest to the body: clothes are named after limbs too.
        called.sort(key=lambda one: (-one[1], sum(1 for _ in tree.ancestors(one[0]))))
        wanted.append(called[:MOST_CALLED])
    best: tuple[float, dict[str, int]] = (0.0, {})

    def choose(at: int, last: int | None, score: float, chosen: dict[str, int]) -> None:
        nonlocal best
        if at == len(parts):
            if score > best[0]:
                best = score, chosen
            return
        for bone, sure in wanted[at]:
            if last is None or tree.rig.is_below(bone, last):
                # Of several bones of one name, the one nearest to the body.
                near = 0.01 * sum(1 for _ in tree.ancestors(bone))
                choose(at + 1, bone, score + sure - 0.01 * near, {**chosen, parts[at]: bone})
        choose(at + 1, last, score, chosen)

    choose(0, None, 0.0, {})
    return best[1]


def _beside(tree: Tree, said: Sequence[Said], toe: int) -> int:
    """How many toes hang where this one does."""
    parent = tree.rig.parents[toe]
    return sum("toes" in said[k].parts for k in tree.children[parent]) if parent >= 0 else 1


def _fingers(tree: Tree, said: Sequence[Said], side: str, hand: int | None) -> Roles:
    out: Roles = {}
    for finger in FINGERS:
        bones = [
            k for k, s in enumerate(said)
            if s.side == side and finger in s.parts and not (s.ignored or s.twist)
            and (hand is None or tree.rig.is_below(k, hand))
        ]  # fmt: skip
        palm = [k for k in bones if said[k].metacarpal] if finger != "thumb" else []
        chain = _chain(tree, [k for k in bones if k not in palm])
        if len(chain) == LONGEST[f"{side}_{finger}"] and not tree.children[chain[-1]]:
            chain = chain[:-1]  # its tip
        if chain:
            out[finger] = tuple(chain)
        if palm:
            out[f"{finger}_metacarpal"] = (palm[0],)
    return out


def _chain(tree: Tree, bones: list[int]) -> list[int]:
    """The longest run of bones that hang on each other, from root to tip, at most four."""
    best: list[int] = []
    for last in bones:
        chain = [b for b in (*reversed(list(tree.ancestors(last))), last) if b in bones]
        if len(chain) > len(best):
            best = chain
    return best[:4]


def _trunk(tree: Tree, said: Sequence[Said], limbs: Roles) -> Roles:
    def called(part: str) -> list[int]:
        found = [k for k, s in enumerate(said) if part in s.parts and not (s.side or s.ignored or s.twist)]
        return sorted(found, key=lambda k: -said[k].parts[part])

    out: Roles = {}
    thighs = [limbs[role][0] for role in ("left_thigh", "right_thigh") if role in limbs]
    arms = [limbs[f"{side}_{part}"][0] for part in ARM[:2] for side in SIDES if f"{side}_{part}" in limbs]
    heads = called("head")
    # A bone of that name which the chest carries: not the control of a head, nor an end.
    head = next((k for k in heads if not arms or tree.common(k, arms[0]) not in (None, k)), None)
    above = [*thighs, *arms[:2], *([head] if head is not None else [])]
    pelvis = next(
        (k for k in called("pelvis") if above and all(tree.rig.is_below(bone, k) for bone in above)),
        _common(tree, above),
    )
    if pelvis is not None:
        out["pelvis"] = (pelvis,)
    if head is not None:
        out["head"] = (head,)
    if pelvis is None or head is None:
        return out
    way = tree.path(pelvis, head)[:-1]
    neck = [k for k in way if "neck" in said[k].parts]
    if neck:
        neck = way[way.index(neck[0]) :]
        out["neck"] = tuple(neck[:8])
    spine = [k for k in way if k not in neck and not said[k].ignored]
    if spine:
        out["spine"] = tuple(spine[:12])
    roots = [k for k in called("root") if tree.rig.is_below(pelvis, k)]
    if roots:
        out["root"] = (roots[0],)
    return out


def _common(tree: Tree, bones: Sequence[int]) -> int | None:
    """The lowest bone above all of `bones`."""
    if len(bones) < 3:
        return None
    at: int | None = bones[0]
    for bone in bones[1:]:
        at = tree.common(at, bone) if at is not None else None
    return at if at is not None and at not in bones else None

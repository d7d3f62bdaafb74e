# SPDX-License-Identifier: GPL-3.0-or-later
"""Other names for the same rig: conventions in many languages, and names that mean nothing.

A convention says how each part is called; bones that play no part keep a name of their
kind. The search has to find a rig of one maker under the names of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from rotocap.retarget.rig import Rig

SIDE_PARTS = (
    "collar", "upper_arm", "forearm", "hand", "thigh", "shank", "foot", "toes", "eye",
    "thumb", "index", "middle", "ring", "pinky",
)  # fmt: skip


@dataclass(frozen=True)
class Convention:
    """Names by part, and how a side and a number are written."""

    title: str
    parts: Mapping[str, str]
    sides: tuple[str, str]
    sided: Callable[[str, str], str]  # (name, side word) -> name of one side
    numbered: Callable[[str, int], str]  # (name, number from 1) -> name of one bone of a chain
    twist: str = "Twist"
    metacarpal: str = "Metacarpal"

    def name(self, role: str, number: int, count: int) -> str:
        """The name of bone `number` (from 1) of `count` in a role."""
        side, _, part = role.partition("_")
        part = part if side in ("left", "right") else role
        twist, palm = part.endswith("_twist"), part.endswith("_metacarpal")
        base = part.removesuffix("_twist").removesuffix("_metacarpal")
        word = self.parts[base] + (self.twist if twist else "") + (self.metacarpal if palm else "")
        if count > 1:
            word = self.numbered(word, number)
        return self.sided(word, self.sides[side == "right"]) if side in ("left", "right") else word


def _words(text: str) -> dict[str, str]:
    order = ("root", "pelvis", "spine", "neck", "head", "jaw", *SIDE_PARTS)
    return dict(zip(order, text.split(), strict=True))


def _after(mark: str) -> Callable[[str, str], str]:
    return lambda name, side: f"{name}{mark}{side}"


def _before(mark: str) -> Callable[[str, str], str]:
    return lambda name, side: f"{side}{mark}{name}"


def _plain(mark: str, digits: int = 1) -> Callable[[str, int], str]:
    return lambda name, k: f"{name}{mark}{k:0{digits}d}"


def _hero(name: str, side: str) -> str:
    return f"Hero:{side}{name}"


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "English, .L",
        _words("""root hips spine neck head jaw clavicle upper_arm forearm hand thigh shin foot toe eye
            thumb finger_index finger_middle finger_ring finger_pinky"""),
        ("L", "R"), _after("."), _plain(".", 3), "_twist", "_palm",
    ),
    Convention(
        "English, left_ and joints",
        _words("""root pelvis spine neck head jaw collar shoulder elbow wrist hip knee ankle foot eye
            thumb index middle ring pinky"""),
        ("left", "right"), _before("_"), _plain(""), "_roll", "_metacarpal",
    ),
    Convention(
        "English, camel case behind a character's name",
        _words("""Hero:Reference Hero:Hips Hero:Spine Hero:Neck Hero:Head Hero:Jaw
            Shoulder Arm ForeArm Hand UpLeg Leg Foot ToeBase Eye
            HandThumb HandIndex HandMiddle HandRing HandPinky"""),
        ("Left", "Right"), _hero, _plain(""), "Roll", "Palm",
    ),
    Convention(
        "English, L_ and knees",
        _words("""Root Pelvis Chest Neck Head Jaw Shoulder Arm Elbow Hand Leg Knee Foot Toe Eye
            Thumb Index Mid Ring Little"""),
        ("L", "R"), _before("_"), _plain("_", 2),
    ),
    Convention(
        "German",
        _words("""Wurzel Becken Wirbelsaeule Hals Kopf Kiefer Schluesselbein Oberarm Unterarm Handgelenk
            Oberschenkel Unterschenkel Fussgelenk Zehen Auge
            Daumen Zeigefinger Mittelfinger Ringfinger Kleinerfinger"""),
        ("Links", "Rechts"), _after("_"), _plain(""), "Drehung", "Mittelhand",
    ),
    Convention(
        "French",
        _words("""racine bassin colonne cou tete machoire clavicule bras avantbras main
            cuisse mollet cheville orteils oeil pouce index majeur annulaire auriculaire"""),
        ("G", "D"), _after("_"), _plain("_"), "_torsion", "_metacarpal",
    ),
    Convention(
        "Spanish",
        _words("""raiz cadera columna cuello cabeza mandibula clavicula brazo antebrazo mano
            muslo pantorrilla tobillo punta ojo pulgar indice medio anular menique"""),
        ("izq", "der"), _after("_"), _plain("", 2), "_twist", "_metacarpo",
    ),
    Convention(
        "Italian",
        _words("""radice bacino spina collo testa mascella clavicola braccio avambraccio mano
            coscia polpaccio caviglia dita occhio pollice indice medio anulare mignolo"""),
        ("Sinistra", "Destra"), _after(""), _plain(""), "Torsione", "Meta",
    ),
    Convention(
        "Japanese (MMD)",
        _words("""全ての親 腰 上半身 首 頭 あご 鎖骨 腕 ひじ 手首 足 ひざ 足首 つま先 目
            親指 人指 中指 薬指 小指"""),
        ("左", "右"), _before(""), _plain(""), "捩", "metacarpal",
    ),
    Convention(
        "Japanese in Latin letters",
        _words("""root koshi sebone kubi atama ago sakotsu ude hiji tekubi
            momo hiza ashikubi tsumasaki me oyayubi hitosashiyubi nakayubi kusuriyubi koyubi"""),
        ("hidari", "migi"), _before("_"), _plain("_"), "_nejiri", "_palm",
    ),
    Convention(
        "Russian in Latin letters",
        _words("""koren taz pozvonochnik sheya golova chelyust klyuchitsa plecho predplechye kist
            bedro golen stopa nosok glaz
            bolshoyPalets ukazatelnyy sredniy bezymyannyy mizinets"""),
        ("lev", "prav"), _after("_"), _plain(""), "_twist", "_metacarpal",
    ),
)  # fmt: skip


def renamed(
    rig: Rig, roles: Mapping[str, tuple[str, ...]], convention: Convention
) -> tuple[Rig, dict[str, str]]:
    """The rig under a convention's names, and its old names by the new ones."""
    new: dict[str, str] = {}
    for role, bones in roles.items():
        for k, bone in enumerate(bones, start=1):
            new[bone] = convention.name(role, k, len(bones))
    return _with_names(rig, (new.get(bone.name, f"extra {k}") for k, bone in enumerate(rig.bones)))


def nameless(rig: Rig, *, seed: int = 0) -> tuple[Rig, dict[str, str]]:
    """The rig under names that mean nothing, and its old names by the new ones."""
    return _with_names(rig, (f"node_{crc32(f'{seed}{bone.name}'.encode()):08x}" for bone in rig.bones))


def _with_names(rig: Rig, names: Iterable[str]) -> tuple[Rig, dict[str, str]]:
    bones = tuple(replace(bone, name=name) for bone, name in zip(rig.bones, names, strict=True))
    old = {new.name: was.name for new, was in zip(bones, rig.bones, strict=True)}
    return replace(rig, bones=bones), old

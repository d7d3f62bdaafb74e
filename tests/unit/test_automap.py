# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for a bone map: on every published rig, under other names, without names, on strange rigs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rotocap.inference.errors import RigError
from rotocap.retarget import presets
from rotocap.retarget.automap import map_bones, search
from rotocap.retarget.automap.agreement import swapped
from rotocap.retarget.automap.names import read, tokens
from rotocap.retarget.bone_map import BODY_ROLES, BoneMap
from rotocap.retarget.rig import Bone, Rig
from rotocap.tests.rigs import build, definition
from rotocap.tests.rigs.conventions import CONVENTIONS, nameless, renamed
from rotocap.tests.rigs.figure import Rest

NAMELESS = ("mixamo", "unreal5", "daz_genesis8", "biped", "vroid")
Roles = Mapping[str, tuple[str, ...]]


def renamed_by(rig: Rig, change: Callable[[str], str]) -> Rig:
    return replace(rig, bones=tuple(replace(bone, name=change(bone.name)) for bone in rig.bones))


def in_old_names(found: BoneMap, old: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {role: tuple(old[bone] for bone in bones) for role, bones in found.roles.items()}


def side_errors(found: Roles, right: Roles) -> list[str]:
    return [
        bone
        for role, bones in found.items()
        for bone in bones
        if swapped(role) != role and bone in right.get(swapped(role), ())
    ]


def body_of(roles: Roles) -> dict[str, tuple[str, ...]]:
    return {role: roles[role] for role in BODY_ROLES if role in roles}


@pytest.mark.parametrize("name", build.names())
def test_every_published_rig_is_found_by_its_preset(name: str) -> None:
    rig = build.rig(name)
    found = search(rig)
    assert found.bone_map.preset == definition.load(name).preset
    assert found.bone_map.roles == build.truth(name)
    assert found.bone_map.score >= 0.9
    assert found.notes == ()
    assert found.bone_map.problems(rig) == []


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.title)
@pytest.mark.parametrize("name", ["mixamo", "unreal5", "daz_genesis8", "mpfb_default"])
def test_a_rig_is_found_under_the_names_of_another_convention(name: str, convention: object) -> None:
    right = build.truth(name)
    rig, old = renamed(build.rig(name), right, convention)  # type: ignore[arg-type]
    found = in_old_names(map_bones(rig), old)
    assert {role: found.get(role) for role in body_of(right)} == body_of(right)
    assert side_errors(found, right) == []


@pytest.mark.parametrize("name", NAMELESS)
def test_a_rig_is_found_by_its_shape_where_names_mean_nothing(name: str) -> None:
    right = build.truth(name)
    rig, old = nameless(build.rig(name))
    result = search(rig)
    found = in_old_names(result.bone_map, old)
    good = sum(found.get(role) == bones for role, bones in body_of(right).items())
    assert result.way == "shape"
    assert good >= 0.95 * len(body_of(right))
    assert side_errors(found, right) == []
    fingers = [r for r in right if r.endswith(("thumb", "index", "middle", "ring", "pinky", "metacarpal"))]
    assert {role: found.get(role) for role in fingers} == {role: right[role] for role in fingers}


def strange(name: str, rest: Rest, faces: float) -> tuple[Rig, dict[str, tuple[str, ...]]]:
    as_published = definition.load(name)
    changed = replace(as_published, rest=rest, faces=faces)
    bones = tuple(Bone(b.name, b.parent, b.head, b.tail, b.axes) for b in build.laid(changed))
    return Rig(name, bones, build.matrix(changed)), as_published.roles


@pytest.mark.parametrize(
    ("rest", "faces"),
    [
        (Rest(stature=0.5, legs=0.6, arms=0.7, trunk=0.8, hands=1.5), 0.0),  # a cartoon's child
        (Rest(stature=1.6, legs=0.8, arms=1.5, trunk=1.3, hands=1.3, arms_down=70.0), 200.0),  # an ape
        (Rest(legs=1.35, arms_down=80.0, toes_out=30.0, knees_bent=15.0, elbows_bent=25.0), 100.0),
        (Rest(elbows_bent=55.0, legs_apart=18.0, fingers_curled=25.0), 300.0),
    ],
)
@pytest.mark.parametrize("name", ["mixamo", "mpfb_game_engine", "metahuman"])
def test_sides_hold_for_strange_bodies_that_face_anywhere(name: str, rest: Rest, faces: float) -> None:
    rig, right = strange(name, rest, faces)
    other, old = nameless(rig)
    found = in_old_names(map_bones(other), old)
    assert side_errors(found, right) == []
    good = sum(found.get(role) == bones for role, bones in body_of(right).items())
    assert good >= 0.9 * len(body_of(right))


@pytest.mark.parametrize("name", ["mixamo", "rigify_human", "character_creator"])
def test_names_that_lie_about_the_sides_are_put_right_and_reported(name: str) -> None:
    rig, right = build.rig(name), build.truth(name)
    other = {bone: right[swapped(role)][k] for role, bones in right.items() for k, bone in enumerate(bones)}
    found = search(renamed_by(rig, lambda bone: other.get(bone, bone)))
    back = {new: was for was, new in other.items()}
    roles = {
        role: tuple(back.get(bone, bone) for bone in bones) for role, bones in found.bone_map.roles.items()
    }
    assert side_errors(roles, right) == []
    assert any("called left lie on the body's right" in note for note in found.notes)


@pytest.mark.parametrize("change", ["Armature|{}", "HERO:{}", "{}_017", "{}"])
def test_what_programs_add_to_all_names_does_no_harm(change: str) -> None:
    rig = build.rig("unreal4")
    found = map_bones(renamed_by(rig, lambda bone: change.format(bone.upper() if change == "{}" else bone)))
    assert found.preset == "unreal4"
    assert found.score == 1.0


def test_what_a_preset_does_not_know_is_found_by_its_name() -> None:
    """Valve's Biped: the names of neck and head have a number, one of the spine's is left out."""

    def valve(bone: str) -> str:
        new = bone.replace("Bip001 ", "ValveBiped.Bip01_").replace(" ", "_")
        for old, other in (("_Neck", "_Neck1"), ("_Head", "_Head1"), ("_Spine2", "_Spine4")):
            new = new.removesuffix(old) + other if new.endswith(old) else new
        return new

    found = search(renamed_by(build.rig("biped"), valve))
    right = {role: tuple(map(valve, bones)) for role, bones in build.truth("biped").items()}
    assert (found.bone_map.preset, found.bone_map.roles) == ("biped", right)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (-90.0, 0.0, 0.0), (0.0, 90.0, 0.0), (180.0, 0.0, 30.0)])
def test_a_body_that_lies_or_stands_on_its_head_is_found(turn: tuple[float, float, float]) -> None:
    right = build.truth("mixamo")
    world = np.eye(4)
    world[:3, :3] = 0.01 * Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    rig, old = nameless(replace(build.rig("mixamo"), world=world))
    assert in_old_names(map_bones(rig), old) == right


def test_a_bone_that_constraints_turn_is_left_for_its_control() -> None:
    rig = build.rig("mixamo")
    controls = tuple(replace(b, name=b.name.replace("mixamorig:", "FK ")) for b in rig.bones)
    driven = tuple(
        replace(b, parent=b.parent + len(controls) if b.parent >= 0 else -1, constrained=True)
        for b in rig.bones
    )
    found = map_bones(replace(rig, bones=(*controls, *driven)))
    assert found["left_forearm"] == ("FK LeftForeArm",)
    assert all(bone.startswith("FK ") for _, bone in found.pairs())


def test_a_users_own_preset_is_tried_too() -> None:
    rig, _ = nameless(build.rig("smplx"))
    names = {was.name: new.name for was, new in zip(build.rig("smplx").bones, rig.bones, strict=True)}
    roles = {role: tuple(names[b] for b in bones) for role, bones in build.truth("smplx").items()}
    own = presets.Preset("own", "Own", roles)
    assert map_bones(rig, [own]).preset == "own"
    assert map_bones(rig).preset is None


def test_a_face_of_hundreds_of_bones_takes_no_time() -> None:
    rig, right = build.rig("metahuman"), build.truth("metahuman")
    head, random = rig.index("head"), np.random.default_rng(0)
    face = []
    for k in range(900):
        place = rig.heads[head] + random.normal(0.0, 6.0, 3)
        parent = head if k % 9 == 0 else len(rig.bones) + k - 1
        face.append(Bone(f"FACIAL_L_Thing{k}", parent, place, place + np.array([0.0, 0.0, 1.0]), np.eye(3)))
    whole = replace(rig, bones=(*rig.bones, *face))
    started = time.process_time()
    assert map_bones(whole).preset == "metahuman"
    other, old = nameless(whole)
    found = in_old_names(map_bones(other), old)
    assert time.process_time() - started < 5.0
    assert body_of(found) == body_of(right)


def test_a_preset_kept_from_one_character_fits_the_next() -> None:
    first = build.rig("mixamo")
    own = presets.from_map(map_bones(first), name="hero", title="Hero")
    second = renamed_by(first, lambda bone: bone.replace("mixamorig:", "mixamorig7:"))
    found = map_bones(second, [own])
    assert (found.preset, found.score, found.unmatched) == ("hero", 1.0, ())
    assert found["left_hand"] == ("mixamorig7:LeftHand",)


def test_missing_parts_are_named() -> None:
    rig = build.rig("mixamo")
    gone = {b.name for b in rig.bones if "ToeBase" in b.name or "Toe_End" in b.name or "Neck" in b.name}
    kept = [k for k, bone in enumerate(rig.bones) if bone.name not in gone]
    place = {old: new for new, old in enumerate(kept)}

    def parent(bone: int) -> int:
        up = rig.bones[bone].parent
        while up >= 0 and up not in place:
            up = rig.bones[up].parent
        return place[up] if up >= 0 else -1

    found = map_bones(replace(rig, bones=tuple(replace(rig.bones[k], parent=parent(k)) for k in kept)))
    assert set(found.unmatched) == {"neck", "left_toes", "right_toes"}
    assert found.score < 1.0


def test_what_cannot_be_used_says_what_to_do() -> None:
    rig = build.rig("mixamo")
    with pytest.raises(RigError, match="tick Deform"):
        search(replace(rig, bones=tuple(replace(bone, deform=False) for bone in rig.bones)))
    with pytest.raises(RigError, match="no hips were found"):
        search(
            replace(
                rig, bones=rig.bones[:1] and tuple(replace(b, parent=-1, name="x") for b in rig.bones[:1])
            )
        )


def test_bones_in_one_place_are_reported() -> None:
    rig = build.rig("smpl")
    places = {bone.name: bone.head for bone in rig.bones}
    flat = tuple(
        replace(bone, head=places["m_avg_L_Elbow"]) if bone.name == "m_avg_L_Wrist" else bone
        for bone in rig.bones
    )
    found = search(replace(rig, bones=flat))
    assert any("left_forearm" in note and "has no length" in note for note in found.notes)
    assert found.bone_map.score < 0.6


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mixamorig:LeftForeArm", ["mixamorig", "left", "fore", "arm"]),
        ("lShldrBend", ["l", "shldr", "bend"]),
        ("IKHandL", ["ik", "hand", "l"]),
        ("f_index.01.L.001", ["f", "index", "01", "l", "001"]),
        ("左ひじ2", ["左ひじ", "2"]),
        ("Handgelenk_Links", ["handgelenk", "links"]),
    ],
)
def test_names_are_split_into_words(name: str, words: list[str]) -> None:
    assert tokens(name) == words


def test_single_letters_are_sides_only_in_pairs() -> None:
    said = read(["main_G", "main_D", "pied_G", "pied_D", "cou", "s", "i"])
    assert [s.side for s in said] == ["left", "right", "left", "right", "", "", ""]
    assert [max(s.parts, default="") for s in said[:5]] == ["hand", "hand", "foot", "foot", "neck"]

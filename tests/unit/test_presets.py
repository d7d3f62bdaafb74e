# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: the built-in ones are sound, wrong files say what is wrong, a user's own comes back as saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotocap.inference.errors import RigError
from rotocap.retarget import presets
from rotocap.retarget.bone_map import BODY_ROLES, BoneMap, IkLimb, Setting
from rotocap.tests.rigs import build, definition

GOOD = """
schema = 1
title = "Mine"
sides = ["L", "R"]
[roles]
pelvis = "Hips"
spine = ["S1", "S2"]
[each_side]
hand = "Hand.{side}"
"""


def parse(text: str) -> presets.Preset:
    return presets.parse(text, name="mine", source="mine.toml")


def test_the_named_rigs_have_presets() -> None:
    assert {preset.name for preset in presets.built_in()} >= {
        "smplx", "smpl", "mixamo", "rigify_human", "rigify_basic", "rigify_generated", "unreal4", "unreal5",
        "metahuman", "vrm", "vroid", "autorigpro", "daz_genesis3_8", "daz_genesis9", "character_creator",
        "mpfb_default", "mpfb_game_engine", "biped", "cgspeed_cmu", "humanik", "rokoko",
    }  # fmt: skip


@pytest.mark.parametrize("preset", presets.built_in(), ids=lambda preset: preset.name)
def test_every_preset_covers_a_body(preset: presets.Preset) -> None:
    missing = [role for role in BODY_ROLES if role not in preset.roles]
    assert [role for role in missing if not role.endswith("_toes")] == []
    sides = {role.split("_", 1)[1] for role in preset.roles if role.startswith("left_")}
    assert sides == {role.split("_", 1)[1] for role in preset.roles if role.startswith("right_")}


@pytest.mark.parametrize("name", build.names())
def test_every_laid_out_rig_has_the_names_of_its_preset(name: str) -> None:
    rig = build.rig(name)
    (preset,) = (p for p in presets.built_in() if p.name == definition.load(name).preset)
    own = {bone.name for bone in rig.bones}
    prefix = {"mixamo": "mixamorig:", "biped": "Bip001 ", "smpl": "m_avg_"}.get(name, "")
    optional = {"upperChest", "leftThumbIntermediate", "rightThumbIntermediate"}  # of VRM
    wanted = {prefix + bone for bones in preset.roles.values() for bone in bones if bone not in optional}
    assert wanted - own == set()


def test_sides_are_filled_in() -> None:
    roles = parse(GOOD).roles
    assert roles["left_hand"] == ("Hand.L",)
    assert roles["right_hand"] == ("Hand.R",)
    assert list(roles) == ["pelvis", "spine", "left_hand", "right_hand"]


def test_controls_and_settings_are_filled_in() -> None:
    rigify = next(p for p in presets.built_in() if p.name == "rigify_generated")
    assert rigify.ik["left_leg"].control == "foot_ik.L"
    assert rigify.ik["right_arm"].pole == "upper_arm_ik_target.R"
    assert Setting("thigh_parent.L", "IK_FK", 1.0) in rigify.settings
    assert Setting("thigh_parent.R", "IK_FK", 0.0) in rigify.ik["right_leg"].settings


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema = 1", "schema = 2", "schema is 2, expected 1"),
        ("schema = 1", "schema = ", "no valid TOML"),
        ('title = "Mine"', "", "title is None"),
        ("[roles]", 'colour = "red"\n[roles]', "unknown keys colour"),
        ('pelvis = "Hips"', "", "no bone is the pelvis"),
        ('pelvis = "Hips"', 'hips = "Hips"', "'hips' is no part of the body"),
        ('pelvis = "Hips"', 'pelvis = ["Hips", "Waist"]', "pelvis has 2 bones, expected 1 at most"),
        ('pelvis = "Hips"', "pelvis = []", "names no bone"),
        ('pelvis = "Hips"', "pelvis = 3", "pelvis is 3, expected a name"),
        ('["S1", "S2"]', '["S1", "S1"]', "'S1' stands in spine and in spine"),
        ('["S1", "S2"]', '["S1", "Hips"]', "'Hips' stands in pelvis and in spine"),
        ('sides = ["L", "R"]', 'sides = ["L", "L"]', "two different words"),
        ('sides = ["L", "R"]', "", "sides is missing"),
        ('"Hand.{side}"', '"Hand"', "needs {side}"),
        ("[each_side]", "[ik.tail]\ncontrol = 'x'\n[each_side]", "ik.tail: expected arm, leg"),
        ("[each_side]", "[ik.arm]\npole = 'x'\n[each_side]", "needs a control"),
        ("[each_side]", "[[settings]]\nbone='x'\nproperty='y'\nvalue='z'\n[each_side]", "expected a number"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_what_is_wrong(old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(RigError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert complaint in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("preset", presets.built_in(), ids=lambda preset: preset.name)
def test_what_is_written_reads_the_same(preset: presets.Preset) -> None:
    again = presets.parse(presets.write(preset), name=preset.name, source="again")
    assert again == preset


def test_a_user_keeps_a_map_as_a_preset(tmp_path: Path) -> None:
    name = 'Knöchel "links" \\ \x7f\t左足首'
    bone_map = BoneMap(
        {"pelvis": ("Hüfte",), "left_foot": (name,)},
        {"left_leg": IkLimb("ik", "pole", None, (Setting("ik", "an", 0.5),))},
        (Setting("Hüfte", "fk", 1.0),),
    )
    folder = tmp_path / "not yet there"
    path = presets.save(presets.from_map(bone_map, name="Held", title="Mein Held"), folder)
    (folder / "broken.toml").write_text("schema = 1", "utf-8")
    found, problems = presets.load_folder(folder)
    assert path == folder / "Held.toml"
    assert [(p.name, p.title, p.roles, p.ik, p.settings) for p in found] == [
        ("Held", "Mein Held", dict(bone_map.roles), dict(bone_map.ik), bone_map.settings)
    ]
    assert len(problems) == 1 and "broken.toml" in problems[0]
    assert presets.load_folder(tmp_path / "nowhere") == ([], [])


@pytest.mark.parametrize("name", ["", "../mine", "a/b", ".hidden"])
def test_a_preset_is_not_saved_outside_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(RigError, match="cannot be the name"):
        presets.save(presets.Preset(name, "x", {"pelvis": ("Hips",)}), tmp_path)


def test_the_page_lists_every_preset_and_every_key() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/presets.md").read_text("utf-8")
    assert [p.name for p in presets.built_in() if f"`{p.name}`" not in page] == []
    assert [
        key
        for key in ("schema", "title", "sides", "roles", "each_side", "settings", "ik")
        if f"`{key}`" not in page
    ] == []
    example = page.split("```toml\n")[1].split("```")[0]
    assert presets.parse(example, name="example", source="docs/presets.md").roles["left_hand"] == (
        "hand_fk.L",
    )

# SPDX-License-Identifier: GPL-3.0-or-later
"""Coming and going: nothing is left behind, everything says what it is, files open anywhere."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import bpy
import numpy as np
import pytest

PACKAGE = "bl_ext.user_default.rotocap"


def ours(base: type) -> list[type]:
    """Our registered classes below one of Blender's."""
    return [cls for cls in base.__subclasses__() if cls.__module__.startswith(PACKAGE) and cls.is_registered]


def operators() -> list[str]:
    """Their names after bpy.ops.rotocap, of all that are registered."""
    return sorted(name for name in dir(bpy.ops.rotocap) if not name.startswith("_"))


def kind_of(name: str) -> bpy.types.Struct:
    return getattr(bpy.ops.rotocap, name).get_rna_type()


# ---- tooltips


def test_every_operator_and_each_of_its_settings_says_what_it_does() -> None:
    assert len(operators()) > 15
    silent = [name for name in operators() if len(kind_of(name).description) < 8]
    silent += [
        f"{name}.{prop.identifier}"
        for name in operators()
        for prop in kind_of(name).properties
        if prop.identifier != "rna_type" and not prop.is_hidden and _is_mine(prop.identifier, name)
        and not prop.description
    ]  # fmt: skip
    assert not silent, "no description: " + " ".join(silent)


def _is_mine(prop: str, name: str) -> bool:
    """Whether our class declares it, and it is more than what the file selector's own fields fill in."""
    if prop in ("filepath", "directory", "files"):
        return False
    cls = getattr(bpy.types, f"ROTOCAP_OT_{name}")
    return any(prop in getattr(base, "__annotations__", {}) for base in cls.__mro__)


def test_every_property_and_each_choice_says_what_it_is() -> None:
    groups = ours(bpy.types.PropertyGroup) + ours(bpy.types.AddonPreferences)
    assert len(groups) > 5
    silent = []
    for group in groups:
        for name in group.__annotations__:
            prop = group.bl_rna.properties[name]
            if (
                prop.is_hidden or prop.type == "COLLECTION" or _is_group(prop)
            ):  # no fields: nothing to hover over
                continue
            if not prop.description:
                silent.append(f"{group.__name__}.{name}")
            items = prop.enum_items if prop.type == "ENUM" else ()
            silent += [f"{group.__name__}.{name}: {item.name}" for item in items if not item.description]
    assert not silent, "no description: " + " ".join(silent)


def _is_group(prop: bpy.types.Property) -> bool:
    return prop.type == "POINTER" and prop.fixed_type.base is not None and (
        prop.fixed_type.base.identifier == "PropertyGroup"
    )  # fmt: skip


# ---- nothing is left behind


def traces() -> dict[str, object]:
    """Everything through which an extension reaches into Blender."""
    handlers = bpy.app.handlers
    lists = {n: getattr(handlers, n) for n in dir(handlers) if isinstance(getattr(handlers, n), list)}
    menus = {}
    for name in dir(bpy.types):
        cls = getattr(bpy.types, name)
        if "_MT_" in name or "_HT_" in name or "_PT_" in name:
            added = getattr(getattr(cls, "draw", None), "_draw_funcs", ())
            menus[name] = [f.__qualname__ for f in added if f.__module__.startswith(PACKAGE)]
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    keys = [
        item.idname
        for keymap in (keyconfig.keymaps if keyconfig else ())
        for item in keymap.keymap_items
        if item.idname.startswith("rotocap.")
    ]
    return {
        "classes": [n for n in dir(bpy.types) if n.startswith(("ROTOCAP_", "Rotocap"))],
        "operators": operators(),
        "properties": [
            f"{owner}.rotocap"
            for owner in ("Scene", "Object", "Armature", "WindowManager", "PoseBone", "Bone", "MovieClip")
            if hasattr(getattr(bpy.types, owner), "rotocap")
        ],
        "handlers": [
            f"{name}: {f.__module__}"
            for name, functions in lists.items()
            for f in functions
            if getattr(f, "__module__", "").startswith(PACKAGE)
        ],
        "menus": {name: added for name, added in menus.items() if added},
        "keys": keys,
        "threads": [t.name for t in threading.enumerate() if t.name.startswith("rotocap")],
    }


def test_disabled_it_leaves_nothing_and_comes_back(scene, known_motion, known_take, capfd) -> None:
    enabled = traces()
    assert enabled["classes"] and enabled["properties"]
    scene.rotocap.take = str(known_take(known_motion()))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        left = {what: there for what, there in traces().items() if there}
        assert left == {}
        scene.frame_set(scene.frame_current + 1)  # what was applied plays without us
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        assert traces() == enabled
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err
    assert "Error" not in written.out + written.err


def test_settings_in_a_file_survive_a_time_without_it(scene, tmp_path) -> None:
    scene.rotocap.video = "/von/Großer Clip.mp4"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.save_mainfile()
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert bpy.context.scene.rotocap.video == "/von/Großer Clip.mp4"


# ---- two scenes, another machine


def test_two_scenes_keep_apart(scene, known_motion, known_take) -> None:
    scene.rotocap.take = str(known_take(known_motion()))
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    before = {ob.name for ob in scene.objects}
    bpy.ops.scene.new(type="NEW")
    other = bpy.context.window.scene if bpy.context.window else bpy.context.scene
    assert other != scene
    assert (other.rotocap.take, len(other.rotocap.performances)) == ("", 0)
    other.rotocap.take = scene.rotocap.take
    with bpy.context.temp_override(scene=other, view_layer=other.view_layers[0]):
        assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    assert {ob.name for ob in scene.objects} == before
    armatures = [{ob.name for ob in s.objects if ob.type == "ARMATURE"} for s in (scene, other)]
    assert not armatures[0] & armatures[1]
    assert len(other.rotocap.performances) == len(scene.rotocap.performances) == 1


def test_a_file_on_another_machine_opens_and_says_what_is_missing(
    scene, known_motion, known_take, tmp_path, capfd
) -> None:
    """Neither video nor take are there: it opens, plays, draws, and every button answers in words."""
    take = known_take(known_motion())
    video = tmp_path / "Clip.mp4"
    video.write_bytes(b"gone soon")
    scene.rotocap.take, scene.rotocap.video = str(take), str(video)
    assert bpy.ops.rotocap.apply_new_armature() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    shutil.rmtree(take)
    video.unlink()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    armature = next(ob for ob in scene.objects if ob.type == "ARMATURE")
    places = []
    for frame in (1, 20):
        scene.frame_set(frame)
        places.append(np.array(armature.matrix_world @ armature.pose.bones["head"].matrix))
    assert not np.allclose(*places), "the motion is in the file"
    with pytest.raises(RuntimeError, match="Clip"):
        bpy.ops.rotocap.capture()
    with pytest.raises(RuntimeError, match=take.name):
        bpy.ops.rotocap.apply_new_armature()
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err


def test_uninstalled_it_is_gone(tmp_path) -> None:
    """Last: nothing of it runs after this."""
    repos = bpy.context.preferences.extensions.repos
    index = next(i for i, repo in enumerate(repos) if repo.module == "user_default")
    folder = Path(repos[index].directory) / "rotocap"
    assert folder.is_dir()
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="rotocap")
    assert not folder.exists()
    assert {what: there for what, there in traces().items() if there} == {}

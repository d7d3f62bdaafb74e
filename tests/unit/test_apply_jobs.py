# SPDX-License-Identifier: GPL-3.0-or-later
"""What `rotocap apply` writes where."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotocap.cli.apply_jobs import Job, jobs
from rotocap.inference.errors import RotocapError


def files(found: list[Job]) -> list[str]:
    return [path.as_posix() for job in found for path in (job.blend, *job.exports) if path is not None]


def test_one_source_on_one_rig_is_one_file_and_what_else_is_wanted() -> None:
    one = [Path("walk.take")], ["new"]
    assert files(jobs(*one, Path("a/b.blend"))) == ["a/b.blend"]
    assert files(jobs(*one, Path("b.blend"), exports=["fbx", "npz"])) == ["b.blend", "b.fbx", "b.npz"]
    assert files(jobs(*one, Path("b.FBX"), exports=["fbx", "bvh"])) == ["b.fbx", "b.bvh"]
    assert files(jobs(*one, Path("b.glb"))) == ["b.glb"]


def test_a_folder_gets_a_name_for_each(tmp_path: Path) -> None:
    sources = [Path("in/walk.take"), Path("in/dance.01.bvh"), Path("other/walk.take")]
    found = jobs(sources, ["hero.blend:Rig"], tmp_path, exports=["fbx"])
    names = [Path(name).name for name in files(found)]
    assert names == [
        "walk.blend", "walk.fbx", "dance.01.blend", "dance.01.fbx", "walk_2.blend", "walk_2.fbx"
    ]  # fmt: skip
    assert [job.label for job in found] == [
        "walk.take on hero.blend:Rig", "dance.01.bvh on hero.blend:Rig", "walk.take on hero.blend:Rig"
    ]  # fmt: skip


def test_several_rigs_are_in_the_name(tmp_path: Path) -> None:
    rigs = ["new", "a.blend:Rig", "b.blend:Rig", "b.blend:Big/Boss", "C:\\x.blend:rig"]
    found = jobs([Path("walk.take")], rigs, tmp_path / "out", blend=False, exports=["glb"])
    assert [Path(name).name for name in files(found)] == [
        "walk_new.glb", "walk_a_Rig.glb", "walk_b_Rig.glb", "walk_Big_Boss.glb", "walk_rig.glb"
    ]  # fmt: skip
    assert found[0].label == "walk.take"
    assert found[4].rig == "C:\\x.blend:rig"


def test_what_does_not_suit_is_told(tmp_path: Path) -> None:
    two = [Path("a.take"), Path("b.take")]
    with pytest.raises(RotocapError, match=r"is one file for 2 source\(s\) on 1 rig"):
        jobs(two, ["new"], Path("a.blend"))
    with pytest.raises(RotocapError, match="leaves nothing to write"):
        jobs(two, ["new"], tmp_path, blend=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(RotocapError, match="is a file; name a folder"):
        jobs(two, ["new"], tmp_path / "file")

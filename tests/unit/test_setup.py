# SPDX-License-Identifier: GPL-3.0-or-later
"""What the set-up says on a machine that lacks something."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rotocap.tools import check_libraries

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the set-up script is for Linux")


def bare_tree(tmp_path: Path, commands: dict[str, str]) -> tuple[Path, Path]:
    """A copy of the set-up without anything built, and a folder for PATH with the shell's tools only."""
    tree, programs = tmp_path / "tree", tmp_path / "bin"
    (tree / "tools").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / "tools/setup.sh", tree / "tools")
    for name in ("dirname", "mkdir", "ln", "id", "cmp", "grep", "cp", "sh"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    for name, script in commands.items():
        (programs / name).unlink(missing_ok=True)
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return tree, programs


def run(tree: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(tree / "tools/setup.sh"), "runtime"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_python_311_it_says_how_to_get_it(tmp_path: Path) -> None:
    # A python3 is there, of another version.
    result = run(*bare_tree(tmp_path, {"python3": "exit 1"}))
    assert result.returncode == 1
    assert "needs Python 3.11" in result.stderr
    assert "apt-get install python3.11 python3.11-venv" in result.stderr


def test_without_venv_it_names_the_package(tmp_path: Path) -> None:
    # Python 3.11 whose `ensurepip` is missing, as Debian splits it; and no right to install it.
    python = 'case "$2" in *version_info*) exit 0;; *) exit 1;; esac'
    result = run(*bare_tree(tmp_path, {"python3.11": python, "id": "echo 1000"}))
    assert result.returncode == 1
    assert "sudo apt-get install python3.11-venv" in result.stderr


def test_missing_libraries_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = {"libz-not-there.so.9": "libz9", "liba-not-there.so.1": "liba1", "libc.so.6": "libc6"}
    monkeypatch.setattr(check_libraries, "PACKAGES", libraries)
    assert check_libraries.missing_packages() == ["liba1", "libz9"]

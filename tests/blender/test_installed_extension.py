# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the checks of tests/blender/inside against the installed zip, each file in a fresh Blender.

A process and a user folder each: what one registers, loads or leaves behind does not
reach the next, and Blender may end the way it likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).parent / "inside"


@pytest.fixture(scope="session")
def zip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension for this machine, built from the tree as it is."""
    out = tmp_path_factory.mktemp("extension")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [
        sys.executable, ROOT / "tools" / "build_extension.py",
        "--platform", "linux-x64", "--python", version, "--out", out,
    ]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.zip")
    return path


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(path.name for path in INSIDE.glob("check_*.py")))
def test_inside_blender(name: str, zip_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("bpy", reason="needs Blender as a module (pip install bpy)")
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "ROTOCAP_ZIP": str(zip_file),
        "PYTHONPATH": "",
    }
    command = [
        sys.executable, "-m", "pytest", str(INSIDE / name), "-q", "-p", "no:cacheprovider",
        "--basetemp", str(tmp_path / "inside"), "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, (
        f"{name}: exit {result.returncode}\n{result.stdout[-6000:]}{result.stderr[-3000:]}"
    )
    assert "Traceback" not in result.stderr, result.stderr

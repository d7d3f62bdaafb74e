# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the extension: one zip per platform in dist/, with the wheels and the models inside.

    python -m rotocap.tools.build_extension [--platform linux-x64] [--python 3.11] [--out dist]

Wheels are fetched once by pip, with the hashes of requirements/extension.txt, into
build/wheels/extension. The parts of the repository that Blender needs are copied into
build/extension, the list of wheels goes into the manifest there, and Blender's own
builder packs and checks it (it comes with the `bpy` wheel).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / "build" / "wheels" / "extension"
STAGING = ROOT / "build" / "extension"
REQUIREMENTS = ROOT / "requirements" / "extension.txt"

# What goes into the zip, beside the wheels. Everything else of the repository stays out.
FOLDERS = ("addon", "correct", "inference", "operators", "panels", "retarget")
LEFT_OUT = ("__pycache__", ".*", "*.part")
FILES = ("__init__.py", "blender_manifest.toml", "LICENSE", "README.md", "CHANGELOG.md")

PYTHONS = ("3.11", "3.13")  # Blender 4.2 to 5.0, and 5.1 and later (and Debian's 4.3)
DEBIAN_SID = "3.14"  # its Blender 5.2 is tried in a window, and needs wheels of its own


@dataclass(frozen=True)
class Platform:
    """A platform in Blender's words, and the wheel tags that run on it."""

    name: str
    tags: tuple[str, ...]
    in_wheel_name: str


PLATFORMS = (
    Platform(
        "linux-x64", ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"), "linux"
    ),
    Platform("windows-x64", ("win_amd64",), "win_amd64"),
    Platform("macos-arm64", tuple(f"macosx_{v}_0_arm64" for v in (14, 13, 12, 11)), "macosx"),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="build_extension", description=__doc__.split("\n")[0])
    names = [platform.name for platform in PLATFORMS]
    parser.add_argument("--platform", action="append", choices=names, help="only this one (may be repeated)")
    parser.add_argument(
        "--python", action="append", choices=(*PYTHONS, DEBIAN_SID), help="only this version's wheels"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the zips go (dist)")
    options = parser.parse_args(arguments)
    platforms = [p for p in PLATFORMS if p.name in (options.platform or names)]
    for path in build(platforms, options.python or list(PYTHONS), options.out):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def build(platforms: list[Platform], pythons: list[str], out: Path) -> list[Path]:
    """Fetch, stage, pack and validate. Returns the zips."""
    wheels = fetch(platforms, pythons)
    stage(platforms, wheels)
    out.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.zip")}
    _run(
        [sys.executable, str(builder()), "build", "--source-dir", str(STAGING), "--output-dir", str(out),
         "--split-platforms"]
    )  # fmt: skip
    zips = [p for p in sorted(out.glob("*.zip")) if before.get(p) != p.stat().st_mtime_ns]
    if len(zips) != len(platforms):
        raise SystemExit(f"expected {len(platforms)} zips in {out}, the builder wrote {len(zips)}")
    for path in zips:
        validate(path)
    return zips


def fetch(platforms: list[Platform], pythons: list[str]) -> list[Path]:
    """The wheels for these platforms and Python versions, each with the hash that is written down."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    needed: set[Path] = set()
    for platform in platforms:
        for python in pythons:
            stamp = WHEELS / f"{platform.name}-{python}.txt"
            if not _fresh(stamp):
                print(f"fetching wheels for {platform.name}, Python {python}", flush=True)
                stamp.write_text("\n".join(_download(platform, python)), encoding="utf-8")
            needed.update(WHEELS / name for name in stamp.read_text(encoding="utf-8").split())
    return sorted(needed)


def _fresh(stamp: Path) -> bool:
    """Whether the list of wheels was written for the pins of now, and they are all there."""
    return (
        stamp.is_file()
        and stamp.stat().st_mtime > REQUIREMENTS.stat().st_mtime
        and all((WHEELS / name).is_file() for name in stamp.read_text(encoding="utf-8").split())
    )


def _download(platform: Platform, python: str) -> list[str]:
    into = WHEELS / "new"
    shutil.rmtree(into, ignore_errors=True)
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary=:all:", "--dest", str(into), "--find-links", str(WHEELS),
        "--implementation", "cp", "--python-version", python,
        "--abi", f"cp{python.replace('.', '')}", "--abi", "abi3", "--abi", "none",
        "--requirement", str(REQUIREMENTS),
    ]  # fmt: skip
    for tag in (*platform.tags, "any"):
        command += ["--platform", tag]
    _run(command)
    names = sorted(path.name for path in into.iterdir())
    for name in names:
        (into / name).replace(WHEELS / name)
    into.rmdir()
    return names


def stage(platforms: list[Platform], wheels: list[Path]) -> None:
    """Put what belongs into the zip in one folder, with the wheels in its manifest."""
    check_models(ROOT / "inference" / "data" / "models")
    shutil.rmtree(STAGING, ignore_errors=True)
    (STAGING / "wheels").mkdir(parents=True)
    _run([sys.executable, str(ROOT / "tools" / "build_docs.py"), "--out", str(STAGING / "help")])
    for name in FOLDERS:
        shutil.copytree(ROOT / name, STAGING / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in FILES:
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, STAGING / name)
    for wheel in wheels:
        (STAGING / "wheels" / wheel.name).hardlink_to(wheel)
    manifest = STAGING / "blender_manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    listed = "wheels = [\n" + "".join(f'  "./wheels/{wheel.name}",\n' for wheel in wheels) + "]\n"
    named = "platforms = [" + ", ".join(f'"{platform.name}"' for platform in platforms) + "]\n"
    text = _replace_line(_replace_line(text, "wheels = ", listed), "platforms = ", named)
    manifest.write_text(text, encoding="utf-8")


def check_models(folder: Path) -> None:
    """Every network that models.json names has to be there with the bytes that it says."""
    manifest = folder / "models.json"
    if not manifest.is_file():
        raise SystemExit(f"{manifest}: not there yet; run: make models")
    for name, about in json.loads(manifest.read_text(encoding="utf-8"))["models"].items():
        path = folder / f"{name}.onnx"
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != about["sha256"]:
            raise SystemExit(f"{path}: missing, or not the one of models.json; run: make models")


def _replace_line(text: str, start: str, new: str) -> str:
    lines = text.splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if line.startswith(start)]
    if len(at) != 1:
        raise SystemExit(
            f"blender_manifest.toml: expected one line that starts with {start!r}, found {len(at)}"
        )
    lines[at[0]] = new
    return "".join(lines)


def builder() -> Path:
    """Blender's own extension builder, in the `bpy` wheel of this Python."""
    found = sorted(Path(sys.prefix).glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SystemExit("Blender's extension builder was not found: install bpy (make setup)")
    return found[-1]


def validate(path: Path) -> None:
    """Blender's check of a zip, including its tags (which its builder does not look at)."""
    code = (
        "import sys, bpy\n"
        "from bl_pkg import bl_extension_cli as cli\n"
        "sys.exit(cli.cli_extension_handler(['validate', sys.argv[-1]]))\n"
    )
    _run([sys.executable, "-c", code, str(path)])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(
            f"failed ({result.returncode}): {' '.join(command[:6])} …\n{result.stdout}{result.stderr}"
        )


if __name__ == "__main__":
    raise SystemExit(main())

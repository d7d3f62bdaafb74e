# SPDX-License-Identifier: GPL-3.0-or-later
"""The layering table of docs/architecture.md, held by walking every import of the tree."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LAYERS = ("inference", "retarget", "correct", "addon", "operators", "panels", "cli", "tools", "training")

# Which parts of the project a folder may import beside itself; a folder that is not named
# may import all. "" is the root's own __init__.py.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "": ("addon",),
    "inference": (),
    "retarget": ("inference.sequence", "inference.skeleton", "inference.kinematics", "inference.errors"),
    "correct": ("inference.sequence", "inference.skeleton", "inference.kinematics", "inference.errors"),
    "addon": ("inference", "retarget", "correct"),
    "operators": ("inference", "retarget", "correct", "addon"),
    "panels": ("addon",),
    "training": ("inference", "retarget.bvh"),
}
# The one file below the operators and panels that names them: the ordered list of classes.
REGISTRATION = "addon/registration.py"

BLENDER = ("bpy", "addon_utils", "bpy_extras", "mathutils", "bmesh", "gpu", "gpu_extras", "blf")
# Packages from outside that a folder may import beside the standard library.
PACKAGES: dict[str, tuple[str, ...]] = {
    "": (),
    "inference": ("numpy", "scipy", "cv2", "onnxruntime", "tomli_w"),
    "retarget": ("numpy", "scipy"),
    "correct": ("numpy", "scipy"),
    "addon": (*BLENDER, "numpy", "scipy", "cv2", "tomli_w"),
    "operators": (*BLENDER, "numpy"),
    "panels": BLENDER,
    "training": ("numpy", "scipy", "cv2", "onnx", "onnxruntime", "torch", "smplx", "tqdm"),
}
# What Blender's own process must not load because the extension is enabled, and who is in it.
NOT_AT_IMPORT = ("onnxruntime", "cv2", "scipy")
IN_BLENDER = ("", "addon", "operators", "panels")
NAMELESS = {"utils", "util", "common", "helpers", "helper", "lib", "misc"}


@dataclass(frozen=True)
class Import:
    line: int
    name: str  # dotted; of this project if it begins with "rotocap."
    relative: bool
    at_module_level: bool


def imports_of(file: Path, root: Path) -> Iterator[Import]:
    package = ("rotocap", *file.relative_to(root).parts[:-1])

    def walk(node: ast.AST, top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(child.lineno, alias.name, False, top)
            elif isinstance(child, ast.ImportFrom):
                base = list(package[: len(package) - child.level + 1]) if child.level else []
                base += child.module.split(".") if child.module else []
                for alias in child.names:
                    yield Import(child.lineno, ".".join([*base, alias.name]), child.level > 0, top)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            yield from walk(child, top and not inside)

    yield from walk(ast.parse(file.read_text("utf-8")), True)


def breaches(root: Path) -> list[str]:
    """Every breach below `root`, as "file:line: what"."""
    files = [root / "__init__.py", *(f for layer in LAYERS for f in sorted((root / layer).rglob("*.py")))]
    found = []
    for file in files:
        where = file.relative_to(root).as_posix()
        parts = where.removesuffix(".py").split("/")
        layer = parts[0] if len(parts) > 1 else ""
        found += [f"{where}: {part} says nothing; name the thing" for part in parts if part in NAMELESS]
        for used in imports_of(file, root):
            complaint = _complaint(layer, where, used)
            if complaint:
                found.append(f"{where}:{used.line}: {complaint}")
    return found + _heavy_in_blender(files, root)


def _complaint(layer: str, where: str, used: Import) -> str | None:
    top, *rest = used.name.split(".")
    who = layer or "the root"
    if top != "rotocap":
        allowed = PACKAGES.get(layer)
        if allowed is None or top in allowed or top in sys.stdlib_module_names:
            return None
        return f"{who} may not import {used.name}"
    if not used.relative:
        return f"import {used.name} by a relative import: in Blender the package has another name"
    if where == REGISTRATION and rest[0] in ("operators", "panels"):
        return None
    below = MAY_IMPORT.get(layer)
    if below is None or not rest or rest[0] == layer or rest[0] not in LAYERS:
        return None
    if any(f"{'.'.join(rest)}.".startswith(f"{name}.") for name in below):
        return None
    return f"{who} may not import {'.'.join(rest)}"


def _heavy_in_blender(files: list[Path], root: Path) -> list[str]:
    """Chains of imports at module level that end in a heavy package when Blender enables the extension."""
    found = []
    seen: set[Path] = set()
    waiting = [(f, "") for f in files if (f.relative_to(root).parts[:-1] or ("",))[0] in IN_BLENDER]
    while waiting:
        file, chain = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        here = f"{chain}{file.relative_to(root).as_posix()}"
        for used in imports_of(file, root):
            if not used.at_module_level:
                continue
            top, *rest = used.name.split(".")
            if top in NOT_AT_IMPORT:
                found.append(f"{here}:{used.line}: {used.name} would be loaded when Blender enables us")
            elif top == "rotocap":
                # Every package on the way is run as well; the last name may be a module or a thing in one.
                steps = [root.joinpath(*rest[:n]) for n in range(1, len(rest) + 1)]
                modules = [m for step in steps for m in (step.with_suffix(".py"), step / "__init__.py")]
                waiting += [(module, f"{here} -> ") for module in modules if module.is_file()]
    return found


def test_every_import_keeps_to_the_layers() -> None:
    assert breaches(ROOT) == []


PLANTED = [
    ("inference/fit/a.py", "import bpy", "inference may not import bpy"),
    (
        "inference/a.py",
        "def f():\n    from mathutils import Vector",
        "inference may not import mathutils.Vector",
    ),
    ("inference/a.py", "import torch", "inference may not import torch"),
    ("inference/a.py", "from ..retarget import solve", "inference may not import retarget.solve"),
    ("inference/a.py", "from .. import addon", "inference may not import addon"),
    ("retarget/a.py", "from ..inference.capture import capture", "retarget may not import inference.capture"),
    ("correct/a.py", "from ..retarget import ik", "correct may not import retarget.ik"),
    ("addon/a.py", "from ..operators import capture", "addon may not import operators.capture"),
    ("panels/a.py", "from ..inference.take import Take", "panels may not import inference.take.Take"),
    ("operators/a.py", "from ..panels.sidebar import P", "operators may not import panels.sidebar.P"),
    ("addon/a.py", "from rotocap.inference import take", "by a relative import"),
    ("inference/fit/a.py", "import rotocap.inference.take", "by a relative import"),
    ("addon/a.py", "try:\n    import cv2\nexcept ImportError:\n    pass", "cv2 would be loaded"),
    ("__init__.py", "from . import tools", "the root may not import tools"),
    ("tools/helpers.py", "", "helpers says nothing"),
    ("inference/utils/a.py", "", "utils says nothing"),
]


@pytest.mark.parametrize(("path", "text", "complaint"), PLANTED)
def test_planted_breach_is_found(tmp_path: Path, path: str, text: str, complaint: str) -> None:
    (tmp_path / "__init__.py").write_text("")
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = breaches(tmp_path)
    assert len(found) == 1
    assert complaint in found[0]
    assert found[0].startswith(path)


def test_heavy_package_is_found_at_the_end_of_a_chain(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    for folder in ("addon", "inference"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "addon/a.py").write_text("from ..inference.b import thing")
    (tmp_path / "inference/b.py").write_text("from . import c")
    (tmp_path / "inference/c.py").write_text("from scipy import linalg")
    (found,) = breaches(tmp_path)
    assert "addon/a.py -> inference/b.py -> inference/c.py:1: scipy.linalg would be loaded" in found


def test_what_is_allowed_is_let_through(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("def register():\n    from . import addon")
    allowed = {
        "inference/a.py": "import json\nimport cv2\nfrom .sequence import SmplxSequence",
        "retarget/a.py": "from scipy import linalg\nfrom ..inference.sequence import SmplxSequence",
        "addon/registration.py": "import bpy\nfrom ..operators.capture import Op",
        "addon/a.py": "def f():\n    import cv2\n    from ..inference.a import g",
        "tools/a.py": "import torch\nfrom ..addon.registration import register",
    }
    for path, text in allowed.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert breaches(tmp_path) == []

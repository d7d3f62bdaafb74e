# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files `rotocap apply` writes: every source on every rig, each under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..inference.errors import RotocapError

NEW = "new"
EXPORTS = ("fbx", "glb", "bvh", "npz")


@dataclass(frozen=True)
class Job:
    """One source on one rig."""

    source: Path
    rig: str  # new, or FILE.blend:Armature
    blend: Path | None  # to save
    exports: tuple[Path, ...]

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.source.name if self.rig == NEW else f"{self.source.name} on {self.rig}"


def jobs(
    sources: Sequence[Path],
    rigs: Sequence[str],
    out: Path,
    *,
    exports: Sequence[str] = (),
    blend: bool = True,
) -> list[Job]:
    """Every source on every rig, in that order.

    out: a file for one source on one rig, of which its ending says what is written; or a folder, in
    which files are called after the source, and after the rig too where there are several.
    RotocapError if `out` does not suit.
    """
    ending = out.suffix.lower().lstrip(".")
    if ending == "blend" or ending in EXPORTS:
        if len(sources) * len(rigs) > 1:
            raise RotocapError(
                f"--out {out}: is one file for {len(sources)} source(s) on {len(rigs)} rig(s); name a folder"
            )
        kinds = list(dict.fromkeys([*([] if ending == "blend" else [ending]), *exports]))
        saved = out if ending == "blend" and blend else None
        return [Job(sources[0], rigs[0], saved, tuple(out.with_suffix(f".{kind}") for kind in kinds))]
    if out.exists() and not out.is_dir():
        raise RotocapError(f"--out {out}: is a file; name a folder, or a file that ends in .blend")
    if not blend and not exports:
        raise RotocapError("--no-blend leaves nothing to write; say what with --export")
    found = []
    for source, stem in zip(sources, _different([source.stem for source in sources]), strict=True):
        for rig, name in zip(rigs, _rig_names(rigs), strict=True):
            base = f"{stem}_{name}" if len(rigs) > 1 else stem
            # Not with_suffix: a take may be called walk.01.
            paths = tuple(out / f"{base}.{kind}" for kind in dict.fromkeys(exports))
            found.append(Job(source, rig, out / f"{base}.blend" if blend else None, paths))
    return found


def _rig_names(rigs: Sequence[str]) -> list[str]:
    """The armatures' names, with the file's where they are the same."""
    pairs = [(NEW, NEW) if rig == NEW else rig.rpartition(":")[::2] for rig in rigs]
    names = Counter(name for _, name in pairs)
    return _different(
        [_as_file(name if names[name] == 1 else f"{Path(file).stem}_{name}") for file, name in pairs]
    )


def _as_file(name: str) -> str:
    return "".join("_" if letter in '<>:"/\\|?*' or ord(letter) < 32 else letter for letter in name) or "rig"


def _different(names: Sequence[str]) -> list[str]:
    """The same names, numbered from the second of each on."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name.lower()] += 1  # some file systems do not tell A from a
        out.append(name if seen[name.lower()] == 1 else f"{name}_{seen[name.lower()]}")
    return out

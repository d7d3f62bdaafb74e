# SPDX-License-Identifier: GPL-3.0-or-later
"""One source onto one rig in a Blender without a window: what the command line does for each of its jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np

from ..inference.errors import RotocapError
from ..inference.sequence import SmplxSequence
from ..inference.smplx_model import SmplxModel
from ..inference.take import Take
from ..retarget import amass, presets
from ..retarget.automap import with_preset
from ..retarget.bone_map import BoneMap
from ..retarget.contacts import ContactOptions
from ..retarget.imported import ten
from ..retarget.rig import Rig
from ..retarget.root import RootMotion
from ..retarget.solve import RetargetOptions
from . import motion_files, rig_map
from .apply_take import NEW, apply_new, apply_to, open_rig, read_people, save
from .export import export
from .retarget import RetargetSettings
from .rig_reader import read_rig
from .scene_from_take import ApplyReport, Person


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the command line says, beside sources, rigs and files."""

    people: str = "all"
    preset: str | None = None
    map_file: Path | None = None
    limbs: Literal["fk", "ik"] = "fk"
    root_motion: RootMotion = "hips"
    feet: bool = True
    hands: bool = False
    reduce: tuple[float, float] | None = None  # degrees, millimetres
    subframes: bool = False
    fps: float | None = None
    scale: float | None = None
    up: str | None = None
    source_map: Path | None = None
    smplx_model: Path | None = None

    def settings(self) -> RetargetSettings:
        held = self.feet or self.hands
        return RetargetSettings(
            transfer=RetargetOptions(root_motion=self.root_motion),
            contacts=ContactOptions(feet=self.feet, hands=self.hands) if held else None,
            limbs=self.limbs, reduce=self.reduce, subframes=self.subframes,
        )  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What came of one job."""

    lines: tuple[str, ...]  # for people
    wrote: tuple[Path, ...]
    notes: tuple[str, ...]
    certificate: Any = field(default=None)  # plain values, None on a new armature


def apply(path: Path, rig: str, *, blend: Path | None, exports: Sequence[Path], choices: Choices) -> Applied:
    """Put a source on a rig, save the .blend, write the exports. RotocapError says why not.

    path: a take, .bvh or .npz. rig: `new`, or FILE.blend:Armature. Of several people on new armatures
    each has exports of their own.
    """
    take, people = _open(path, choices)
    if rig == NEW:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        report = apply_new(bpy.context.scene, take, people)
    else:
        armature = open_rig(rig)
        report = apply_to(
            bpy.context.scene, armature, take, people,
            settings=choices.settings(), bone_map=_bone_map(read_rig(armature), choices),
        )  # fmt: skip
    if blend is not None:
        save(blend)
    wrote = [*([blend] if blend is not None else []), *_exported(people, report, exports, choices)]
    lines = [line for line in report.lines() if not line.startswith("note: ")]
    lines += [f"wrote: {file}" for file in wrote]
    lines += [f"note: {note}" for note in report.warnings]
    certificate = json.loads(report.retargeted.to_json()) if report.retargeted is not None else None
    return Applied(tuple(lines), tuple(wrote), tuple(report.warnings), certificate)


def _open(path: Path, choices: Choices) -> tuple[Take, list[Person]]:
    """A take from disk; or one that only lives here, of a file of motion."""
    if path.suffix.lower() not in motion_files.SUFFIXES or path.is_dir():
        take = Take.open(path)
        return take, read_people(take, choices.people)
    given = presets.load(choices.source_map) if choices.source_map is not None else None
    options = motion_files.MotionOptions(
        fps=choices.fps, scale=choices.scale, up=choices.up, model=choices.smplx_model
    )
    sequence, notes = motion_files.read(
        path, lambda rig: (rig_map.find(rig) if given is None else with_preset(rig, given)).bone_map, options
    )
    take = motion_files.record(path, path, sequence, notes)
    return take, [Person(path.stem, motion_files.COLOUR, sequence)]


def _bone_map(rig: Rig, choices: Choices) -> BoneMap | None:
    """The map that the command line names; None leaves it to the armature's own, or a search."""
    if choices.preset is not None:
        return with_preset(rig, rig_map.preset_named(choices.preset)).bone_map
    if choices.map_file is not None:
        return with_preset(rig, presets.load(choices.map_file)).bone_map
    return None


def _exported(
    people: Sequence[Person], report: ApplyReport, exports: Sequence[Path], choices: Choices
) -> list[Path]:
    wrote = []
    scene = bpy.context.scene
    for path in exports:
        if path.suffix == ".npz":
            shown = people[: len(report.armatures)]
            for person, file in zip(shown, _each(path, [p.name for p in shown]), strict=True):
                sequence, rest = person.sequence, None
                if choices.smplx_model is not None:
                    model = SmplxModel.load(choices.smplx_model)
                    rest = model.joints(ten(sequence.betas))
                    sequence = _with_face(sequence, model)
                try:
                    file.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise RotocapError(f"{file.parent}: {error.strerror}; choose another folder") from error
                report.warnings.extend(amass.write(file, sequence, model_rest=rest))
                wrote.append(file)
            continue
        for name, file in zip(report.armatures, _each(path, report.armatures), strict=True):
            export(scene, scene.objects[name], file, frames=(report.frame_start, report.frame_end))
            wrote.append(file)
    return wrote


def _with_face(sequence: SmplxSequence, model: SmplxModel) -> SmplxSequence:
    """With the model's own expression, if a face was captured; else with what the sequence brings."""
    if not np.isfinite(sequence.arkit).any():
        return sequence
    from ..inference.smplx_expression import with_expression  # scipy: only where it is used

    return with_expression(sequence, model)


def _each(path: Path, names: Sequence[str]) -> list[Path]:
    """The path for one; with the names for several."""
    if len(names) == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{name}{path.suffix}") for name in names]

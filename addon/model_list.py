# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of networks in the preferences: drawing only."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import bpy

from ..inference import catalogue
from ..inference.errors import RotocapError
from ..inference.models import FACE_LANDMARKER
from . import model_sizes, models

_CHARACTERS = 64  # that fit a line of the preferences at their usual width
# A catalogue of dozens is listed by what the networks find.
KINDS = (
    ("whole body", "Whole Body", "Body, feet, face and hands at once"),
    ("people", "People", "Where people are in the picture"),
    ("body", "Body", "Body, with or without feet"),
    ("hand", "Hands", "Where hands are, and their fingers"),
    ("face", "Face", "Points of the face"),
    ("MediaPipe", "MediaPipe", "Google's own bundles, as they are published"),
)


def draw_models(box: bpy.types.UILayout, shown: str) -> None:
    """The table of the networks of one kind, and what is arriving."""
    own = models.face_landmarker()
    if own is not None:
        files = " and ".join(FACE_LANDMARKER)
        paragraph(
            box, f"In use: your own {files} read the expressions of faces. They lie in {own}", "CHECKMARK"
        )
    if shown == "embedded":
        _draw_embedded(box)
        return
    try:
        entries = models.entries()
    except RotocapError as error:
        paragraph(box, str(error), "ERROR")
        return
    paragraph(
        box,
        "Other people's networks, each under its own licence. None is needed. They are kept for tools that "
        "read them: captures use the built-in networks. Only Google's face_landmarker, converted to two "
        "ONNX files in this folder, is used by captures as well (see Face in the documentation).",
        "INFO",
    )
    _draw_download(box)
    if not bpy.app.online_access:
        row = box.row()
        row.label(
            text="Blender is set to work offline, so nothing can be downloaded.", icon="INTERNET_OFFLINE"
        )
        row.operator("extensions.userpref_allow_online", text="Allow Online Access")
    folder = models.folder()
    column = box.column(align=True)
    _draw_row(column, ("Network", "Size", "Licence", "Accuracy"), heading=True)
    for entry in entries:
        if _kind(entry) == shown:
            _draw_entry(column, entry, here=catalogue.is_here(entry, folder))
    row = box.row()
    row.operator("rotocap.install_model_file", icon="FILE_FOLDER")
    _draw_sizes(box, row, entries)


def _draw_sizes(
    box: bpy.types.UILayout, row: bpy.types.UILayout, entries: Sequence[catalogue.CatalogueEntry]
) -> None:
    question = model_sizes.current()
    if model_sizes.running():
        row.label(text="Asking for sizes", icon="SORTTIME")
    elif any(model_sizes.size(entry) is None for entry in entries):
        row.operator("rotocap.ask_model_sizes", icon="QUESTION")
        if question is not None and question.message:
            paragraph(box, question.message, "ERROR")


def _kind(entry: catalogue.CatalogueEntry) -> str:
    """The group that an entry is listed in."""
    return next((name for name, _, _ in KINDS if entry.kind.startswith(name)), "whole body")


def _draw_embedded(box: bpy.types.UILayout) -> None:
    found = models.embedded()
    if not all(model.there for model in found) or not found:
        paragraph(box, "Networks are missing or damaged. Install Rotocap again.", "ERROR")
    column = box.column(align=True)
    _draw_row(column, ("Network", "Size", "Licence", "Finds"), heading=True)
    for model in found:
        values = (model.name, f"{model.bytes / 1e6:.1f} MB", "Apache-2.0", model.purpose)
        _draw_row(column, values, icon="CHECKMARK" if model.there else "ERROR")


def _draw_entry(column: bpy.types.UILayout, entry: catalogue.CatalogueEntry, *, here: bool) -> None:
    known = model_sizes.size(entry)
    size = "not asked yet" if known is None else f"{known / 1e6:.0f} MB"
    accuracy = _accuracy(entry)
    row = _draw_row(column, (entry.id, size, entry.licence, accuracy), icon="CHECKMARK" if here else "BLANK1")
    if here:
        row.operator("rotocap.remove_model", text="", icon="TRASH").model = entry.id
    else:
        button = row.row()
        button.enabled = bpy.app.online_access and not models.running()
        button.operator("rotocap.download_model", text="", icon="IMPORT").model = entry.id


def _accuracy(entry: catalogue.CatalogueEntry) -> str:
    """The figure that says most: over the whole body where there is one."""
    if not entry.accuracy:
        return "not published"
    name = next((n for n in entry.accuracy if n == "coco_wholebody_ap"), next(iter(entry.accuracy)))
    of = "AP on COCO-WholeBody" if name == "coco_wholebody_ap" else name.replace("_", " ")
    return f"{entry.accuracy[name]:.3f} {of}"


def _draw_row(
    column: bpy.types.UILayout, texts: tuple[str, ...], *, icon: str = "BLANK1", heading: bool = False
) -> bpy.types.UILayout:
    """One line of the table. Returns the place for its button."""
    line = column.split(factor=0.92)
    cells = line.row(align=True)
    name, rest = _split(cells, 0.34)
    size, rest = _split(rest, 0.17)
    licence, last = _split(rest, 0.32)
    name.label(text=texts[0], icon=icon, translate=False)
    for cell, text in zip((size, licence, last), texts[1:], strict=True):
        cell.label(text=text, translate=False)
        cell.active = not heading
    name.active = not heading
    return line.row(align=True)


def _split(layout: bpy.types.UILayout, factor: float) -> tuple[bpy.types.UILayout, bpy.types.UILayout]:
    parts = layout.split(factor=factor)
    return parts.row(), parts.row()


def _draw_download(box: bpy.types.UILayout) -> None:
    job = models.current()
    if job is None:
        return
    if job.running:
        row = box.row()
        row.progress(factor=job.fraction, text=job.text())
        row.operator("rotocap.cancel_model_download", text="", icon="CANCEL")
        return
    part = box.box()
    paragraph(part, job.message, "ERROR" if job.failed else "INFO")
    row = part.row()
    if job.unconfirmed:
        keep = row.operator("rotocap.download_model", text="The Hash Is Right: Keep It", icon="CHECKMARK")
        keep.model, keep.sha256 = job.entry.id, job.unconfirmed
        row.operator("rotocap.remove_model", text="Throw Away", icon="TRASH").model = job.entry.id
    else:
        row.operator("rotocap.dismiss_model_message", icon="X")


def paragraph(layout: bpy.types.UILayout, text: str, icon: str) -> None:
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, _CHARACTERS)):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)

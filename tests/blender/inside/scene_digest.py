# SPDX-License-Identifier: GPL-3.0-or-later
"""What a .blend holds, as text that two moments can be compared by: objects, keys, our own properties."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import bpy
import numpy as np

# Blender's own bookkeeping, which may differ although nothing of the animator's does.
_SKIP = {
    "rna_type", "session_uid", "users", "tag", "is_updated", "is_updated_data", "is_evaluated", "original",
    "is_embedded_data", "id_data", "preview", "bl_rna", "update_tag", "is_runtime_data", "select",
    "is_valid", "depsgraph", "view_layers", "view_layer", "bounds", "show_expanded", "frame_float",
    "frame_current_final", "name_full", "is_missing", "library", "asset_data", "override_library", "tracking",
    "is_editmode", "ui_mode", "size", "pixels", "depth", "channels", "bindcode", "has_data", "fps",
    "is_dirty", "bound_box", "dimensions",
}  # fmt: skip
_DEEP = 6
_COLLECTIONS = (
    "objects", "armatures", "meshes", "cameras", "actions", "collections", "scenes", "movieclips", "images",
    "materials", "shape_keys", "texts", "empties",
)  # fmt: skip


def digest() -> dict[str, str]:
    """Every data-block that an animator has, by kind and name."""
    found: dict[str, str] = {}
    for kind in _COLLECTIONS:
        for block in getattr(bpy.data, kind, ()):
            found[f"{kind}/{block.name}"] = "\n".join(_lines(block))
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is not the same, one line each; empty if nothing."""
    lines = [f"gone: {name}" for name in before.keys() - after.keys()]
    lines += [f"new: {name}" for name in after.keys() - before.keys()]
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            old, new = set(before[name].splitlines()), set(after[name].splitlines())
            lines += [f"{name}: - {line}" for line in sorted(old - new)[:5]]
            lines += [f"{name}: + {line}" for line in sorted(new - old)[:5]]
    return lines


def _lines(block: bpy.types.ID) -> Iterator[str]:
    if isinstance(block, bpy.types.Mesh):
        places = np.empty(3 * len(block.vertices), np.float32)
        block.vertices.foreach_get("co", places)
        yield f"vertices {len(block.vertices)} {_hash(places)}"
        return
    if isinstance(block, bpy.types.Key):
        for key in block.key_blocks:
            yield f"{key.name} {key.value:.6g} {key.mute} {len(key.data)}"
        yield from _animation(block)
        return
    if isinstance(block, bpy.types.Action):
        yield from _curves(block)
        return
    yield from _properties(block, "", 0)
    yield from _animation(block)
    yield from (f"[{name!r}] {_plain(block[name])}" for name in block.keys())  # noqa: SIM118 - an ID is no dict
    if isinstance(block, bpy.types.Object):
        yield f"children {sorted(child.name for child in block.children)}"
        yield f"matrix {_numbers(block.matrix_basis)}"
        for bone in block.pose.bones if block.pose else ():
            yield f"pose {bone.name} {_numbers(bone.matrix_basis)} {bone.rotation_mode}"
            yield from (f"pose {bone.name} [{n!r}] {_plain(bone[n])}" for n in bone.keys())  # noqa: SIM118


def _animation(block: bpy.types.ID) -> Iterator[str]:
    animation = getattr(block, "animation_data", None)
    if animation is None:
        return
    yield f"action {animation.action.name if animation.action else None} nla {animation.use_nla}"
    for track in animation.nla_tracks:
        yield f"track {track.name} mute {track.mute} solo {track.is_solo}"
        for strip in track.strips:
            action = strip.action.name if strip.action else None
            yield (
                f"strip {track.name}/{strip.name} {action} {strip.frame_start:.4f} {strip.frame_end:.4f} "
                f"{strip.blend_type} {strip.extrapolation} {strip.influence:.4f} {strip.mute}"
            )
    for driver in animation.drivers:
        yield f"driver {driver.data_path} {driver.array_index} {driver.driver.expression}"


def _curves(action: bpy.types.Action) -> Iterator[str]:
    if hasattr(action, "layers"):
        bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
        curves = [curve for bag in bags for curve in bag.fcurves]
    else:
        curves = list(action.fcurves)
    for curve in curves:
        keys = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", keys)
        yield f"{curve.data_path}[{curve.array_index}] {len(keys) // 2} keys {_hash(keys)} mute {curve.mute}"


def _properties(thing: bpy.types.bpy_struct, path: str, depth: int) -> Iterator[str]:
    """The plain properties, and those of our own groups and of modifiers and constraints."""
    for prop in thing.bl_rna.properties:
        name = prop.identifier
        if name in _SKIP or depth > _DEEP:
            continue
        try:
            value = getattr(thing, name)
        except (AttributeError, RuntimeError):
            continue
        here = f"{path}.{name}"
        if prop.type == "POINTER":
            if isinstance(value, bpy.types.ID):
                yield f"{here} -> {value.name}"
            elif isinstance(value, bpy.types.PropertyGroup):
                yield from _properties(value, here, depth + 1)
        elif prop.type == "COLLECTION":
            if path or name in ("modifiers", "constraints", "objects", "children", "background_images"):
                yield f"{here} {len(value)}"
                for number, item in enumerate(value):
                    if isinstance(item, bpy.types.ID):
                        yield f"{here}[{number}] -> {item.name}"
                    else:
                        yield from _properties(item, f"{here}[{number}]", depth + 1)
        else:
            yield f"{here} {_plain(value)}"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str | int | bool | set):
        return repr(sorted(value) if isinstance(value, set) else value)
    try:
        return _numbers(value)
    except (TypeError, ValueError):
        return type(value).__name__


def _numbers(values: object) -> str:
    return " ".join(f"{number:.6g}" for number in np.array(values, float).ravel())


def _hash(values: np.ndarray) -> str:
    return hashlib.sha256(values.round(5).tobytes()).hexdigest()[:16]

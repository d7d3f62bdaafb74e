# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds which bones of any rig play which part of the body: by presets, by names, by shape."""

from .search import Found, map_bones, search, with_preset

__all__ = ["Found", "map_bones", "search", "with_preset"]

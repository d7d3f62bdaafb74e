# SPDX-License-Identifier: GPL-3.0-or-later
"""Values on the command line that argparse has no type for."""

from __future__ import annotations

import argparse
from pathlib import Path


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 1 or more")
    return int(text)


def blend_file(text: str) -> Path:
    """A path to write that ends in .blend: a slip of the hand must not replace a video or a take."""
    if Path(text).suffix.lower() != ".blend":
        raise argparse.ArgumentTypeError(f"{text!r}: expected a name that ends in .blend")
    return Path(text)

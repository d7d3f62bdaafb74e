# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `rotocap capture`, `apply`, `review`, `info`, `models`."""

from __future__ import annotations

from .main import main

__all__ = ["main"]

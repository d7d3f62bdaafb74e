# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: `rotocap capture`, `apply`, `review`, `info`, `models`."""

from __future__ import annotations

import os

# As in the worker: a second thread of the linear algebra costs the fit more than it gives.
# Read once, when numpy loads, so before any other import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from .main import main

__all__ = ["main"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a capture is: `make eval`, or python -m rotocap.tools.evaluate --help."""

from __future__ import annotations

import os

# As in the worker and the command line. Read once, when numpy loads, so before any other import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

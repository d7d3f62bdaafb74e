# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a capture is and what memory it takes: `make bench`."""

from __future__ import annotations

import os

# As in the worker and the command line. Read once, when numpy loads, so before any other import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

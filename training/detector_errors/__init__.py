# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors like those of our landmark networks: measured on rendered bodies, and put on perfect points.

    python -m rotocap.training.detector_errors

renders, measures and writes `measured.json`; see docs/detector-errors.md.
"""

from __future__ import annotations

from .model import ErrorModel
from .points import KIND_OF, KINDS, PARTNER

__all__ = ["KINDS", "KIND_OF", "PARTNER", "ErrorModel"]

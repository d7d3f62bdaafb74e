# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face does over a take: 52 ARKit coefficients, the jaw's and the eyes' turns."""

from __future__ import annotations

from .lips import fit_jaw

__all__ = ["fit_jaw"]

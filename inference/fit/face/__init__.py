# SPDX-License-Identifier: GPL-3.0-or-later
"""What a face does over a take: 52 ARKit coefficients, the jaw's and the eyes' turns."""

from __future__ import annotations

from .fit import FaceFit, fit_face
from .lips import fit_jaw

__all__ = ["FaceFit", "fit_face", "fit_jaw"]

# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets tests import what they share (scripted_people) in pytest's importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# SPDX-License-Identifier: GPL-3.0-or-later
"""From 2D points over time to a body in 3D with its doubt: our own network (training/ makes it)."""

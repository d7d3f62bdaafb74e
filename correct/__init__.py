# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a capture right: steps on an SMPL-X sequence, offsets over time. It knows nothing of Blender."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""From a video to an SMPL-X sequence. Never imports bpy or mathutils."""

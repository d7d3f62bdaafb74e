# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks: one file a network (preprocess, infer, postprocess), composed in `backend`."""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks to SMPL-X: a model of the body is brought to where the picture shows its points."""

from .solve import FitOptions, FitResult, solve

__all__ = ["FitOptions", "FitResult", "solve"]

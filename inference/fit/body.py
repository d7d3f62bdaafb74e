# SPDX-License-Identifier: GPL-3.0-or-later
"""The body fit: Gauss-Newton over all frames of a window at once.

Unknowns: per frame the pelvis's place and 22 joint rotations (69 numbers), and once
per person the log scales of ten groups of bones. `terms` says what a pose costs and where that
pulls it, `stiffness` how stiffly; the normal equations are banded (`band`) and solved in
time linear in the frames. Rotations are updated on the right, R <- R exp(d).

Points that do not fit are given less weight at each step (Geman and McClure, 1987).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeleton import BODY_JOINT_COUNT
from .evidence import Evidence
from .stiffness import system
from .terms import BodyOptions, State, Terms
from .turns import frames_first, frames_last, product, rotation

__all__ = ["BodyFit", "BodyOptions", "fit_body"]

Array = NDArray[np.float64]

_LARGEST_STEP = 0.5  # radians: beyond it the linear model says little


@dataclass(frozen=True)
class BodyFit:
    """Local rotations (T, 22, 3, 3), pelvis (T, 3), log scales (10,).

    In the camera frame, or in the world's where the evidence says how the camera moves.
    """

    local: Array
    pelvis: Array
    log_scale: Array


def fit_body(
    evidence: Evidence,
    *,
    local: Array,
    pelvis: Array,
    log_scale: Array,
    free_scale: bool,
    options: BodyOptions,
    check: Callable[[], None] = lambda: None,
) -> BodyFit:
    """Fit T frames. With `free_scale` the bone lengths are fitted too, around `log_scale`.

    `check` is called at each step and may raise to stop.
    """
    state = State(frames_last(local), np.ascontiguousarray(pelvis.T), log_scale)
    terms = Terms(evidence, options, state, free_scale=free_scale)
    look = terms.look(state)
    damping, gain = 1e-3, 1.0
    # Bone lengths need no more than a percent of the cost. And the scales' step leaves out the 3D
    # points (`Terms.look`) while the cost has them, so that near the end it cannot judge a step.
    enough, hopeless = (1e-2, 5e-2) if free_scale else (1e-4, 0.0)
    for _ in range(options.iterations):
        check()
        factor = system(terms, look).factor(damping)
        trial = _moved(state, *factor.step(look.gradient, look.scale_gradient))
        trial_look = terms.look(trial)
        if trial_look.cost < look.cost:
            gain = (look.cost - trial_look.cost) / look.cost
            state, look = trial, trial_look
            damping = max(damping / 5.0, 1e-6)
            if gain < enough:
                break
        else:
            damping *= 10.0
            if gain < hopeless or damping > 1e3:
                break
    return BodyFit(frames_first(state.local), state.pelvis.T.copy(), state.log_scale)


def _moved(state: State, step: Array, scale_step: Array) -> State:
    """The state after a step (T, 69) and, where the bones' lengths are fitted, (10,)."""
    turn = frames_last(step[:, 3:].reshape(len(step), BODY_JOINT_COUNT, 3))
    size = np.sqrt((turn * turn).sum(axis=0))
    turn *= np.minimum(1.0, _LARGEST_STEP / np.maximum(size, 1e-9))
    log_scale = state.log_scale + scale_step if scale_step.size else state.log_scale
    return State(product(state.local, rotation(turn)), state.pelvis + step[:, :3].T, log_scale)

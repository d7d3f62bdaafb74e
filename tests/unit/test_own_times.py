# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys at the capture's own times, between whole frames where the rates differ."""

from __future__ import annotations

import numpy as np
import pytest

from rotocap.retarget.timeline import at_own_times


def test_every_captured_row_keeps_its_time() -> None:
    frame = np.concatenate([np.arange(0, 10), np.arange(20, 30)])
    line = at_own_times(frame / 50.0, frame, scene_fps=24.0, first_frame=1)
    assert line.frames == pytest.approx(1 + frame * 24 / 50)
    assert line.spans == ((0, 9), (10, 19))
    values = np.random.default_rng(0).normal(size=(20, 3))
    assert (line.sample(values) == values).all()


def test_rounded_timestamps_stand_on_whole_frames() -> None:
    time_s = np.round(np.arange(200) / 30.0, 5)
    line = at_own_times(time_s, np.arange(200), scene_fps=30.0, first_frame=1)
    assert (line.frames == np.arange(1, 201)).all()


def test_nobody_gives_nothing() -> None:
    assert len(at_own_times(np.zeros(0), np.zeros(0, int), scene_fps=24.0, first_frame=1)) == 0

# SPDX-License-Identifier: GPL-3.0-or-later
"""Independent pieces of a long computation, two at a time: numpy, LAPACK and the networks run without
the interpreter's lock, so threads are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = 2  # as many as a network uses; each needs the memory of its piece


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """What `work` makes of each item, in order. What it raises is raised here, and nothing new is begun."""
    if len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(work, items)

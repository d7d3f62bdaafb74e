# SPDX-License-Identifier: GPL-3.0-or-later
"""Normal equations of a window: banded over the frames, bordered by what all frames share.

H d = -g with H = [[A, B], [B', C]]: A couples frames no further than two apart, and two frames
apart only a number with itself; C is of the few shared scales, which a Schur complement eliminates.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_lapack, lapack

from ..skeleton import BODY_JOINT_COUNT

Array = NDArray[np.float64]

STATE = 3 + 3 * BODY_JOINT_COUNT  # numbers a frame
BAND = 2 * STATE  # nothing reaches further
_RIDGE = 1e-6  # keeps what nothing is known of (a place in a frame or two without points) solvable


@dataclass(frozen=True, eq=False)
class System:
    """The matrix of one state of a window of T frames, S shared scales."""

    # (T, 69, 139): of each column of A the diagonal and what lies below it, as LAPACK wants it.
    band: Array
    border: Array  # (69 T, S)
    corner: Array  # (S, S)

    def factor(self, damping: float) -> Factor:
        """For the matrix with its diagonal raised by a share; the matrix itself is lost. LinAlgError."""
        band = self.band
        band[:, :, 0] = (1.0 + damping) * band[:, :, 0] + _RIDGE
        lower = band.reshape(-1, BAND + 1).T
        info = _cholesky(lower)
        if info:
            raise np.linalg.LinAlgError(f"the normal equations have no solution (row {info})")
        if not self.corner.size:
            return Factor(lower, self.border, self.border, self.corner)
        through, _ = lapack.dpbtrs(lower, self.border, lower=1)
        return Factor(lower, self.border, through, self.corner - self.border.T @ through)


@dataclass(frozen=True, eq=False)
class Factor:
    """The matrix taken apart, to solve for any right side."""

    lower: Array
    border: Array
    through: Array  # A^-1 B
    schur: Array  # C - B' A^-1 B

    def step(self, gradient: Array, shared_gradient: Array) -> tuple[Array, Array]:
        """-H^-1 g for g (T, 69) and (S,)."""
        first, _ = lapack.dpbtrs(self.lower, -gradient.reshape(-1, 1), lower=1, overwrite_b=1)
        if not self.schur.size:
            return first.reshape(gradient.shape), np.zeros(0)
        shared = np.linalg.solve(self.schur, -shared_gradient - (self.border.T @ first)[:, 0])
        return (first[:, 0] - self.through @ shared).reshape(gradient.shape), shared


def _cholesky(band: Array) -> int:
    """LAPACK's dpbtrf on a lower band (139, N) in Fortran's order, in place; not 0: not positive definite.

    By the door for Cython: scipy's own function holds the interpreter's lock meanwhile, so that two
    windows could not be fitted beside each other.
    """
    routine = _dpbtrf()
    if routine is None:
        return int(lapack.dpbtrf(band, lower=1, overwrite_ab=1)[1])
    info = ctypes.c_int(0)
    rows, size = ctypes.c_int(band.shape[0]), ctypes.c_int(band.shape[1])
    below = ctypes.c_int(band.shape[0] - 1)
    routine(b"L", size, below, band.ctypes.data, rows, info)
    return info.value


@functools.cache
def _dpbtrf() -> Callable[..., None] | None:
    """The routine; None where it counts in integers of another size."""
    capsule = cython_lapack.__pyx_capi__["dpbtrf"]
    signature = ctypes.pythonapi.PyCapsule_GetName
    signature.restype, signature.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    name = signature(capsule)
    if not name.startswith(b"void (char *, int *, int *, "):
        return None
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    integer = ctypes.POINTER(ctypes.c_int)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, integer, integer, ctypes.c_void_p, integer, integer)
    return kind(pointer(capsule, name))


def blocks(band: Array) -> Array:
    """A view (T, 69, 138) of a band (T, 69, 139): [t, c, r] couples number c with number r of the same
    frame, r >= c, or with number r - 69 of the next.

    Where r < c it is another column's entry: nothing may be added there.
    """
    count = len(band)
    flat = band.reshape(count, -1)[:, : STATE * BAND]
    return flat.reshape(count, STATE, BAND)

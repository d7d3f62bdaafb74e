# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network of our own that numpy runs: its arrays in one file, in half precision."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Self

import numpy as np

from .errors import ModelError


class StoredNetwork:
    """For a dataclass all of whose fields are arrays."""

    def save(self, path: Path) -> None:
        """Write the arrays, as float16."""
        arrays = {f.name: getattr(self, f.name).astype(np.float16) for f in fields(self)}  # type: ignore[arg-type]
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. ModelError if it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {f.name: data[f.name].astype(np.float64) for f in fields(cls)}  # type: ignore[arg-type]
        except FileNotFoundError as error:
            raise ModelError(f"{path}: no such file; install Rotocap again") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: damaged ({error}); install Rotocap again") from error
        return cls(**arrays)

# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer a take: a lock of the operating system on a file in the take's folder.

The system lets go of it when the process ends, however it ends, so a capture that was
killed leaves nothing behind that would block the next one. The file itself stays.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import TakeError

LOCK = "capture.lock"

# What a system says when somebody else has the lock; anything else means that it cannot lock at all.
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def writing(take: Path) -> Iterator[None]:
    """Be the only one who writes the take's folder, which is made if need be, while the block runs.

    Raises TakeError if another capture writes it, or if the folder cannot be written. On a
    network drive that knows no locks there is nothing to hold, and the block runs without.
    """
    try:
        take.mkdir(parents=True, exist_ok=True)
        # Not inherited by child processes: the lock ends with this process.
        handle = os.open(take / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise TakeError(
            f"{take}: could not be written ({error.strerror or error}); choose another folder"
        ) from error
    try:
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in _TAKEN:
                raise TakeError(
                    f"{take}: another capture is writing this take; "
                    "wait until it has ended or stop it, or choose another name for the take"
                ) from error
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                raise TakeError(
                    f"{take}: could not be locked ({error.strerror or error}); choose another folder"
                ) from error
        yield
    finally:
        os.close(handle)

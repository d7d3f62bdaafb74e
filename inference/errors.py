# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that a user can meet, as one tree.

RotocapError                 something a person can act on: the text says what to do
├── VideoError               the file is missing, not a video, empty, or its codec is unknown
├── ModelError               a network file is missing, damaged, or not the one expected
├── TakeError                a take is damaged, of another version, or cannot be written
├── SequenceError            arrays of an SMPL-X sequence have the wrong shape or values
├── NoPersonError            the whole range was read and nobody was found
└── RigError                 the armature to animate is missing or cannot be used
Cancelled                    the user stopped the job: not an error, nothing is lost

`exit_code` is what the command line returns for it; `code` is what the worker sends.
"""

from __future__ import annotations


class RotocapError(Exception):
    """Something a person can act on. The message ends with what to do."""

    code = "failed"
    exit_code = 1


class VideoError(RotocapError):
    code = "video"
    exit_code = 3


class ModelError(RotocapError):
    code = "model"
    exit_code = 4


class TakeError(RotocapError):
    code = "take"
    exit_code = 5


class SequenceError(RotocapError, ValueError):
    code = "sequence"
    exit_code = 6


class NoPersonError(RotocapError):
    code = "no_person"
    exit_code = 7


class RigError(RotocapError):
    code = "rig"
    exit_code = 8


class Cancelled(Exception):
    """The user stopped the job. What was finished is on disk."""

    exit_code = 130

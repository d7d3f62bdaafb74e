# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the command line, and the one place where errors become exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..inference.errors import Cancelled, RotocapError
from . import apply, capture, info, models, review

DESCRIPTION = "A video becomes character animation (SMPL-X), on this machine, offline."

EPILOG = """\
examples:
  rotocap capture dance.mp4 --out dance.take
  rotocap info dance.take
  rotocap review dance.take --out dance.png
  rotocap apply dance.take --rig new --out dance.blend

A capture that is stopped keeps what it read: the same command again goes on.

exit codes:
  0    done
  1    failed, for a reason that is told
  2    the command line was not understood
  3    video: missing, not a video, empty, or its codec is unknown
  4    model file: missing, damaged, or not the one expected
  5    take: damaged, of another capture, or it cannot be written
  6    the motion in a take or file does not fit together
  7    nobody was found in the video
  8    the armature is missing or cannot be used
  130  stopped by Ctrl-C; what was read is kept
"""


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="rotocap",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = out.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in (capture, apply, review, info, models):
        command.add_to(commands)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Never a traceback for what a user can act on."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except RotocapError as error:
        print(f"rotocap: {error}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, Cancelled):
        print("rotocap: stopped; what was finished is kept", file=sys.stderr)
        return Cancelled.exit_code
    except BrokenPipeError:  # `rotocap info | head`
        sys.stderr.close()
        return 1
    except OSError as error:  # a file that the system does not let us have
        where = f"{error.filename}: " if error.filename else ""
        why = error.strerror or error
        print(f"rotocap: {where}{why}; check the path, and that you may use it", file=sys.stderr)
        return RotocapError.exit_code
    return code

# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotocap models`: the networks inside, and those to download."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .progress_line import ProgressLine

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FOLDER = Path("~/.rotocap/models")

EPILOG = """\
examples:
  rotocap models list
  rotocap models get dwpose-m
  rotocap models get dwpose-m --sha256 0123...    where no hash is known, after you checked it

`get` is the only command that uses the network, and only when you call it.
"""


def add_to(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "models",
        help="list the networks, download more",
        description="The networks that are built in, and better ones to download.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what is built in, and what can be downloaded")
    listing.add_argument("--json", action="store_true", help="everything, for programs")
    listing.set_defaults(run=list_models)
    get = actions.add_parser("get", help="download a network and verify it")
    get.add_argument("name", metavar="NAME", help="as `rotocap models list` names it")
    get.add_argument(
        "--to", metavar="FOLDER", type=Path, default=FOLDER, help=f"where to put it (default {FOLDER})"
    )
    get.add_argument(
        "--sha256", metavar="HASH", help="what the file must be, where the catalogue knows no hash"
    )
    get.set_defaults(run=get_model)


def list_models(options: argparse.Namespace) -> int:
    from ..inference.catalogue import catalogue
    from ..inference.models import embedded, hashes

    built_in = hashes()
    entries = catalogue()
    if options.json:
        print(json.dumps({"built_in": built_in, "download": [asdict(e) for e in entries]}, indent=2))
        return 0
    print("built in (Apache-2.0):")
    for name in built_in:
        print(f"  {name:28} {embedded(name).stat().st_size / 1e6:6.1f} MB")
    print("to download:")
    for entry in entries:
        size = "      ?   " if entry.bytes is None else f"{entry.bytes / 1e6:6.1f} MB"
        accuracy = ", ".join(f"{name} {value:g}" for name, value in entry.accuracy.items())
        unknown = "" if entry.sha256 else "  (no hash known: asks)"
        print(f"  {entry.id:28} {size}  {entry.kind}, {entry.licence}  {accuracy}{unknown}")
    return 0


def get_model(options: argparse.Namespace) -> int:
    from ..inference.catalogue import UnconfirmedModelError, download, find
    from ..inference.progress import Meter

    entry = find(options.name)
    with ProgressLine() as line:
        meter = Meter("download", entry.bytes or 0, line)
        try:
            path = download(
                entry,
                options.to.expanduser(),
                expected_sha256=options.sha256,
                progress=lambda done, total: meter.update(done),
            )
        except UnconfirmedModelError as error:
            line.say(str(error))
            line.say(f"to accept it: rotocap models get {entry.id} --sha256 {error.sha256}")
            return error.exit_code
    print(path, file=sys.stdout)
    return 0

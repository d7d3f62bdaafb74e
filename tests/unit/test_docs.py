# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages against the code: options, exit codes, array names, targets and links that they name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from rotocap.cli.main import parser
from rotocap.inference import errors
from rotocap.inference.sequence import SmplxSequence

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("requirements/*.md")])
CLI_PAGE = (ROOT / "docs/cli.md").read_text("utf-8")


def commands(of: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    nested = [a for a in of._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        yield name, of
    for action in nested:
        for word, command in action.choices.items():
            yield from commands(command, f"{name} {word}")


@pytest.mark.parametrize(("name", "command"), list(commands(parser(), "rotocap")))
def test_every_command_and_option_is_on_the_page(name: str, command: argparse.ArgumentParser) -> None:
    assert name in CLI_PAGE
    options = {o for action in command._actions for o in action.option_strings if o.startswith("--")}
    missing = sorted(o for o in options - {"--help"} if f"{o}`" not in CLI_PAGE and f"{o} " not in CLI_PAGE)
    assert missing == []


def test_the_page_names_no_option_that_is_not_there() -> None:
    there = {o for _, command in commands(parser(), "") for a in command._actions for o in a.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", CLI_PAGE)) - there == set()


def test_every_exit_code_is_on_the_page() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and hasattr(kind, "exit_code")
    }
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI_PAGE, re.MULTILINE)}
    assert codes <= listed


def test_every_array_of_a_sequence_is_on_the_page() -> None:
    page = (ROOT / "docs/take-format.md").read_text("utf-8")
    assert [f.name for f in fields(SmplxSequence) if f"`{f.name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_and_targets_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    # `make NAME` in code, so that prose is not taken for it.
    targets = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]*)", text, re.MULTILINE))
    assert {t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)} == set()

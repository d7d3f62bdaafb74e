# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bone's name says: its side, and which part of the body, in many languages and conventions."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SURE, MAYBE = 1.0, 0.6
PART = 0.8  # times that, where only a part of the name is known
# A word runs on in small letters, a run of capitals ends before a word, and digits stand for themselves.
_TOKENS = re.compile(r"\d+|[^\W\d_]+")
_CASES = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zà-ÿ])")
_SCRIPTS = re.compile(r"(?<=[A-Za-zÀ-ÿ])(?=[^\WA-Za-zÀ-ÿ\d_])|(?<=[^\WA-Za-zÀ-ÿ\d_])(?=[A-Za-zÀ-ÿ])")


@dataclass(frozen=True)
class Said:
    """What a name says about its bone."""

    side: str  # "left", "right", or "" for none
    parts: Mapping[str, float]  # part of the body -> how sure; without the side
    twist: bool = False
    metacarpal: bool = False
    ignored: bool = False  # an end, a target, hair ...


@dataclass(frozen=True)
class Words:
    """The vocabulary of words.toml."""

    sides: tuple[tuple[str, str], ...]
    parts: Mapping[str, Mapping[str, float]]  # word -> part -> how sure
    ignored: frozenset[str]
    twists: frozenset[str]
    empty: frozenset[str]
    metacarpals: frozenset[str]


@cache
def vocabulary() -> Words:
    """The words that are known."""
    data = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    parts: dict[str, dict[str, float]] = {}
    for certainty, group in ((MAYBE, data["maybe"]), (SURE, data["sure"])):
        for part, words in group.items():
            for word in words:
                parts.setdefault(_plain(word), {})[part] = certainty
    return Words(
        tuple((_plain(left), _plain(right)) for left, right in data["sides"]), parts,
        *(frozenset(map(_plain, data[key])) for key in ("ignored", "twists", "empty", "metacarpals")),
    )  # fmt: skip


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def tokens(name: str) -> list[str]:
    """The words and numbers of a name, in lower case: `lShldrBend.01` is l, shldr, bend, 01."""
    out: list[str] = []
    for piece in _TOKENS.findall(unicodedata.normalize("NFKC", name)):
        for part in _SCRIPTS.split(piece):
            out += [_plain(word) for word in _CASES.split(part)]
    return out


def read(names: Sequence[str]) -> list[Said]:
    """What the names of a whole rig say. They are read together: what all begin with says nothing."""
    words = vocabulary()
    split = [_without_side_inside(tokens(name), words) for name in names]
    sides = _side_words(split, words)
    common = _in_most(split, sides)
    return [_said(one, sides, common, words) for one in split]


def _without_side_inside(pieces: list[str], words: Words) -> list[str]:
    """Splits a side off the front of a word that is written together with it: 左ひじ, leftarm."""
    out: list[str] = []
    for piece in pieces:
        long = [s for pair in words.sides for s in pair if (len(s) > 3 or not s.isascii()) and s != piece]
        start = max((s for s in long if piece.startswith(s) and len(s) < len(piece)), key=len, default="")
        if start and piece not in words.parts and (piece[len(start) :] in words.parts or not start.isascii()):
            out += [start, piece[len(start) :]]
        else:
            out.append(piece)
    return out


def _side_words(split: list[list[str]], words: Words) -> dict[str, str]:
    """Word -> side, of the pairs that this rig uses: where swapping them leads from bone to bone."""
    whole = {tuple(pieces) for pieces in split}
    pairs: Counter[tuple[str, str]] = Counter()
    for pieces in split:
        for left, right in words.sides:
            for k, piece in enumerate(pieces):
                if piece == left and (*pieces[:k], right, *pieces[k + 1 :]) in whole:
                    pairs[left, right] += 1
    out: dict[str, str] = {}
    for (left, right), count in pairs.most_common():
        if count >= 2 and left not in out and right not in out:
            out[left], out[right] = "left", "right"
    return out


def _in_most(split: list[list[str]], sides: Mapping[str, str]) -> frozenset[str]:
    """Words that most names have: a character's name, a program's prefix."""
    counts = Counter(piece for pieces in split for piece in set(pieces))
    return frozenset(p for p, count in counts.items() if count > 0.7 * len(split) and p not in sides)


def _said(pieces: list[str], sides: Mapping[str, str], common: frozenset[str], words: Words) -> Said:
    side = next((sides[piece] for piece in pieces if piece in sides), "")
    rest = [p for p in pieces if p not in sides and p not in common and not p.isdigit()]
    twist = any(piece in words.twists for piece in rest)
    palm = any(piece in words.metacarpals for piece in rest)
    ignored = any(piece in words.ignored for piece in rest)
    rest = [p for p in rest if p not in words.twists]
    bare = [p for p in rest if p not in words.metacarpals] if palm else rest
    parts: Mapping[str, float] = {}
    for attempt, share in ((rest, 1.0), (bare, 1.0), (bare[-2:], PART), (bare[-1:], PART), (bare[:1], PART)):
        joined = "".join(p for p in attempt if p not in words.empty) or "".join(attempt)
        if joined in words.parts:
            parts = {part: sure * share for part, sure in words.parts[joined].items()}
            break
    for suffix in words.twists:  # written together: forearmtwist
        for piece in rest if not parts else ():
            if piece.endswith(suffix) and piece.removesuffix(suffix) in words.parts:
                parts, twist = words.parts[piece.removesuffix(suffix)], True
    return Said(side, parts, twist, palm, ignored)

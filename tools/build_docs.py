# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/ as HTML, for people who read them from Blender's Help panel without a network.

    python -m rotocap.tools.build_docs [--out build/docs]

Knows the Markdown that our pages use: headings, paragraphs, lists, tables, code, links, pictures.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222 }}
body {{ max-width: 50em; margin: 2em auto; padding: 0 1em }}
img {{ max-width: 100%; border-radius: 4px }} table {{ border-collapse: collapse }}
td, th {{ border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }}
code {{ background: #f2f2f2; padding: .1em .25em; border-radius: 3px }}
pre code {{ display: block; padding: .6em; overflow-x: auto }}
nav {{ font-size: 14px; border-bottom: 1px solid #ccc; padding-bottom: .5em }}
@media (prefers-color-scheme: dark) {{ body {{ background: #1d1d1d; color: #ddd }} a {{ color: #8ab4f8 }}
code {{ background: #333 }} td, th {{ border-color: #555 }} }}
</style></head><body>{nav}
{body}
</body></html>
"""
_ITEM = re.compile(r"(\s*)([-*]|\d+\.) (.*)")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="build_docs", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs", help="where the pages go")
    options = parser.parse_args(arguments)
    for path in build(options.out):
        print(path)
    return 0


def build(out: Path) -> list[Path]:
    """Write every page, and the pictures that pages show, into `out`. Returns the pages."""
    out.mkdir(parents=True, exist_ok=True)
    pages = sorted(DOCS.glob("*.md"))
    written, pictures = [], set()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        pictures.update(re.findall(r"!\[[^\]]*\]\((images/[^)]+)\)", text))
        title = text.split("\n", 1)[0].lstrip("# ").strip()
        target = out / f"{page.stem}.html"
        target.write_text(
            _PAGE.format(title=html.escape(title), nav=_nav(pages), body=to_html(text)), encoding="utf-8"
        )
        written.append(target)
    for picture in pictures:
        (out / picture).parent.mkdir(exist_ok=True)
        shutil.copy2(DOCS / picture, out / picture)
    return written


def _nav(pages: list[Path]) -> str:
    """The pages that are for animators first; the rest is found from them."""
    first = ("quick-start", "retarget", "correct", "preferences", "troubleshooting")
    there = {page.stem for page in pages}
    links = [f'<a href="{n}.html">{n.replace("-", " ").capitalize()}</a>' for n in first if n in there]
    return f"<nav>Rotocap: {' · '.join(links)}</nav>"


def to_html(text: str) -> str:
    """The body of a page."""
    out: list[str] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines))
            out.append(_code(lines[at + 1 : end]))
            at = end + 1
        elif line.startswith("    "):
            end = _while(lines, at, lambda text: text.startswith("    "))
            out.append(_code([text[4:] for text in lines[at:end]]))
            at = end
        elif line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            words = line[level:].strip()
            anchor = re.sub(r"[^\w-]", "", words.lower().replace(" ", "-"))
            out.append(f'<h{level} id="{anchor}">{_inline(words)}</h{level}>')
            at += 1
        elif line.startswith("|"):
            end = _while(lines, at, lambda text: text.startswith("|"))
            out.append(_table(lines[at:end]))
            at = end
        elif _ITEM.fullmatch(line):
            end = _while(lines, at, lambda text: bool(_ITEM.fullmatch(text)) or text.startswith("  "))
            out.append(_list(lines[at:end]))
            at = end
        else:
            end = _while(
                lines, at, lambda text: bool(text.strip()) and not text.startswith(("#", "|", "```"))
            )
            end = max(end, at + 1)
            out.append(f"<p>{_inline(' '.join(lines[at:end]))}</p>")
            at = end
    return "\n".join(out)


def _while(lines: list[str], start: int, belongs: object) -> int:
    """The first line from `start` on that no longer belongs."""
    assert callable(belongs)
    return next((n for n in range(start, len(lines)) if not belongs(lines[n])), len(lines))


def _code(lines: list[str]) -> str:
    return f"<pre><code>{html.escape(chr(10).join(lines))}</code></pre>"


def _table(lines: list[str]) -> str:
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines]
    rule = len(rows) > 1 and all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in rows[1])
    out = ["<table>"]
    for number, row in enumerate(rows):
        if rule and number == 1:
            continue
        tag = "th" if rule and number == 0 else "td"
        cells = "".join(f"<{tag}>{_inline(cell.strip().replace(chr(92) + '|', '|'))}</{tag}>" for cell in row)
        out.append(f"<tr>{cells}</tr>")
    return "\n".join([*out, "</table>"])


def _list(lines: list[str]) -> str:
    """One level; a deeper item is indented, which is all that our pages need."""
    first = _ITEM.fullmatch(lines[0])
    assert first is not None
    tag = "ol" if first[2][0].isdigit() else "ul"
    items: list[str] = []
    for line in lines:
        found = _ITEM.fullmatch(line)
        if found is None:
            items[-1] += f" {line.strip()}"
        elif found[1]:
            items[-1] += f"<br>– {found[3]}"
        else:
            items.append(found[3])
    inside = "\n".join(f"<li>{'<br>– '.join(map(_inline, i.split('<br>– ')))}</li>" for i in items)
    return f"<{tag}>\n{inside}\n</{tag}>"


def _inline(text: str) -> str:
    """Code, pictures, links, bold and italic in a line. What is code is left alone by the rest."""
    codes: list[str] = []

    def put_away(found: re.Match[str]) -> str:
        codes.append(f"<code>{html.escape(found[1])}</code>")
        return f"\0{len(codes) - 1}\0"

    text = _words(re.sub(r"`([^`]+)`", put_away, text))
    return re.sub(r"\0(\d+)\0", lambda found: codes[int(found[1])], text)


def _words(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"!\[([^\]]*)\]\(([^)]+)\)", r'<img alt="\1" src="\2">', text)
    text = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", _link, text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<![\w*])\*([^*]+)\*(?![\w*])", r"<em>\1</em>", text)


def _link(found: re.Match[str]) -> str:
    words, target = found[1], found[2]
    if re.match(r"https?://", target):
        return f'<a href="{target}">{words}</a>'
    page, _, anchor = target.partition("#")
    if page.startswith("../"):  # not a page of ours: it does not travel with them
        return words
    page = re.sub(r"\.md$", ".html", page)
    return f'<a href="{page}{"#" + anchor if anchor else ""}">{words}</a>'


if __name__ == "__main__":
    raise SystemExit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages as HTML: what our Markdown uses, and that links and pictures lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotocap.tools import build_docs

CASES = [
    ("# A title\nOne\nline", '<h1 id="a-title">A title</h1>\n<p>One line</p>'),
    ("- one\n- two", "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"),
    ("1. one\n2. two", "<ol>\n<li>one</li>\n<li>two</li>\n</ol>"),
    ("`a < b` and **bold**", "<p><code>a &lt; b</code> and <strong>bold</strong></p>"),
    ("**`code` bold**", "<p><strong><code>code</code> bold</strong></p>"),
    ("`**not bold**`", "<p><code>**not bold**</code></p>"),
    ("    make x\n    make y", "<pre><code>make x\nmake y</code></pre>"),
    ("```\n# no title\n```", "<pre><code># no title</code></pre>"),
    ("[there](cli.md#apply)", '<p><a href="cli.html#apply">there</a></p>'),
    ("[readme](../README.md)", "<p>readme</p>"),
    ("![A picture](images/a.png)", '<p><img alt="A picture" src="images/a.png"></p>'),
    (
        "| a | b |\n|---|---|\n| `x` | y |",
        "<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td><code>x</code></td><td>y</td></tr>\n</table>",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_markdown_becomes_html(text: str, expected: str) -> None:
    assert build_docs.to_html(text) == expected


def test_every_page_arrives_with_what_it_shows(tmp_path: Path) -> None:
    pages = build_docs.build(tmp_path)
    assert {page.stem for page in pages} >= {"quick-start", "retarget", "preferences", "troubleshooting"}
    for page in pages:
        text = page.read_text("utf-8")
        assert "<h1" in text
        for target in re.findall(r'(?:href|src)="(?!https?://)([^"#]+)', text):
            assert (tmp_path / target).is_file(), f"{page.name}: {target}"

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the documentation that came with the extension: they open without a network."""

from __future__ import annotations

import functools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# In the order in which they are needed.
PAGES = (
    ("quick-start", "Quick Start", "From a video to a moving character"),
    ("import", "Videos and Cameras", "Ways to bring a video in, moving cameras, videos that were moved"),
    ("capture", "Capture", "The choices, progress, going on after a stop, the queue"),
    ("performances", "Performances", "Who was captured, what is drawn over the video, where to look"),
    ("correct", "Correct", "Clean-up, contacts, edits by posing, points in the picture"),
    ("retarget", "Your Own Character", "A take on any rig, and what the certificate says"),
    ("preferences", "Preferences", "Where takes are kept, networks, threads"),
    ("troubleshooting", "When Something Fails", "Messages, what stands behind them, and what to do"),
)


def file_of(page: str) -> Path | None:
    """A page on the disk, None if it is not there. In the zip it is HTML, in a checkout as it is written."""
    places = (ROOT / "help" / f"{page}.html", ROOT / "docs" / f"{page}.md")
    return next((path for path in places if path.is_file()), None)


@functools.cache
def pages() -> tuple[tuple[str, str], ...]:
    """Names and titles of the pages that are there, looked up once."""
    return tuple((page, title) for page, title, _ in PAGES if file_of(page) is not None)

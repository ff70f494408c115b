"""Text between two marks of a document, read and replaced: how tables get into README and docs; the ledger offers it.

A mark is a comment of HTML, ``<!-- table:headline -->``, and its partner, ``<!-- /table:headline -->``.
"""

from __future__ import annotations

import os
from pathlib import Path

from gltr_lib._drafts import write_text
from gltr_lib._typed import typed


@typed
def between(path: str | os.PathLike[str], marker: str) -> str:
    """The text between ``<!-- marker -->`` and ``<!-- /marker -->``, without the line ends at its edges."""
    text = _text_of(Path(path))
    start, stop = _marks(text, marker, path)
    return text[start:stop].strip("\n")


@typed
def replace_between(path: str | os.PathLike[str], marker: str, text: str) -> bool:
    """Put ``text`` between ``<!-- marker -->`` and ``<!-- /marker -->``, atomically; True if the file changed.

    Args:
        path: a Markdown file.
        marker: for instance ``table:headline``.
        text: what shall stand there.

    Raises:
        ValueError: a marker is missing or stands there more than once.
    """
    path = Path(path)
    old = _text_of(path)
    start, stop = _marks(old, marker, path)
    new = old[:start] + "\n" + text.strip("\n") + "\n" + old[stop:]
    if new == old:
        return False
    write_text(path, new)
    return True


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text ({error.reason} at byte {error.start})") from None


def _marks(text: str, marker: str, path: str | os.PathLike[str]) -> tuple[int, int]:
    opening, closing = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    for mark in (opening, closing):
        if text.count(mark) != 1:
            raise ValueError(f"{path}: expected the marker {mark} exactly once, found it {text.count(mark)} times")
    start, stop = text.index(opening) + len(opening), text.index(closing)
    if start > stop:
        raise ValueError(f"{path}: {closing} stands before {opening}")
    return start, stop

"""A lesson's source, ``lessons/NN_slug.py``: which files there are, and their cells.

The form is jupytext's py:percent with plain code and markdown cells, whose only metadata is tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gltr_lib.course import root

NAME = re.compile(r"^(\d\d)_[a-z0-9_]+$")


class LessonError(ValueError):
    """A lesson's source that cannot be built; the message names the file and the remedy."""


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson: ``kind`` is ``"markdown"`` or ``"code"``, ``index`` its place in the source."""

    kind: str
    source: str
    tags: frozenset[str]
    index: int


def lesson_files(folder: Path | None = None) -> list[Path]:
    """All lessons in order of their numbers.

    Args:
        folder: where the sources lie; ``lessons/`` of the repository if left out.

    Raises:
        LessonError: a file's name is not ``NN_slug.py``, or two have one number.
    """
    files = sorted((root() / "lessons" if folder is None else folder).glob("*.py"))
    seen: dict[str, Path] = {}
    for path in files:
        match = NAME.match(path.stem)
        if not match:
            raise LessonError(f"{path.name}: a lesson is called NN_slug.py (two digits, then small letters and _)")
        if match[1] in seen:
            raise LessonError(f"{path.name}: number {match[1]} is taken by {seen[match[1]].name}; choose another")
        seen[match[1]] = path
    return files


def read_cells(path: Path) -> list[Cell]:
    """The cells of a lesson's source, in order.

    Raises:
        LessonError: a raw cell, or cell metadata other than tags.
    """
    import jupytext

    book = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    cells = []
    for index, cell in enumerate(book.cells):
        extra = set(cell.metadata) - {"tags", "lines_to_next_cell"}
        if cell.cell_type not in ("markdown", "code") or extra:
            what = f"metadata {sorted(extra)}" if extra else f"a {cell.cell_type} cell"
            raise LessonError(f"{path.name}, cell {index + 1}: {what}; use plain code and markdown cells, tags only")
        cells.append(Cell(cell.cell_type, cell.source, frozenset(cell.metadata.get("tags", ())), index))
    return cells

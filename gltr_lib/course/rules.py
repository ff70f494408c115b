"""Rules of a lesson about teaching: notes for whoever stands in front, equations beside code, tables instead of prints.

:mod:`gltr_lib.course.lint` holds the spine and calls these. Each function yields (cell index, what is wrong and what is
expected); an empty result is a lesson in form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gltr_lib.course.build import solve
from gltr_lib.course.source import Cell
from gltr_lib.course.teach import EXPECTED, NOTES, PREDICT, sections

NEAR = 2  # cells, notes not counted, between an equation and the code that computes it


def teaching(cells: Sequence[Cell]) -> Iterator[tuple[int, str]]:
    """Notes after the first cell, an expected answer after each prediction, minutes for every exercise."""
    notes = cells[1] if len(cells) > 1 else None
    if notes is None or "instructor" not in notes.tags or not all(part in notes.source for part in NOTES):
        yield min(1, len(cells) - 1), f"the second cell is tagged instructor and holds {', '.join(NOTES)}"
    asked: int | None = None
    for cell in cells:
        if cell.kind == "markdown" and PREDICT in cell.source:
            if asked is not None:
                yield asked, f"a prediction without '{EXPECTED}' after its answer, in a cell tagged instructor"
            asked = cell.index
        elif "instructor" in cell.tags and cell.source.startswith(EXPECTED):
            if asked is None:
                yield cell.index, f"'{EXPECTED}' without a prediction before it"
            asked = None
    if asked is not None:
        yield asked, f"a prediction without '{EXPECTED}' after its answer, in a cell tagged instructor"
    for section in sections(cells):
        taken = sum(minutes for *_, minutes in section.exercises)
        if taken > section.minutes:
            yield 0, f"section {section.number} plans {section.minutes} min, its exercises take {taken}"


def beside(cells: Sequence[Cell]) -> Iterator[tuple[int, str]]:
    """A display equation has the code that computes it within two cells."""
    plain = [cell for cell in cells if "instructor" not in cell.tags]
    for place, cell in enumerate(plain):
        after = plain[place + 1 : place + 1 + NEAR]
        if cell.kind == "markdown" and "$$" in cell.source and all(other.kind == "markdown" for other in after):
            yield cell.index, f"an equation without code beside it: within {NEAR} cells comes the code that computes it"


def tables(cell: Cell) -> Iterator[tuple[int, str]]:
    """A code cell prints no table line by line."""
    try:
        tree = ast.parse(solve(cell.source))
    except SyntaxError:  # the linter has its own sentence for it
        return
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)):
        for node in ast.walk(loop):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield cell.index, f"line {node.lineno}: print in a loop; collect rows and show them with viz.table"
                return

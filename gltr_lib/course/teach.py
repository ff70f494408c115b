"""What the instructor edition has and the others have not: the clock, and what each check recognises.

The notes themselves (questions for the board, expected answers, stumbling blocks) are written in the lesson, in cells
tagged ``instructor``. The two things below would drift if they were written down: they are read from the lesson's own
minutes and from the exercises' catalogue of misconceptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gltr_lib.course.build import Cell

SECTION = re.compile(r"^## (\d+)\. (\S.*) \((\d+) min\)$", re.MULTILINE)
EXERCISE = re.compile(r"^### Exercise (\d+\.\d+) — (\S.*) \((●○○|●●○|●●●), (\d+) min\)$", re.MULTILINE)
CHECK = re.compile(r"""\bcheck\(["'](\d\d-[a-z0-9-]+)["']""")
FRAME = '<div style="border-left: 4px solid #0072B2; padding-left: 14px">\n\n{}\n\n</div>'


@dataclass(frozen=True)
class Section:
    """A section of a lesson: number, title, minutes, and (number, title, minutes) of its exercises."""

    number: int
    title: str
    minutes: int
    exercises: tuple[tuple[str, str, int], ...]


def sections(cells: Sequence[Cell]) -> list[Section]:
    """The sections of a lesson with their exercises, in order.

    Args:
        cells: the lesson's cells (:func:`gltr_lib.course.build.read_cells`).
    """
    text = "\n".join(cell.source for cell in cells if cell.kind == "markdown" and "instructor" not in cell.tags)
    heads = list(SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        tasks = EXERCISE.finditer(text, head.end(), end)
        exercises = tuple((task[1], task[2], int(task[4])) for task in tasks)
        found.append(Section(int(head[1]), head[2], int(head[3]), exercises))
    return found


def clock(cells: Sequence[Cell]) -> str:
    """A Markdown table that says when each section begins, if you begin at 0:00, and what its exercises take."""
    lines = ["**The clock.** If you keep to the plan:", "", "| from | section | min | of these, exercises |"]
    lines.append("|---:|---|---:|---|")
    now = 0
    for section in sections(cells):
        tasks = ", ".join(f"{number} ({minutes} min)" for number, _, minutes in section.exercises)
        title = f"{section.number}. {section.title}"
        lines.append(f"| {now // 60}:{now % 60:02d} | {title} | {section.minutes} | {tasks or '–'} |")
        now += section.minutes
    lines.append(f"| {now // 60}:{now % 60:02d} | end | | |")
    return framed("\n".join(lines))


def recognised(source: str) -> str:
    """For a check cell: the wrong answers that its check knows by name; empty for any other cell.

    Args:
        source: a code cell of the lesson.

    Example:
        >>> "the dilation is forgotten" in recognised('same_padding = check("06-padding", same_padding)')
        True
        >>> recognised("print(1)")
        ''
    """
    match = CHECK.search(source)
    if not match:
        return ""
    from gltr_lib.checks import EXERCISES

    exercise = EXERCISES.get(match[1])
    if exercise is None:
        return ""
    told = dict.fromkeys(wrong.says for wrong in exercise.misconceptions)
    lines = [f"**What the check `{exercise.id}` recognises**, and says to the student:", ""]
    return framed("\n".join([*lines, *(f"- {sentence}" for sentence in told)]))


def framed(text: str) -> str:
    """A teacher's note, set apart from the lesson by a bar at its left."""
    return FRAME.format(text)

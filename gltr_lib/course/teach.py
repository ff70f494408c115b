"""What the instructor edition has and the others have not: the clock, and what each check recognises.

The notes themselves (questions for the board, expected answers, stumbling blocks) are written in the lesson, in cells
tagged ``instructor``. The two things below would drift if they were written down: they are read from the lesson's own
minutes and from the exercises' catalogue of misconceptions. All of it together also makes one page.

    python -m gltr_lib.course.teach            # write docs/teaching/notes.md
    python -m gltr_lib.course.teach --check    # exit 1 if it is not current
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gltr_lib._drafts import write_text
from gltr_lib.course import root
from gltr_lib.course.source import Cell, lesson_files, read_cells

SECTION = re.compile(r"^## (\d+)\. (\S.*) \((\d+) min\)$", re.MULTILINE)
EXERCISE = re.compile(r"^### Exercise (\d+\.\d+) — (\S.*) \((●○○|●●○|●●●), (\d+) min\)$", re.MULTILINE)
PREDICT, EXPECTED = "**Predict, then run.**", "**Expected.**"
NOTES = ("**Teaching notes.**", "**Where they stumble.**", "**On the board.**")
CHECK = re.compile(r"""\bcheck\(["'](\d\d-[a-z0-9-]+)["']""")
PAGE = Path("docs") / "teaching" / "notes.md"
IN_CLASS = "**In class.**"
SEEN = "<details><summary>What we saw</summary>\n\n{}\n\n</details>"
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
        cells: the lesson's cells (:func:`gltr_lib.course.source.read_cells`).
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
    return "\n".join(lines)


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
    return "\n".join([*lines, *(f"- {sentence}" for sentence in told)])


def number_of(identity: str) -> str:
    """The number that a lesson gives to the exercise of a check; "" for a check that nobody knows.

    Args:
        identity: the check's name. Checks stand in the order of their lesson (a test holds that).

    Example:
        >>> number_of("02-mix"), number_of("02-mux")
        ('2.4', '')
    """
    from gltr_lib.checks import EXERCISES

    if identity not in EXERCISES:
        return ""
    lesson = EXERCISES[identity].lesson
    place = [name for name, exercise in EXERCISES.items() if exercise.lesson == lesson].index(identity)
    return f"{int(lesson)}.{place + 1}"


def seen(note: str) -> str:
    """What a note says to somebody who works alone: the expected answer, folded away; "" for any other note.

    Args:
        note: a cell tagged ``instructor``. From ``**In class.**`` on it is for teachers alone.

    Example:
        >>> print(seen("**Expected.** Forty-two.\\n\\n**In class.** Wait for the silence."))
        <details><summary>What we saw</summary>
        <BLANKLINE>
        Forty-two.
        <BLANKLINE>
        </details>
        >>> seen("**Teaching notes.**")
        ''
    """
    if not note.startswith(EXPECTED):
        return ""
    return SEEN.format(note.removeprefix(EXPECTED).split(f"\n\n{IN_CLASS}")[0].strip())


def framed(text: str) -> str:
    """A teacher's note, set apart from the lesson by a bar at its left."""
    return FRAME.format(text)


def notes(lessons: Sequence[Path]) -> str:
    """One Markdown page with the notes of all lessons.

    Args:
        lessons: their sources, in order.
    """
    out = ["# Notes, lesson by lesson"]
    out.append(
        "Made from the lessons by `make lessons`; edit them there. Each prediction is quoted with its expected answer, "
        "each exercise with the wrong answers that its check knows by name. Numbers are those of the lesson."
    )
    for path in lessons:
        cells = read_cells(path)
        out += [f"## {cells[0].source.splitlines()[0].removeprefix('# ')}", clock(cells)]
        asked = ""
        for cell in cells:
            if cell.kind == "markdown" and "instructor" not in cell.tags:
                out += [f"### {head[1]}. {head[2]}" for head in SECTION.finditer(cell.source)]
            place = cell.source.find(PREDICT)
            if cell.kind == "markdown" and place >= 0:
                asked = cell.source[place:].split("\n\n")[0].replace(PREDICT, "**Asked.**")
            if "instructor" in cell.tags:
                out += [asked] if asked and cell.source.startswith(EXPECTED) else []
                out.append(cell.source)
            if told := recognised(cell.source) if cell.kind == "code" else "":
                out += [_heading(cell.source), told]
    return "\n\n".join(out) + "\n"


def _heading(source: str) -> str:
    """Which exercise a check cell belongs to: its number and title, and the check's name."""
    from gltr_lib.checks import EXERCISES

    identity = CHECK.findall(source)[0]
    return f"**Exercise {number_of(identity)} — {EXERCISES[identity].title}** (check `{identity}`)"


def main(argv: list[str] | None = None) -> int:
    """Command line; 0, or 1 where ``--check`` finds the page outdated."""
    parser = argparse.ArgumentParser(
        prog="python -m gltr_lib.course.teach", description="Notes for teachers on one page."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is not current")
    parser.add_argument("--root", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    base = args.root or root()
    text, page = notes(lesson_files(base / "lessons")), base / PAGE
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        print(f"{PAGE.as_posix()} is current")
        return 0
    if args.check:
        print(f"{PAGE.as_posix()} is not what the lessons say; run: python -m gltr_lib.course.teach")
        return 1
    write_text(page, text)
    print(f"{PAGE.as_posix()} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Lessons to notebooks: one source, ``lessons/NN_slug.py``, several editions.

The student edition (``notebooks/``) has every solution region replaced by a stub, the solved edition
(``notebooks/solutions/``) has only its markers removed. Both come without outputs, with cell ids made from the slug and
the cell's place, so that building twice gives the same bytes and ``--check`` can hold them to their source. The
instructor edition is the solved one with the notes for teachers; it is built into ``build/`` and not committed. The
expected answers among these notes are in every edition, folded up where nobody teaches (:func:`.teach.seen`).
The form of the regions follows nbgrader's ``BEGIN SOLUTION``/``END SOLUTION``; the source is jupytext's py:percent.

    python -m gltr_lib.course.build                # write the student and the solved edition
    python -m gltr_lib.course.build --check        # exit 1 with a diff if they are not current
    python -m gltr_lib.course.build --instructor   # write the instructor edition, build/instructor/
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from gltr_lib._drafts import write_text
from gltr_lib.course import root, teach
from gltr_lib.course.source import NAME, Cell, LessonError, lesson_files, read_cells

EDITIONS = ("student", "solved", "instructor")
COMMITTED = ("student", "solved")
FOLDERS = {"student": "notebooks", "solved": "notebooks/solutions", "instructor": "build/instructor"}
DROPPED: dict[str, set[str]] = {
    "student": {"solution-only", "instructor"},
    "solved": {"instructor"},
    "instructor": set(),
}
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
EXERCISE = re.compile(r"^### (Exercise \d+\.\d+) ", re.MULTILINE)
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def solve(source: str) -> str:
    """The solved edition of a code cell: its marker lines taken out.

    Example:
        >>> solve("def f():\\n    # BEGIN SOLUTION\\n    return 1\\n    # END SOLUTION")
        'def f():\\n    return 1'
    """
    return "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END))


def stub(source: str, exercise: str, where: str = "cell") -> str:
    """The student edition of a code cell: each solution region replaced by a stub that says whose turn it is.

    Args:
        source: a code cell.
        exercise: its name in the message, such as ``"Exercise 2.1"``.
        where: file and cell for error messages.

    Returns:
        The cell with ``raise NotImplementedError`` at the indentation of each region.

    Raises:
        LessonError: a marker without its partner, a region inside a region, or a region at the top level.

    Example:
        >>> print(stub("def f():\\n    # BEGIN SOLUTION\\n    return 1\\n    # END SOLUTION", "Exercise 2.1"))
        def f():
            # Your turn: exercise 2.1. Replace the next line.
            raise NotImplementedError("Exercise 2.1: your turn")
    """
    kept: list[str] = []
    inside = False
    for line in source.split("\n"):
        mark = line.strip()
        if mark == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            if inside or not indent:
                trouble = "opens twice" if inside else "stands outside a function, where a stub would stop the lesson"
                raise LessonError(f"{where}: '{BEGIN}' {trouble}")
            inside = True
            kept.append(f"{indent}# Your turn: {exercise[:1].lower()}{exercise[1:]}. Replace the next line.")
            kept.append(f'{indent}raise NotImplementedError("{exercise}: your turn")')
        elif mark == END:
            if not inside:
                raise LessonError(f"{where}: '{END}' without '{BEGIN}'")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise LessonError(f"{where}: '{BEGIN}' without '{END}'")
    return "\n".join(kept)


def run_time(name: str, times: dict[str, Any]) -> str:
    """The sentence that stands for ``{{run_time}}``: measured times, or that there are none yet."""
    parts = [f"{entry['seconds']:.0f} s in {mode} mode" for mode, entry in times.get(name, {}).items()]
    if not parts:
        return "Run time: not measured yet."
    entry = next(iter(times[name].values()))
    return f"Run time: {', '.join(parts)} ({entry['device']}, measured {entry['date']})."


def build_notebook(path: Path, edition: str, times: dict[str, Any] | None = None) -> str:
    """One edition of one lesson as the text of an ``.ipynb`` file.

    Args:
        path: the lesson's source.
        edition: ``"student"`` or ``"solved"``.
        times: measured run times (``results/course_times.json``), by lesson and mode.

    Returns:
        JSON text, the same bytes for the same source.

    Raises:
        ValueError: an unknown edition.
        LessonError: a source that breaks the form.
    """
    if edition not in EDITIONS:
        raise ValueError(f"edition {edition!r} is not known; choose one of {', '.join(EDITIONS)}")
    out = []
    exercise = "Exercise"
    cells = read_cells(path)
    for cell in cells:
        if cell.tags & DROPPED[edition]:
            if seen := teach.seen(cell.source) if "instructor" in cell.tags else "":
                out.append(_cell(cell, seen, path.stem, frozenset()))
            continue
        text = cell.source
        if cell.kind == "markdown":
            found = EXERCISE.findall(text)
            exercise = found[-1] if found else exercise
            text = text.replace("{{run_time}}", run_time(path.stem, times or {}))
            text = teach.framed(text) if "instructor" in cell.tags else text
        elif edition == "student":
            text = stub(text, exercise, f"{path.name}, cell {cell.index + 1}")
        else:
            stub(text, exercise, f"{path.name}, cell {cell.index + 1}")  # the markers are held to their form here too
            text = solve(text)
        out.append(_cell(cell, text, path.stem))
        if edition == "instructor":
            note = teach.clock(cells) if cell.index == 0 else teach.recognised(cell.source)
            out += [_note(cell, teach.framed(note), path.stem)] if note else []
    book = {"cells": out, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(cell: Cell, text: str, slug: str, tags: frozenset[str] | None = None) -> dict[str, Any]:
    # The id depends on the source's place alone: both editions share it, and editing a cell's text keeps it.
    name = hashlib.sha256(f"{slug}:{cell.index}".encode()).hexdigest()[:12]
    tags = cell.tags if tags is None else tags
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": f"{slug[:2]}-{name}",
        "metadata": {"tags": sorted(tags)} if tags else {},
        "source": text.splitlines(keepends=True),
    }
    return made | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def _note(after: Cell, text: str, slug: str) -> dict[str, Any]:
    """A note that no lesson holds, made for the instructor edition."""
    made = _cell(Cell("markdown", text, frozenset({"instructor"}), after.index), text, slug)
    return made | {"id": f"{made['id']}-note"}


def read_times(base: Path) -> dict[str, Any]:
    """Measured run times from ``results/course_times.json`` (written by ``course.run --record-times``), if any."""
    path = base / "results" / "course_times.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def expected(base: Path) -> dict[Path, str]:
    """Every committed notebook that the lessons below ``base`` should give: path to text."""
    times = read_times(base)
    files = lesson_files(base / "lessons")
    return {base / FOLDERS[e] / f"{p.stem}.ipynb": build_notebook(p, e, times) for e in COMMITTED for p in files}


def write_instructor(base: Path) -> list[Path]:
    """Write the instructor edition of every lesson below ``base``; returns the files."""
    times = read_times(base)
    made = []
    for path in lesson_files(base / "lessons"):
        made.append(base / FOLDERS["instructor"] / f"{path.stem}.ipynb")
        write_text(made[-1], build_notebook(path, "instructor", times))
    return made


def _has_outputs(path: Path) -> bool:
    try:
        cells = json.loads(path.read_text(encoding="utf-8")).get("cells", [])
    except ValueError:
        return False
    return any(cell.get("outputs") for cell in cells)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns 0, or 1 where ``--check`` finds a difference or a source breaks the form."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.build", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff if not current")
    parser.add_argument("--instructor", action="store_true", help="write the instructor edition and nothing else")
    parser.add_argument("--force", action="store_true", help="write over notebooks that hold outputs")
    parser.add_argument("--root", type=Path, default=None, help="repository (default: the one of this package)")
    args = parser.parse_args(argv)
    base = args.root or root()
    try:
        if args.instructor:
            made = write_instructor(base)
            print(f"{len(made)} notebooks with solutions and notes for teachers: {FOLDERS['instructor']}/")
            return 0
        wanted = expected(base)
    except LessonError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    present = {path for e in COMMITTED for path in (base / FOLDERS[e]).glob("*.ipynb")}
    stale = [path for path, text in wanted.items() if path not in present or path.read_text(encoding="utf-8") != text]
    # Names of the lessons' form are left-overs of a renamed lesson; a learner's own notebooks are none of our business.
    orphans = sorted(path for path in present - set(wanted) if NAME.match(path.stem))
    if not args.check:
        worked_in = [path for path in stale if path in present and _has_outputs(path)]
        if worked_in and not args.force:
            names = ", ".join(path.relative_to(base).as_posix() for path in worked_in)
            print(f"error: somebody has worked in {names} (there are outputs); copy it elsewhere, then --force")
            return 1
        for path in stale:
            write_text(path, wanted[path])
        for path in orphans:
            print(f"{path.relative_to(base).as_posix()}: no lesson gives this notebook; delete it")
        print(f"{len(wanted)} notebooks from {len(wanted) // len(COMMITTED)} lessons; {len(stale)} written")
        return 0
    for path in stale:
        old = path.read_text(encoding="utf-8") if path in present else ""
        name = path.relative_to(base).as_posix()
        diff = difflib.unified_diff(old.splitlines(), wanted[path].splitlines(), name, f"{name} (built)", lineterm="")
        print("\n".join(list(diff)[:60]))
    for path in orphans:
        print(f"{path.relative_to(base).as_posix()}: no lesson gives this notebook")
    if stale or orphans:
        print(f"{len(stale) + len(orphans)} notebooks are not current; run: python -m gltr_lib.course.build")
    return 1 if stale or orphans else 0


if __name__ == "__main__":
    sys.exit(main())

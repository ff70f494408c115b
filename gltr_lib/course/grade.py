"""Grades for a pile of notebooks: which exercises are solved, and what the check says of the rest.

Students hand in notebooks of the student edition. Of each, only definitions are used: the cells of the exercises with
the imports and functions above them. An exercise whose check cell is gone counts as unsolved. Each notebook runs in a
process of its own, which the network guard watches and a time limit ends. A student's code is still a student's code:
grade on a machine where that may run.

    python -m gltr_lib.course.grade handed_in/                 # a table
    python -m gltr_lib.course.grade handed_in/ --json          # the same for a program
    python -m gltr_lib.course.grade anna/02_adain.ipynb --seed 17
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gltr_lib.course.kernel import GUARD
from gltr_lib.course.outputs import text_of
from gltr_lib.course.teach import CHECK

LIMIT = 120.0  # seconds that one notebook may take
GONE = "its check cell is not in the notebook"


def answers(path: Path) -> list[tuple[str, list[str]]]:
    """The exercises of a notebook: (id, sources of the code cells before the check, the stub's last).

    Here a check counts where it stands; :func:`judge` also names those of the lesson that are missing.

    Args:
        path: an ``.ipynb`` file.

    Raises:
        ValueError: a file that is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [text_of(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook ({type(error).__name__}); expected an .ipynb file") from error
    places = [(place, found[1]) for place, source in enumerate(code) if (found := CHECK.search(source))]
    return [(identity, code[:place]) for place, identity in places]


def judge(path: Path) -> dict[str, str]:
    """Run the exercises of one notebook in this process; exercise to "" (solved) or to what the check says.

    Only imports, definitions and plain constants of the cells before a check are executed: nothing that trains, draws
    or writes. A function that an exercise asks for is taken from the notebook alone, never imported from this library.

    Returns:
        Every exercise of the notebook's lesson, which the known checks tell, or else the number that opens the file's
        name; ``{"": sentence}`` where neither does.
    """
    from gltr_lib.checks import EXERCISES, verdict

    found: dict[str, str] = {}
    names: dict[str, Any] = {}
    seen = 0
    for identity, before in answers(path):
        if identity not in EXERCISES:
            found[identity] = "no exercise is called so; was the check cell edited?"
            continue
        trouble = ""
        for source in before[seen:]:
            trouble = _define(source, names) or trouble
        seen = len(before)
        exercise = EXERCISES[identity]
        name = exercise.reference.__name__
        if identity in found and names.get(name) is exercise.reference:
            continue  # checked a second time: the function is the one that was lent below, not the student's
        if name in names:
            result = verdict(identity, names[name])
            found[identity] = "" if result.passed else result.message
        else:
            found[identity] = trouble or f"there is no function called {name}"
        if found[identity]:
            names[name] = exercise.reference  # as in the lesson: later exercises lean on the library's version
    lessons = {EXERCISES[identity].lesson for identity in found if identity in EXERCISES} or {path.name[:2]}
    for identity, exercise in EXERCISES.items():
        if exercise.lesson in lessons:
            found.setdefault(identity, GONE)
    return found or {"": "there is no check of an exercise in it; expected a notebook of the student edition"}


def _define(source: str, names: dict[str, Any]) -> str:
    """Execute what defines in a cell; returns what went wrong, in words."""
    from gltr_lib.checks import EXERCISES

    asked = {exercise.reference.__name__ for exercise in EXERCISES.values()}
    try:
        tree = ast.parse("\n".join(line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))))
    except SyntaxError as error:
        return f"line {error.lineno} is not Python: {error.msg}"
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gltr_lib"):
            # An answer may lean on what the lesson imports (CLASSES), but not be an import itself.
            node.names = [name for name in node.names if (name.asname or name.name) not in asked]
            if not node.names:
                continue
        constant = isinstance(node, ast.Assign) and _plain(node.value)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) or constant:
            try:
                exec(compile(ast.Module([node], []), "<notebook>", "exec"), names)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
    return ""


def _plain(value: ast.expr) -> bool:
    """Whether an expression is a literal (a number, a text, a tuple of them, ...) or a lambda."""
    if isinstance(value, ast.Lambda):
        return True
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def grade(path: Path, seed: int = 0, limit: float = LIMIT) -> dict[str, str]:
    """Judge one notebook in a process of its own, without the network.

    Args:
        path: the notebook.
        seed: the student's ``COURSE_SEED``.
        limit: seconds after which the process ends.

    Returns:
        Exercise to "" or to what the check says; ``{"": sentence}`` where the notebook could not be judged at all.
    """
    own = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [str(GUARD), own, os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": paths, "COURSE_SEED": str(seed)}
    env.pop("COURSE_STRICT", None)
    command = [sys.executable, "-m", "gltr_lib.course.grade", "--one", str(path)]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit, check=False)
        return dict(json.loads(done.stdout.strip().rsplit("\n", 1)[-1]))
    except subprocess.TimeoutExpired:
        return {"": f"not finished after {limit:.0f} s"}
    except (ValueError, TypeError):
        return {"": (done.stderr.strip().splitlines() or ["no answer"])[-1]}


def collect(places: Sequence[Path]) -> list[Path]:
    """Every notebook in the given files and folders, hidden folders left out."""
    found = []
    for place in places:
        if not place.exists():
            raise ValueError(f"{place}: there is no such file or folder")
        inside = sorted(place.rglob("*.ipynb")) if place.is_dir() else [place]
        found += [path for path in inside if not any(part.startswith(".") for part in path.relative_to(place).parts)]
    if not found:
        raise ValueError(f"no notebooks (*.ipynb) in {', '.join(map(str, places))}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Command line; 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.grade", description=__doc__.split("\n")[0])
    parser.add_argument("places", nargs="*", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--seed", type=int, default=0, help="the students' COURSE_SEED (default 0)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds a notebook may take (default 120)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        try:
            found_here = judge(args.one)
        except (ValueError, OSError) as error:
            found_here = {"": str(error)}
        print(json.dumps(found_here))
        return 0
    try:
        found = collect(args.places)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results = {path.as_posix(): grade(path, args.seed, args.limit) for path in found}
    if args.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
        return 0
    for name, said in results.items():
        if "" in said:
            print(f"{name}: not judged: {said['']}")
            continue
        solved = sum(not message for message in said.values())
        print(f"{name}: {solved} of {len(said)} solved")
        for identity, message in said.items():
            if message:
                print(f"    {identity}: {message}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

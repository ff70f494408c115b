"""Grades for a pile of notebooks: which exercises are solved, and what the check says of the rest.

Students hand in notebooks of the student edition. Of each, only definitions are used: the cells of the exercises with
the imports and functions above them. Each notebook's functions run in a process of their own, which the network guard
watches and a time limit ends (:mod:`gltr_lib.course.sitting`); what they return is judged here, where nothing of the
notebook runs. So one bad notebook, or one bad exercise in it, costs no other. A student's code is still a student's
code: grade on a machine where that may run.

    python -m gltr_lib.course.grade handed_in/                 # a list, each exercise with its number in the lesson
    python -m gltr_lib.course.grade handed_in/ --json          # the same for a program
    python -m gltr_lib.course.grade anna/02_adain.ipynb --seed 17
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gltr_lib.course.outputs import text_of
from gltr_lib.course.teach import CHECK, number_of

if TYPE_CHECKING:
    from gltr_lib.course.sitting import Sitting

LIMIT = 60.0  # seconds that one exercise may take
DEATHS = 5  # processes that one notebook may use up
LARGEST = 200 * 2**20  # bytes of a notebook
GONE = "its check cell is not in the notebook"
Step = tuple[str, str, str]  # ("define", source, "") or ("check", exercise, the student's function)


def steps(path: Path) -> list[Step]:
    """What a notebook defines and checks, in order, as far as its cells are Python.

    Returns:
        ``("define", source, "")`` for cells and parts of cells, ``("check", exercise, name)`` where a check is called;
        ``name`` is "" where the check is given no plain name.

    Raises:
        ValueError: a file that is no notebook.
    """
    try:
        if not path.is_file():
            raise ValueError(f"{path} is no file that can be read")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path} has more than {LARGEST >> 20} MB; clear its outputs and save it again")
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        code = [text_of(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no notebook ({type(error).__name__}); expected an .ipynb file") from error
    return [step for source in code for step in _steps(source)]


def _steps(source: str) -> list[Step]:
    """The steps of one cell; a check's own statement defines nothing but its function."""
    from gltr_lib.course.answering import parse

    out: list[Step] = []
    try:
        for node in parse(source).body:
            inside = () if isinstance(node, ast.FunctionDef | ast.ClassDef) else ast.walk(node)
            checks = [step for part in inside if (step := _called(part))]
            out += checks or [("define", ast.unparse(node), "")]
    except (ValueError, RecursionError):  # the child says what is wrong with it; its checks still count
        return [("define", source, ""), *(("check", found[1], "") for found in CHECK.finditer(source))]
    return out


def _called(part: ast.AST) -> Step | None:
    """The step that a call of ``check`` is; None for all else."""
    if not isinstance(part, ast.Call) or not part.args or not isinstance(part.args[0], ast.Constant):
        return None
    name = getattr(part.func, "id", getattr(part.func, "attr", ""))
    identity = part.args[0].value
    if name != "check" or not isinstance(identity, str) or not CHECK.fullmatch(f'check("{identity}"'):
        return None
    given = part.args[1] if len(part.args) > 1 else None
    return "check", identity, given.id if isinstance(given, ast.Name) else ""


class _Grader:
    """Walks through one notebook's steps; starts a new child, and takes it to the same place, where one is lost."""

    def __init__(self, seed: int, limit: float) -> None:
        self.seed, self.limit = seed, limit
        self.found: dict[str, str] = {}
        self.done: list[dict[str, Any]] = []  # what a new child must be told
        self.child: Sitting | None = None
        self.deaths = 0
        self.trouble = ""

    def ask(self, seconds: float, **message: Any) -> dict[str, Any]:
        """Ask the child, or a new one that has been told the same; raises Lost."""
        from gltr_lib.course.sitting import Lost, Sitting

        if self.deaths >= DEATHS:
            raise Lost(f"the notebook has ended or held up {DEATHS} processes; no more was tried")
        try:
            if self.child is None:
                self.child = Sitting(self.seed)
                for earlier in self.done:
                    self.child.ask(self.limit, **earlier)
            return self.child.ask(seconds, **message)
        except Lost:
            self.close()
            self.deaths += 1
            raise

    def tell(self, **message: Any) -> dict[str, Any]:
        """Ask something that every later child must be told too."""
        answer = self.ask(self.limit, **message)
        self.done.append(message)
        return answer

    def define(self, source: str) -> None:
        """Define what one statement of the notebook defines."""
        from gltr_lib.course.sitting import Lost

        try:
            self.trouble = self.tell(do="define", source=source).get("trouble") or self.trouble
        except Lost as lost:
            self.trouble = str(lost)

    def check(self, identity: str, given: str) -> None:
        """Judge one exercise, and lend the library's version where it is not solved, as the lesson does."""
        from gltr_lib.checks import EXERCISES, verdict
        from gltr_lib.checks.registry import NotYet, Recorded
        from gltr_lib.course.sitting import Lost, unpack

        if identity not in EXERCISES:
            self.found[identity] = "no exercise is called so; was the check cell edited?"
            return
        own = EXERCISES[identity].reference.__name__
        name = given or own
        end = time.monotonic() + self.limit
        try:
            seen = self.ask(self.limit, do="see", exercise=identity, name=name)
            if seen.get("lent"):
                if identity not in self.found:  # else a second time: the function is not the student's
                    self.found[identity] = f"there is no function called {name}"
                return
            if seen.get("gone"):
                said = self.trouble or f"there is no function called {name}"
            elif "not_yet" in seen:
                said = str(seen["not_yet"])
            else:
                answer: Any = self._remote(name, end)
                if not seen.get("call"):
                    answer = Recorded(unpack(seen["got"]), seen["changed"], seen["cut"])
                result = verdict(identity, answer)
                said = "" if result.passed else result.message
        except (Lost, NotYet) as lost:
            said = str(lost)
        except Exception as error:  # what came back is no answer of ours: somebody wrote between the lines
            said = f"its answer could not be read ({type(error).__name__})"
        self.found[identity], self.trouble = said, ""
        try:
            self.tell(do="keep", exercise=identity, name="" if said else name)
        except Lost as lost:
            self.trouble = str(lost)

    def _remote(self, name: str, end: float) -> Callable[..., Any]:
        """The student's function as one that can be called here: it runs in the child."""
        from gltr_lib.checks.registry import NotYet
        from gltr_lib.course.sitting import Lost, pack, unpack

        def answer(*inputs: Any) -> Any:
            import torch

            try:
                reply = self.ask(end - time.monotonic(), do="call", name=name, inputs=pack(inputs))
            except Lost as lost:
                raise NotYet(str(lost)) from lost
            if "not_yet" in reply:
                raise NotYet(str(reply["not_yet"]))
            for mine, theirs in zip(inputs, unpack(reply["after"]), strict=True):
                if isinstance(mine, torch.Tensor):
                    mine.copy_(theirs)
                elif isinstance(mine, torch.Generator):  # the next draw from it is another one
                    mine.set_state(theirs.get_state())
            return unpack(reply["result"])

        return answer

    def close(self) -> None:
        """End the child, if there is one."""
        if self.child is not None:
            self.child.close()
            self.child = None


def grade(path: Path, seed: int = 0, limit: float = LIMIT) -> dict[str, str]:
    """Judge one notebook: its functions run in a process of their own, without the network.

    A function that an exercise asks for is taken from the notebook alone, never imported. Where the check cell of an
    exercise is gone, the function of its name is judged as the notebook leaves it.

    Args:
        path: the notebook.
        seed: the student's ``COURSE_SEED``.
        limit: seconds that one exercise may take; starting Python does not count.

    Returns:
        Every exercise of the notebook's lesson, which the known checks tell, or else the number that opens the file's
        name, to "" (solved) or to what the check says; ``{"": sentence}`` where the notebook could not be judged.
    """
    from gltr_lib.checks import EXERCISES

    before = os.environ.get("COURSE_SEED")
    os.environ["COURSE_SEED"] = str(seed)  # for the inputs of the checks on this side
    grader = _Grader(seed, limit)
    try:
        for kind, what, name in steps(path):
            grader.define(what) if kind == "define" else grader.check(what, name)
        found = grader.found
        lessons = {EXERCISES[identity].lesson for identity in found if identity in EXERCISES} or {path.name[:2]}
        for identity, exercise in EXERCISES.items():
            if exercise.lesson in lessons and identity not in found:
                grader.trouble = GONE
                grader.check(identity, "")
    except (ValueError, OSError) as error:
        return {"": _shown(str(error))}
    finally:
        grader.close()
        os.environ.pop("COURSE_SEED") if before is None else os.environ.update(COURSE_SEED=before)
    return {key: _shown(said) for key, said in found.items()} or {
        "": "there is no check of an exercise in it; expected a notebook of the student edition"
    }


def collect(places: Sequence[Path]) -> list[Path]:
    """Every notebook in the given files and folders, hidden folders left out."""
    found = []
    for place in places:
        if not place.exists():
            raise ValueError(f"{place}: there is no such file or folder")
        inside = sorted(path for path in place.rglob("*.ipynb") if not path.is_dir()) if place.is_dir() else [place]
        found += [path for path in inside if not any(part.startswith(".") for part in path.relative_to(place).parts)]
    if not found:
        raise ValueError(f"no notebooks (*.ipynb) in {', '.join(map(str, places))}")
    return found


def _shown(text: str) -> str:
    """A text of a student on one line of a terminal, which it cannot steer."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def main(argv: list[str] | None = None) -> int:
    """Command line; 0, or 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.grade", description=__doc__.split("\n")[0])
    parser.add_argument("places", nargs="+", type=Path, metavar="FILE_OR_FOLDER")
    parser.add_argument("--seed", type=int, default=0, help="COURSE_SEED of the checks' inputs, 0 to 999 (default 0)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that an exercise may take (default 60)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    try:
        if not 0 <= args.seed <= 999 or not args.limit > 0:
            raise ValueError(f"--seed {args.seed} --limit {args.limit:g}: expected 0 to 999, and seconds above 0")
        places = collect(args.places)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results = {}
    for path in places:
        name = _shown(path.as_posix())
        said = results[name] = grade(path, args.seed, args.limit)
        if args.json:
            continue
        if "" in said:
            print(f"{name}: not judged: {said['']}", flush=True)
            continue
        print(f"{name}: {sum(not message for message in said.values())} of {len(said)} solved")
        for identity, message in said.items():
            if message:
                number = number_of(identity)
                print(f"    {f'{number} ({identity})' if number else identity}: {message}")
        sys.stdout.flush()
    if args.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())

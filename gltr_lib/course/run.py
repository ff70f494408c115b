"""Run the course: every lesson of the solved edition in its own fresh kernel, offline, watched and timed.

    python -m gltr_lib.course.run                     # what `make course` does
    python -m gltr_lib.course.run --only 02 --student # the learner's edition: stubs fail in their own checks only
    python -m gltr_lib.course.run --shuffle 7         # lessons must not lean on one another

A lesson fails on any error output, on an error that an Output widget or a thread swallowed, on a call for the network
and on a picture without alt text. Lessons run one after the other: torch already uses every core of a laptop, and two
kernels at once would make each cell's time say nothing. The notebooks are built from ``lessons/`` in memory, so your
own work in ``notebooks/`` is neither read nor touched.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
from pathlib import Path

from gltr_lib import course
from gltr_lib._drafts import write_text
from gltr_lib.course import outputs, report
from gltr_lib.course.build import build_notebook, read_times
from gltr_lib.course.kernel import LessonRun, execute
from gltr_lib.course.source import LessonError, lesson_files
from gltr_lib.course.teach import CHECK

BAR_SECONDS = 2.0  # a learner who waits longer wants to know for how long


def choose(files: list[Path], only: list[str] | None = None, shuffle: int | None = None) -> list[Path]:
    """The lessons to run, in order.

    Args:
        files: all lessons.
        only: two-digit numbers, or beginnings of names; all if left out.
        shuffle: seed of a random order; the numbers' order if left out.

    Raises:
        ValueError: a name in ``only`` fits no lesson; the message lists them.
    """
    chosen = files
    if only:
        for name in only:
            if not any(path.stem.startswith(name) for path in files):
                raise ValueError(f"no lesson begins with {name!r}; there are {', '.join(path.stem for path in files)}")
        chosen = [path for path in files if path.stem.startswith(tuple(only))]
    if shuffle is not None:
        chosen = random.Random(shuffle).sample(chosen, len(chosen))
    return chosen


def unanswered_stubs(run: LessonRun) -> list[str]:
    """In the student edition: checks that did not say "not yet" to an unsolved exercise.

    A check that says nothing would leave a learner alone; one that passes a stub proves nothing.
    """
    found = []
    ran = {number for number, _ in run.cells}
    for number, cell in enumerate(run.notebook.cells, start=1):
        match = CHECK.search(cell.source) if cell.cell_type == "code" and number in ran else None
        if match:
            said = "".join(outputs.text_of(out.get("text", "")) + str(out.get("data", "")) for out in cell.outputs)
            if f"not yet ({match[1]})" not in said:
                found.append(f"cell {number}: the check {match[1]} does not say 'not yet' to the unsolved exercise")
    return found


def run_lesson(path: Path, args: argparse.Namespace, folder: Path, label: str) -> LessonRun:
    """Build, execute, judge and keep one lesson; prints its progress line."""
    live = sys.stdout.isatty()

    def on_cell(number: int, count: int) -> None:
        if live:
            print(f"\r{label} {path.stem:<34} cell {number}/{count} ", end="", flush=True)

    base = args.root
    text = build_notebook(path, "student" if args.student else "solved", read_times(base))
    cwd = base / "notebooks" if (base / "notebooks").is_dir() else base
    run = execute(
        text, path.stem, cwd=cwd, strict=not args.student, limit=args.limit, strict_time=args.strict_time,
        timeout=args.timeout, bar_after=math.inf if course.mode() == "smoke" else BAR_SECONDS,
        env={"COURSE_RUNS": str(folder)}, on_cell=on_cell,
    )  # fmt: skip
    if args.student:
        run.problems += unanswered_stubs(run)
    import nbformat

    run.notebook.metadata["gltr"] = report.stamp(run)
    write_text(folder / "notebooks" / f"{path.stem}.ipynb", nbformat.writes(run.notebook))
    named = outputs.save_pictures(run.pictures, path.stem, folder / "figures")
    write_text(folder / "figures" / f"{path.stem}.json", json.dumps(named, indent=1, ensure_ascii=False) + "\n")
    slow, seconds = run.slowest
    verdict = "FAILED" if run.problems else "ok"
    line = f"{label} {path.stem:<34} {run.seconds:6.1f} s   slowest cell {slow:>2}: {seconds:5.1f} s   {verdict}"
    print(("\r" if live else "") + line, flush=True)
    for problem in run.problems:
        print(f"        {problem}", flush=True)
    for note in dict.fromkeys(run.notes):
        print(f"        note: {note}", flush=True)
    return run


def main(argv: list[str] | None = None) -> int:
    """Command line; 0 if every lesson ran clean, 1 if one did not, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m gltr_lib.course.run", description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NN", help="lessons by number or beginning of their name")
    parser.add_argument("--shuffle", type=int, metavar="SEED", help="run in a random order")
    parser.add_argument("--student", action="store_true", help="run the student edition with its stubs unsolved")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that one cell may take (default 60)")
    parser.add_argument("--strict-time", action="store_true", help="a cell over the limit fails its lesson")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds after which a cell counts as hung")
    parser.add_argument("--record-times", action="store_true", help="keep run times in results/course_times.json")
    parser.add_argument("--root", type=Path, default=course.root(), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    args.root = args.root.resolve()
    try:
        mode = course.mode()
        files = choose(lesson_files(args.root / "lessons"), args.only, args.shuffle)
    except ValueError as error:  # LessonError is one
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not files:
        print(f"error: no lessons in {args.root / 'lessons'}", file=sys.stderr)
        return 2
    folder = course.run_dir("student" if args.student else "").resolve()
    if not args.only:
        (folder / course.LIVE_FILE).unlink(missing_ok=True)  # the table at the end shows this run and no older one
    edition = "student" if args.student else "solved"
    print(f"{len(files)} lessons, {edition} edition, {mode} mode, {report.device()}, network off", flush=True)
    runs = []
    for place, path in enumerate(files, start=1):
        try:
            runs.append(run_lesson(path, args, folder, f"[{place:>2}/{len(files)}]"))
        except LessonError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return finish(runs, args, folder)


def finish(runs: list[LessonRun], args: argparse.Namespace, folder: Path) -> int:
    """The closing lines; returns the exit code."""
    write_text(folder / "times.json", json.dumps(report.times(runs), indent=1) + "\n")
    failed = [run.name for run in runs if run.problems]
    if args.record_times and not failed and not args.student:
        report.record_times(runs, args.root)
    if not args.student:
        print("\n" + report.result_table(course.live(), report.study(args.root)) + "\n")
    pictures = sum(len(run.pictures) for run in runs)
    peak = max(run.peak_mb for run in runs)
    total = sum(run.seconds for run in runs)
    print(f"Notebooks with their outputs   {shown(folder / 'notebooks')}")
    print(f"Figures ({pictures})   {shown(folder / 'figures')}")
    print(f"Time {total // 60:.0f} min {total % 60:.0f} s, peak memory of a kernel {peak:.0f} MB")
    if failed:
        print(f"{len(failed)} of {len(runs)} lessons failed: {', '.join(failed)}")
    else:
        print(f"All {len(runs)} lessons ran clean.")
    return 1 if failed else 0


def shown(path: Path) -> str:
    """A path as a person at the prompt would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


if __name__ == "__main__":
    sys.exit(main())
